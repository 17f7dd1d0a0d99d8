"""Who stays of a group of duplicates: a row leaves only for a row that stays and that it is itself similar to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from curate.core.chance import draw
from curate.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

Policy = Literal["first", "longest", "hardest", "easiest", "random"]


def preference(
    policy: Policy,
    ids: pa.ChunkedArray,
    lengths: NDArray[np.int32],
    signals: Mapping[str, NDArray[np.float32]],
    seed: int,
) -> NDArray[np.int64]:
    """The rank of each row: of two duplicates the one with the lower rank stays. Shape (n,), no two alike.

    Equal rows are ordered by place. A row without a difficulty goes after those that have one.
    """
    place = np.arange(len(ids))
    if policy == "first":
        return place
    if policy == "longest":
        key = -lengths.astype(np.float64)
    elif policy == "random":
        key = draw(ids, seed, "mine", "duplicates")
    else:
        if "difficulty" not in signals:
            raise SettingsError(
                f"the {policy} of a group of duplicates is to stay, but no score says how hard an example is",
                fix="set [mine] stays to first, longest or random, or score with one that rises harder",
            )
        hard = signals["difficulty"].astype(np.float64)
        key = np.nan_to_num(-hard if policy == "hardest" else hard, nan=np.inf)
    rank = np.empty(len(ids), np.int64)
    rank[np.lexsort((place, key))] = place
    return rank


def settle(
    pairs: NDArray[np.int64], similarity: NDArray[np.float32], rank: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which row each row leaves for, and by which pair: shape (n,) each, -1 where it stays.

    Rows are asked in order of *rank*; one that still stays sends away all that it is paired with. So no chain of
    small steps takes a row for another that it has nothing to do with, and the answer is the same in any order.
    """
    keeper = np.full(len(rank), -1, np.int64)
    by = np.full(len(rank), -1, np.int64)
    if not len(pairs):
        return keeper, by
    both = np.concatenate([pairs, pairs[:, ::-1]])
    number = np.tile(np.arange(len(pairs)), 2)
    order = np.lexsort((-similarity[number], rank[both[:, 0]]))
    both, number = both[order], number[order]
    for (row, other), pair in zip(both.tolist(), number.tolist(), strict=True):
        if keeper[row] < 0 and keeper[other] < 0 and rank[row] < rank[other]:
            keeper[other], by[other] = row, pair
    return keeper, by


def classes(keys: NDArray[np.uint64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the row of lowest rank among those with equal keys. Keys of shape (n, 2), shape (n,) out."""
    order = np.lexsort((rank, keys[:, 1], keys[:, 0]))
    new = np.ones(len(order), np.bool_)
    new[1:] = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    first = order[np.flatnonzero(new)]
    leader = np.empty(len(order), np.int64)
    leader[order] = first[np.cumsum(new) - 1]
    return leader
