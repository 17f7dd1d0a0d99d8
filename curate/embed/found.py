"""The k nearest that rows have found so far, while they are compared with more and more of the others.

Others are named by their *level* first (`curate.embed.products`). A sample tells what level the k nearest of a row
reach at least; what reaches it is measured in 32 bits, and what was found by then raises the bound.
"""

from __future__ import annotations

from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from curate.core.chance import chance
from curate.embed import products
from curate.embed.coarse import CROWD, GROUP, Scratch, bounds, in_threads, uncrowded
from curate.embed.measure import LAST, drawn, keyed, unkeyed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.embed.products import Levels, Packed, Rows, Space

    Places = NDArray[np.int64]
    Cosines = NDArray[np.float32]

_SAMPLED = 3.0
"""A sample of so many times the root of n times k rows: more cost more products, fewer leave more pairs to measure."""

_WAITING = 8
"""Times k that each row of a block may have found on average before only the k nearest are kept."""

_COMPARED = 1024


class Found:
    """What each of the queries *asked* has found; *block*: so many rows are kept together, and sorted together."""

    def __init__(self, asked: Rows, sample: Packed, space: Space, k: int, block: int) -> None:
        self._space, self._k, self._block = space, k, block
        self.bound = _sampled(asked, sample, space, k)
        """The least level that another must reach to be among the k nearest of each. Shape (m,), uint8."""
        self._alone = np.flatnonzero(self.bound == 0)
        self.bound[self._alone] = products.MOST
        self._heaps = [_Heap(min(block, len(asked) - start), k) for start in range(0, len(asked), block)]

    def reached(self, row: Places, place: Places, level: Levels) -> NDArray[np.bool_]:
        """Which of these pairs reach the bound of the row, and are among its best where it has a crowd."""
        reached: NDArray[np.bool_] = level >= self.bound[row]
        if np.count_nonzero(reached) > self._k + CROWD:
            first = row.min()
            if np.bincount(row[reached] - first).max() > self._k + CROWD:
                places = np.flatnonzero(reached)
                kept = uncrowded(row[places], place[places], level[places], self._k)
                reached[:] = False
                reached[places[kept]] = True
        return reached

    def add(self, row: Places, place: Places, cosine: Cosines) -> None:
        """Take in what rows have found. They are in order, or of one block; no pair may come twice."""
        if not len(row):
            return
        first, last = int(row[0]) // self._block, int(row[-1]) // self._block
        borders = [0, len(row)]
        if last > first:
            borders[1:1] = np.searchsorted(row, np.arange(first + 1, last + 1) * self._block).tolist()
        for number, (start, end) in enumerate(pairwise(borders), first):
            if end > start:
                self._add(number, row[start:end] - number * self._block, place[start:end], cosine[start:end])

    def nearest(self) -> tuple[Cosines, Places, Places]:
        """Cosines and places of the k nearest, shapes (m, k), and the rows that have found fewer than k."""
        keys = np.concatenate([heap.kept() for heap in self._heaps])
        keys[self._alone] = LAST
        cosine, place = unkeyed(keys)
        return cosine, place, np.flatnonzero(keys[:, -1] == LAST)

    def _add(self, number: int, row: Places, place: Places, cosine: Cosines) -> None:
        least = self._heaps[number].add(row, place, cosine)
        if least is not None:
            rows = slice(number * self._block, (number + 1) * self._block)
            level = np.floor((least - self._space.lowest) / self._space.unit) - self._space.slack
            raised = np.clip(level, 0, products.MOST).astype(np.uint8)
            np.maximum(self.bound[rows], raised, out=self.bound[rows])


class _Heap:
    """The k nearest of each of *rows* rows among all that were added, whose order does not matter."""

    def __init__(self, rows: int, k: int) -> None:
        self._keys = np.full((rows, k), LAST, np.uint64)
        self._pieces: list[tuple[Places, NDArray[np.uint64]]] = []
        self._waiting = 0
        self._lock = Lock()

    def add(self, row: Places, place: Places, cosine: Cosines) -> Cosines | None:
        """Take in what was found; the cosine that the k-th nearest of each row reaches, where that was settled."""
        with self._lock:
            self._pieces.append((row, keyed(cosine, place)))
            self._waiting += len(row)
            if self._waiting <= _WAITING * self._keys.size:
                return None
            keys = self._settled()
        return np.where(keys[:, -1] == LAST, np.float32(-1), unkeyed(keys[:, -1:])[0][:, 0])

    def kept(self) -> NDArray[np.uint64]:
        """The keys of the k nearest, nearest first. Shape (rows, k)."""
        with self._lock:
            return self._settled()

    def _settled(self) -> NDArray[np.uint64]:
        if self._pieces:
            rows, k = self._keys.shape
            row, keys = (np.concatenate(each) for each in zip(*self._pieces, strict=True))
            row = np.concatenate((np.repeat(np.arange(rows), k), row)).astype(np.uint16)
            keys = np.concatenate((self._keys.reshape(-1), keys))
            order = np.argsort(keys)
            order = order[np.argsort(row[order], kind="stable")]
            row, sizes = row[order], np.bincount(row, minlength=rows)
            first = np.cumsum(sizes) - sizes
            self._keys = keys[order[np.arange(len(row)) - first[row] < k]].reshape(rows, k)
            self._pieces, self._waiting = [], 0
        return self._keys


def bounding(rows: int, k: int, seed: int) -> Places:
    """The places of the rows that bounds are made of, in order."""
    size = int(_SAMPLED * (rows * (k + 1)) ** 0.5)
    size = max(size - size % GROUP, 2 * GROUP * (k + 1))
    return drawn(rows, chance(seed, "embed", "bounds"), size)


def fits(rows: int, k: int) -> bool:
    """Whether what so many rows find can be kept in 2 GiB."""
    return 16 * _WAITING * rows * k <= 2 << 30


def _sampled(asked: Rows, sample: Packed, space: Space, k: int) -> Levels:
    """What the k nearest of each row reach at least, less the slack; 0 where a sample tells nothing. Shape (m,)."""
    bound = np.empty(len(asked), np.uint8)

    def compare(start: int, _: Scratch) -> None:
        made = space.levels(asked[start : start + _COMPARED], sample)
        if made.shape[1] % GROUP == 0:
            made = made.view(len(made), GROUP, -1).amax(dim=1)
        bound[start : start + _COMPARED] = bounds(made.numpy(), k + 1, space.slack)

    in_threads(compare, range(0, len(asked), _COMPARED))
    return bound
