"""Real sets whose rows people have ordered by difficulty, as examples of ours with their label."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tests.benchmarks.real_rows import DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = dict[str, Any]


@dataclass(frozen=True)
class LabelledSet:
    """Rows with the columns ``label`` (rising with difficulty) and, where only some may be compared, ``group``.

    ``left_out``: scorers that count the label itself.
    """

    name: str
    about: str
    rows: Callable[[int], list[Row]]
    left_out: tuple[str, ...] = ()


def _lines(path: str) -> list[Row]:
    data = (DATA / path).read_bytes()
    return [json.loads(line) for line in (gzip.decompress(data) if path.endswith(".gz") else data).splitlines()]


def _drawn(rows: Sequence[Row], count: int) -> list[Row]:
    """*count* rows (whole groups, where there are any) in an order that hashes decide."""

    def key(row: Row) -> tuple[bytes, bytes]:
        own = json.dumps(row, sort_keys=True, ensure_ascii=False)
        group = str(row.get("group", own))
        return blake2b(group.encode(), digest_size=8).digest(), blake2b(own.encode(), digest_size=8).digest()

    ordered = sorted(rows, key=key)
    if "group" not in (ordered[0] if ordered else {}):
        return ordered[:count]
    groups = list(dict.fromkeys(row["group"] for row in ordered))
    kept: list[Row] = []
    for group in groups:
        if len(kept) >= count:
            break
        kept += [row for row in ordered if row["group"] == group]
    return kept


def _onestop(count: int) -> list[Row]:
    found = _lines("onestop_english/onestop.jsonl")
    rows = [{"text": row["text"], "label": row["level_num"], "group": str(row["doc_id"])} for row in found]
    return _drawn(rows, count)


def _cefr(count: int) -> list[Row]:
    found = _lines("cefr_sp_wikiauto/cefr_sp.jsonl.gz")
    return _drawn([{"text": row["text"], "label": (row["cefr_a"] + row["cefr_b"]) / 2} for row in found], count)


def _math(count: int) -> list[Row]:
    found = _lines("math_levels/math.jsonl.gz")
    rows = [{"prompt": row["problem"], "completion": row["solution"], "label": row["level"]} for row in found]
    return _drawn(rows, count)


def _gsm8k(count: int) -> list[Row]:
    found = _lines("gsm8k/gsm8k_train.jsonl.gz")
    rows = [{"prompt": row["question"], "completion": row["answer"], "label": row["n_steps"]} for row in found]
    return _drawn(rows, count)


def _gsm8k_questions(count: int) -> list[Row]:
    return [{"text": row["prompt"], "label": row["label"]} for row in _gsm8k(count)]


def _exercism(count: int) -> list[Row]:
    rows = [
        {"prompt": row["instruction"], "completion": row["solution"], "label": row["difficulty"]}
        for row in _lines("exercism_python/exercism.jsonl")
        if row["instruction"].strip() and row["solution"].strip()
    ]
    return _drawn(rows, count)


def _followbench(count: int) -> list[Row]:
    found = _lines("followbench_levels/followbench.jsonl")
    rows = [{"text": row["instruction"], "label": row["level"], "group": row["group"]} for row in found]
    return _drawn(rows, count)


def _mgsm(count: int) -> list[Row]:
    """The label is none: the same problem has the same difficulty in every language."""
    found = _lines("mgsm/mgsm.jsonl.gz")
    rows = [{"text": row["question"], "language": row["lang"], "label": 0, "group": str(row["id"])} for row in found]
    return _drawn(rows, count)


SETS = (
    LabelledSet("onestop", "OneStopEnglish: level, inside a document", _onestop),
    LabelledSet("cefr", "CEFR-SP: level of a sentence", _cefr),
    LabelledSet("math", "MATH: level of problem and solution", _math),
    LabelledSet("gsm8k", "GSM8K: steps, of problem and solution", _gsm8k, left_out=("structure",)),
    LabelledSet("gsm8k-question", "GSM8K: steps, from the problem alone", _gsm8k_questions),
    LabelledSet("exercism", "Exercism: difficulty of exercise and solution", _exercism),
    LabelledSet("followbench", "FollowBench: constraints, inside a group", _followbench),
    LabelledSet("mgsm", "MGSM: the order in English, from other languages", _mgsm),
)
