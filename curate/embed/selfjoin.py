"""The k nearest neighbours of every row among all others (a k-NN self-join): each pair of rows is multiplied once.

A sample of the rows tells what the k nearest of each row reach at least. Then blocks of rows are multiplied with each
other in 8 bits, a pair of blocks once, since a cosine is the same from both sides; pairs that reach the bound of either
row are measured in 32 bits. What a row has found by then raises its bound.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from curate.core.chance import chance
from curate.embed import products
from curate.embed.coarse import CROWD, GROUP, Scratch, bounds, in_threads, uncrowded
from curate.embed.measure import LAST, cosines, keyed, unkeyed
from curate.embed.neighbours import FlatIndex, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from curate.embed.products import Levels

    Pairs = NDArray[np.int64]

BLOCK = 1024
"""Rows of a block: the products of two are a megabyte, which stays in the processor's cache."""

_SAMPLED = 3.0
"""A sample of so many times the root of n times k rows: more cost more products, fewer leave more pairs to measure."""

_HEAP = 8
"""Times k that a row may have found, on average over its block, before only the k nearest of them are kept."""

_WAITING_BYTES = 2 << 30
"""Room for what waits to be sorted, in all."""


def fits(rows: int, k: int) -> bool:
    """Whether so many neighbours of so many rows can be looked for together in the memory meant for it."""
    return 16 * _HEAP * rows * k <= _WAITING_BYTES


