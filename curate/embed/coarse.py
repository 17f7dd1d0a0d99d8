"""Nearest neighbours by 8-bit products, then exact ones for the few that may be among them.

Unit vectors are rounded to whole numbers of 8 bits, which many processors multiply several times as fast as 32-bit
ones (others keep 32). A block of queries is multiplied with the base chunk by chunk, so that a chunk is looked through
while it is in the processor's cache, and of every group of columns only the greatest product is kept. The k-th greatest
of those is at most the k-th greatest of all products, so whatever is among the k nearest stands in a group whose
greatest reaches that bound, less what rounding may have cost. These groups are opened, and their columns that reach it
are measured again in 32 bits.
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

    Products = NDArray[np.int32]

QUERIES = 256
CHUNK = 2048
GROUP, CLAN = 16, 16
"""Columns of a group, of which one product is kept; and groups of a clan, of which the bound is made."""

STEP = 512
"""Chunks are of so many columns or a multiple: processors take the greatest of whole registers only at speed."""

LARGEST = 127
DEVIATIONS = 6.0
"""The bound lies so many standard deviations of a rounded product below the k-th greatest."""

LEAST = -(1 << 31)
"""The filling: less than any product."""

FIXED = 1 << 22
"""Units of 1 that 32-bit products are counted in."""

CROWD = 128
"""Where far more columns reach the bound, as copies do, the best so many beyond k are measured again."""


class CoarseIndex:
    """What `curate.embed.neighbours.Index` promises, over vectors of shape (n, d)."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = np.ascontiguousarray(vectors)
        self._scale = scale_of(self._vectors)
        self._columns = Columns(rounded(self._vectors, self._scale))

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and places of the k nearest, each of shape (m, k), nearest first, equal ones in order of place."""
        cosine = np.empty((len(queries), k), np.float32)
        place = np.empty((len(queries), k), np.int64)

        def search_block(start: int, scratch: Scratch) -> None:
            block = slice(start, start + QUERIES)
            row, column = scratch.candidates(queries[block], self._columns, self._scale, k)
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

    def candidates(
        self, queries: NDArray[np.float32], base: Columns, scale: float, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a query and a column that may be among its k nearest, in order of the queries.

        *scale* is that of the base.
        """
        want = min(k, base.count)
        own = scale_of(queries)
        product, greatest = self._multiplied(rounded(queries, own), base)
        clans = greatest.reshape(len(queries), CLAN, -1).max(axis=1)
        if clans.shape[1] >= 2 * want:
            bound = _bound(clans, want, slack(own, scale))
            row, clan = np.divmod(np.flatnonzero(clans >= bound[:, None]), clans.shape[1])
            first = row * greatest.shape[1] + clan
            row, place = _opened(greatest.reshape(-1), row, first, clans.shape[1], CLAN, bound, want)
            group = place - row * greatest.shape[1]
        else:
            bound = _bound(greatest, want, slack(own, scale))
            row, group = np.divmod(np.flatnonzero(greatest >= bound[:, None]), greatest.shape[1])
        chunk, inside = np.divmod(group, base.width // GROUP)
        first = (chunk * len(queries) + row) * base.width + inside
        row, place = _opened(product, row, first, base.width // GROUP, GROUP, bound, want)
        chunk, place = np.divmod(place, len(queries) * base.width)
        return row, chunk * base.width + place % base.width

    def _multiplied(self, queries: torch.Tensor, base: Columns) -> tuple[Products, Products]:
        """All products as a flat array (chunk, query, column) and the greatest of each group, shape (m, groups)."""
        import torch

        rows, groups, count = len(queries), base.width // GROUP, len(base.chunks)
        product = self._space("product", (count, rows, base.width))
        every = count * groups
        greatest = self._space("greatest", (rows, every + -every % CLAN))
        greatest[:, every:] = LEAST
        for number, chunk in enumerate(base.chunks):
            multiplied(queries, chunk, product[number])
            product[number, :, base.count - number * base.width :] = LEAST
            held = product[number].view(rows, GROUP, groups)
            torch.amax(held, 1, out=greatest[:, number * groups : (number + 1) * groups])
        return product.view(-1).numpy(), greatest.numpy()

    def _space(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        import torch

        size = int(np.prod(shape))
        if name not in self._room or len(self._room[name]) < size:
            self._room[name] = torch.empty(size, dtype=torch.int32)
        return self._room[name][:size].view(shape)


def has_fast_bytes() -> bool:
    """Whether this processor multiplies 8-bit numbers faster than 32-bit ones, and without overflow."""
    import torch

    return bool(torch.cpu._is_vnni_supported())  # noqa: SLF001


def scale_of(vectors: NDArray[np.float32]) -> float:
    """What the vectors are multiplied by before they are rounded, so that the largest number just fits."""
    largest = max(float(vectors.max(initial=0)), -float(vectors.min(initial=0)))
    return LARGEST / largest if largest > 0 else 1.0


def rounded(vectors: NDArray[np.float32], scale: float) -> torch.Tensor:
    """Vectors as whole numbers of 8 bits, or as they are where that would be slower."""
    import torch

    held = torch.from_numpy(np.ascontiguousarray(vectors))
    if not has_fast_bytes():
        return held
    made = torch.empty(held.shape, dtype=torch.int8)
    for start in range(0, len(held), CHUNK):
        made[start : start + CHUNK] = (held[start : start + CHUNK] * scale).round_()
    return made


def multiplied(queries: torch.Tensor, columns: torch.Tensor, out: torch.Tensor) -> None:
    """Products of rounded vectors as 32-bit whole numbers; exact, so the same in any order of adding."""
    import torch

    if queries.dtype == torch.int8:
        torch._int_mm(queries, columns, out=out)  # noqa: SLF001
    else:
        out.copy_(torch.mm(queries, columns).mul_(FIXED))


def slack(one: float, other: float) -> int:
    """How much lower a product may come out than it is, of unit vectors that were rounded at two scales.

    Rounding is an error of variance 1/12 in each number, and its product with the other vector's has that times the
    square of the other's length, which is its scale.
    """
    if not has_fast_bytes():
        return FIXED >> 16
    return int(np.ceil(DEVIATIONS * np.hypot(one, other) / 12**0.5))


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


def _bound(held: Products, want: int, slack: int) -> Products:
    """What the *want* best of each row reach, less the slack. Shape (m,); the filling never reaches it."""
    if held.shape[1] <= want:
        return np.full(len(held), LEAST + 1, np.int32)
    at = held.shape[1] - want
    bound: Products = np.maximum(np.partition(held, at, axis=1)[:, at], LEAST + 1 + slack) - np.int32(slack)
    return bound


def _opened(
    held: Products,
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    step: int,
    size: int,
    bound: Products,
    want: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What reaches its row's bound among *size* members from each *first*, *step* apart: rows, and places in *held*."""
    places = first[:, None] + np.arange(0, size * step, step)
    value = np.take(held, places, mode="clip")
    reached = np.flatnonzero(value >= bound[row][:, None])
    return _uncrowded(row[reached // size], places.reshape(-1)[reached], value.reshape(-1)[reached], want)


def _uncrowded(
    row: NDArray[np.int64], place: NDArray[np.int64], value: Products, want: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best `CROWD` beyond *want* of each row, where one has more than that; rows in order."""
    if not len(row) or np.bincount(row).max() <= want + CROWD:
        return row, place
    order = np.lexsort((place, -value.astype(np.int64), row))
    row, place = row[order], place[order]
    kept = np.arange(len(row)) - np.searchsorted(row, row) < want + CROWD
    return row[kept], place[kept]
