"""Few rows that stand for many: facility location on the graph of nearest neighbours."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Nearby:
    """The nearest rows of each row by position, -1 for one that does not train, and their cosines. Shapes (n, k)."""

    place: NDArray[np.int64]
    cosine: NDArray[np.float32]


@dataclass(frozen=True)
class _Covers:
    """What each row stands for: the rows ``covered[start[j]:start[j + 1]]``, each as well as ``weight`` says."""

    start: NDArray[np.int64]
    covered: NDArray[np.int64]
    weight: NDArray[np.float64]

    def of(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows that *row* stands for and how well."""
        inside = slice(self.start[row], self.start[row + 1])
        return self.covered[inside], self.weight[inside]


def chosen(
    near: Nearby, group: NDArray[np.int32], able: NDArray[np.bool_], wanted: NDArray[np.int64], rank: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The *able* rows that stand for their groups best, *wanted* of each group, or all that there are.

    They maximise sum_i max_{j chosen} cos(i, j) over all rows i of the group, by the greedy rule, which comes within
    1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978), evaluated lazily (Minoux 1978). Only neighbours count, in
    both directions, and cosines below 0 as 0; of equals the lowest *rank* is taken. *wanted* has shape (groups,), all
    others (n,).
    """
    covers = _covers(near, group)
    gains = np.add.reduceat(covers.weight, covers.start[:-1]) if len(group) else np.zeros(0)
    waiting = [(-gains[row], int(rank[row]), row) for row in np.flatnonzero(able).tolist()]
    heapq.heapify(waiting)
    covered, left = np.zeros(len(group)), wanted.copy()
    taken = np.zeros(len(group), np.bool_)
    while waiting and left.any():
        _, order, row = heapq.heappop(waiting)
        if not left[group[row]]:
            continue
        others, weight = covers.of(row)
        again = (-float(np.maximum(weight - covered[others], 0).sum()), order, row)
        if waiting and again > waiting[0]:
            heapq.heappush(waiting, again)
            continue
        taken[row] = True
        left[group[row]] -= 1
        covered[others] = np.maximum(covered[others], weight)
    return taken


def _covers(near: Nearby, group: NDArray[np.int32]) -> _Covers:
    """Every row with itself and with its neighbours of the same group, in both directions, each pair once."""
    rows, width = near.place.shape
    one = np.repeat(np.arange(rows), width)
    other, cosine = near.place.reshape(-1), near.cosine.reshape(-1).astype(np.float64)
    kept = (other >= 0) & (cosine > 0)
    kept[kept] = group[one[kept]] == group[other[kept]]
    one, other, cosine = one[kept], other[kept], cosine[kept]
    itself = np.arange(rows)
    first, second = np.concatenate([one, other, itself]), np.concatenate([other, one, itself])
    weight = np.concatenate([cosine, cosine, np.ones(rows)])
    order = np.lexsort((-weight, second, first))
    first, second, weight = first[order], second[order], weight[order]
    fresh = np.ones(len(first), np.bool_)
    fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    start = np.searchsorted(first[fresh], np.arange(rows + 1))
    return _Covers(start, second[fresh], weight[fresh])
