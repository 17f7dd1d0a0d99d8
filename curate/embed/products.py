"""Cosines of unit vectors in 8 bits, about twice as fast as in 32, and how far they may be off.

Vectors of one corpus often point much the same way, so what is rounded is how they differ from their mean m:
x y = (x - m)(y - m) + x m + y m - m m. What each has with the mean is added to the products: for the base as it is, for
a query by coordinates of its own. A cosine comes out as a *level*, a whole number from 0 to `MOST`. Processors that
multiply no bytes (without AVX2) multiply as they do and round the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Levels = NDArray[np.uint8]

MOST = 255
"""The greatest level."""

DEVIATIONS = 6.0
"""How many standard deviations of a rounded product a level may be off."""

_ASKED, _HELD = 63, 127
"""Greatest numbers of a query and of the base. Seven bits for queries, since two products of bytes are added in 16."""

_BLOCK = 2048


@cache
def has_fast_bytes() -> bool:
    """Whether torch multiplies 8-bit numbers on this processor faster than 32-bit ones."""
    import torch

    onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return onednn and hasattr(torch.ops.onednn, "qlinear_pointwise") and bool(torch.cpu._is_avx2_supported())  # noqa: SLF001


@dataclass(frozen=True)
class Rows:
    """Vectors of shape (n, d + e), as whole numbers where bytes are fast.

    *more*: what is added to the products with each row, shape (n,); nothing for queries.
    """

    held: torch.Tensor
    more: torch.Tensor

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, which: slice) -> Rows:
        return Rows(self.held[which], self.more[which])

    def take(self, places: NDArray[np.int64]) -> Rows:
        """The rows at these places."""
        import torch

        chosen = torch.from_numpy(places)
        return Rows(self.held.index_select(0, chosen), self.more.index_select(0, chosen))


@dataclass(frozen=True)
class Packed:
    """Rows of a base as columns to multiply with."""

    columns: torch.Tensor
    more: torch.Tensor


class Space:
    """How vectors of one corpus, shape (n, d), are rounded."""

    def __init__(self, vectors: Vectors) -> None:
        self._mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        beside = self._beside(vectors)
        square = float(self._mean @ self._mean)
        lowest = max(2 * float(beside.min(initial=1.0)) - square, 0.0)
        self._half = np.float32((lowest + square) / 2)
        self.lowest, self.unit = lowest, max(1 - lowest, 1e-6) / MOST
        """The cosine that level 0 stands for, and how much a level is."""
        away = max(float((vectors.max(axis=0, initial=-1.0) - self._mean).max(initial=0.0)), 1e-6)
        self._largest = max(away, float((self._mean - vectors.min(axis=0, initial=1.0)).max(initial=0.0)))
        self._length = max(float((1 + square - 2 * beside).max(initial=0.0)), 0.0) ** 0.5
        reach = float(np.abs(beside - self._half).max(initial=0.0))
        self._extra = max(int(np.ceil(reach / self._largest**2)), 1)

    def base(self, vectors: Vectors, order: NDArray[np.int64] | None = None) -> Rows:
        """Vectors that are to be found, in the *order* of these places."""
        import torch

        more = self._beside(vectors) - self._half
        beside = np.full(len(vectors), self._largest, np.float32)
        return self._rounded(vectors, beside, order, _HELD, torch.from_numpy(more if order is None else more[order]))

    def asked(self, vectors: Vectors) -> Rows:
        """Vectors whose neighbours are looked for."""
        import torch

        beside = (self._beside(vectors) - self._half) / np.float32(self._extra * self._largest)
        return self._rounded(vectors, beside, None, _ASKED, torch.zeros(len(vectors)))

    @property
    def slack(self) -> int:
        """How many levels lower a pair may come out than another that is no nearer.

        Rounding is an error of variance 1/12 of a step in each number, and its product with the other vector has that
        times the square of its length. Each of the two levels is rounded by half a one at most.
        """
        if not has_fast_bytes():
            return 1
        length = np.hypot(self._length, self._extra**0.5 * self._largest)
        error = length * np.hypot(self._largest / _ASKED, self._largest / _HELD) / 12**0.5
        return int(np.ceil(DEVIATIONS * error / self.unit)) + 1

    def levels(self, queries: Rows, base: Packed) -> torch.Tensor:
        """The level of each query with each column. Shape (m, n), uint8."""
        import torch

        if queries.held.dtype != torch.uint8:
            made = torch.mm(queries.held, base.columns).add_(base.more).div_(self.unit)
            return made.round_().clamp_(0, MOST).to(torch.uint8)
        quick: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            queries.held,
            self._largest / _ASKED,
            _ASKED,
            base.columns,
            torch.tensor([self._largest / _HELD]),
            torch.zeros(1, dtype=torch.int64),
            base.more,
            self.unit,
            0,
            torch.uint8,
            "none",
            [],
            "",
        )
        return quick

    def _beside(self, vectors: Vectors) -> Vectors:
        """What each has with the mean; without BLAS, whose threads would spin beside torch's for a while."""
        found: Vectors = np.einsum("nd,d->n", vectors, self._mean)
        return found

    def _rounded(
        self, vectors: Vectors, beside: Vectors, order: NDArray[np.int64] | None, most: int, more: torch.Tensor
    ) -> Rows:
        """Differences from the mean, and what stands *beside* them some times; *most* is the greatest number."""
        import torch

        fast = has_fast_bytes()
        kind = (torch.uint8 if most == _ASKED else torch.int8) if fast else torch.float32
        width, step, zero = vectors.shape[1], self._largest / most, most if most == _ASKED else 0
        held = torch.empty((len(vectors), width + self._extra), dtype=kind)
        for start in range(0, len(vectors), _BLOCK):
            block = slice(start, start + _BLOCK)
            which = block if order is None else order[block]
            for columns, some in (
                (slice(width), vectors[which] - self._mean),
                (slice(width, None), beside[which, None].repeat(self._extra, axis=1)),
            ):
                made = torch.from_numpy(some)
                held[block, columns] = made.div_(step).round_().clamp_(-most, most).add_(zero) if fast else made
        return Rows(held, more)


def packed(rows: Rows) -> Packed:
    """Rows of a base as the columns that `Space.levels` multiplies with."""
    import torch

    if rows.held.dtype != torch.int8:
        return Packed(rows.held.t(), rows.more)
    columns = torch.ops.onednn.qlinear_prepack(rows.held, [len(rows), rows.held.shape[1]])
    return Packed(columns, rows.more)
