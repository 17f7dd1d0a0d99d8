"""Cuts a difficulty into tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


_LEAST_SHARE = 0.1
"""The part of an equal share that a tier must have."""


def cut(difficulty: NDArray[np.float32], tiers: int) -> NDArray[np.int8]:
    """Split examples into *tiers* groups of equal size, easiest first.

    Equal difficulties always share a tier, so sizes may differ. Shape (n,) in, (n,) out.
    """
    return place(difficulty, borders(difficulty, tiers))


def borders(difficulty: NDArray[np.float32], tiers: int) -> NDArray[np.float32]:
    """The highest difficulty of each tier but the last, where each value belongs to the tier of its mid-rank.

    Where that leaves a tier with less than a tenth of an equal share, because many rows share one difficulty, each tier
    in turn ends where its size is nearest, by ratio, to an equal share of the rows that are left.
    Shape (tiers - 1,). With fewer values than tiers, a tier that stays empty has the border of the tier before it;
    where that is the first, a border that lies just below the lowest difficulty.
    """
    if not len(difficulty):
        return np.zeros(tiers - 1, np.float32)
    distinct, counts = np.unique(difficulty, return_counts=True)
    upto = np.cumsum(counts)
    middle = (upto - counts / 2) / max(len(difficulty), 1)
    tier = np.ceil(middle * tiers - 1e-12).astype(np.int64) - 1
    sizes = np.bincount(tier, counts, tiers)
    if len(distinct) >= tiers and sizes.min() * tiers < _LEAST_SHARE * len(difficulty):
        return distinct[_shared_out(upto, tiers)]
    last = np.searchsorted(tier, np.arange(tiers - 1), side="right") - 1
    lowest = np.nextafter(distinct[0], np.float32(-np.inf))
    return np.where(last >= 0, distinct[np.maximum(last, 0)], lowest).astype(np.float32)


def _shared_out(upto: NDArray[np.int64], tiers: int) -> list[int]:
    """The last value of each tier but the last; *upto* has the rows up to each value, and at least *tiers* of them."""
    ends: list[int] = []
    for left in range(tiers, 1, -1):
        first, most = ends[-1] + 1 if ends else 0, len(upto) - left
        sizes = upto[first : most + 1] - (upto[first - 1] if first else 0)
        share = (upto[-1] - upto[first] + sizes[0]) / left
        ends.append(first + int(np.abs(np.log(sizes / share)).argmin()))
    return ends


def place(difficulty: NDArray[np.float32], upper: NDArray[np.float32]) -> NDArray[np.int8]:
    """The tier of each difficulty, given the highest difficulty of each tier but the last. Shape (n,)."""
    return np.searchsorted(upper, difficulty, side="left").astype(np.int8)
