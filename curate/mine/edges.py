"""Edge cases with reasons: rare and good, rare and broken, curious, uneven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.mine import coherence, local
from curate.mine.propose import Proposal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

BROKEN = 0.25
"""An answer is at odds with its prompt where the two share less than this part of what its neighbours share."""

TELLING = 0.1
"""Neighbours whose prompts and answers share less than this say nothing about a row."""

SURPRISING = 2.0
"""Standard deviations by which a loss or a difficulty stands out from the neighbours'."""


@dataclass(frozen=True)
class Edges:
    """For each row, shape (n,): how rare, how coherent against its neighbours (NaN: unknown), and what stands out."""

    rarity: NDArray[np.float32]
    fit: NDArray[np.float32]
    surprise: NDArray[np.float32]
    uneven: NDArray[np.float32]
    share: float


def find(
    vectors: NDArray[np.float32],
    neighbours: NDArray[np.int64],
    prompts: pa.Array,
    answers: pa.Array,
    signals: Mapping[str, NDArray[np.float32]],
    share: float,
) -> Edges:
    """Measure every row; *share* is the largest part of the rows that each kind may propose."""
    nothing = np.full(len(vectors), np.nan, np.float32)
    return Edges(
        rarity(vectors, neighbours),
        fits(coherence.coherence(prompts, answers), neighbours),
        local.contrast(signals["loss"], neighbours) if "loss" in signals else nothing,
        local.contrast(signals["difficulty"], neighbours) if "difficulty" in signals else nothing,
        share,
    )


def rarity(vectors: NDArray[np.float32], neighbours: NDArray[np.int64]) -> NDArray[np.float32]:
    """How rare each row is (`local.rarity`); a cosine is the mean of what it is and of the shrunk. Shape (n,)."""
    return local.rarity(*local.widen((vectors, local.shrunk(vectors)), neighbours))


def fits(coherent: NDArray[np.float32], neighbours: NDArray[np.int64]) -> NDArray[np.float32]:
    """Each row's coherence over the median of its neighbours', NaN where these tell nothing. Shape (n,)."""
    usual = np.full(len(coherent), np.nan, np.float32)
    beside = coherent[neighbours]
    told = (~np.isnan(beside)).sum(axis=1) * 2 > neighbours.shape[1] if neighbours.shape[1] else np.zeros(0, np.bool_)
    if told.any():
        usual[told] = np.nanmedian(beside[told], axis=1)
    return np.where(usual >= TELLING, coherent / np.maximum(usual, TELLING), np.nan).astype(np.float32)


def proposals(edges: Edges, neighbours: NDArray[np.int64], names: Sequence[str]) -> list[Proposal]:
    """The strongest of each kind; strength is the row's rank of rarity, its misfit, or standard deviations."""
    rows = len(edges.rarity)
    limit = int(edges.share * rows)
    if not limit or not neighbours.shape[1]:
        return []
    rank = np.argsort(np.argsort(edges.rarity, kind="stable"), kind="stable") / max(rows - 1, 1)
    rare = rank >= 1 - edges.share
    broken = edges.fit < BROKEN
    dense = rank < 0.5
    made = []
    for row in _strongest(np.where(broken, 1 - edges.fit, np.nan), limit):
        because = f"prompt and answer share {edges.fit[row]:.0%} of what those of its neighbours share"
        made.append(_proposal(row, "rare_broken", 1 - float(edges.fit[row]), because, neighbours, names))
    taken = {one.row for one in made}
    for row in _strongest(np.where(rare, rank, np.nan), limit):
        if row not in taken:
            because = f"rarer than {rank[row]:.1%} of the examples"
            kind = "rare" if np.isnan(edges.fit[row]) else "rare_good"
            because += "; nothing tells whether it is sound" if kind == "rare" else "; its answer fits its prompt"
            made.append(_proposal(row, kind, float(rank[row]), because, neighbours, names))
    for row in _strongest(np.where(dense & (edges.surprise >= SURPRISING), edges.surprise, np.nan), limit):
        because = f"its loss is {edges.surprise[row]:.1f} standard deviations above its neighbours', in a dense place"
        made.append(_proposal(row, "curious", float(edges.surprise[row]), because, neighbours, names))
    uneven = np.abs(edges.uneven)
    for row in _strongest(np.where(uneven >= SURPRISING, uneven, np.nan), limit):
        because = f"its difficulty is {edges.uneven[row]:+.1f} standard deviations from its neighbours'"
        made.append(_proposal(row, "uneven", float(uneven[row]), because, neighbours, names))
    return made


def _strongest(strength: NDArray[np.floating], limit: int) -> list[int]:
    """The places of the *limit* greatest numbers, NaN left out; of equal ones the earlier."""
    known = np.flatnonzero(~np.isnan(strength))
    order = np.argsort(-strength[known], kind="stable")[:limit]
    chosen: list[int] = known[order].tolist()
    return chosen


def _proposal(
    row: int, kind: str, strength: float, because: str, neighbours: NDArray[np.int64], names: Sequence[str]
) -> Proposal:
    return Proposal(row, kind, strength, because, tuple(names[one] for one in neighbours[row, :3].tolist()))
