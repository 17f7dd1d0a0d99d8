"""Whether the order does what a curriculum means to do: rise in difficulty, by more than length, and look back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.audit import intervals
from curate.audit.effects import crude
from curate.audit.exchange import Members
from curate.audit.intervals import known
from curate.audit.report import Progression, ReviewOf, Step
from curate.audit.strata import length_bins
from curate.core.agreement import spearman

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus, Visits

LENGTH_BINS = 10
LEAST_IN_BIN = 20


def progress(
    corpus: Corpus, visits: Visits, mixed: tuple[int, ...], planned: Mapping[int, float], confidence: float
) -> Progression:
    """The figures of the order; *mixed* stages are left out of those that ask for a rise."""
    rising = visits.new & ~np.isin(visits.stage, mixed) & ~np.isnan(corpus.difficulty[visits.row])
    stage, row = visits.stage[rising], visits.row[rising]
    difficulty, tokens = corpus.difficulty[row], corpus.tokens[row]
    return Progression(
        tau=tau(stage, difficulty),
        tau_length=tau(stage, tokens),
        tau_given_length=tau_given(stage, difficulty, tokens),
        length_share=rank_share(corpus.difficulty[corpus.trained], corpus.tokens[corpus.trained]),
        mixed=mixed,
        steps=tuple(
            step(corpus, visits, number, number + 1, confidence)
            for number in range(visits.stages - 1)
            if number not in mixed and number + 1 not in mixed
        ),
        reviews=tuple(look_back(visits, number, planned.get(number)) for number in range(visits.stages)),
        roles_out_of_turn=out_of_turn(visits),
    )


def tau(stage: NDArray[np.int64], values: NDArray[np.float64]) -> float | None:
    """Kendall's tau-b (Kendall 1945) of stages and values; None where one does not vary or is not known throughout.

    Pairs are counted stage by stage, exactly: each stage against the values of all before it.
    """
    if len(stage) < 2 or np.isnan(values).any():
        return None
    rank = np.unique(values, return_inverse=True)[1]
    untied = _untied(np.unique(stage, return_counts=True)[1]), _untied(np.bincount(rank))
    if not min(untied):
        return None
    before, gained = np.zeros(int(rank.max()) + 1, np.int64), 0
    for each in np.unique(stage):
        here = rank[stage == each]
        up_to = np.cumsum(before)
        gained += int((up_to[here] - before[here]).sum()) - int((up_to[-1] - up_to[here]).sum())
        before += np.bincount(here, minlength=len(before))
    value = gained / np.sqrt(untied[0]) / np.sqrt(untied[1])
    return float(min(1.0, max(-1.0, value)))


def tau_given(stage: NDArray[np.int64], difficulty: NDArray[np.float64], tokens: NDArray[np.float64]) -> float | None:
    """The mean of tau-b inside bins of equal length, weighted by their pairs; None without lengths."""
    if np.isnan(tokens).any() or len(tokens) < LEAST_IN_BIN:
        return None
    bins = length_bins(tokens, int(np.clip(len(tokens) // LEAST_IN_BIN, 1, LENGTH_BINS)))
    held = [(tau(stage[bins == each], difficulty[bins == each]), int((bins == each).sum())) for each in np.unique(bins)]
    pairs = [(value, size * (size - 1) / 2) for value, size in held if value is not None]
    total = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / total if total else None


def rank_share(difficulty: NDArray[np.float64], tokens: NDArray[np.float64]) -> float | None:
    """How much of the ranks' variance of difficulty length explains: Spearman's rho squared."""
    both = ~np.isnan(difficulty) & ~np.isnan(tokens)
    if both.sum() < LEAST_IN_BIN or len(np.unique(tokens[both])) < 2 or len(np.unique(difficulty[both])) < 2:
        return None
    return known(spearman(difficulty[both], tokens[both]) ** 2)


def step(corpus: Corpus, visits: Visits, stage: int, following: int, confidence: float) -> Step:
    """How the next stage differs from this one."""
    here, there = (np.flatnonzero(visits.new & (visits.stage == each)) for each in (stage, following))
    values = corpus.difficulty[np.concatenate([visits.row[here], visits.row[there]])]
    later = np.repeat([0, 1], [len(here), len(there)])
    later, values = later[~np.isnan(values)], values[~np.isnan(values)]
    unit = np.flatnonzero(later)
    delta, size = crude(values, Members(unit, np.zeros(len(unit), np.int64), np.ones(len(unit)), 1))
    low, high = intervals.of_delta(delta, size, confidence)
    rows = [np.unique(visits.row[visits.stage == each]) for each in (stage, following)]
    return Step(
        stage=stage,
        following=following,
        delta=known(delta[0]),
        interval=intervals.ends(low[0], high[0]),
        skill_distance=_distance(corpus.skill.codes[rows[0]], corpus.skill.codes[rows[1]]),
        shared=float(np.isin(rows[1], rows[0]).mean()) if len(rows[1]) else 0.0,
    )


def look_back(visits: Visits, stage: int, planned: float | None) -> ReviewOf:
    """How much of one stage is review, how long ago its rows came, and from which stages they are."""
    inside = visits.stage == stage
    rows = visits.row[inside & visits.have("review")]
    counts, earlier = {}, {}
    if len(rows):
        before = visits.stage < stage
        last = np.full(int(visits.row.max()) + 1, -1, np.int64)
        np.maximum.at(last, visits.row[before], visits.stage[before])
        first = np.full(len(last), -1, np.int64)
        first[visits.row[visits.new]] = visits.stage[visits.new]
        counts = _tally(stage - last[rows][last[rows] >= 0])
        earlier = _tally(first[rows][first[rows] >= 0])
    passes = inside & ~visits.have("repeat")
    return ReviewOf(
        stage=stage,
        planned=planned,
        share=len(rows) / max(int(passes.sum()), 1),
        stages_since=counts,
        earlier=earlier,
    )


def out_of_turn(visits: Visits) -> int:
    """Reviews and repeats of rows that had not been new by then (rows of the order are in training order)."""
    when = np.full(int(visits.row.max(initial=-1)) + 1, len(visits.row), np.int64)
    fresh = np.flatnonzero(visits.new)
    when[visits.row[fresh]] = fresh
    again = np.flatnonzero(visits.have("review", "repeat"))
    return int((when[visits.row[again]] > again).sum())


def _untied(counts: NDArray[np.int64]) -> int:
    """How many pairs are of two kinds, where each kind has so many."""
    size = int(counts.sum())
    return size * (size - 1) // 2 - int((counts * (counts - 1) // 2).sum())


def _tally(values: NDArray[np.int64]) -> dict[str, int]:
    labels, counts = np.unique(values, return_counts=True)
    return {str(label): int(count) for label, count in zip(labels, counts, strict=True)}


def _distance(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Half the sum of absolute differences of two sets of shares."""
    if not len(first) or not len(second):
        return 1.0
    width = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(each, minlength=width) / len(each) for each in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
