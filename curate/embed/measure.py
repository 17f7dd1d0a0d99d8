"""Candidates for neighbours measured in 32 bits, each pair by itself: a cosine depends on its two vectors alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAST = np.iinfo(np.uint64).max
"""The key that comes after all others."""

_POSITIVE = np.int32(0x7FFF_FFFF)


SAMPLE = 500


def drawn(rows: int, chance: np.random.Generator, sample: int = SAMPLE) -> NDArray[np.int64]:
    """The rows that are asked to tell how many neighbours are found, or how near they are, in order."""
    return np.sort(chance.choice(rows, min(sample, rows), replace=False))


def measured(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k nearest of each query among its candidates, by 32-bit products: cosines and places, shape (m, k)."""
    sizes = np.bincount(row, minlength=len(queries))
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    keys = np.full((len(queries), int(sizes.max(initial=k))), _LAST, np.uint64)
    keys[row, np.arange(len(row)) - first[row]] = _keyed(_cosines(vectors, queries, row, column), column)
    keys.sort(axis=1)
    return _unkeyed(keys[:, :k])


def _cosines(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], row: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The cosine of each pair of a query and a vector."""
    import faiss

    cosine = np.empty(len(row), np.float32)
    held: list[NDArray[Any]] = [np.ascontiguousarray(one, np.float32) for one in (vectors, queries)]
    held += [np.ascontiguousarray(one, np.int64) for one in (column, row)]
    base, asked, one, other = (faiss.swig_ptr(each) for each in held)
    inner = faiss.pairwise_indexed_inner_product  # type: ignore[attr-defined]
    inner(vectors.shape[1], len(row), base, one, asked, other, faiss.swig_ptr(cosine))
    return cosine


def _keyed(cosine: NDArray[np.float32], place: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers that are in order of falling cosine, then of rising place."""
    bits = cosine.view(np.int32)
    falling = np.where(bits < 0, bits, ~bits & _POSITIVE).view(np.uint32).astype(np.uint64)
    return (falling << np.uint64(32)) | place.astype(np.uint64)


def _unkeyed(keys: NDArray[np.uint64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The cosines and places that such numbers were made of."""
    falling = (keys >> np.uint64(32)).astype(np.uint32).view(np.int32)
    bits = np.where(falling < 0, falling, ~falling & _POSITIVE).astype(np.int32)
    return bits.view(np.float32), (keys & np.uint64(0xFFFF_FFFF)).astype(np.int64)
