"""Rows of rare skills given again, so that no skill sinks out of sight: upsampling with a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS = 64


def copies(counts: NDArray[np.int64], floor: float, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many more rows each group needs to hold the share *floor* of all, at most *most* each. Shape (groups,)."""
    extra = np.zeros(len(counts), np.int64)
    for _ in range(_ROUNDS):
        wanted = np.ceil(floor * int((counts + extra).sum()) - 1e-9).astype(np.int64) - counts
        raised = np.maximum(np.minimum(wanted, most), extra)
        if (raised == extra).all():
            break
        extra = raised
    return extra


def repeats(
    skill: NDArray[np.int32],
    stage: NDArray[np.int64],
    free: NDArray[np.bool_],
    visits: NDArray[np.int32],
    luck: NDArray[np.float64],
    floor: float,
    most_visits: int,
) -> NDArray[np.int64]:
    """Positions of the rows that a stage repeats: of each skill below the floor, the least visited first, then by luck.

    *stage* holds the positions that the stage has anyway; only rows that are *free* and were visited less than
    *most_visits* times are taken, each once. Arrays looked up by position have shape (n,).
    """
    candidates = np.flatnonzero(free & (visits < most_visits))
    skills = int(skill.max(initial=-1)) + 1
    most = np.bincount(skill[candidates], minlength=skills)
    extra = copies(np.bincount(skill[stage], minlength=skills), floor, most)
    pool = candidates[extra[skill[candidates]] > 0]
    order = pool[np.lexsort((luck[pool], visits[pool], skill[pool]))]
    _, first, counts = np.unique(skill[order], return_index=True, return_counts=True)
    nth = np.arange(len(order)) - np.repeat(first, counts)
    return order[nth < extra[skill[order]]]
