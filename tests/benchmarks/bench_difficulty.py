"""How well scores order rows as people do: one line per labelled set, as a table in Markdown.

    python tests/benchmarks/bench_difficulty.py [--rows 300] [--folder runs/difficulty] [--half report] [--all]

All numbers are Spearman's correlation with the label, inside the group where a set has groups. ``random`` is a hash,
``length`` the tokens; ``best`` the best single headline but length; ``blend`` the difficulty that `curate tier` makes
without labels, in total and with length held constant; ``regression`` that scorer by itself, and ``calibrated`` weights
fitted to the labels, of all headlines and the regression, both judged on rows whose labels had no part in either
(nested 5-fold cross-validation, the mean of the folds). The default weights were
chosen with the half ``choose`` in view; ``report`` is the other half. MGSM has no label: its numbers are how far the
order of the problems in German, Chinese and Swahili is that in English. Scores are kept in the folder: an interrupted
call goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from curate.core import agreement, batch, views
from curate.core.chance import chance
from curate.core.plan import ScoreSource
from curate.core.views import KINDS
from curate.pipeline import build
from curate.protocol import Rising
from curate.recipe import check
from curate.score.step import Report
from curate.store.workspace import Workspace
from curate.tier import difficulty
from scorers.regression import Regression
from tests.benchmarks.labelled_sets import SETS
from tests.benchmarks.real_rows import is_there
from tests.benchmarks.runs import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.core.plan import Ingredient
    from tests.benchmarks.labelled_sets import LabelledSet

SCORERS = ("length", "readability", "rarity", "diversity", "structure", "code", "perplexity", "ifd")
LENGTH = "length.log_tokens"
FOLDS = 5

Values = dict[str, "NDArray[np.float32]"]


@dataclass(frozen=True)
class Scored:
    """One set with its scores: all arrays of shape (n,)."""

    values: Values
    sources: list[ScoreSource]
    kind: NDArray[np.int8]
    label: NDArray[np.float64]
    group: NDArray[np.int64]
    language: NDArray[np.str_]
    half: NDArray[np.bool_]
    table: pa.Table
    """What `Regression` is given."""


def main() -> None:
    """Score the sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300, help="of each set; whole groups where it has any")
    parser.add_argument("--folder", default="runs/difficulty", help="where scores are kept")
    parser.add_argument("--half", choices=("choose", "report", "both"), default="report")
    parser.add_argument("--sets", default=",".join(each.name for each in SETS))
    parser.add_argument("--all", action="store_true", help="print every score of every set as well")
    options = parser.parse_args()
    if not is_there():
        say("skipped: the real data sets are not beside the project (../shared/data)")
        return
    say("| set | rows | random | length | best | | blend | given length | regression | calibrated |")
    say("| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for each in SETS:
        if each.name in options.sets.split(","):
            found = _half(_scored(each, Path(options.folder) / each.name, options.rows), options.half)
            say(_line(each, found))
            if options.all:
                _tell_all(each, found)


def _scored(each: LabelledSet, folder: Path, count: int) -> Scored:
    """Score a set in a run folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in each.rows(count)), encoding="utf-8")
    asked = {"scorers": [*SCORERS, "regression"], "labels": "label"}
    value = {"sources": [str(source)], "part_rows": 60, "score": asked}
    space = Workspace(folder / "run")
    report = build(space, check(value, each.name), "score").report("score")
    if not isinstance(report, Report):
        raise TypeError("the step score gave another report")
    sources = [
        ScoreSource(alias=one.alias, folder=one.folder, fields=one.fields)
        for one in report.scorers
        if one.alias in SCORERS
    ]
    values = {
        f"{one.alias}.{field.name}": space.read_all(one.folder, [field.name]).column(0).to_numpy().astype(np.float32)
        for one in sources
        for field in one.fields
    }
    examples = space.read_all("examples", ["user", "language", *views.RECORD_COLUMNS])
    counts = space.read_all("statistics/tokens", ["tokens", "prompt_tokens", "answer_tokens"])
    extras = {name: counts.column(name) for name in counts.column_names}
    extras["vector"] = space.read_all("vectors", ["vector"]).column("vector")
    user = [row or {} for row in examples.column("user").to_pylist()]
    kinds = space.read_all("statistics/tokens", ["kind"]).column("kind").to_pylist()
    groups = [str(row.get("group", place)) for place, row in enumerate(user)]
    has_groups = bool(user) and "group" in user[0]
    return Scored(
        values={name: column for name, column in values.items() if name.split(".")[0] not in each.left_out},
        sources=[one for one in sources if one.alias not in each.left_out],
        kind=np.array([KINDS.index(kind) for kind in kinds], np.int8),
        label=np.array([row["label"] for row in user], np.float64),
        group=np.unique(groups if has_groups else [""] * len(user), return_inverse=True)[1].astype(np.int64),
        language=np.array([language or "" for language in examples.column("language").to_pylist()]),
        half=np.array([blake2b(group.encode()).digest()[0] % 2 == 0 for group in groups]),
        table=batch.assemble(Regression.needs, examples, extras, "label"),
    )


def _half(found: Scored, name: str) -> Scored:
    if name == "both":
        return found
    chosen = np.flatnonzero(found.half == (name == "choose"))
    arrays = {field: getattr(found, field)[chosen] for field in ("kind", "label", "group", "language", "half")}
    values = {score: column[chosen] for score, column in found.values.items()}
    return replace(found, values=values, table=found.table.take(pa.array(chosen)), **arrays)


def _line(each: LabelledSet, found: Scored) -> str:
    length = found.values[LENGTH]
    hard = _blend(found)
    singles = {
        name: _agree(found, found.values[name])
        for source in found.sources
        if source.alias != "length"
        for field in source.fields
        if field.headline and field.rising is Rising.HARDER
        for name in [f"{source.alias}.{field.name}"]
    }
    best = max(singles, key=lambda name: np.nan_to_num(singles[name], nan=-2.0))
    luck = chance(0, "benchmarks", each.name).random(len(length))
    cells = [_agree(found, luck), _agree(found, length), singles[best]]
    after = [_agree(found, hard), _given_length(found, hard), *_calibrated(found, each.name)]
    told = [f"{value:.2f}" if not np.isnan(value) else "-" for value in (*cells, *after)]
    return f"| {each.about} | {len(length)} | {' | '.join(told[:3])} | {best} | {' | '.join(told[3:])} |"


def _blend(found: Scored) -> NDArray[np.float64]:
    """The difficulty that `curate tier` would make, ranks inside kind and language."""
    made = _made(found)
    kinds = pa.chunked_array([np.array(KINDS)[found.kind].tolist()])
    named = views.domains(pa.chunked_array([found.language.tolist()]), kinds).to_pylist()
    domain = np.unique(named, return_inverse=True)[1]
    ranks = np.array([agreement.mid_ranks(found.values[one.score], domain) for one in made])
    weights = np.array([[one.weights[kind] for kind in KINDS] for one in made])[:, found.kind]
    return agreement.blend(ranks, weights)[0].astype(np.float64)


def _made(found: Scored) -> tuple[Ingredient, ...]:
    return difficulty.ingredients(found.sources, {}, difficulty.telling(found.values, found.kind))


def _agree(found: Scored, score: NDArray[np.floating]) -> float:
    """With the label; where there is none, of the order of problems in each language with that in English."""
    if len(np.unique(found.label)) > 1:
        return agreement.spearman(score, found.label, found.group)
    return agreement.average([agreement.spearman(one, other) for one, other in _languages(found, score)])


def _given_length(found: Scored, score: NDArray[np.floating]) -> float:
    length = found.values[LENGTH]
    if len(np.unique(found.label)) > 1:
        return agreement.spearman_given(score, found.label, length, found.group)
    pairs = zip(_languages(found, score), _languages(found, length), strict=True)
    return agreement.average([agreement.spearman_given(one, other, control) for (one, other), (_, control) in pairs])


def _languages(found: Scored, score: NDArray[np.floating]) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
    """The same problems in another language and in English."""
    english = {group: row for row, group in enumerate(found.group) if found.language[row] == "en"}
    pairs = []
    for language in sorted({*found.language} - {"en"}):
        rows = [row for row in np.flatnonzero(found.language == language) if found.group[row] in english]
        pairs.append((score[rows], score[[english[found.group[row]] for row in rows]]))
    return pairs


def _calibrated(found: Scored, name: str) -> tuple[float, float]:
    """How well the regression does, and fitted weights with it, where the labels of other rows are known.

    Groups stay together.
    """
    if len(np.unique(found.label)) < 2:
        return float("nan"), float("nan")
    with_groups = len(np.unique(found.group)) > 1
    units = found.group if with_groups else np.arange(len(found.label))
    fold = agreement.folds(units, FOLDS, chance(0, "benchmarks", f"{name} folds"))
    offered = difficulty.offered(found.sources)
    columns = {score: found.values[score] for score in offered if not np.isnan(found.values[score]).all()}
    kind = KINDS[np.bincount(found.kind).argmax()]
    declared = {one.score: one.weights[kind] for one in _made(found)}
    prior = np.array([*(declared.get(score, 0.0) for score in columns), Regression.gives[0].weights[kind]])
    domain = found.group if with_groups else None
    ranks = [agreement.mid_ranks(column, domain) for column in columns.values()]
    label = agreement.mid_ranks(found.label, domain)
    alone, blended = [], []
    for each in range(FOLDS):
        out = fold == each
        learnt = _regressed(found.table, out)
        with_it = np.array([*ranks, agreement.mid_ranks(learnt, domain)])
        weights = agreement.fit(with_it[:, ~out], label[~out], fold[~out], prior)
        score = agreement.blend(with_it[:, out], np.broadcast_to(weights[:, None], with_it[:, out].shape))[0]
        alone.append(agreement.spearman(learnt[out], label[out], found.group[out]))
        blended.append(agreement.spearman(score, label[out], found.group[out]))
    return agreement.average(alone), agreement.average(blended)


def _regressed(table: pa.Table, out: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The regression's scores of all rows where the labels of those that are *out* are not known. Shape (n,)."""
    place = table.schema.get_field_index("label")
    masked = table.set_column(place, "label", pc.if_else(pa.array(out), None, table.column("label")))
    scorer = Regression()
    scorer.open(scorer.merge([scorer.count(masked)]))
    learnt: NDArray[np.float32] = scorer.score(masked).values["difficulty"]
    return learnt


def _tell_all(each: LabelledSet, found: Scored) -> None:
    lines = [(_agree(found, column), _given_length(found, column), name) for name, column in found.values.items()]
    for total, given, name in sorted(lines, key=lambda line: -abs(np.nan_to_num(line[0]))):
        say(f"    {each.name:<15} {name:<36} {total:6.3f} {given:6.3f}")


if __name__ == "__main__":
    main()
