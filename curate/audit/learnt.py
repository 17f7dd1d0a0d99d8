"""What training says of the order: loss by stage, whether hard rows cost more, and what is forgotten by its review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.audit import intervals
from curate.audit.corpus import ROLES
from curate.audit.report import Figure, Finding, Interval, Learnt, LossOf, Place
from curate.audit.sums import added
from curate.core.agreement import spearman

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus, Visits

LEAST_ROWS = 20
"""A stage with fewer visits says nothing on its own."""


def learn(
    corpus: Corpus,
    visits: Visits,
    row: NDArray[np.int64],
    visit: NDArray[np.int64],
    loss: NDArray[np.float64],
    confidence: float,
) -> Learnt:
    """The figures of the signals, parallel arrays of shape (signals,): *visit* numbers the visits to a row, rising.

    The k-th signal of a row belongs to its k-th place in the order. Signals beyond the order (a longer training) are
    counted and left out.
    """
    at = _places(visits, row, visit)
    kept = (at >= 0) & np.isfinite(loss)
    at, loss, row = at[kept], loss[kept], row[kept]
    stage, role = visits.stage[at], visits.role[at]
    new = role == ROLES.index("new")
    first = np.full(corpus.rows, np.nan)
    first[row[new]] = loss[new]
    again = role == ROLES.index("review")
    gap = loss[again] - first[row[again]]
    rho, error, pairs = within(first[row[new]], corpus.difficulty[row[new]], stage[new])
    ends = None if rho is None else [float(each) for each in intervals.bounded(rho, error, confidence)]
    return Learnt(
        signals=len(kept),
        strange=int((~kept).sum()),
        stages=tuple(_losses(stage, role, loss, confidence)),
        agreement=rho,
        agreement_interval=None if ends is None else Interval(low=ends[0], high=ends[1]),
        compared=pairs,
        forgotten=tuple(_forgotten(stage[again], gap, confidence)),
    )


def within(
    loss: NDArray[np.float64], difficulty: NDArray[np.float64], stage: NDArray[np.int64]
) -> tuple[float | None, float, int]:
    """Spearman's rho of loss and difficulty among the rows of one stage, the mean over stages by their rows.

    Across stages it would be blind: a model that learns has less loss later, on harder rows. The error is that of
    Fieller, Hartley and Pearson 1957 (1.03 / sqrt(n - 3) on Fisher's scale). Also how many rows were compared.
    """
    known = ~np.isnan(loss) & ~np.isnan(difficulty)
    held: list[tuple[float, int]] = []
    for each in np.unique(stage[known]):
        inside = known & (stage == each)
        one, other = loss[inside], difficulty[inside]
        if inside.sum() >= LEAST_ROWS and len(np.unique(one)) > 1 and len(np.unique(other)) > 1:
            held.append((spearman(one, other), len(one)))
    rows = sum(count for _, count in held)
    if not rows:
        return None, 0.0, 0
    rho = sum(value * count for value, count in held) / rows
    return rho, float(1.03 / np.sqrt(max(rows - 3 * len(held), 1)) * (1 - rho**2)), rows


def check(learnt: Learnt) -> Iterator[Finding]:
    """Whether hard rows cost the model more, and whether reviewed rows had been kept."""
    ends = learnt.agreement_interval
    if learnt.agreement is not None and ends is not None and ends.high is not None and ends.low <= 0:
        against = ends.high < 0
        yield Finding(
            severity="warning",
            kind="signals",
            figure=Figure(name="Spearman's rho of difficulty and first loss", value=learnt.agreement, interval=ends),
            threshold="interval above 0, among rows of one stage",
            says=(
                "The model finds the rows easier that are ranked harder."
                if against
                else "What is ranked harder costs the model no more than what is ranked easier."
            ),
            mend="weigh by what the model meets: `curate score --report` with labels, or signals in [tier.weights]",
        )
    for each in learnt.forgotten:
        if each.interval is not None and each.interval.low > 0 and each.rows >= LEAST_ROWS:
            yield Finding(
                severity="warning",
                kind="signals",
                places=(Place(scope="stage", number=each.stage),),
                figure=Figure(name="loss at review less loss when new", value=each.loss, interval=each.interval),
                threshold="at most 0",
                says=f"Rows reviewed in stage {each.stage} cost the model more than when they were new: forgotten.",
                mend="review sooner or more: raise [pace] review",
            )


def _places(visits: Visits, row: NDArray[np.int64], visit: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each signal the place in the order that it was made at, -1 where there is none."""
    order = np.argsort(visits.row, kind="stable")
    starts = np.searchsorted(visits.row[order], row)
    counts = np.searchsorted(visits.row[order], row, side="right") - starts
    turn = np.lexsort((visit, row))
    sorted_row = row[turn]
    number = np.empty(len(row), np.int64)
    number[turn] = np.arange(len(row)) - np.searchsorted(sorted_row, sorted_row)
    found = number < counts
    places = np.full(len(row), -1, np.int64)
    places[found] = order[(starts + number)[found]]
    return places


def _losses(
    stage: NDArray[np.int64], role: NDArray[np.int64], loss: NDArray[np.float64], confidence: float
) -> Iterator[LossOf]:
    for number in np.unique(stage):
        for at, name in enumerate(ROLES):
            inside = loss[(stage == number) & (role == at)]
            if len(inside):
                yield _mean(int(number), name, inside, confidence)


def _forgotten(stage: NDArray[np.int64], gap: NDArray[np.float64], confidence: float) -> Iterator[LossOf]:
    for number in np.unique(stage):
        inside = gap[(stage == number) & ~np.isnan(gap)]
        if len(inside):
            yield _mean(int(number), "review", inside, confidence)


def _mean(stage: int, role: str, values: NDArray[np.float64], confidence: float) -> LossOf:
    """The mean with an interval by the normal curve; none for a single value."""
    mean = float(added(np.zeros(len(values), np.int64), values, 1)[0] / len(values))
    half = intervals.quantile(confidence) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    ends = None if half is None else Interval(low=float(mean - half), high=float(mean + half))
    return LossOf(stage=stage, role=role, rows=len(values), loss=mean, interval=ends)
