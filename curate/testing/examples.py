"""Examples of all kinds in memory, and the batch that a scorer sees of them, without a run folder or a model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.core import views
from curate.core.batch import assemble
from curate.core.contract import SIGNALS_COLUMN, TARGET_COLUMN, VECTOR_COLUMNS
from curate.core.ids import example_id
from curate.core.schemas import EXAMPLES, VISITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

VECTOR_WIDTH = 16
NEIGHBOURS = 5
_TARGETS = ("one row of the target set", "another one", "a third")

_PROSE = (
    "The river had risen in the night. By morning it stood in the lower fields, brown and quiet, "
    "and the cattle had gathered on the bank as if they were waiting to be told what came next."
)
_CODE = "def add(a, b):\n    total = a + b\n    if total > 10:\n        return 10\n    return total\n"
_LIST = (
    "Here are three steps:\n\n1. Boil the water.\n2. Add the tea.\n3. Wait for four minutes.\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |"
)
_STRANGE = (
    "",
    " ",
    "\n\n",
    "!",
    "word",
    "The same word again. " * 2000,
    "x" * 20_000,
    "👩‍👩‍👧‍👦 🎉🎉 👍🏽 done",
    "שלום עולם. זהו משפט קצר.",
    "هذا نص قصير. وهذه جملة أخرى.",
    "这是一个没有空格的句子。这是第二句。",
    "a\x00b\x07c null and bell",
    "e\u0301 decomposed, \u200bzero width, \ufeffmark, \u2028line",
    "12 345.67 + 8 = 12 353.67",
    "Ein kurzer Satz über Größe und Maß. Noch einer folgt ihm nach.",
)


Row = str | tuple[str, str] | list[tuple[str, str]]
"""A plain text, a prompt and its completion, or the (role, content) pairs of a chat."""


def make_examples(
    rows: Sequence[Row],
    *,
    languages: Sequence[str | None] | None = None,
    user: Mapping[str, Sequence[object]] | None = None,
) -> pa.Table:
    """A table of examples: a string is a plain text, a pair a prompt and its completion, a list (role, content) pairs.

    *languages* and the user's own columns *user* hold one value per row.
    """
    made = [_example(number, row) for number, row in enumerate(rows)]
    table = pa.Table.from_pylist(made, schema=EXAMPLES)
    if languages is not None:
        place = EXAMPLES.get_field_index("language")
        table = table.set_column(place, "language", pa.array(languages, pa.string()))
    own = user or {"label": [("easy", "hard")[number % 2] for number in range(len(rows))]}
    columns = [pa.array(list(values)) for values in own.values()]
    return table.append_column("user", pa.StructArray.from_arrays(columns, names=list(own)))


def default_examples() -> pa.Table:
    """Thirty-two rows of every record type and many kinds of text: strange ones, other scripts, code, long, empty."""
    usual: list[Row] = [
        _PROSE,
        ("What is 12 times 4?", "12 times 4 is <<12*4=48>>48.\n#### 48"),
        ("Write a function that adds two numbers, at most ten.", f"```python\n{_CODE}```"),
        ("Tell me how to make tea. Use a numbered list and at most 40 words.", _LIST),
        [
            ("system", "You are brief."),
            ("user", "Hi!"),
            ("assistant", "Hello."),
            ("user", "Why?"),
            ("assistant", _PROSE),
        ],
        [("user", "Say nothing."), ("assistant", "")],
        ("", _PROSE),
        (_PROSE, "Yes."),
        _CODE * 3,
    ]
    strange: list[Row] = [*_STRANGE, *(("Comment on this.", text) for text in _STRANGE[:8])]
    rows: list[Row] = [*usual, *strange]
    german = len(usual) + len(_STRANGE) - 1
    languages = ["de" if place == german else ("en", None)[place % 2] for place in range(len(rows))]
    return make_examples(rows, languages=languages)


def batch_for(needs: Iterable[str], examples: pa.Table, label: str | None = "label") -> pa.Table:
    """The batch that a scorer with these *needs* sees of *examples*.

    Tokens are words between spaces; vectors and the visits of training are hashed from the text; neighbours are
    found among the examples, and the target set has three rows.
    """
    wanted = list(needs)
    return assemble(wanted, examples, _extras(wanted, examples), label)


def _extras(needs: Sequence[str], examples: pa.Table) -> dict[str, pa.ChunkedArray]:
    extras: dict[str, pa.Array] = {}
    if {"tokens", "prompt_tokens", "answer_tokens"} & set(needs):
        prompt = [len((text or "").split()) for text in views.view(examples, "prompt_view").to_pylist()]
        answer = [len(text.split()) for text in views.view(examples, "answer_view").to_pylist()]
        total = [before + after for before, after in zip(prompt, answer, strict=True)]
        counts = {"tokens": total, "prompt_tokens": prompt, "answer_tokens": answer}
        extras |= {name: pa.array(values, pa.int32()) for name, values in counts.items()}
    if {*VECTOR_COLUMNS} & set(needs):
        vectors = hashed_vectors(views.view(examples, "full_view").to_pylist())
        flat = pa.array(vectors.ravel(), pa.float32())
        extras["vector"] = pa.FixedSizeListArray.from_arrays(flat, VECTOR_WIDTH)
        extras["neighbour_similarity"] = pa.array(list(_similarities(vectors)), pa.list_(pa.float32()))
        targets = -np.sort(-np.clip(vectors @ hashed_vectors(_TARGETS).T, -1, 1), axis=1)
        extras[TARGET_COLUMN] = pa.array(list(targets), pa.list_(pa.float32()))
    if SIGNALS_COLUMN in needs:
        texts = views.view(examples, "full_view").to_pylist()
        extras[SIGNALS_COLUMN] = pa.array([_visits(text, number) for number, text in enumerate(texts)], VISITS)
    return {name: pa.chunked_array([column]) for name, column in extras.items()}


def hashed_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """A unit vector for each text that depends on nothing but the text; shape (n, 16)."""
    vectors = np.array([np.random.default_rng(_seed(text)).normal(size=VECTOR_WIDTH) for text in texts])
    rows = vectors.reshape(-1, VECTOR_WIDTH)
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _visits(text: str, number: int) -> list[dict[str, object]] | None:
    """Two trainings that saw a row up to four times each; no training saw every fifth row."""
    if number % 5 == 4:
        return None
    dice = np.random.default_rng(_seed(text))
    return [
        {
            "seed": seed,
            "visit": visit,
            "step": 10 * visit + number,
            "tokens": 7,
            "loss": float(-np.log(gold)),
            "gold_prob": float(gold),
            "margin": float(dice.normal()),
            "error_norm": float(1 - gold),
            "gradient_norm": float(3 * (1 - gold)),
        }
        for seed in (0, 1)
        for visit, gold in enumerate(dice.uniform(0.05, 0.95, size=dice.integers(1, 5)))
    ]


def _similarities(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines of each vector with its nearest neighbours, nearest first, itself left out; shape (n, k)."""
    cosines = np.clip(vectors @ vectors.T, -1, 1)
    np.fill_diagonal(cosines, -2)
    sizes = min(NEIGHBOURS, max(len(vectors) - 1, 0))
    nearest: NDArray[np.float32] = -np.sort(-cosines, axis=1)[:, :sizes]
    return nearest


def _example(number: int, row: Row) -> dict[str, object]:
    common: dict[str, object] = {"source": "examples", "row": number}
    if isinstance(row, str):
        return common | {"id": example_id([("text", row)]), "record": "text", "text": row}
    if isinstance(row, tuple):
        prompt, completion = row
        own = example_id([("user", prompt), ("assistant", completion)])
        return common | {"id": own, "record": "prompt-completion", "prompt": prompt, "completion": completion}
    messages = [{"role": role, "content": content} for role, content in row]
    return common | {"id": example_id(row), "record": "messages", "messages": messages}
