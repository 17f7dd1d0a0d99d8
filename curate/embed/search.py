"""Neighbour lists of all rows: searched anew, or carried on from those of a smaller corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from curate.core.chance import chance
from curate.embed import kinds, selfjoin
from curate.embed.measure import drawn
from curate.embed.neighbours import joined, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Lists = tuple[NDArray[np.int64], NDArray[np.float32]]


class Search(Protocol):
    """Gives the neighbours of rows."""

    def lists(self, own: NDArray[np.int64]) -> Lists:
        """Places and cosines of the k nearest of the rows *own*, the row itself left out. Shapes (m, k)."""


class Whole:
    """Every row is searched among all *vectors*, shape (n, d)."""

    def __init__(self, vectors: NDArray[np.float32], kind: kinds.Kind, k: int, seed: int, least: float) -> None:
        self._vectors = vectors
        self._k = k
        self._index = kinds.make(kind, vectors, k + 1, seed, least)

    def lists(self, own: NDArray[np.int64]) -> Lists:
        """See `Search`."""
        rising = len(own) and own[-1] - own[0] + 1 == len(own)
        asked = self._vectors[own[0] : own[-1] + 1] if rising else self._vectors[own]
        return nearest(self._index, asked, own, self._k, len(self._vectors))


class Together:
    """The neighbours of all rows are looked for together, once any are asked for; *hear* is told how far it is."""

    def __init__(self, vectors: NDArray[np.float32], k: int, hear: Callable[[int, int], None] | None = None) -> None:
        self._vectors, self._k, self._hear = vectors, k, hear
        self._lists: Lists | None = None

    def lists(self, own: NDArray[np.int64]) -> Lists:
        """See `Search`."""
        if self._lists is None:
            self._lists = selfjoin.join(self._vectors, self._k, self._hear)
        place, cosine = self._lists
        return place[own], cosine[own]


class Grown:
    """Rows whose neighbours among the first *before* vectors are known are held against those that came since.

    *known*: places and cosines of shape (before, k). A row is searched among all where its list names a row from
    *before* on (the corpus was larger then, or other rows stood there), or names none at all.
    """

    def __init__(self, vectors: NDArray[np.float32], known: Lists, k: int, seed: int) -> None:
        self._vectors = vectors
        self._known = known
        self._k = k
        self._seed = seed
        self._before = len(known[0])
        fresh = vectors[self._before :]
        self._fresh = kinds.make(kinds.choose_exact(len(fresh)), fresh, min(k, len(fresh)), seed)
        self._whole: Whole | None = None

    def lists(self, own: NDArray[np.int64]) -> Lists:
        """See `Search`."""
        place = np.empty((len(own), self._k), np.int64)
        cosine = np.empty((len(own), self._k), np.float32)
        old = own < self._before
        held = self._known[0][own[old]]
        old[old] = ((held >= 0) & (held < self._before)).all(axis=1)
        if not old.all():
            place[~old], cosine[~old] = self._all().lists(own[~old])
        if old.any():
            carried = own[old]
            k = min(self._k, len(self._vectors) - self._before)
            like, at = self._fresh.search(self._vectors[carried], k)
            fresh = (at + self._before, np.clip(like, -1.0, 1.0))
            known = (self._known[0][carried], self._known[1][carried])
            place[old], cosine[old] = joined(known, fresh, self._k)
        return place, cosine

    def _all(self) -> Whole:
        if self._whole is None:
            self._whole = Whole(self._vectors, kinds.choose_exact(len(self._vectors)), self._k, self._seed, kinds.AIM)
        return self._whole


def recall(search: Search, vectors: NDArray[np.float32], k: int, seed: int) -> float:
    """The share of their true neighbours that the lists of a sample of rows name."""
    rows = drawn(len(vectors), chance(seed, "embed", "recall"))
    true = Whole(vectors, "flat", k, seed, kinds.AIM).lists(rows)[1]
    return kinds.share_found(search.lists(rows)[1], true) if true.shape[1] else 1.0
