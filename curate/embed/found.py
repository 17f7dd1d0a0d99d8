"""The k nearest that rows have found so far, while they are compared with more and more of the others.

Others are known by their *level* (`curate.embed.products`) until all are found: what k others reach at least, less what
rounding may have cost, is the bound that any other must reach. What still reaches it in the end is measured in 32 bits.
"""

from __future__ import annotations

from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from curate.embed import products
from curate.embed.coarse import CROWD, GROUP, bounds, of_groups
from curate.embed.measure import measured
from curate.embed.threads import in_threads

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from curate.embed.products import Levels

    Places = NDArray[np.int64]
    Cosines = NDArray[np.float32]

_WAITING = 4
"""Times k that each row of a block may have found on average before only what reaches the new bound is kept."""

_ROW, _LEVEL = 40, 32
"""Bits of a key from which on the row stands, and how far its level is from the greatest; the place stands below."""


class Found:
    """What each of so many queries has found.

    *slack*: how many levels a pair may come out lower than another that is no nearer. *block*: so many rows are kept
    together, and sorted together.
    """

    def __init__(self, queries: int, slack: int, k: int, block: int) -> None:
        self.bound = np.ones(queries, np.uint8)
        """The least level that another must reach to be among the k nearest of each; 0 stands for all that is less."""
        self._k, self._block = k, block
        self._heaps = [_Heap(min(block, queries - start), k, slack) for start in range(0, queries, block)]

    def expect(self, rows: slice, bound: Levels) -> None:
        """The k nearest of these rows are known to reach this bound."""
        np.maximum(self.bound[rows], bound, out=self.bound[rows])

    def add(self, row: Places, place: Places, level: Levels) -> None:
        """Take in what rows have found. They are in order, or of one block; no pair may come twice."""
        if not len(row):
            return
        keys = ((row % self._block) << _ROW) | ((products.MOST - level.astype(np.int64)) << _LEVEL) | place
        first, last = int(row[0]) // self._block, int(row[-1]) // self._block
        borders = [0, len(row)]
        if last > first:
            borders[1:1] = np.searchsorted(row, np.arange(first + 1, last + 1) * self._block).tolist()
        for number, (start, end) in enumerate(pairwise(borders), first):
            raised = self._heaps[number].add(keys[start:end]) if end > start else None
            if raised is not None:
                self.expect(slice(number * self._block, (number + 1) * self._block), raised)

    def nearest(self, vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> tuple[Cosines, Places, Places]:
        """Cosines and places of the k nearest, shapes (m, k), and the rows that may have others.

        Equal ones are in order of place.
        """
        cosine = np.empty((len(queries), self._k), np.float32)
        place = np.empty((len(queries), self._k), np.int64)
        sure = np.empty(len(queries), np.bool_)

        def measure(number: int) -> None:
            rows = slice(number * self._block, (number + 1) * self._block)
            row, found, sure[rows] = self._heaps[number].kept()
            cosine[rows], place[rows] = measured(vectors, queries[rows], row, found, self._k)

        in_threads(measure, range(len(self._heaps)))
        return cosine, place, np.flatnonzero(~sure)


class _Heap:
    """What *rows* rows have found that may be among their k nearest, whose order does not matter."""

    def __init__(self, rows: int, k: int, slack: int) -> None:
        self._rows, self._k, self._slack = rows, k, slack
        self._keys = np.empty(0, np.int64)
        self._pieces: list[NDArray[np.int64]] = []
        self._lock = Lock()

    def add(self, keys: NDArray[np.int64]) -> Levels | None:
        """Take in what was found; the new bound of each row, where one was made."""
        with self._lock:
            self._pieces.append(keys)
            many = sum(map(len, self._pieces)) > _WAITING * self._rows * self._k
            return self._settle() if many else None

    def kept(self) -> tuple[Places, Places, NDArray[np.bool_]]:
        """Rows and places of what may be among the k nearest, in order of both, and whether that is all of it."""
        with self._lock:
            bound = self._settle()
        row, place = self._keys >> _ROW, self._keys & ((1 << _LEVEL) - 1)
        return row, place, bound > 0

    def _settle(self) -> Levels:
        """Keep what reaches the bound, and of a crowd the best; that bound, or 0 where k others do not tell one."""
        keys = np.concatenate([self._keys, *self._pieces])
        keys.sort()
        row, level = keys >> _ROW, products.MOST - ((keys >> _LEVEL) & products.MOST)
        sizes = np.bincount(row, minlength=self._rows)
        first = np.cumsum(sizes) - sizes
        many = np.flatnonzero(sizes >= self._k)
        bound = np.zeros(self._rows, np.int64)
        bound[many] = np.maximum(level[first[many] + self._k - 1] - self._slack, 0)
        kept = (level >= bound[row]) & (np.arange(len(keys)) - first[row] < self._k + CROWD)
        self._keys, self._pieces = keys[kept], []
        return bound.astype(np.uint8)


def expected(made: torch.Tensor, want: int, slack: int) -> Levels:
    """What the *want* best of each row of products reach at least, less the slack; 0 where they tell nothing."""
    if made.shape[1] % GROUP == 0 and made.shape[1] >= 2 * GROUP * want:
        made = of_groups(made)
    return bounds(made.numpy(), want, slack)


def reaching(made: torch.Tensor, bound: Levels) -> tuple[Places, Places, Levels]:
    """Rows and columns of the products that reach a *bound* of a shape that broadcasts, in order, and their levels."""
    held: Levels = made.numpy()
    place = np.flatnonzero(held >= bound)
    row, column = np.divmod(place, held.shape[1])
    return row, column, held.reshape(-1)[place]


def fits(rows: int, k: int) -> bool:
    """Whether what so many rows find can be kept in 2 GiB."""
    return 16 * _WAITING * rows * k <= 2 << 30