def join(
    vectors: NDArray[np.float32], k: int, seed: int, progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places and cosines of the k nearest of each of n unit vectors, itself left out: shapes (n, min(k, n - 1)).

    Nearest first, equal ones in order of place. *progress* is told the blocks that are done, and how many there are.
    """
    found = min(k, len(vectors) - 1)
    if found <= 0:
        return np.empty((len(vectors), 0), np.int64), np.empty((len(vectors), 0), np.float32)
    return _Join(np.ascontiguousarray(vectors), found, seed).run(progress)


class _Join:
    def __init__(self, vectors: NDArray[np.float32], k: int, seed: int) -> None:
        self._vectors, self._k = vectors, k
        self._space = products.Space(vectors)
        self._rows, held = self._space.asked(vectors), self._space.base(vectors)
        self._slack = self._space.slack
        self._starts = range(0, len(vectors), BLOCK)
        self._columns = [products.packed(held[start : start + BLOCK]) for start in self._starts]
        self._bound = self._sampled(held, seed)
        self._alone = np.flatnonzero(self._bound == 0)
        self._bound[self._alone] = products.MOST
        self._found = [_Nearest(min(BLOCK, len(vectors) - start), k) for start in self._starts]

    def run(self, progress: Callable[[int, int], None] | None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        done = iter(range(1, len(self._starts) + 1))
        telling = Lock()

        def meet(number: int, _: Scratch) -> None:
            for other in range(number, len(self._starts)):
                self._meet(number, other)
            with telling:
                if progress is not None:
                    progress(next(done), len(self._starts))

        in_threads(meet, range(len(self._starts)))
        keys = np.concatenate([one.kept() for one in self._found])
        keys[self._alone] = LAST
        cosine, place = unkeyed(keys)
        short = np.flatnonzero(keys[:, -1] == LAST)
        if len(short):
            flat = FlatIndex(self._vectors)
            place[short], cosine[short] = nearest(flat, self._vectors[short], short, self._k, len(self._vectors))
        return place, np.clip(cosine, -1.0, 1.0)

    def _sampled(self, held: products.Rows, seed: int) -> Levels:
        """What the k nearest of each row reach at least, less the slack; 0 where it tells nothing. Shape (n,)."""
        size = int(_SAMPLED * (len(self._vectors) * (self._k + 1)) ** 0.5)
        size = max(size - size % GROUP, 2 * GROUP * (self._k + 1))
        rows = np.sort(chance(seed, "embed", "join").choice(len(held), min(size, len(held)), replace=False))
        sample = products.packed(held[rows])
        bound = np.empty(len(self._vectors), np.uint8)

        def compare(start: int, _: Scratch) -> None:
            made = self._space.levels(self._rows[start : start + BLOCK], sample)
            if len(rows) % GROUP == 0:
                made = made.view(len(made), GROUP, -1).amax(dim=1)
            bound[start : start + BLOCK] = bounds(made.numpy(), self._k + 1, self._slack)

        in_threads(compare, self._starts)
        return bound

    def _meet(self, one: int, other: int) -> None:
        """Hold two blocks against each other, and give each what it found in the other."""
        import torch

        low, left = self._starts[one], self._starts[other]
        mine, theirs = self._bound[low : low + BLOCK], self._bound[left : left + BLOCK]
        made = self._space.levels(self._rows[low : low + BLOCK], self._columns[other])
        least = torch.minimum(torch.from_numpy(mine)[:, None], torch.from_numpy(theirs)[None, :])
        place = np.flatnonzero((made >= least).numpy())
        row, column = np.divmod(place, made.shape[1])
        level = made.view(-1).numpy()[place]
        if one == other:
            above = column > row
            row, column, level = row[above], column[above], level[above]
        down, up = self._kept(row, column, level, mine), self._kept(column, row, level, theirs)
        either = down | up
        cosine = np.zeros(len(row), np.float32)
        cosine[either] = cosines(self._vectors, self._vectors, row[either] + low, column[either] + left)
        self._give(one, row[down], column[down] + left, cosine[down])
        self._give(other, column[up], row[up] + low, cosine[up])

    def _kept(self, row: Pairs, column: Pairs, level: Levels, bound: Levels) -> NDArray[np.bool_]:
        """Which pairs reach the row's bound, and are among its best where it has a crowd."""
        reached: NDArray[np.bool_] = level >= bound[row]
        if reached.sum() > CROWD and np.bincount(row[reached]).max() > self._k + CROWD:
            places = np.flatnonzero(reached)
            kept = uncrowded(row[places], column[places], level[places], self._k)
            reached[:] = False
            reached[places[kept]] = True
        return reached

    def _give(self, block: int, row: Pairs, place: Pairs, cosine: NDArray[np.float32]) -> None:
        """Add to what a block has found, and raise its bounds to what its k nearest reach by then."""
        least = self._found[block].add(row, place, cosine)
        if least is not None:
            rows = slice(self._starts[block], self._starts[block] + BLOCK)
            level = np.floor((least - self._space.lowest) / self._space.unit) - self._slack
            raised = np.clip(level, 0, products.MOST).astype(np.uint8)
            np.maximum(self._bound[rows], raised, out=self._bound[rows])


class _Nearest:
    """The k nearest of each of *rows* rows among all that were added, whose order does not matter."""

    def __init__(self, rows: int, k: int) -> None:
        self._keys = np.full((rows, k), LAST, np.uint64)
        self._pieces: list[tuple[Pairs, NDArray[np.uint64]]] = []
        self._waiting = 0
        self._lock = Lock()

    def add(self, row: Pairs, place: Pairs, cosine: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Take in what was found; the cosine that the k-th nearest of each row reaches, where that was settled."""
        with self._lock:
            self._pieces.append((row, keyed(cosine, place)))
            self._waiting += len(row)
            if self._waiting <= _HEAP * self._keys.size:
                return None
            keys = self._settled()
        return np.where(keys[:, -1] == LAST, -1.0, unkeyed(keys[:, -1:])[0][:, 0])

    def kept(self) -> NDArray[np.uint64]:
        """The keys of the k nearest, nearest first. Shape (rows, k)."""
        with self._lock:
            return self._settled()

    def _settled(self) -> NDArray[np.uint64]:
        rows, k = self._keys.shape
        if self._pieces:
            row, keys = (np.concatenate(each) for each in zip(*self._pieces, strict=True))
            order = np.argsort(row.astype(np.uint16), kind="stable")
            row, keys = row[order], keys[order]
            sizes = np.bincount(row, minlength=rows)
            wide = np.full((rows, k + int(sizes.max(initial=0))), LAST, np.uint64)
            wide[:, :k] = self._keys
            wide[row, k + np.arange(len(row)) - (np.cumsum(sizes) - sizes)[row]] = keys
            wide.sort(axis=1)
            self._keys = wide[:, :k].copy()
            self._pieces, self._waiting = [], 0
        return self._keys
