"""Interleaving by cumulative quotas: every aligned block of 64 rows holds each group's share within two rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 64
_MOST_CELLS = 1 << 22


def interleave(group: NDArray[np.int32]) -> NDArray[np.int64]:
    """An order of all rows that spreads each group evenly and keeps each group's rows in the order given.

    The rows are halved again and again down to blocks of 64, and at each halving every group's rows are divided in
    proportion, rounded by largest remainder. One rounding is off by less than a row and halving halves what came
    before, so a block is off its proportional share by less than two rows for any number of groups. *group* holds a
    code per row, shape (n,); the result holds positions, shape (n,).
    """
    if not len(group):
        return np.empty(0, np.int64)
    held = np.bincount(group)
    codes = np.flatnonzero(held)
    inverse, counts = small((np.cumsum(held > 0) - 1)[group]), held[codes]
    sizes = np.full(-(-len(group) // BLOCK), BLOCK, dtype=np.int64)
    sizes[-1] = len(group) - BLOCK * (len(sizes) - 1)
    pieces = list(_blocks(np.arange(len(codes)), counts.astype(np.int64), sizes, 0))
    block, member, times = (np.concatenate(column) for column in zip(*pieces, strict=True))
    sequence = _spread(block, member, times)
    by_group = np.argsort(inverse, kind="stable")
    order = np.empty(len(group), np.int64)
    order[np.argsort(small(sequence), kind="stable")] = by_group
    return order


def small(codes: NDArray[np.int64]) -> NDArray[np.integer]:
    """The same codes in two bytes where they fit: numpy sorts these by radix, and stably."""
    return codes.astype(np.uint16) if codes.max(initial=0) < 2**16 else codes


def _blocks(
    groups: NDArray[np.int64], counts: NDArray[np.int64], sizes: NDArray[np.int64], first: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """How many rows of which group each block holds: (block, group, rows) for all that are not zero."""
    if len(sizes) > 1 and len(sizes) * len(groups) > _MOST_CELLS:
        half = len(sizes) // 2
        left = _share(counts[None, :], np.array([sizes[:half].sum()]), np.array([sizes.sum()]))[0]
        found = []
        for part, part_sizes, start in ((left, sizes[:half], first), (counts - left, sizes[half:], first + half)):
            present = np.flatnonzero(part)
            found += _blocks(groups[present], part[present], part_sizes, start)
        return found
    table = _halve(counts, sizes)
    block, member = np.nonzero(table)
    return [(block + first, groups[member], table[block, member])]


def _halve(counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of each group in each block, shape (blocks, groups), by halving level by level."""
    ends = np.concatenate(([0], np.cumsum(sizes)))
    nodes = [(0, len(sizes))]
    table = counts[None, :]
    while any(stop - start > 1 for start, stop in nodes):
        middles = [(start + stop) // 2 if stop - start > 1 else stop for start, stop in nodes]
        starts = np.array([start for start, _ in nodes])
        stops = np.array([stop for _, stop in nodes])
        cut = np.array(middles)
        left = _share(table, ends[cut] - ends[starts], ends[stops] - ends[starts])
        halves = np.stack([left, table - left], axis=1).reshape(-1, table.shape[1])
        pairs = [(start, middle, stop) for (start, stop), middle in zip(nodes, middles, strict=True)]
        kept = [place for start, middle, stop in pairs for place in ((True, stop > middle))]
        nodes = [
            node for start, middle, stop in pairs for node in ((start, middle), (middle, stop)) if node[0] < node[1]
        ]
        table = halves[np.array(kept)]
    return table


def _share(table: NDArray[np.int64], part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.int64]:
    """*part* / *whole* of each line of *table*, in whole rows that add up to *part*, by largest remainder."""
    exact = table * (part / whole)[:, None]
    floor = np.floor(exact + 1e-9).astype(np.int64)
    missing = part - floor.sum(axis=1)
    remainder = np.where(floor < table, exact - floor, -1.0)
    rank = np.argsort(np.argsort(-remainder, axis=1, kind="stable"), axis=1, kind="stable")
    shared: NDArray[np.int64] = floor + (rank < missing[:, None])
    return shared


def _spread(block: NDArray[np.int64], member: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """The groups in sequence: inside its block the j-th of c rows of a group stands at (j + 1/2) / c."""
    total = int(times.sum())
    line = np.repeat(np.arange(len(times)), times)
    nth = np.arange(total) - np.repeat(np.cumsum(times) - times, times)
    place = (nth + 0.5) / times[line]
    return member[line][np.lexsort((member[line], place, block[line]))]


def spread(group: NDArray[np.int32]) -> NDArray[np.int64]:
    """An order that spreads each group evenly over all rows: the j-th of c rows of a group stands at (j + 1/2) / c.

    Cheaper than `interleave` and without its promise for blocks. Rows of one group keep the order given. Shapes (n,).
    """
    by_group = np.argsort(small(group.astype(np.int64)), kind="stable")
    _, first, counts = np.unique(group[by_group], return_index=True, return_counts=True)
    place = (np.arange(len(group)) - np.repeat(first, counts) + 0.5) / np.repeat(counts, counts)
    return by_group[np.argsort(place, kind="stable")]


def even(group: NDArray[np.int32], kind: NDArray[np.int8]) -> NDArray[np.float64]:
    """A place in (0, 1) for each row that spreads the rows of each kind evenly through their group.

    The j-th of c rows of a group and kind (0 to 3) stands at (j + 1/2) / c, in the order given. Shapes (n,).
    """
    key = group.astype(np.int64) * 4 + kind
    by_key = np.argsort(small(key), kind="stable")
    starts = np.flatnonzero(np.diff(key[by_key], prepend=-1)) if len(key) else np.zeros(0, np.int64)
    counts = np.diff(starts, append=len(key))
    place = np.empty(len(key), np.float64)
    place[by_key] = (np.arange(len(key)) - np.repeat(starts, counts) + 0.5) / np.repeat(counts, counts)
    return place
