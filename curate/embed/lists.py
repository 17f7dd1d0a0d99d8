"""Nearest neighbours among lists of like vectors: a query is held against the lists nearest to its own alone.

The lists are clusters (inverted lists, Jegou et al. 2011). All queries of one list are multiplied at once with all the
vectors of the lists that lie nearest to it, as `curate.embed.coarse` does it; a search of few queries gains little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.embed import products
from curate.embed.coarse import QUERIES, Columns, Scratch, in_threads
from curate.embed.measure import measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS, _POINTS = 10, 64
"""Rounds of k-means, and how many vectors it learns a list from."""

_ASSIGNED = 8192


class ListIndex:
    """What `curate.embed.neighbours.Index` promises, over vectors of shape (n, d).

    *share*: the part of all vectors that a query is held against, at least.
    """

    def __init__(self, vectors: NDArray[np.float32], seed: int, share: float) -> None:
        self._vectors = np.ascontiguousarray(vectors)
        self._share = share
        self._centres = _centres(self._vectors, seed)
        label = self._assigned(self._vectors)
        self._order = np.argsort(label, kind="stable")
        self._starts = np.searchsorted(label[self._order], np.arange(len(self._centres) + 1))
        self._space = products.Space(self._vectors)
        self._base = self._space.base(self._vectors, self._order)

    def widened(self, share: float) -> ListIndex:
        """The same lists, with another share of the vectors looked at."""
        other = object.__new__(ListIndex)
        other.__dict__ |= self.__dict__ | {"_share": share}
        return other

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest that were found, each of shape (m, k), nearest first."""
        cosine = np.empty((len(queries), k), np.float32)
        place = np.empty((len(queries), k), np.int64)
        label = self._assigned(queries)
        order = np.argsort(label, kind="stable")
        borders = np.searchsorted(label[order], np.arange(len(self._centres) + 1))

        def search_list(number: int, scratch: Scratch) -> None:
            near, columns = self._near(number, k)
            members = order[borders[number] : borders[number + 1]]
            for start in range(0, len(members), 2 * QUERIES):
                asked = queries[members[start : start + 2 * QUERIES]]
                row, column = scratch.candidates(asked, self._space, columns, k)
                found = measured(self._vectors, asked, row, near[column], k)
                cosine[members[start : start + 2 * QUERIES]], place[members[start : start + 2 * QUERIES]] = found

        in_threads(search_list, np.flatnonzero(np.diff(borders)).tolist())
        return cosine, place

    def _near(self, number: int, k: int) -> tuple[NDArray[np.int64], Columns]:
        """The vectors of the lists nearest to one list, until there are enough: their places, and columns."""
        import torch

        alike = self._likeness(self._centres[number : number + 1])[0]
        lists = np.argsort(-alike, kind="stable")
        sizes = np.diff(self._starts)[lists]
        least = max(int(self._share * len(self._vectors)), k)
        lists = lists[: int(np.searchsorted(np.cumsum(sizes), least)) + 1]
        spans = [slice(self._starts[one], self._starts[one + 1]) for one in np.sort(lists)]
        held = torch.cat([self._base.held[one] for one in spans])
        more = torch.cat([self._base.more[one] for one in spans])
        return np.concatenate([self._order[one] for one in spans]), Columns(products.Rows(held, self._base.step, more))

    def _assigned(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """The list of each vector: that of the nearest centre. Shape (n,)."""
        label = np.empty(len(vectors), np.int64)

        def assign(start: int, _: Scratch) -> None:
            some = vectors[start : start + _ASSIGNED]
            label[start : start + _ASSIGNED] = self._likeness(some).argmax(axis=1)

        in_threads(assign, range(0, len(vectors), _ASSIGNED))
        return label

    def _likeness(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Products of some vectors with all centres, shape (m, lists)."""
        import torch

        made: NDArray[np.float32] = torch.mm(torch.from_numpy(vectors), torch.from_numpy(self._centres).t()).numpy()
        return made


def _centres(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Centres of about two lists for each root of the number of vectors, by spherical k-means."""
    import faiss

    count = max(min(int(2 * len(vectors) ** 0.5), len(vectors) // 4), 1)
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
