"""Nearest neighbours among lists of like vectors: a query is held against the lists nearest to it alone.

The lists are clusters (inverted lists, Jegou et al. 2011). Each list is multiplied at once with all the queries that it
is near to, in 8 bits, and what may be among the k nearest of a query is measured in 32.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from curate.core.chance import chance
from curate.embed import products
from curate.embed.coarse import GROUP
from curate.embed.found import Found, expected, reaching
from curate.embed.measure import drawn
from curate.embed.neighbours import FlatIndex, build
from curate.embed.threads import in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS, _POINTS = 6, 40
"""Rounds of k-means, and how many vectors it learns a list from."""

_LISTS = 4
"""Lists for each root of the number of vectors."""

_QUERIES = 1 << 16
"""Queries that are searched together."""

_BLOCK, _AT_ONCE = 4096, 2048
"""Of them, so many keep what they find together; and so many are multiplied with a list at once."""

_ASSIGNED = 8192

_SAMPLED = 3.0
"""Bounds are made by a sample of so many times the root of n times k vectors: more cost more products, fewer leave more
pairs to keep."""


class ListIndex:
    """What `curate.embed.neighbours.Index` promises, over vectors of shape (n, d).

    A query is held against the nearest *probes* lists, so many that a sample of the vectors finds the share *aim* of
    its *k* neighbours in them.
    """

    def __init__(self, vectors: NDArray[np.float32], k: int, seed: int, aim: float) -> None:
        self._vectors, self._seed = np.ascontiguousarray(vectors), seed
        self._centres = _centres(self._vectors, seed)
        held, label = np.unique(self._assigned(), return_inverse=True)
        self._centres = self._centres[held]
        order = np.argsort(label, kind="stable")
        borders = pairwise(np.searchsorted(label[order], np.arange(len(self._centres) + 1)).tolist())
        spans = [slice(*each) for each in borders]
        self._members = [order[span] for span in spans]
        self._space = products.Space(self._vectors)
        base = self._space.base(self._vectors, order)
        self._lists = [products.packed(base[span]) for span in spans]
        self.probes = self._probes(label, k, aim)

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest that were found, each of shape (m, k), nearest first."""
        size = int(_SAMPLED * (len(self._vectors) * k) ** 0.5)
        size = max(size - size % GROUP, 2 * GROUP * k)
        rows = drawn(len(self._vectors), chance(self._seed, "embed", "bounds"), size)
        sample = products.packed(self._space.base(self._vectors[rows]))
        parts = [
            self._searched(queries[start : start + _QUERIES], k, sample) for start in range(0, len(queries), _QUERIES)
        ]
        cosine, place = (np.concatenate(each) for each in zip(*parts, strict=True))
        return cosine, place

    def _searched(
        self, queries: NDArray[np.float32], k: int, sample: products.Packed
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        queries = np.ascontiguousarray(queries)
        near = self._near(queries)
        asked = self._space.asked(queries)
        found = Found(len(queries), self._space.slack, k, _BLOCK)

        def expect(start: int) -> None:
            rows = slice(start, start + _AT_ONCE)
            found.expect(rows, expected(self._space.levels(asked[rows], sample), k, self._space.slack))

        in_threads(expect, range(0, len(queries), _AT_ONCE))

        def compare(number: int) -> None:
            rows = np.flatnonzero(near[number])
            for start in range(0, len(rows), _AT_ONCE):
                self._compare(asked, rows[start : start + _AT_ONCE], number, found)

        in_threads(compare, range(len(self._lists)))
        cosine, place, unsure = found.nearest(self._vectors, queries)
        if len(unsure):
            cosine[unsure], place[unsure] = FlatIndex(self._vectors).search(queries[unsure], k)
        return cosine, place

    def _compare(self, asked: products.Rows, rows: NDArray[np.int64], number: int, found: Found) -> None:
        """Hold some queries against the members of a list."""
        made = self._space.levels(asked.take(rows), self._lists[number])
        row, column, level = reaching(made, found.bound[rows, None])
        found.add(rows[row], self._members[number][column], level)

    def _near(self, queries: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which lists are near to which queries. Shape (lists, m)."""
        near = np.empty((len(self._centres), len(queries)), np.bool_)
        at = len(self._centres) - self.probes

        def choose(start: int) -> None:
            alike = self._likeness(queries[start : start + _ASSIGNED])
            least = np.partition(alike, at, axis=1)[:, at]
            near[:, start : start + _ASSIGNED] = (alike >= least[:, None]).T

        in_threads(choose, range(0, len(queries), _ASSIGNED))
        return near

    def _probes(self, label: NDArray[np.int64], k: int, aim: float) -> int:
        """How many of the nearest lists hold the share *aim* of the k nearest, by a sample of the vectors."""
        rows = drawn(len(label), chance(self._seed, "embed", "lists"))
        true = build(self._vectors).search(self._vectors[rows], min(k, len(label)))[1]
        alike = self._likeness(self._vectors[rows])
        order = np.argsort(-alike, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
        needed = np.take_along_axis(rank, label[true], axis=1)
        return int(np.quantile(needed, aim, method="higher")) + 1

    def _assigned(self) -> NDArray[np.int64]:
        """The list of each vector: that of the nearest centre. Shape (n,)."""
        label = np.empty(len(self._vectors), np.int64)

        def assign(start: int) -> None:
            label[start : start + _ASSIGNED] = self._likeness(self._vectors[start : start + _ASSIGNED]).argmax(axis=1)

        in_threads(assign, range(0, len(self._vectors), _ASSIGNED))
        return label

    def _likeness(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Products of some vectors with all centres, shape (m, lists)."""
        import torch

        made: NDArray[np.float32] = torch.mm(torch.from_numpy(vectors), torch.from_numpy(self._centres).t()).numpy()
        return made


def _centres(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Centres of the lists, by spherical k-means."""
    import faiss

    count = max(min(int(_LISTS * len(vectors) ** 0.5), len(vectors) // 4), 1)
    means = faiss.Kmeans(
        vectors.shape[1],
        count,
        niter=_ROUNDS,
        seed=seed + 1,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_POINTS,
    )
    means.train(vectors)
    return np.asarray(means.centroids, np.float32).reshape(count, -1)
