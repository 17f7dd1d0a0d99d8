"""Assignment by similarity: the skill whose mean seed is nearest, where it is near enough and nearer than the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def centroids(seeds: NDArray[np.float32], owner: NDArray[np.int64]) -> NDArray[np.float32]:
    """The mean seed of each skill at unit length. Seeds (m, d) of unit length, *owner* (m,) from 0; shape (skills, d).

    Two seeds that point opposite ways have no mean; the skill then lies nowhere and is near nothing.
    """
    count = int(owner.max(initial=-1)) + 1
    total = np.zeros((count, seeds.shape[1]), np.float64)
    np.add.at(total, owner, seeds)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.where(length > 1e-6, length, np.inf)).astype(np.float32)


LOST = 0.01
"""The threshold is one that this share of the seeds would not reach, each held against the others of its skill."""

ALONE = 0.25
"""The threshold where no skill has two seeds, so that nothing tells how far rows of one skill lie apart."""


def threshold(seeds: NDArray[np.float32], owner: NDArray[np.int64]) -> float:
    """A least cosine that rows of a skill reach, as its own seeds tell; below it a row is about something else.

    Every seed is compared with the mean of the others of its skill. Where seeds are a hundred or fewer it is the
    farthest of them that decides. Seeds (m, d) of unit length, *owner* (m,) from 0.
    """
    total = np.zeros((int(owner.max(initial=-1)) + 1, seeds.shape[1]), np.float64)
    np.add.at(total, owner, seeds)
    paired = np.bincount(owner)[owner] > 1
    others = (total[owner] - seeds)[paired]
    length = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    if not len(others):
        return ALONE
    return float(np.quantile(np.einsum("md,md->m", others, seeds[paired]) / length, LOST, method="lower"))


def nearest(
    vectors: NDArray[np.float32], middle: NDArray[np.float32], least: float, margin: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest skill of each row, -1 where it is too far or no nearer than the next by *margin*; and the cosine.

    Vectors (n, d) of unit length. Shapes (n,).
    """
    cosine = vectors @ middle.T
    best = cosine.argmax(axis=1)
    top = cosine[np.arange(len(cosine)), best]
    if middle.shape[0] > 1:
        cosine[np.arange(len(cosine)), best] = -np.inf
        lead = top - cosine.max(axis=1)
    else:
        lead = np.full(len(top), np.inf, np.float32)
    return np.where((top >= least) & (lead >= margin), best, -1), np.clip(top, 0, 1)
