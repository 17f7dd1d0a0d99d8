"""From a suite and a model to figures: loss, accuracy, calibration, robustness and resistance, with intervals.

*Loss* is nats per answer token. *Token accuracy* is the share of answer tokens that the model would have written
itself, given the answer up to there; its confidence in a token is the probability of its first choice. In a multiple
choice the model chooses the option that is the likeliest, and its confidence is that option's probability among the
options. For a free text likelihood knows no other accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core.measured import Cell, Domain, Gap, Measured, Mix, Resistance, Rows
from curate.probe import compare, estimates
from curate.probe.calibration import Observations, calibrate
from curate.probe.columns import columns, result
from curate.probe.likelihood import look

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from curate.core.measured import Calibration, Family
    from curate.models.load import LanguageModel
    from curate.models.settings import LmSettings
    from curate.probe.columns import Columns
    from curate.probe.likelihood import Likelihoods
    from curate.probe.suite import Suite

FAMILIES: tuple[Family, ...] = ("variation", "adversarial")


@dataclass(frozen=True)
class Checkpoint:
    """Which model is measured, and when in its training."""

    name: str
    model: str
    number: int = 0
    stage: int | None = None
    step: int | None = None
    training: str | None = None


def measure(
    suite: Suite,
    model: LanguageModel,
    checkpoint: Checkpoint,
    options: LmSettings | None = None,
    *,
    matched: Mapping[int, bool] | None = None,
    since: Measured | None = None,
) -> Measured:
    """All figures of a model on a suite.

    *matched* says by row whether a generated answer is right. With *since*, an earlier probe, `changes` holds what
    became of the rows that both asked.
    """
    seen = look(suite, model, options)
    rows = _rows(suite, seen, matched or {})
    held = columns(rows)
    return Measured(
        name=checkpoint.name,
        model=checkpoint.model,
        number=checkpoint.number,
        training=checkpoint.training,
        stage=checkpoint.stage,
        step=checkpoint.step,
        size=suite.size,
        precision=model.precision,
        suite=suite.digest,
        confidence_level=estimates.LEVEL,
        cells=tuple(_cells(held)),
        mixes=tuple(_mixes(held, suite.mixes)),
        domains=tuple(_domains(held)),
        calibration=tuple(_calibrations(rows, held, seen, suite.seed)),
        gaps=tuple(gap for family in FAMILIES for gap in _gaps(held, family)),
        resistance=tuple(_resistance(held)),
        since=None if since is None else since.name,
        changes=() if since is None else tuple(compare.changes(rows, since.rows)),
        skipped={**suite.left_out, **seen.reasons},
        rows=rows,
    )


def _rows(suite: Suite, seen: Likelihoods, matched: Mapping[int, bool]) -> Rows:
    """Row by row what the model gave."""
    table = suite.table
    copied = ("id", "parent", "family", "kind", "skill", "tier", "domain", "group")
    right = table.column("right").to_pylist()
    count = range(len(table))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = seen.nll / seen.tokens
    return Rows(
        **{name: tuple(table.column(name).to_pylist()) for name in copied},
        nll=tuple(None if np.isnan(each) else each for each in seen.nll.tolist()),
        tokens=tuple(seen.tokens.tolist()),
        hits=tuple(seen.hits.tolist()),
        chose_right=tuple(
            int(np.argmax(seen.options[row])) == right[row] if row in seen.options else None for row in count
        ),
        sure=tuple(float(seen.options[row].max()) if row in seen.options else None for row in count),
        resists=tuple(
            None if np.isnan(lure) or np.isnan(own) else own < lure
            for own, lure in zip(mean.tolist(), seen.lure.tolist(), strict=True)
        ),
        matched=tuple(matched.get(row) for row in count),
    )


def _cells(held: Columns) -> Iterator[Cell]:
    for skill, tier in compare.cells(held.skill[held.plain], held.tier[held.plain]):
        rows = compare.inside(held, skill, tier)
        if rows.any():
            yield Cell(skill=skill, tier=tier, result=result(held, rows))


def _mixes(held: Columns, wanted: Mapping[str, Mapping[tuple[str, int], float]]) -> Iterator[Mix]:
    """Every plain row alike, every cell alike, and the cells as each stage weighs them."""
    plain = held.plain
    if not plain.any():
        return
    keys, cell = np.unique(
        np.array([f"{tier}\x00{skill}" for skill, tier in zip(held.skill[plain], held.tier[plain], strict=True)]),
        return_inverse=True,
    )
    loss, hits = held.loss.take(plain), held.hits.take(plain)
    yield Mix(name="rows", covered=1.0, loss=estimates.mean(loss), token_accuracy=estimates.share(hits))
    yield _mix("even", np.ones(len(keys)), 1.0, loss, hits, cell)
    places = {key: number for number, key in enumerate(keys.tolist())}
    for name, weights in wanted.items():
        mine = np.zeros(len(keys))
        for (skill, tier), weight in weights.items():
            if f"{tier}\x00{skill}" in places:
                mine[places[f"{tier}\x00{skill}"]] = weight
        if mine.any():
            yield _mix(name, mine, float(mine.sum() / sum(weights.values())), loss, hits, cell)


def _mix(
    name: str,
    weights: NDArray[np.float64],
    covered: float,
    loss: estimates.Sums,
    hits: estimates.Sums,
    cell: NDArray[np.int64],
) -> Mix:
    weights = weights / weights.sum()
    return Mix(
        name=name,
        covered=covered,
        loss=estimates.weighted(loss, cell, weights),
        token_accuracy=estimates.weighted(hits, cell, weights),
    )


def _domains(held: Columns) -> Iterator[Domain]:
    for name in np.unique(held.domain[held.domain != ""]).tolist():
        rows = (held.domain == name) & (held.family == "plain") & held.known
        if rows.any():
            yield Domain(name=name, result=result(held, rows))


def _calibrations(rows: Rows, held: Columns, seen: Likelihoods, seed: int) -> Iterator[Calibration]:
    """Of tokens and of choices, both on rows as they are, held-out domains among them."""
    plain = (held.family == "plain") & held.known
    group = np.array(rows.group, np.int64)
    tokens = plain[seen.row]
    if tokens.any():
        guesses = Observations(seen.confidence[tokens], seen.right[tokens], group[seen.row[tokens]])
        yield calibrate("token", guesses, seed)
    chosen = np.flatnonzero(plain & (held.choice.below > 0))
    if len(chosen):
        sure = np.array([rows.sure[row] for row in chosen], np.float64)
        yield calibrate("choice", Observations(sure, held.choice.above[chosen] > 0, group[chosen]), seed)


def _gaps(held: Columns, family: Family) -> Iterator[Gap]:
    """A family as a whole and kind by kind, against the rows that its own were made from.

    Rows of a kind that answers otherwise than the row it was made from (an ambiguous request) have no gap.
    """
    able = (held.family == family) & (held.kind != "ambiguous") & (held.parent >= 0) & held.known
    able &= held.known[held.parent]
    kinds = np.unique(held.kind[able]).tolist()
    for kind in ["all", *kinds] if len(kinds) > 1 else kinds:
        now = np.flatnonzero(able & (held.kind == kind) if kind != "all" else able)
        then = held.parent[now]
        both = (held.choice.below[now] > 0) & (held.choice.below[then] > 0)
        yield Gap(
            family=family,
            kind=kind,
            loss=estimates.difference(held.loss.take(now), held.loss.take(then)),
            token_accuracy=estimates.difference(held.hits.take(now), held.hits.take(then)),
            choice_accuracy=estimates.difference_of_shares(held.choice.take(now[both]), held.choice.take(then[both]))
            if both.any()
            else None,
        )


def _resistance(held: Columns) -> Iterator[Resistance]:
    for kind in np.unique(held.kind[held.resists.below > 0]).tolist():
        rows = (held.kind == kind) & (held.resists.below > 0)
        yield Resistance(kind=kind, share=estimates.share(held.resists.take(rows)))
