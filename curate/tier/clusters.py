"""Rows that lie too close to stand on both sides of the hold-out: close pairs, their clusters, groups of twins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_BLOCK = 1024


@dataclass(frozen=True)
class Ties:
    """What binds rows together.

    ``pairs`` (m, 2): rows at least as similar as was asked. ``twin`` (n,): the group of duplicates and protected
    pairs that a row belongs to. ``cluster`` (n,): the rows that a chain of either joins.
    """

    pairs: NDArray[np.int64]
    twin: NDArray[np.int64]
    cluster: NDArray[np.int64]


def tie(rows: int, pairs: NDArray[np.int64], twins: NDArray[np.int64]) -> Ties:
    """The ties that close *pairs* and pairs of *twins* make between *rows* rows; both of shape (m, 2)."""
    return Ties(pairs, components(rows, twins), components(rows, np.concatenate([pairs, twins])))


def alone(rows: int) -> Ties:
    """No ties: every row is a cluster of its own."""
    own = np.arange(rows)
    return Ties(np.empty((0, 2), np.int64), own, own)


def among(ties: Ties, chosen: NDArray[np.bool_]) -> Ties:
    """The ties between the *chosen* rows alone, places counted among them."""
    place = np.cumsum(chosen) - 1
    both = chosen[ties.pairs].all(axis=1)
    return Ties(place[ties.pairs[both]], ties.twin[chosen], ties.cluster[chosen])


def components(rows: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The connected component of each row, numbered by its first row. Shape (rows,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    joins = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(rows, rows))
    _, label = connected_components(joins, directed=False)
    _, first, code = np.unique(label, return_index=True, return_inverse=True)
    found: NDArray[np.int64] = first[code].astype(np.int64)
    return found


def listed_pairs(
    neighbours: NDArray[np.int64], cosine: NDArray[np.float32], first: int, least: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs with at least this cosine in some rows' lists, shape (m, 2), and the rows whose list was cut short.

    The rows are those from *first* on; lists have shape (n, k), nearest first. A list whose last neighbour is still
    that near may leave out others, so the row has to be measured against all (`measured_pairs`).
    """
    row, at = np.nonzero(cosine >= least)
    short = np.flatnonzero(cosine[:, -1] >= least) if cosine.shape[1] else np.empty(0, np.int64)
    return np.stack([row + first, neighbours[row, at]], axis=1).astype(np.int64), short + first


def measured_pairs(
    rows: NDArray[np.int64], parts: Callable[[], Iterable[NDArray[np.float32]]], least: float
) -> NDArray[np.int64]:
    """The pairs that some *rows* (rising) make with any row, by their vectors: unit length, gone through twice."""
    found = [np.empty((0, 2), np.int64)]
    asked, start = [], 0
    for part in parts() if len(rows) else ():
        low, high = np.searchsorted(rows, (start, start + len(part)))
        asked.append(part[rows[low:high] - start])
        start += len(part)
    vectors, start = np.concatenate(asked) if asked else np.empty((0, 0), np.float32), 0
    for part in parts() if len(rows) else ():
        for block in range(0, len(rows), _BLOCK):
            one, other = np.nonzero(vectors[block : block + _BLOCK] @ part.T >= least)
            found.append(np.stack([rows[one + block], other + start], axis=1))
        start += len(part)
    return np.concatenate(found)


def distinct(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each pair once, the smaller place first, no row with itself. Shape (m, 2)."""
    ordered = np.sort(pairs, axis=1)
    found: NDArray[np.int64] = np.unique(ordered[ordered[:, 0] != ordered[:, 1]], axis=0)
    return found
