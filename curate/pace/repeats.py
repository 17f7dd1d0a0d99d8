"""Rows of rare groups given again, so that none sinks out of sight: upsampling with a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.turns import nth_of_group
from curate.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_ROUNDS = 64


def copies(counts: NDArray[np.int64], floor: float, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many more rows each group needs to hold the share *floor* of all, at most *most* each. Shape (groups,)."""
    extra = np.zeros(len(counts), np.int64)
    for _ in range(_ROUNDS):
        raised = np.maximum(np.minimum(least(floor, int((counts + extra).sum())) - counts, most), extra)
        if (raised == extra).all():
            break
        extra = raised
    return extra


def least(floor: float, rows: int) -> int:
    """The fewest rows that are the share *floor* of *rows*."""
    return int(np.ceil(floor * rows - 1e-9))


def check_room(column: str, floor: float, groups: int) -> None:
    """Raise `SettingsError` where so many groups cannot each hold the share *floor*."""
    if floor * groups > 1 + 1e-9:
        raise SettingsError(
            f"each of {groups} values of {column!r} cannot hold {floor:.1%} of a stage",
            fix=f"lower the floor to {np.floor(1e4 / groups) / 1e4:.4f} or less",
        )


def repeats(
    floors: Mapping[str, float],
    groups: Mapping[str, NDArray[np.int32]],
    stage: NDArray[np.int64],
    able: NDArray[np.bool_],
    visits: NDArray[np.int32],
    luck: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Positions of the rows that a stage repeats so that in each column of *floors* every group holds that share.

    Of each group below its floor the least visited rows come first, then by luck. *stage* holds the positions that the
    stage has anyway; only *able* rows are taken, each once. *groups* holds the codes of each column, -1 where a row
    has no value; arrays looked up by position have shape (n,). What one column asks for adds rows and so may bring a
    group of another below its floor again: the columns are gone through until none asks for more.
    """
    held, left = stage, able.copy()
    while True:
        before = len(held)
        for column, floor in floors.items():
            more = _lifted(groups[column], held, left, visits, luck, floor)
            left[more] = False
            held = np.concatenate([held, more])
        if len(held) == before:
            return held[len(stage) :]


def _lifted(
    group: NDArray[np.int32],
    held: NDArray[np.int64],
    able: NDArray[np.bool_],
    visits: NDArray[np.int32],
    luck: NDArray[np.float64],
    floor: float,
) -> NDArray[np.int64]:
    """The rows that bring every group of one column to its floor, as far as there are any."""
    candidates = np.flatnonzero(able & (group >= 0))
    count = int(group.max(initial=-1)) + 2
    most = np.bincount(group[candidates] + 1, minlength=count)
    extra = copies(np.bincount(group[held] + 1, minlength=count), floor, most)[1:]
    pool = candidates[extra[group[candidates]] > 0]
    order = pool[np.lexsort((luck[pool], visits[pool], group[pool]))]
    return order[nth_of_group(group[order]) < extra[group[order]]]
