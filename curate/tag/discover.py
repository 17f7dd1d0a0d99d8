"""Skills where nobody has named any: clusters of the vectors, named by their most telling words."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from curate.core.chance import chance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""How many clusters are tried."""

LEAST_ROWS = 20
"""No more clusters are tried than leave so many rows to each, in the mean."""

SAMPLE = 20_000
"""Clusters are found on so many rows at most; every row then goes to the nearest."""

ATTEMPTS = 8
WORDS = 3
_WORD = re.compile(r"[^\W\d_]{3,}")


def cluster(vectors: NDArray[np.float32], count: int | None, seed: int) -> NDArray[np.float32]:
    """The centroids of *count* clusters (spherical k-means), or of as many as part the rows best. Shape (count, d).

    There must be *count* vectors at least; fewer than two times `LEAST_ROWS` are one cluster where none is given.

    Best is the highest mean simplified silhouette (Hruschka, de Castro and Campello 2004): (b - a) / max(a, b), where
    a and b are the distances 1 - cosine of a row to its own and to the next centroid.
    """
    if count is not None:
        return _means(vectors, count, seed)
    tried = [number for number in COUNTS if number * LEAST_ROWS <= len(vectors)] or [1]
    found = [_means(vectors, number, seed) for number in tried]
    return found[int(np.argmax([silhouette(vectors, each) for each in found]))]


def silhouette(vectors: NDArray[np.float32], middle: NDArray[np.float32]) -> float:
    """The mean simplified silhouette; 0 for a single cluster."""
    if len(middle) < 2:
        return 0.0
    far = np.clip(1 - np.sort(vectors @ middle.T, axis=1)[:, -2:], 1e-9, None)
    return float(((far[:, 0] - far[:, 1]) / far[:, 0]).mean(dtype=np.float64))


def names(texts: Iterable[Sequence[str]], label: Iterable[Sequence[int]], count: int) -> list[str]:
    """A name for each cluster: its three most telling words, more where two clusters share them.

    A word tells by its class-based tf-idf (Grootendorst 2022): its share of the cluster's words times
    ln(1 + A / f), with A the mean number of words of a cluster and f the word's number in all. Texts and labels come
    in parts.
    """
    counted: list[Counter[str]] = [Counter() for _ in range(count)]
    for some, codes in zip(texts, label, strict=True):
        for text, code in zip(some, codes, strict=True):
            counted[code].update(set(_WORD.findall(text.lower())))
    everywhere: Counter[str] = sum(counted, Counter())
    mean = everywhere.total() / max(count, 1)
    made: list[str] = []
    for words in counted:
        weight = {word: number / words.total() * np.log(1 + mean / everywhere[word]) for word, number in words.items()}
        ranked = sorted(weight, key=lambda word: (-weight[word], word)) or ["other"]
        length = WORDS
        while (name := "-".join(ranked[:length])) in made and length < len(ranked):
            length += 1
        made.append(name if name not in made else f"{name}-{len(made)}")
    return made


def _means(vectors: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Spherical k-means from rows that k-means++ picks (Arthur and Vassilvitskii 2007); the tightest of a few."""
    import faiss

    best, found = -np.inf, np.empty((0, vectors.shape[1]), np.float32)
    for attempt in range(ATTEMPTS):
        first = vectors[_spread(vectors, count, chance(seed, "tag", f"clusters-{count}-{attempt}"))]
        means = faiss.Kmeans(
            vectors.shape[1],
            count,
            niter=25,
            seed=seed + 1,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=len(vectors),
        )
        means.train(vectors, init_centroids=first)
        middle = np.asarray(means.centroids, np.float32).reshape(count, -1)
        tight = float((vectors @ middle.T).max(axis=1).mean(dtype=np.float64))
        if tight > best:
            best, found = tight, middle
    return found


def _spread(vectors: NDArray[np.float32], count: int, luck: np.random.Generator) -> list[int]:
    """Rows far from each other: each by chance in proportion to its distance to those before, best of a few tries."""
    chosen = [int(luck.integers(len(vectors)))]
    far = np.clip(1 - vectors @ vectors[chosen[0]], 0, None).astype(np.float64)
    tries = 2 + int(np.log(count))
    for _ in range(count - 1):
        total = np.cumsum(far)
        asked = np.searchsorted(total, luck.random(tries) * total[-1]).clip(0, len(vectors) - 1)
        left = np.minimum(far, np.clip(1 - vectors[asked] @ vectors.T, 0, None))
        best = int(left.sum(axis=1).argmin())
        chosen.append(int(asked[best]))
        far = left[best]
    return chosen
