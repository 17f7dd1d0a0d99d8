"""Nearest neighbours by 8-bit products, then exact ones for the few that may be among them.

A block of queries is multiplied with the base chunk by chunk (`curate.embed.products`), so that a chunk is looked
through while it is in the processor's cache, and of every group of columns only the greatest product is kept. The k-th
greatest of those is at most the k-th greatest of all products, so whatever is among the k nearest stands in a group
whose greatest reaches that bound, less what rounding may have cost. These groups are opened, and their columns that
reach it are measured again in 32 bits.
"""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING

import numpy as np

from curate.embed import products
from curate.embed.measure import measured
from curate.embed.threads import in_threads

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from curate.embed.products import Levels

QUERIES = 256
CHUNK = 2048
GROUP, CLAN = 16, 16
"""Columns of a group, of which one product is kept; and groups of a clan, of which the bound is made."""

STEP = 512
"""Chunks are of so many columns or a multiple: processors take the greatest of whole registers only at speed."""

CROWD = 128
"""Where far more columns reach the bound, as copies do, the best so many beyond k are measured again."""


class CoarseIndex:
    """What `curate.embed.neighbours.Index` promises, over vectors of shape (n, d)."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = np.ascontiguousarray(vectors)
        self._space = products.Space(self._vectors)
        self._columns = Columns(self._space.base(self._vectors))

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest, each of shape (m, k), nearest first, equal ones in order of place."""
        cosine = np.empty((len(queries), k), np.float32)
        place = np.empty((len(queries), k), np.int64)
        scratch = Scratch()

        def search_block(start: int) -> None:
            block = slice(start, start + QUERIES)
            row, column = scratch.candidates(queries[block], self._space, self._columns, k)
            cosine[block], place[block] = measured(self._vectors, queries[block], row, column, k)

        in_threads(search_block, range(0, len(queries), QUERIES))
        return cosine, place


class Columns:
    """A base of n rows as chunks of columns of equal width, filled up with noughts."""

    def __init__(self, rows: products.Rows) -> None:
        import torch

        self.count = len(rows)
        chunks = max(-(-self.count // CHUNK), 1)
        self.width = max(-(-self.count // chunks), 1)
        self.width += -self.width % STEP
        whole = self.count // self.width
        each = [rows[start * self.width : (start + 1) * self.width] for start in range(whole)]
        rest = rows[whole * self.width :]
        if len(rest) or not whole:
            held = torch.zeros((self.width, rows.held.shape[1]), dtype=rows.held.dtype)
            held[: len(rest)] = rest.held
            more = torch.zeros(self.width)
            more[: len(rest)] = rest.more
            each.append(products.Rows(held, more))
        self.chunks = [products.packed(one) for one in each]


class Scratch(local):
    """The room that a thread works in: each has one of its own, kept from block to block."""

    def __init__(self) -> None:
        self._room: dict[str, torch.Tensor] = {}

    def candidates(
        self, queries: NDArray[np.float32], space: products.Space, base: Columns, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a query and a column that may be among its k nearest, in order of the queries."""
        want = min(k, base.count)
        rows = space.asked(queries)
        product, greatest = self._multiplied(rows, space, base)
        clans = greatest.reshape(len(queries), CLAN, -1).max(axis=1)
        many = clans.shape[1] >= 2 * want
        bound = bounds(clans if many else greatest, want, space.slack)
        if many:
            row, clan = np.divmod(np.flatnonzero(clans >= bound[:, None]), clans.shape[1])
            first = row * greatest.shape[1] + clan
            row, place = _opened(greatest.reshape(-1), row, first, clans.shape[1], CLAN, bound, want)
            group = place - row * greatest.shape[1]
        else:
            row, group = np.divmod(np.flatnonzero(greatest >= bound[:, None]), greatest.shape[1])
        chunk, inside = np.divmod(group, base.width // GROUP)
        first = (chunk * len(queries) + row) * base.width + inside
        row, place = _opened(product, row, first, base.width // GROUP, GROUP, bound, want)
        chunk, place = np.divmod(place, len(queries) * base.width)
        column = chunk * base.width + place % base.width
        return row[column < base.count], column[column < base.count]

    def _multiplied(self, queries: products.Rows, space: products.Space, base: Columns) -> tuple[Levels, Levels]:
        """All products as a flat array (chunk, query, column) and the greatest of each group, shape (m, groups)."""
        rows, groups, count = len(queries), base.width // GROUP, len(base.chunks)
        product = self._space("product", (count, rows, base.width))
        every = count * groups
        greatest = self._space("greatest", (rows, every + -every % CLAN))
        greatest[:, every:] = 0
        for number, chunk in enumerate(base.chunks):
            product[number] = space.levels(queries, chunk)
            greatest[:, number * groups : (number + 1) * groups] = of_groups(product[number])
        return product.view(-1).numpy(), greatest.numpy()

    def _space(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        import torch

        size = int(np.prod(shape))
        if name not in self._room or len(self._room[name]) < size:
            self._room[name] = torch.empty(size, dtype=torch.uint8)
        return self._room[name][:size].view(shape)


def of_groups(made: torch.Tensor) -> torch.Tensor:
    """The greatest of each group of `GROUP` columns, which stand g apart. Shape (m, GROUP * g) gives (m, g).

    By halves, since that runs over whole registers of bytes, six times as fast as a reduction over a dimension.
    """
    import torch

    held = made.view(len(made), GROUP, -1)
    while held.shape[1] > 1:
        half = held.shape[1] // 2
        held = torch.maximum(held[:, :half], held[:, half:])
    return held[:, 0]


def bounds(held: Levels, want: int, slack: int) -> Levels:
    """What the *want* best of each row reach, less the slack; none that may be among them lies lower. Shape (m,).

    A level of 0 stands for all that is less, too; where the bound sinks so low it is 0, which all reach.
    """
    if held.shape[1] <= want:
        return np.zeros(len(held), np.uint8)
    at = held.shape[1] - want
    least = np.partition(held, at, axis=1)[:, at]
    return np.where(least > slack, least - np.minimum(least, slack), 0).astype(np.uint8)


def _uncrowded(row: NDArray[np.int64], place: NDArray[np.int64], value: Levels, want: int) -> NDArray[np.int64]:
    """Which pairs are kept where a row has more than `CROWD` beyond *want*: its best, equal ones in order of place."""
    order = np.lexsort((place, np.uint8(products.MOST) - value, row))
    ranked = row[order]
    return order[np.arange(len(row)) - np.searchsorted(ranked, ranked) < want + CROWD]


def _opened(
    held: Levels,
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    step: int,
    size: int,
    bound: Levels,
    want: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What reaches its row's bound among *size* members from each *first*, *step* apart: rows, and places in *held*."""
    places = first[:, None] + np.arange(0, size * step, step)
    value = np.take(held, places, mode="clip")
    reached = np.flatnonzero(value >= bound[row][:, None])
    row, place = row[reached // size], places.reshape(-1)[reached]
    crowds = (np.bincount(row, minlength=len(bound)) > want + CROWD) & (bound > 0)
    if not crowds.any():
        return row, place
    crowd = np.flatnonzero(crowds[row])
    kept = crowd[_uncrowded(row[crowd], place[crowd], value.reshape(-1)[reached][crowd], want)]
    kept = np.sort(np.concatenate((np.flatnonzero(~crowds[row]), kept)))
    return row[kept], place[kept]
