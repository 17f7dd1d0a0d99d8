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


@dataclass(frozen=True)
class Ordered:
    """Values in order within their strata. Runs are equal values of one stratum, shape (runs,) each.

    ``order`` brings the values into that order, ``strata`` are theirs, ``run`` says to which run each belongs, in
    order, shape (values,) each; ``first`` is where the stratum of a run begins, ``size`` the size of each stratum.
    """

    order: NDArray[np.intp]
    strata: NDArray[np.int64]
    size: NDArray[np.int64]
    run: NDArray[np.int64]
    starts: NDArray[np.int64]
    length: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def ranks(self) -> NDArray[np.float64]:
        """Ranks from 1 within each stratum; equal values share the mean of their ranks. Shape (values,)."""
        return self._back((self.starts - self.first + (self.length + 1) / 2)[self.run])

    def beaten(self, belongs: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How many values of the other side each value exceeds in its stratum; equal ones count half.

        *belongs* says which values are of the one side; shape (values,) in and out.
        """
        ours = belongs[self.order]
        so_far = np.concatenate([[0], np.cumsum(ours)])
        ends = self.starts + self.length
        one = so_far[self.starts] - so_far[self.first] + (so_far[ends] - so_far[self.starts]) / 2
        other = self.starts - self.first + self.length / 2 - one
        return self._back(np.where(ours, other[self.run], one[self.run]))

    def _back(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        held = np.empty(len(values))
        held[self.order] = values
        return held


def ordered(values: NDArray[np.float64], strata: NDArray[np.int64], rising: NDArray[np.intp] | None = None) -> Ordered:
    """Values in order within their strata; *rising* is their order at large, where it is known already."""
    rising = np.argsort(values, kind="stable") if rising is None else rising
    code = strata[rising]
    # small numbers are sorted in linear time
    order = rising[np.argsort(code.astype(np.uint16) if code.max(initial=0) < 2**16 else code, kind="stable")]
    size = np.bincount(strata)
    opens = np.zeros(len(order), np.bool_)
    opens[np.cumsum(size)[size > 0] - size[size > 0]] = True
    fresh = opens.copy()
    fresh[1:] |= np.diff(values[order]) != 0
    run, starts = np.cumsum(fresh) - 1, np.flatnonzero(fresh)
    first = np.maximum.accumulate(np.where(opens[starts], starts, 0))
    return Ordered(order, strata, size, run, starts, np.diff(np.append(starts, len(order))), first)


def compare(values: NDArray[np.float64], members: Members, strata: NDArray[np.int64], confidence: float) -> EffectTable:
    """Compare each group with all others on *values*; units without a value are left out.

    *values* and *strata* have shape (units,).
    """
    known = ~np.isnan(values)
    place = np.cumsum(known) - 1
    kept = known[members.unit]
    inside = exchange.Members(place[members.unit[kept]], members.group[kept], members.mass[kept], members.groups)
    codes = np.unique(strata[known], return_inverse=True)[1].astype(np.int64)
    rising = np.argsort(values[known], kind="stable")
    units = np.bincount(inside.group, minlength=members.groups)
    delta, size, p_crude = _at_large(ordered(values[known], np.zeros_like(codes), rising), inside)
    low, high = intervals.of_delta(delta, size, confidence)
    given, given_size, p = within(ordered(values[known], codes, rising), inside)
    given_low, given_high = intervals.of_delta(given, given_size, confidence)
    return EffectTable(units, delta, low, high, given, given_low, given_high, p, p_crude)


def crude(values: NDArray[np.float64], members: Members) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta of each group against the rest, and its effective size; see `placed`."""
    return placed(ordered(values, np.zeros(len(values), np.int64)), members)


def _at_large(
    values: Ordered, members: Members
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta, its effective size and its p-value, all values being of one stratum."""
    return *placed(values, members), exchanged(values, members)[0]


def placed(values: Ordered, members: Members) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta of each group against the rest of its strata, and its effective size. Shape (groups,) each.

    delta = 2 AUC - 1, the mean over strata with the weights n1 n2 / n. Its variance is that of the placements
    (DeLong, DeLong and Clarke-Pearson 1988), pooled over the strata. The effective size is that of a share of the
    same variance, AUC (1 - AUC) / Var(AUC), and at least the smaller side: no variance is larger than that (Birnbaum
    and Klose 1957). NaN where a side has fewer than two units.
    """
    strata, count, size = values.strata, len(values.size), values.size.astype(np.float64)
    delta, effective = np.full(members.groups, np.nan), np.full(members.groups, np.nan)
    for group in range(members.groups):
        belongs = np.zeros(len(strata), np.bool_)
        belongs[members.unit[members.group == group]] = True
        n = np.bincount(strata[belongs], minlength=count).astype(np.float64)
        m = size - n
        both = (n > 0) & (m > 0)
        inside = both[strata]
        ours, rest = belongs & inside, ~belongs & inside
        if ours.sum() < 2 or rest.sum() < 2:
            continue
        beaten = values.beaten(belongs)
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


def within(values: Ordered, members: Members) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Cliff's delta within strata, its effective size and its p-value.

    Where few units of a group lie in many strata their placements say little; the size is then that of the permutation
    variance, if it is smaller.
    """
    p, size = exchanged(values, members)
    delta, effective = placed(values, members)
    few = np.isnan(size)
    return np.where(few, np.nan, delta), np.where(few, np.nan, np.fmin(effective, size)), p


def exchanged(values: Ordered, members: Members) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The p-value of Cliff's delta within strata, and the effective size by its variance under exchange.

    The deltas of the strata are weighted by n1 n2 / n, the weights of van Elteren's test (1960) up to a constant,
    which makes their sum a linear statistic whose permutation moments are exact. NaN where there are too few pairs.
    """
    strata, size = values.strata, values.size[values.strata].astype(np.float64)
    score = (2 * values.ranks - size - 1) / size
    sums = exchange.member_sums(members, strata)
    held = exchange.moments(score, members, strata, sums)
    pairs = (sums.first * (1 - sums.first / np.maximum(sums.size, 1.0)[:, None])).sum(axis=0)
    enough = np.where(pairs >= LEAST_PAIRS, 1.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = pairs**2 / held.variance
    return exchange.p_values(held, continuity=0.0) * enough, effective * enough


def _pooled(placements: NDArray[np.float64], strata: NDArray[np.int64], count: int) -> float:
    """The variance of the placements around the means of their strata, or around one mean where none has two."""
    rows = np.bincount(strata, minlength=count)
    mean = over(added(strata, placements, count), rows.astype(np.float64))
    free = int(np.maximum(rows - 1, 0).sum())
    return float(((placements - mean[strata]) ** 2).sum() / free) if free else float(placements.var(ddof=1))
