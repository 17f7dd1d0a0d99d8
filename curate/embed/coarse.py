"""Nearest neighbours by 16-bit products, then exact ones for the few that may be among them.

Unit vectors are rounded to bfloat16, which many processors multiply several times as fast as 32 bits. A block of queries
is multiplied with the base chunk by chunk, so that a chunk is looked through while it is in the processor's cache, and
of every group of columns only the greatest product is kept. The k-th greatest of those is at most the k-th greatest of
all products, so whatever is among the k nearest stands in a group whose greatest reaches that bound. These groups are
opened, and their columns that reach it are measured again in 32 bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import torch
    from numpy.typing import NDArray

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

_LEAST = np.iinfo(np.int16).min
_LAST = np.iinfo(np.uint64).max
_POSITIVE = np.int32(0x7FFF_FFFF)


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
    """Rows of a base, shape (n, d) in bfloat16, as chunks of columns of equal width, filled up with noughts."""

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
            filled = torch.zeros((self.width, rows.shape[1]), dtype=torch.bfloat16)
            filled[: len(rest)] = rest
            self.chunks.append(filled.t())


class Scratch:
    """The room that one thread works in; it is kept from block to block."""

    def __init__(self) -> None:
        self._room: dict[str, torch.Tensor] = {}

    def candidates(
        self, queries: torch.Tensor, base: Columns, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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

    def _multiplied(self, queries: torch.Tensor, base: Columns) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """All products as a flat array (chunk, query, column) and the greatest of each group, shape (m, groups).

        They are bfloat16 read as whole numbers, which are in the same order where they are positive.
        """
        import torch

        rows, groups, count = len(queries), base.width // GROUP, len(base.chunks)
        product = self._space("product", (count, rows, base.width), torch.bfloat16)
        whole = product.view(torch.int16)
        every = count * groups
        greatest = self._space("greatest", (rows, every + -every % CLAN), torch.int16)
        greatest[:, every:] = _LEAST
        for number, chunk in enumerate(base.chunks):
            torch.mm(queries, chunk, out=product[number])
            whole[number, :, base.count - number * base.width :] = _LEAST
            held = whole[number].view(rows, GROUP, groups)
            torch.amax(held, 1, out=greatest[:, number * groups : (number + 1) * groups])
        return whole.view(-1).numpy(), greatest.numpy()

    def _space(self, name: str, shape: tuple[int, ...], kind: torch.dtype) -> torch.Tensor:
        import torch

        size = int(np.prod(shape))
        if name not in self._room or len(self._room[name]) < size:
            self._room[name] = torch.empty(size, dtype=kind)
        return self._room[name][:size].view(shape)


def halved(vectors: NDArray[np.float32]) -> torch.Tensor:
    """Vectors in bfloat16."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(vectors)).to(torch.bfloat16)


def measured(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k nearest of each query among its candidates, by 32-bit products: cosines and places, shape (m, k)."""
    import faiss

    cosine = np.empty(len(row), np.float32)
    at = [np.ascontiguousarray(one, dtype=kind) for one, kind in ((vectors, np.float32), (queries, np.float32))]
    places = [np.ascontiguousarray(one, dtype=np.int64) for one in (column, row)]
    base, asked, one, other = (faiss.swig_ptr(held) for held in (*at, *places))
    faiss.pairwise_indexed_inner_product(vectors.shape[1], len(row), base, one, asked, other, faiss.swig_ptr(cosine))
    sizes = np.bincount(row, minlength=len(queries))
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    keys = np.full((len(queries), int(sizes.max(initial=k))), _LAST, np.uint64)
    keys[row, np.arange(len(row)) - first[row]] = _keys(cosine, column)
    keys.sort(axis=1)
    return _unkeyed(keys[:, :k])


def _keys(cosine: NDArray[np.float32], column: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers that are in order of falling cosine, then of rising column."""
    bits = cosine.view(np.int32)
    falling = np.where(bits < 0, bits, ~bits & _POSITIVE).view(np.uint32).astype(np.uint64)
    return (falling << np.uint64(32)) | column.astype(np.uint64)


def _unkeyed(keys: NDArray[np.uint64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    falling = (keys >> np.uint64(32)).astype(np.uint32).view(np.int32)
    bits = np.where(falling < 0, falling, ~falling & _POSITIVE).astype(np.int32)
    return bits.view(np.float32), (keys & np.uint64(0xFFFF_FFFF)).astype(np.int64)


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


def _bound(held: NDArray[np.int16], want: int) -> NDArray[np.int16]:
    """What the *want* best of each row reach. Shape (m,); the filling never reaches it."""
    if held.shape[1] <= want:
        return np.full(len(held), _LEAST + 1, np.int16)
    at = held.shape[1] - want
    return np.maximum(np.partition(held, at, axis=1)[:, at], _LEAST + 1)


def _opened(
    held: NDArray[np.int16],
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    step: int,
    size: int,
    bound: NDArray[np.int16],
    want: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What reaches its row's bound among *size* members from each *first*, *step* apart: rows, and places in *held*."""
    places = first[:, None] + np.arange(0, size * step, step)
    value = np.take(held, places, mode="clip")
    reached = np.flatnonzero(value >= bound[row][:, None])
    return _uncrowded(row[reached // size], places.reshape(-1)[reached], value.reshape(-1)[reached], want)


def _uncrowded(
    row: NDArray[np.int64], place: NDArray[np.int64], value: NDArray[np.int16], want: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best `CROWD` beyond *want* of each row, where one has more than that; rows in order."""
    if not len(row) or np.bincount(row).max() <= want + CROWD:
        return row, place
    order = np.lexsort((place, -value.astype(np.int32), row))
    row, place = row[order], place[order]
    kept = np.arange(len(row)) - np.searchsorted(row, row) < want + CROWD
    return row[kept], place[kept]
