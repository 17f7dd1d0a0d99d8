"""The k nearest neighbours of every row among all others (a k-NN self-join): each pair of rows is multiplied once.

Blocks of rows are multiplied with each other in 8 bits, a pair of blocks once, since a cosine is the same from both
sides; pairs that may be among the k nearest of either row are measured in 32 bits.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from curate.embed import products
from curate.embed.coarse import Scratch, in_threads
from curate.embed.found import Found, bounding
from curate.embed.measure import cosines
from curate.embed.neighbours import FlatIndex, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BLOCK = 1024
"""Rows of a block: the products of two are a megabyte, which stays in the processor's cache."""


def join(
    vectors: NDArray[np.float32], k: int, seed: int, progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places and cosines of the k nearest of each of n unit vectors, itself left out: shapes (n, min(k, n - 1)).

    Nearest first, equal ones in order of place. *progress* is told the blocks that are done, and how many there are.
    """
    most = min(k, len(vectors) - 1)
    if most <= 0:
        return np.empty((len(vectors), 0), np.int64), np.empty((len(vectors), 0), np.float32)
    held = _Blocks(np.ascontiguousarray(vectors), most, seed)
    done = iter(range(1, held.count + 1))
    telling = Lock()

    def meet(number: int, _: Scratch) -> None:
        for other in range(number, held.count):
            held.meet(number, other)
        with telling:
            if progress is not None:
                progress(next(done), held.count)

    in_threads(meet, range(held.count))
    cosine, place, short = held.found.nearest()
    if len(short):
        flat = FlatIndex(held.vectors)
        place[short], cosine[short] = nearest(flat, held.vectors[short], short, most, len(vectors))
    return place, np.clip(cosine, -1.0, 1.0)


class _Blocks:
    def __init__(self, vectors: NDArray[np.float32], k: int, seed: int) -> None:
        self.vectors = vectors
        self._space = products.Space(vectors)
        self._asked, base = self._space.asked(vectors), self._space.base(vectors)
        starts = range(0, len(vectors), BLOCK)
        self.count = len(starts)
        self._columns = [products.packed(base[start : start + BLOCK]) for start in starts]
        sample = products.packed(base.take(bounding(len(vectors), k, seed)))
        self.found = Found(self._asked, sample, self._space, k, BLOCK)

    def meet(self, one: int, other: int) -> None:
        """Hold two blocks against each other, and give each what it found in the other."""
        import torch

        rows = slice(one * BLOCK, (one + 1) * BLOCK)
        made = self._space.levels(self._asked[rows], self._columns[other])
        bound = torch.from_numpy(self.found.bound)
        least = torch.minimum(bound[rows, None], bound[None, other * BLOCK : (other + 1) * BLOCK])
        place = np.flatnonzero((made >= least).numpy())
        row, column = np.divmod(place, made.shape[1])
        level = made.view(-1).numpy()[place]
        if one == other:
            above = column > row
            row, column, level = row[above], column[above], level[above]
        if not len(row):
            return
        row, column = row + one * BLOCK, column + other * BLOCK
        down, up = self.found.reached(row, column, level), self.found.reached(column, row, level)
        either = down | up
        cosine = np.zeros(len(row), np.float32)
        cosine[either] = cosines(self.vectors, self.vectors, row[either], column[either])
        self.found.add(row[down], column[down], cosine[down])
        self.found.add(column[up], row[up], cosine[up])
