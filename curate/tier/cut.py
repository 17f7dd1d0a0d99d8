"""Cuts a difficulty into tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cut(difficulty: NDArray[np.float32], tiers: int) -> NDArray[np.int8]:
    """Split examples into *tiers* groups of equal size, easiest first.

    Equal difficulties always share a tier, so sizes may differ. Shape (n,) in, (n,) out.
    """
    return place(difficulty, borders(difficulty, tiers))


def borders(difficulty: NDArray[np.float32], tiers: int) -> NDArray[np.float32]:
    """The highest difficulty of each tier but the last, where each value belongs to the tier of its mid-rank.

    Shape (tiers - 1,). A tier that stays empty, because many rows share one difficulty, has the border of the
    tier before it; where that is the first, a border that lies just below the lowest difficulty.
    """
    if not len(difficulty):
        return np.zeros(tiers - 1, np.float32)
    distinct, counts = np.unique(difficulty, return_counts=True)
    below = np.cumsum(counts) - counts
    middle = (below + counts / 2) / max(len(difficulty), 1)
    tier = np.ceil(middle * tiers - 1e-12).astype(np.int64) - 1
    last = np.searchsorted(tier, np.arange(tiers - 1), side="right") - 1
    lowest = np.nextafter(distinct[0], np.float32(-np.inf))
    return np.where(last >= 0, distinct[np.maximum(last, 0)], lowest).astype(np.float32)


def place(difficulty: NDArray[np.float32], upper: NDArray[np.float32]) -> NDArray[np.int8]:
    """The tier of each difficulty, given the highest difficulty of each tier but the last. Shape (n,)."""
    return np.searchsorted(upper, difficulty, side="left").astype(np.int8)
