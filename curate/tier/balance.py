"""Balance between groups: no group holds more or less than its share, by sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.turns import nth_of_group
from curate.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def capped(counts: NDArray[np.int64], cap: float) -> NDArray[np.int64]:
    """How many rows of each group are kept, so that none holds more than the share *cap* of those kept.

    As many rows as possible are kept. `SettingsError` where the groups cannot fill the whole. Shape (groups,).
    """
    rising = np.sort(counts)[::-1]
    present = int((counts > 0).sum())
    if cap * present < 1.0 - 1e-9:
        raise SettingsError(
            f"no group may hold more than {cap:.1%} of the rows, but there are only {present} groups",
            fix=f"raise the cap to {1 / max(present, 1):.3f} or more",
        )
    rest = rising.sum() - np.concatenate(([0], np.cumsum(rising)))
    for full in range(present):
        whole = rest[full] / max(1.0 - full * cap, 1e-12)
        if rising[full] <= cap * whole + 1e-9:
            return np.clip(counts, 0, int(cap * whole + 1e-9))
    return np.clip(counts, 0, int(rising[present - 1]))


MOST_DROPPED = 0.5
"""A floor that would leave out more of the rows than this is refused."""


def floored(counts: NDArray[np.int64], floor: float) -> NDArray[np.int64]:
    """How many rows of each group are kept, so that each present group holds at least the share *floor* of those kept.

    As many rows as possible are kept, the largest groups give way first. `SettingsError` where there are too many
    groups for the floor, or where more than half of the rows would have to go. Shape (groups,).
    """
    present = counts[counts > 0]
    if not len(present):
        return counts
    smallest = int(present.min())
    if floor * len(present) > 1.0 + 1e-9:
        raise SettingsError(
            f"each of {len(present)} groups cannot hold {floor:.1%} of the rows",
            fix=f"lower the floor to {1 / len(present):.3f} or less",
        )
    low, high = smallest, int(present.max())
    while low < high:  # the highest level to which all groups may be filled
        level = (low + high + 1) // 2
        fits = floor * np.minimum(present, level).sum() <= smallest + 1e-9
        low, high = (level, high) if fits else (low, level - 1)
    kept = np.minimum(counts, low)
    if kept.sum() < (1 - MOST_DROPPED) * counts.sum():
        raise SettingsError(
            f"for the smallest group ({smallest} rows) to hold {floor:.1%} only {int(kept.sum())} of "
            f"{int(counts.sum())} rows could stay",
            fix=f"lower the floor to {smallest / (1 - MOST_DROPPED) / counts.sum():.4f}, or give its rows again: "
            "the same floor in [pace]",
        )
    return kept


def sample(group: NDArray[np.int64], kept: NDArray[np.int64], luck: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows stay where group g keeps ``kept[g]`` of its rows: those of the lowest luck. Shape (n,)."""
    order = np.lexsort((luck, group))
    stays = np.zeros(len(group), bool)
    stays[order] = nth_of_group(group[order]) < kept[group[order]]
    return stays


SINKS_FROM = 20
"""Groups with fewer rows than this are not told of: their tiers are a matter of luck."""


def sinking(
    column: str, words: Sequence[str], code: NDArray[np.int32], tier: NDArray[np.int8], tiers: int
) -> list[str]:
    """The groups most of whose rows are in the last tier, although it holds less than half of all; in sentences."""
    last = tier == tiers - 1
    rows = np.bincount(code, minlength=len(words))
    inside = np.bincount(code, weights=last, minlength=len(words))
    if tiers < 2 or last.sum() * 2 >= len(last):
        return []
    return [
        f"{int(inside[at])} of the {rows[at]} rows of {column} {words[at]!r} are in the last tier, of all rows "
        f"{last.mean():.0%}; [tier] within = '{column}' cuts tiers inside each {column}"
        for at in np.flatnonzero((rows >= SINKS_FROM) & (inside > rows / 2)).tolist()
    ]
