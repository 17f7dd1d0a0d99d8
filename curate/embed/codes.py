"""Nearest neighbours among codes: vectors are kept in 1/16 of their space, and the likeliest are measured again.

Product quantisation in inverted lists (Jegou, Douze and Schmid 2011) by faiss. The vectors themselves may lie on disk:
only those of the candidates are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from curate.embed.measure import measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CANDIDATES = 10
"""So many times k rows are measured again."""

_PROBED = 16
"""The part of the lists that is looked through, as a divisor."""

_POINTS = 64
_ADDED = 1 << 16


class CodeIndex:
    """What `curate.embed.neighbours.Index` promises, over vectors of shape (n, d)."""

    def __init__(self, vectors: NDArray[np.float32], seed: int) -> None:
        import faiss

        rows, width = vectors.shape
        lists = max(min(int(4 * rows**0.5), rows // _POINTS), 1)
        pieces = next(size for size in (width // 4, width // 8, width // 2, width, 1) if size and width % size == 0)
        index: Any = faiss.IndexIVFPQ(faiss.IndexFlatIP(width), width, lists, pieces, 8, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = index.pq.cp.seed = seed + 1
        drawn = np.random.Generator(np.random.PCG64(seed)).choice(rows, min(rows, lists * _POINTS), replace=False)
        index.train(np.ascontiguousarray(vectors[np.sort(drawn)]))
        for start in range(0, rows, _ADDED):
            index.add(np.ascontiguousarray(vectors[start : start + _ADDED]))
        self._vectors = vectors
        self._index = index

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest that were found, each of shape (m, k), nearest first."""
        rows = len(self._vectors)
        enough = 4 * k * self._index.nlist // rows + 1
        self._index.nprobe = min(max(self._index.nlist // _PROBED, 8, enough), self._index.nlist)
        _, found = self._index.search(queries, min(_CANDIDATES * k, rows))
        row, rank = np.nonzero(found >= 0)
        return measured(self._vectors, queries, row, found[row, rank], k)
