"""Which index a corpus gets, by its size; and how much of the truth a sample of queries finds in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from curate.embed.coarse import CoarseIndex
from curate.embed.codes import CodeIndex
from curate.embed.lists import ListIndex
from curate.embed.neighbours import FlatIndex, Index
from curate.embed.products import has_fast_bytes
from curate.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["flat", "coarse", "ivf", "pq"]

COARSE_FROM = 4_000
"""Below this many rows the exact index takes no second."""

IVF_FROM = 300_000
"""From here on the search of all pairs takes minutes."""

PQ_FROM_BYTES = 8 << 30
"""Above so many bytes the vectors stay on disk, and codes in 1/16 of the space stand for them in memory."""

AT_ONCE: dict[Kind, int] = {"ivf": 512}
"""Parts that are searched together; lists are fast only where many rows ask for the same."""

AIM = 0.99
"""The share of the neighbours that enough inverted lists are looked through for, where no more is asked for."""

ABOUT: dict[Kind, str] = {
    "flat": "exact inner product (faiss IndexFlatIP)",
    "coarse": "all products in 8 bits, the nearest measured again in 32",
    "ivf": "the nearest inverted lists in 8 bits, the nearest measured again in 32",
    "pq": "inverted lists with product quantisation (faiss IndexIVFPQ), the nearest measured again in 32 bits",
}


def choose(rows: int, width: int) -> Kind:
    """The kind for *rows* vectors; it depends on the size and the processor alone, so it is the same every time."""
    if rows * width * 4 > PQ_FROM_BYTES:
        return "pq"
    return "ivf" if rows >= IVF_FROM else choose_exact(rows)


def choose_exact(rows: int) -> Kind:
    """The kind that looks at all of *rows* vectors, and so finds practically all: for queries that are few."""
    return "coarse" if rows >= COARSE_FROM and has_fast_bytes() else "flat"


def make(kind: Kind, vectors: NDArray[np.float32], k: int, seed: int, least: float = AIM) -> Index:
    """An index of this kind over unit vectors of shape (n, d), to be asked for k neighbours."""
    match kind:
        case "flat":
            return FlatIndex(vectors)
        case "coarse":
            return CoarseIndex(vectors)
        case "ivf":
            return ListIndex(vectors, k, seed, (1 + max(least, AIM)) / 2)
        case "pq":
            return CodeIndex(vectors, seed)


def share_found(cosine: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    """The share of the true k nearest among those found, by their cosines; shapes (m, k), the nearest first.

    One as near as the k-th nearest counts as found: which of equals comes last is nobody's truth.
    """
    return float((cosine >= true[:, -1:] - 1e-5).mean()) if cosine.size else 1.0


def hold(kind: Kind, found: float, least: float) -> float:
    """The recall, or a `SettingsError` where it is below what was asked for."""
    if found < least:
        raise SettingsError(
            f"the index {kind!r} finds {found:.3f} of the true neighbours, asked for are {least}",
            fix="set [embed] index = 'flat' or 'coarse', or a lower [embed] recall",
        )
    return found
