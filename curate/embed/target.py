"""Cosines to the nearest rows of a target set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.embed.neighbours import build

if TYPE_CHECKING:
    from numpy.typing import NDArray


def similarities(vectors: NDArray[np.float32], target: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Of each of n unit vectors to its k nearest of m target vectors, nearest first. Shape (n, min(k, m))."""
    count = min(k, len(target))
    if not count:
        return np.empty((len(vectors), 0), np.float32)
    cosine, _ = build(target).search(vectors, count)
    clipped: NDArray[np.float32] = np.clip(cosine, -1.0, 1.0)
    return clipped
