"""The k nearest neighbours of every row among all others (a k-NN self-join): each pair of rows is multiplied once.

Blocks of rows are multiplied with each other in 8 bits, a pair of blocks once, since a cosine is the same from both
sides. A block meets itself first, which gives each row a bound; pairs that may be among the k nearest of either row are
measured in 32 bits in the end.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from curate.embed import products
from curate.embed.coarse import GROUP
from curate.embed.found import Found, expected, reaching
from curate.embed.neighbours import FlatIndex, nearest
from curate.embed.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


BLOCK = 1280
"""Rows of a block: the products of two are a megabyte and a half, which stays in the processor's cache."""


def join(
    vectors: NDArray[np.float32], k: int, progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places and cosines of the k nearest of each of n unit vectors, itself left out: shapes (n, min(k, n - 1)).

    Nearest first, equal ones in order of place. *progress* is told the blocks that are done, and how many there are.
    """
    most = min(k, len(vectors) - 1)
    if most <= 0:
        return np.empty((len(vectors), 0), np.int64), np.empty((len(vectors), 0), np.float32)
    vectors = np.ascontiguousarray(vectors)
    held = _Blocks(vectors, most)
    in_threads(held.begin, range(held.count))
    done = iter(range(1, held.count + 1))
    telling = Lock()

    def meet(number: int) -> None:
        for other in range(number + 1, held.count):
            held.meet(number, other)
        with telling:
            if progress is not None:
                progress(next(done), held.count)

    in_threads(meet, range(held.count))
    cosine, place, unsure = held.found.nearest(vectors, vectors)
    if len(unsure):
        flat = FlatIndex(vectors)
        place[unsure], cosine[unsure] = nearest(flat, vectors[unsure], unsure, most, len(vectors))
    return place, np.clip(cosine, -1.0, 1.0)


class _Blocks:
    def __init__(self, vectors: NDArray[np.float32], k: int) -> None:
        self.count = -(-len(vectors) // BLOCK)
        size = -(-len(vectors) // self.count)
        size += -size % GROUP
        self._k = k
        self._space = products.Space(vectors)
        self._starts = range(0, len(vectors), size)
        self._vectors = [vectors[start : start + size] for start in self._starts]
        self._asked: dict[int, products.Rows] = {}
        self._columns: dict[int, products.Packed] = {}
        self.found = Found(len(vectors), self._space.slack, k, size)

    def begin(self, number: int) -> None:
        """Round a block, and hold it against itself, which tells what the k nearest of its rows reach at least."""
        self._asked[number] = self._space.asked(self._vectors[number])
        self._columns[number] = products.packed(self._space.base(self._vectors[number]))
        made = self._space.levels(self._asked[number], self._columns[number])
        start = self._starts[number]
        rows = slice(start, start + len(made))
        self.found.expect(rows, expected(made, self._k + 1, self._space.slack))
        row, column, level = reaching(made, self.found.bound[rows, None])
        others = row != column
        self.found.add(row[others] + start, column[others] + start, level[others])

    def meet(self, one: int, other: int) -> None:
        """Hold two blocks against each other, and give each what it found in the other."""
        made = self._space.levels(self._asked[one], self._columns[other])
        first, second = self._starts[one], self._starts[other]
        down = self.found.bound[first : first + made.shape[0]]
        up = self.found.bound[second : second + made.shape[1]]
        row, column, level = reaching(made, np.minimum(down[:, None], up))
        below, above = level >= down[row], level >= up[column]
        self.found.add(row[below] + first, column[below] + second, level[below])
        self.found.add(column[above] + second, row[above] + first, level[above])
