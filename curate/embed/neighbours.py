"""Exact nearest neighbours by cosine over unit vectors, a block of queries at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from curate.embed.measure import measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPARE = 4


class Index(Protocol):
    """What every kind of index promises; faiss's own do, but for the order of equals."""

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest, each of shape (m, k), nearest first, equal ones in order of place."""


class FlatIndex:
    """All products in 32 bits by faiss (IndexFlatIP), the nearest measured again pair by pair."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = np.ascontiguousarray(vectors)
        self._index = build(self._vectors)

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest, each of shape (m, k), nearest first, equal ones in order of place."""
        _, place = self._index.search(queries, min(k + _SPARE, len(self._vectors)))
        row = np.repeat(np.arange(len(queries)), place.shape[1])
        return measured(self._vectors, queries, row, place.reshape(-1), k)


def build(vectors: NDArray[np.float32]) -> Index:
    """The exact inner-product index of faiss over *vectors*, shape (n, d); for unit vectors that is the cosine."""
    import faiss

    index: Index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)  # type: ignore[attr-defined]
    return index


def nearest(
    index: Index, queries: NDArray[np.float32], own: NDArray[np.int64], k: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest of each query among the *size* indexed vectors, the query's *own* position left out.

    Places and cosines, each of shape (m, min(k, size - 1)), nearest first. Rounding may carry a cosine past 1, so it is
    clipped to [-1, 1].
    """
    found = min(k, size - 1)
    if found <= 0:
        return np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    cosine, place = index.search(queries, found + 1)
    itself = place == own[:, None]
    itself[~itself.any(axis=1), -1] = True  # twins may have crowded the row out of its own list
    kept = ~itself
    shape = (len(queries), found)
    return place[kept].reshape(shape), np.clip(cosine[kept].reshape(shape), -1.0, 1.0)


def joined(
    held: tuple[NDArray[np.int64], NDArray[np.float32]],
    fresh: tuple[NDArray[np.int64], NDArray[np.float32]],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest of two lists of neighbours of the same rows, which name no row twice. Shapes (m, k) each."""
    place = np.concatenate([held[0], fresh[0]], axis=1)
    cosine = np.concatenate([held[1], fresh[1]], axis=1)
    order = np.lexsort((place, -cosine), axis=1)[:, :k]
    return np.take_along_axis(place, order, 1), np.take_along_axis(cosine, order, 1)
