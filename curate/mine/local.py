"""What the neighbourhood of a row says: how rare it is, how far from its cluster, how it differs from those near it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

WIDE = 20
_BLOCK = 512


def shrunk(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors of shape (n, d) on the first half of their principal axes, the weak ones shrunk; shape (n, d / 2).

    An axis that carries w of the mean square keeps w / (w + mean w) of itself, the Wiener filter (1949) for noise that
    is as strong on every axis. What sets apart only by axes that few rows use so counts for less.
    """
    rows, width = vectors.shape
    moments = np.zeros((width, width))
    for start in range(0, rows, _BLOCK):
        moments += vectors[start : start + _BLOCK].T @ vectors[start : start + _BLOCK]
    strength, axes = np.linalg.eigh(moments)
    strength = np.maximum(strength, 0)
    kept = np.argsort(-strength, kind="stable")[: (width + 1) // 2]
    scale = strength[kept] / np.maximum(strength[kept] + strength.mean(), np.finfo(np.float64).tiny)
    turned = (axes[:, kept] * scale).astype(np.float32)
    made = np.empty((rows, len(kept)), np.float32)
    for start in range(0, rows, _BLOCK):
        some = vectors[start : start + _BLOCK] @ turned
        made[start : start + _BLOCK] = some / np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-12)
    return made


def widen(
    spaces: Sequence[NDArray[np.float32]], neighbours: NDArray[np.int64], wide: int = WIDE
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The *wide* nearest among each row's neighbours and theirs: places and cosines, shape (n, wide), nearest first.

    The cosine of two rows is its mean over *spaces*, unit vectors of n rows each. A graph of 10 neighbours so tells
    what 20 would (the search itself need not be repeated). Where fewer are reached, the furthest is repeated.
    """
    rows, k = neighbours.shape
    if k == 0:
        return np.empty((rows, 0), np.int64), np.empty((rows, 0), np.float32)
    places = np.empty((rows, wide), np.int64)
    cosines = np.empty((rows, wide), np.float32)
    for start in range(0, rows, _BLOCK):
        own = np.arange(start, min(start + _BLOCK, rows))
        reached = np.concatenate([neighbours[own], neighbours[neighbours[own]].reshape(len(own), -1)], axis=1)
        reached.sort(axis=1)
        cosine = np.zeros(reached.shape, np.float32)
        for vectors in spaces:
            cosine += np.einsum("rd,rcd->rc", vectors[own], vectors[reached]) / np.float32(len(spaces))
        cosine[:, 1:][reached[:, 1:] == reached[:, :-1]] = -np.inf
        cosine[reached == own[:, None]] = -np.inf
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :wide]
        found = np.take_along_axis(cosine, order, 1)
        last = np.maximum(np.isfinite(found).sum(axis=1) - 1, 0)
        keep = np.minimum(np.arange(wide)[None, :], last[:, None])
        keep = np.minimum(keep, order.shape[1] - 1)
        order, found = np.take_along_axis(order, keep, 1), np.take_along_axis(found, keep, 1)
        places[own], cosines[own] = np.take_along_axis(reached, order, 1), found
    return places, cosines


def rarity(neighbours: NDArray[np.int64], cosine: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far a row lies from its neighbours, and how much further than these lie from theirs. Shape (n,).

    d + (d - mean of the neighbours' d), d = 1 - mean cosine: the distance of k-NN outlier detection (Ramaswamy et al.
    2000) with the local contrast of LOF (Breunig et al. 2000) as a difference, which holds where a ratio of two small
    distances is noise.
    """
    if not neighbours.shape[1]:
        return np.zeros(len(neighbours), np.float32)
    distance = 1 - cosine.mean(axis=1)
    contrasted: NDArray[np.float32] = (2 * distance - distance[neighbours].mean(axis=1)).astype(np.float32)
    return contrasted


def from_centroid(
    vectors: NDArray[np.float32], label: NDArray[np.int64], centroids: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Each row's cosine distance from the centroid of its cluster, and how many rows that holds. Shapes (n,)."""
    length = np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    distance = 1 - np.einsum("nd,nd->n", vectors, (centroids / length)[label])
    return distance.astype(np.float32), np.bincount(label, minlength=len(centroids))[label]


def contrast(values: NDArray[np.float32], neighbours: NDArray[np.int64]) -> NDArray[np.float32]:
    """A row's value less the mean of its neighbours' in standard deviations of all such differences; NaN if unknown."""
    beside = values[neighbours]
    known = ~np.isnan(beside)
    mean = np.where(known, beside, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    gap = np.where(known.any(axis=1), values - mean, np.nan)
    spread = np.nanstd(gap) if np.isfinite(gap).any() else 0.0
    scaled: NDArray[np.float32] = (gap / spread if spread > 0 else np.zeros_like(gap)).astype(np.float32)
    return scaled


def mean_rank(scores: Iterable[NDArray[np.float32]], rows: int) -> NDArray[np.float32]:
    """The mean of a row's ranks in several scores, from 0 to 1; equal values share a rank, NaN where all are. (n,)."""
    total, held = np.zeros(rows), np.zeros(rows, np.int64)
    for score in scores:
        known = ~np.isnan(score)
        _, place, often = np.unique(score[known], return_inverse=True, return_counts=True)
        ends = np.cumsum(often)
        total[known] += ((ends - (often + 1) / 2) / max(int(known.sum()) - 1, 1))[place]
        held += known
    return np.where(held > 0, total / np.maximum(held, 1), np.nan).astype(np.float32)
