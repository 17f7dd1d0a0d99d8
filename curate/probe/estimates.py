"""Means over probe rows with intervals whose unit of evidence is the hold-out group, by the formula for clusters.

A figure is a ratio of sums, r = sum a / sum b: nats over tokens, hits over tokens, right choices over choices. Rows of
one group are no independent evidence, so sums are taken by group first; with residuals e_g = (a_g - r b_g) / sum b
the variance is G / (G - 1) sum e_g^2 (Cochran 1977, Sampling Techniques, section 6.3; Miller 2024, Adding Error Bars
to Evals, section 2.2), and Student's t with G - 1 degrees of freedom gives the interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core.measured import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95
"""Of all intervals."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What one figure is made from, a row at a time: *above* / *below*, each of shape (n,), and the rows' groups."""

    above: NDArray[np.float64]
    below: NDArray[np.float64]
    group: NDArray[np.int64]

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Sums:
        """Some of the rows."""
        return Sums(self.above[rows], self.below[rows], self.group[rows])

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.group)

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.above.sum() / self.below.sum())

    def by(self, groups: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The sums of each of *groups*, which are distinct and rising, shape (groups,) each."""
        place = np.searchsorted(groups, self.group)
        above, below = (np.bincount(place, each, len(groups)) for each in (self.above, self.below))
        return above.astype(np.float64), below.astype(np.float64)

    def residuals(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each group adds to the error of the figure, shape (groups,)."""
        above, below = self.by(groups)
        return np.asarray((above - self.value * below) / self.below.sum(), np.float64)


def mean(sums: Sums) -> Estimate:
    """A figure without bounds, such as a loss."""
    groups = np.unique(sums.group)
    return _within(sums.value, _variance(sums.residuals(groups)), len(groups) - 1, sums.rows, len(groups))


def share(sums: Sums) -> Estimate:
    """A figure in [0, 1]: Wilson's interval for as many observations as the groups are worth.

    That size is value (1 - value) / variance, scaled from Student's t to the normal curve (Korn and Graubard 1998; Dean
    and Pagano 2015). Where all groups agree there is no variance to go by, and each counts once.
    """
    groups = np.unique(sums.group)
    value = min(max(sums.value, 0.0), 1.0)
    if len(groups) < 2:
        return Estimate(value=value, low=None, high=None, rows=sums.rows, groups=len(groups))
    variance, normal = _variance(sums.residuals(groups)), _normal()
    worth = float(len(groups))
    if variance > 1e-18:
        worth = value * (1 - value) / variance * (normal / _student(len(groups) - 1)) ** 2
    middle = value + normal**2 / (2 * worth)
    half = normal * np.sqrt(value * (1 - value) / worth + (normal / (2 * worth)) ** 2)
    low, high = ((middle + side) / (1 + normal**2 / worth) for side in (-half, half))
    low, high = min(max(float(low), 0.0), value), max(min(float(high), 1.0), value)  # rounding apart, it lies inside
    return Estimate(value=value, low=low, high=high, rows=sums.rows, groups=len(groups))


def difference(now: Sums, then: Sums) -> Estimate:
    """The figure of *now* less that of *then*, on the same rows: what a group has in common with itself cancels."""
    groups = np.union1d(now.group, then.group)
    variance = _variance(now.residuals(groups) - then.residuals(groups))
    return _within(now.value - then.value, variance, len(groups) - 1, now.rows, len(groups))


def difference_of_shares(now: Sums, then: Sums) -> Estimate:
    """The same for rows that are right or wrong; *below* is 1 for each row of both.

    Two imaginary groups are added, one that got better and one that got worse, so that a few rows of which none changed
    do not prove that nothing changes (Bonett and Price 2012). The value itself is the plain difference.
    """
    groups = np.union1d(now.group, then.group)
    (right, held), (was_right, _) = now.by(groups), then.by(groups)
    size = held.mean()
    won, held = np.append(right - was_right, [size, -size]), np.append(held, [size, size])
    middle = float(won.sum() / held.sum())
    variance = _variance((won - middle * held) / held.sum())
    shrunk = _within(middle, variance, len(groups) - 1, now.rows, len(groups))
    low, high = (None if end is None else min(max(end, -1.0), 1.0) for end in (shrunk.low, shrunk.high))
    return shrunk.model_copy(update={"value": now.value - then.value, "low": low, "high": high})


def weighted(sums: Sums, cell: NDArray[np.int64], weights: NDArray[np.float64]) -> Estimate:
    """The weighted mean of the figures of the cells: *cell* (n,) numbers each row's, *weights* (cells,) add up to 1.

    Every cell with a weight must hold rows. Each cell's residuals carry its own G / (G - 1); a cell of one group has
    none, so it is measured against all rows (Lumley 2010, Complex Surveys: the adjustment for lone clusters).
    """
    inside = sums.take(weights[cell] > 0)
    groups = np.unique(inside.group)
    residuals, value, free = np.zeros(len(groups)), 0.0, len(groups)
    for number in np.flatnonzero(weights):
        own = sums.take(cell == number)
        count = len(np.unique(own.group))
        value += weights[number] * own.value
        if count > 1:
            residuals += weights[number] * own.residuals(groups) * np.sqrt(count / (count - 1))
            free -= 1
        else:
            residuals[np.searchsorted(groups, own.group[0])] += weights[number] * (own.value - inside.value)
    return _within(float(value), float((residuals**2).sum()), max(free, 1), inside.rows, len(groups))


def _within(value: float, variance: float, free: int, rows: int, groups: int) -> Estimate:
    """A value with Student's interval."""
    if groups < 2:
        return Estimate(value=value, low=None, high=None, rows=rows, groups=groups)
    half = _student(free) * float(np.sqrt(variance))
    return Estimate(value=value, low=value - half, high=value + half, rows=rows, groups=groups)


def _variance(residuals: NDArray[np.float64]) -> float:
    """G / (G - 1) times the sum of squares; of one group it is not known, and 0 here."""
    return float(len(residuals) / max(len(residuals) - 1, 1) * (residuals**2).sum())


def _student(free: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(free, 0.5 + LEVEL / 2))


def _normal() -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + LEVEL / 2))
