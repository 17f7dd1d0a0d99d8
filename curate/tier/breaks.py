"""Natural breaks: the tiers whose rows differ least from their tier's mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_KNOTS = 1024
_MOST_ROUNDS = 100


def natural(difficulty: NDArray[np.float32], tiers: int) -> NDArray[np.float32]:
    """The highest difficulty of each tier but the last, so that the squared distances to the tiers' means are least.

    Exact by dynamic programming over the distinct values; where there are more than 1,024, over that many groups of
    equal size, and then every value goes to the nearest mean until none moves (Lloyd 1982). With fewer distinct
    values than tiers the last tiers stay empty. Source: Fisher 1958, "On Grouping for Maximum Homogeneity"; known as
    Jenks' natural breaks. Shape (n,) in, (tiers - 1,) out.
    """
    values, weights, upper = _knots(difficulty)
    if len(values) <= 1 or tiers == 1:
        return np.full(tiers - 1, upper[-1] if len(upper) else 0.0, np.float32)
    cost = _costs(values, weights)
    parts = min(tiers, len(values))
    best = cost[0]
    cuts = []
    for _ in range(parts - 1):
        ways = np.concatenate(([np.inf], best[:-1]))[:, None] + cost
        cuts.append(ways.argmin(axis=0))
        best = ways.min(axis=0)
    ends, last = [], len(values) - 1
    for cut in reversed(cuts):
        last = int(cut[last]) - 1
        ends.append(float(upper[last]))
    found = np.array([*reversed(ends), *[float(upper[-1])] * (tiers - parts)], np.float32)
    return found if len(upper) < MOST_KNOTS else _polished(np.sort(difficulty), found)


def _polished(rising: NDArray[np.float32], upper: NDArray[np.float32]) -> NDArray[np.float32]:
    """The borders moved until each lies half way between the means of its two tiers."""
    sums = np.concatenate(([0.0], np.cumsum(rising, dtype=np.float64)))
    for _ in range(_MOST_ROUNDS):
        ends = np.concatenate(([0], np.searchsorted(rising, upper, side="right"), [len(rising)]))
        means = np.diff(sums[ends]) / np.maximum(np.diff(ends), 1)
        places = np.searchsorted(rising, (means[:-1] + means[1:]) / 2, side="right")
        moved = rising[np.clip(places - 1, 0, None)]
        if (np.diff(ends) == 0).any() or (moved == upper).all():
            break
        upper = moved
    return upper


def _knots(
    difficulty: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """The distinct values (or the means of groups of them), how many rows each stands for, and their upper ends."""
    distinct, counts = np.unique(difficulty, return_counts=True)
    if len(distinct) <= MOST_KNOTS:
        return distinct.astype(np.float64), counts.astype(np.float64), distinct
    group = (np.cumsum(counts) - counts) * MOST_KNOTS // len(difficulty)
    first = np.flatnonzero(np.diff(group, prepend=-1))
    weights = np.add.reduceat(counts.astype(np.float64), first)
    sums = np.add.reduceat(distinct.astype(np.float64) * counts, first)
    return sums / weights, weights, distinct[np.append(first[1:], len(distinct)) - 1]


def _costs(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The squared distances to the mean of the values from i to j, shape (i, j); infinite where j < i."""
    centred = values - np.average(values, weights=weights)
    mass, first, second = (np.concatenate(([0.0], np.cumsum(weights * centred**power))) for power in (0, 1, 2))
    inside = np.maximum(mass[None, 1:] - mass[:-1, None], 1e-300)
    spread = second[None, 1:] - second[:-1, None] - (first[None, 1:] - first[:-1, None]) ** 2 / inside
    upper = np.triu(np.ones((len(values), len(values)), bool))
    return np.where(upper, np.maximum(spread, 0.0), np.inf)
