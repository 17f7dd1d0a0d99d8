"""Nearest neighbours by 16-bit products, then exact ones for the few that may be among them.

Unit vectors are rounded to bfloat16, which many processors multiply several times as fast as 32 bits (others keep 32).
A block of queries is multiplied with the base chunk by chunk, so that a chunk is looked through while it is in the
processor's cache, and of every group of columns only the greatest product is kept. The k-th greatest of those is at
most the k-th greatest of all products, so whatever is among the k nearest stands in a group whose greatest reaches that
bound. These groups are opened, and their columns that reach it are measured again in 32 bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from curate.embed.measure import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch
    from numpy.typing import NDArray

    Whole = np.int16 | np.int32

QUERIES = 256
CHUNK = 2048
GROUP, CLAN = 16, 16
"""Columns of a group, of which one product is kept; and groups of a clan, of which the bound is made."""

STEP = 512
"""Chunks are of so many columns or a multiple: processors take the greatest of whole registers only at speed."""

SPARE = 4
"""The bound is taken so many places below the k-th, since the products are rounded."""

CROWD = 128
"""Where far more columns reach the bound, as copies do, the best so many beyond k are measured again."""


class CoarseIndex:
    """What `curate.embed.neighbours.Index` promises, over vectors of shape (n, d)."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = np.ascontiguousarray(vectors)
        self._columns = Columns(halved(self._vectors))

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest, each of shape (m, k), nearest first, equal ones in order of place."""
        cosine = np.empty((len(queries), k), np.float32)
        place = np.empty((len(queries), k), np.int64)

        def search_block(start: int, scratch: Scratch) -> None:
            block = slice(start, start + QUERIES)
            row, column = scratch.candidates(halved(queries[block]), self._columns, k)
            cosine[block], place[block] = measured(self._vectors, queries[block], row, column, k)

        in_threads(search_block, range(0, len(queries), QUERIES))
        return cosine, place


class Columns:
    """Rows of a base, shape (n, d), as chunks of columns of equal width, filled up with noughts."""

    def __init__(self, rows: torch.Tensor) -> None:
        import torch

        self.count = len(rows)
        chunks = max(-(-self.count // CHUNK), 1)
        self.width = max(-(-self.count // chunks), 1)
        self.width += -self.width % STEP
        whole = self.count // self.width
        self.chunks = [rows[start * self.width : (start + 1) * self.width].t() for start in range(whole)]
        rest = rows[whole * self.width :]
        if len(rest) or not whole:
            filled = torch.zeros((self.width, rows.shape[1]), dtype=rows.dtype)
            filled[: len(rest)] = rest
            self.chunks.append(filled.t())


class Scratch:
    """The room that one thread works in; it is kept from block to block."""

    def __init__(self) -> None:
        self._room: dict[str, torch.Tensor] = {}

    def candidates(self, queries: torch.Tensor, base: Columns, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a query and a column that may be among its k nearest, in order of the queries."""
        want = min(k + SPARE, base.count)
        product, greatest = self._multiplied(queries, base)
        clans = greatest.reshape(len(queries), CLAN, -1).max(axis=1)
        if clans.shape[1] >= 2 * want:
            bound = _bound(clans, want)
            row, clan = np.divmod(np.flatnonzero(clans >= bound[:, None]), clans.shape[1])
            first = row * greatest.shape[1] + clan
            row, place = _opened(greatest.reshape(-1), row, first, clans.shape[1], CLAN, bound, want)
            group = place - row * greatest.shape[1]
        else:
            bound = _bound(greatest, want)
            row, group = np.divmod(np.flatnonzero(greatest >= bound[:, None]), greatest.shape[1])
        chunk, inside = np.divmod(group, base.width // GROUP)
        first = (chunk * len(queries) + row) * base.width + inside
        row, place = _opened(product, row, first, base.width // GROUP, GROUP, bound, want)
        chunk, place = np.divmod(place, len(queries) * base.width)
        return row, chunk * base.width + place % base.width

    def _multiplied(self, queries: torch.Tensor, base: Columns) -> tuple[NDArray[Whole], NDArray[Whole]]:
        """All products as a flat array (chunk, query, column) and the greatest of each group, shape (m, groups).

        They are read as whole numbers, which are in the same order where they are positive.
        """
        import torch

        rows, groups, count = len(queries), base.width // GROUP, len(base.chunks)
        kind = torch.int16 if queries.dtype == torch.bfloat16 else torch.int32
        least = torch.iinfo(kind).min
        product = self._space("product", (count, rows, base.width), queries.dtype)
        whole = product.view(kind)
        every = count * groups
        greatest = self._space("greatest", (rows, every + -every % CLAN), kind)
        greatest[:, every:] = least
        for number, chunk in enumerate(base.chunks):
            torch.mm(queries, chunk, out=product[number])
            whole[number, :, base.count - number * base.width :] = least
            held = whole[number].view(rows, GROUP, groups)
            torch.amax(held, 1, out=greatest[:, number * groups : (number + 1) * groups])
        return whole.view(-1).numpy(), greatest.numpy()

    def _space(self, name: str, shape: tuple[int, ...], kind: torch.dtype) -> torch.Tensor:
        import torch

        size = int(np.prod(shape))
        if name not in self._room or len(self._room[name]) < size:
            self._room[name] = torch.empty(size, dtype=kind)
        return self._room[name][:size].view(shape)


def has_fast_halves() -> bool:
    """Whether this processor multiplies bfloat16 faster than 32-bit numbers."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001


def halved(vectors: NDArray[np.float32]) -> torch.Tensor:
    """Vectors in bfloat16, or as they are where that would be slower."""
    import torch

    kind = torch.bfloat16 if has_fast_halves() else torch.float32
    return torch.from_numpy(np.ascontiguousarray(vectors)).to(kind)


def in_threads(work: Callable[[int, Scratch], None], jobs: Iterable[int]) -> None:
    """Do each job in one of as many threads as torch may take, each with a room of its own.

    A thread multiplies alone: two blocks side by side are faster than one that two threads share.
    """
    import faiss
    import torch

    threads = torch.get_num_threads()
    waiting = iter(list(jobs))

    def run(_: int) -> None:
        scratch = Scratch()
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
        with torch.inference_mode():
            for job in waiting:
                work(job, scratch)

    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(threads)))
    finally:
        torch.set_num_threads(threads)


def _bound(held: NDArray[Whole], want: int) -> NDArray[Whole]:
    """What the *want* best of each row reach. Shape (m,); the filling never reaches it."""
    least = np.iinfo(held.dtype).min + 1
    if held.shape[1] <= want:
        return np.full(len(held), least, held.dtype)
    at = held.shape[1] - want
    return np.maximum(np.partition(held, at, axis=1)[:, at], least)


def _opened(
    held: NDArray[Whole],
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    step: int,
    size: int,
    bound: NDArray[Whole],
    want: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What reaches its row's bound among *size* members from each *first*, *step* apart: rows, and places in *held*."""
    places = first[:, None] + np.arange(0, size * step, step)
    value = np.take(held, places, mode="clip")
    reached = np.flatnonzero(value >= bound[row][:, None])
    return _uncrowded(row[reached // size], places.reshape(-1)[reached], value.reshape(-1)[reached], want)


def _uncrowded(
    row: NDArray[np.int64], place: NDArray[np.int64], value: NDArray[Whole], want: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best `CROWD` beyond *want* of each row, where one has more than that; rows in order."""
    if not len(row) or np.bincount(row).max() <= want + CROWD:
        return row, place
    order = np.lexsort((place, -value.astype(np.int64), row))
    row, place = row[order], place[order]
    kept = np.arange(len(row)) - np.searchsorted(row, row) < want + CROWD
    return row[kept], place[kept]
