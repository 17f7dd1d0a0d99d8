"""Is a group ranked higher than the others? Cliff's delta, crude and within strata, with intervals and p-values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.audit import exchange, intervals
from curate.audit.sums import added, over

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.audit.exchange import Members

LEAST_PAIRS = 2.5
"""The strata must hold this many effective pairs (n1 n2 / n, summed): what 5 units against 5 amount to."""


@dataclass(frozen=True)
class EffectTable:
    """Figures by group, shape (groups,) each; NaN where there is too little to say."""

    units: NDArray[np.int64]
    delta: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    given: NDArray[np.float64]
    given_low: NDArray[np.float64]
    given_high: NDArray[np.float64]
    p: NDArray[np.float64]
    p_crude: NDArray[np.float64]


def compare(values: NDArray[np.float64], members: Members, strata: NDArray[np.int64], confidence: float) -> EffectTable:
    """Compare each group with all others on *values*; units without a value are left out.

    *values* and *strata* have shape (units,).
    """
    known = ~np.isnan(values)
    place = np.cumsum(known) - 1
    kept = known[members.unit]
    inside = exchange.Members(place[members.unit[kept]], members.group[kept], members.mass[kept], members.groups)
    codes = np.unique(strata[known], return_inverse=True)[1].astype(np.int64)
    delta, size = crude(values[known], inside)
    low, high = intervals.of_delta(delta, size, confidence)
    given, given_size, p = within(values[known], inside, codes)
    given_low, given_high = intervals.of_delta(given, given_size, confidence)
    _, _, p_crude = within(values[known], inside, np.zeros_like(codes))
    units = np.bincount(inside.group, minlength=members.groups)
    return EffectTable(units, delta, low, high, given, given_low, given_high, p, p_crude)


def crude(values: NDArray[np.float64], members: Members) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta of each group against the rest, and its effective size; see `placed`."""
    return placed(values, members, np.zeros(len(values), np.int64))


def placed(
    values: NDArray[np.float64], members: Members, strata: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta of each group against the rest of its strata, and its effective size. Shape (groups,) each.

    delta = 2 AUC - 1, the mean over strata with the weights n1 n2 / n. Its variance is that of the placements
    (DeLong, DeLong and Clarke-Pearson 1988), pooled over the strata. The effective size is that of a share of the
    same variance, AUC (1 - AUC) / Var(AUC), and at least the smaller side: no variance is larger than that (Birnbaum
    and Klose 1957). NaN where a side has fewer than two units.
    """
    count = int(strata.max(initial=-1)) + 1
    size = np.bincount(strata, minlength=count).astype(np.float64)
    order = np.argsort(values, kind="stable")
    ranks = _ranked(values, strata, order)
    delta, effective = np.full(members.groups, np.nan), np.full(members.groups, np.nan)
    for group in range(members.groups):
        belongs = np.zeros(len(values), np.int64)
        belongs[members.unit[members.group == group]] = 1
        n = added(strata, belongs.astype(np.float64), count)
        m = size - n
        both = (n > 0) & (m > 0)
        inside = both[strata]
        ours, rest = (belongs == 1) & inside, (belongs == 0) & inside
        if ours.sum() < 2 or rest.sum() < 2:
            continue
        beaten = ranks - _ranked(values, strata * 2 + belongs, order)
        above, below = beaten[ours] / m[strata[ours]], beaten[rest] / n[strata[rest]]
        weight = np.where(both, n * m / np.maximum(size, 1.0), 0.0)
        weight /= weight.sum()
        auc = np.nan_to_num(over(added(strata[ours], above, count), n))
        one, other = _pooled(above, strata[ours], count), _pooled(below, strata[rest], count)
        share = float((weight * auc).sum())
        delta[group] = 2 * share - 1
        spread = (weight[both] ** 2 * (one / n[both] + other / m[both])).sum()
        least = float(min(ours.sum(), rest.sum()))
        effective[group] = max(share * (1 - share) / spread, least) if spread > 0 else least
    return delta, effective


def within(
    values: NDArray[np.float64], members: Members, strata: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta within strata, its effective size and its p-value.

    The deltas of the strata are weighted by n1 n2 / n, the weights of van Elteren's test (1960) up to a constant,
    which makes their sum a linear statistic whose permutation moments are exact. Where few units of a group lie in
    many strata their placements say little; the size is then that of the permutation variance, if it is smaller.
    """
    size = np.bincount(strata).astype(np.float64)[strata]
    score = (2 * midranks(values, strata) - size - 1) / size
    sums = exchange.member_sums(members, strata)
    held = exchange.moments(score, members, strata, sums)
    pairs = (sums.first * (1 - sums.first / np.maximum(sums.size, 1.0)[:, None])).sum(axis=0)
    enough = np.where(pairs >= LEAST_PAIRS, 1.0, np.nan)
    given, effective = placed(values, members, strata)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.fmin(effective, pairs**2 / held.variance)
    return given * enough, effective * enough, exchange.p_values(held, continuity=0.0) * enough


def _pooled(placements: NDArray[np.float64], strata: NDArray[np.int64], count: int) -> float:
    """The variance of the placements around the means of their strata, or around one mean where none has two."""
    rows = np.bincount(strata, minlength=count)
    mean = over(added(strata, placements, count), rows.astype(np.float64))
    free = int(np.maximum(rows - 1, 0).sum())
    return float(((placements - mean[strata]) ** 2).sum() / free) if free else float(placements.var(ddof=1))


def midranks(values: NDArray[np.float64], strata: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ranks from 1 within each stratum; equal values share the mean of their ranks."""
    return _ranked(values, strata, np.argsort(values, kind="stable"))


def _ranked(values: NDArray[np.float64], strata: NDArray[np.int64], rising: NDArray[np.intp]) -> NDArray[np.float64]:
    """The same where the order of the values is known already: small numbers are sorted in linear time."""
    code = strata[rising]
    order = rising[np.argsort(code.astype(np.uint16) if code.max(initial=0) < 2**16 else code, kind="stable")]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (np.diff(values[order]) != 0) | (np.diff(strata[order]) != 0)
    run = np.cumsum(fresh) - 1
    starts = np.flatnonzero(fresh)
    length = np.diff(np.append(starts, len(order)))
    first = np.flatnonzero(np.append(True, np.diff(strata[order]) != 0)) if len(order) else starts
    offset = np.repeat(first, np.diff(np.append(first, len(order))))
    ranks = np.empty(len(order))
    ranks[order] = starts[run] - offset + (length[run] + 1) / 2
    return ranks
