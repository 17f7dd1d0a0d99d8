"""Rows that carry their place, and what became of them on their way through a trainer's loader.

A marked row is as long as the real one, and every token of it is its place plus one; so any piece of it, wherever it
turns up, tells which row it is of, and the loader sorts, cuts, packs, drops and deals it as it would the real row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from curate.protocol import Frozen
from curate.train.encode import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Lengths:
    """Tokens of each row of the plan, those before its first answer, and its tier; arrays of shape (n,)."""

    tokens: NDArray[np.int64]
    prompt: NDArray[np.int64]
    tier: NDArray[np.int64]


class Delivered(Frozen):
    """How a trainer's loader deals with the plan."""

    planned: int
    delivered: int = Field(description="Rows of which at least one token came.")
    first_divergence: int | None = Field(description="The place in the plan at which another row came; None if none.")
    rank_correlation: float = Field(description="Spearman's, of place in the plan and place of arrival; 1 in order.")
    farthest: int = Field(description="By how many places a row moved at most.")
    repeated: int = Field(description="Rows that came more than once.")
    dropped: dict[str, int] = Field(description="Rows by tier of which nothing came.")
    truncated: dict[str, int] = Field(description="Rows by tier that lost tokens.")

    @property
    def in_order(self) -> bool:
        """Whether the rows came as planned, none missing and none twice."""
        return self.first_divergence is None and not self.dropped and not self.repeated


def marked(lengths: Lengths) -> dict[str, list[list[int]]]:
    """The columns of all marked rows: ``input_ids`` and ``labels``, which are ignored before the first answer."""
    ids = [[place + 1] * int(tokens) for place, tokens in enumerate(lengths.tokens)]
    labels = [[IGNORED] * int(prompt) + row[int(prompt) :] for row, prompt in zip(ids, lengths.prompt, strict=True)]
    return {"input_ids": ids, "labels": labels}


def pieces(batches: Iterable[NDArray[np.int64]]) -> list[tuple[int, int]]:
    """The pieces of rows in the order in which they came, as (place, tokens); a 0 fills up and is no piece.

    *batches* are arrays of token ids, of shape (rows, t) each.
    """
    found: list[tuple[int, int]] = []
    for batch in batches:
        for row in np.atleast_2d(batch):
            real = row[row > 0]
            if not len(real):
                continue
            borders = np.flatnonzero(np.diff(real)) + 1
            found.extend((int(run[0]) - 1, len(run)) for run in np.split(real, borders))
    return found


def compare(lengths: Lengths, found: Sequence[tuple[int, int]]) -> Delivered:
    """The report on the pieces of a whole epoch. A row that is cut in two by a pack's end is one row."""
    arrived: list[list[int]] = []
    for place, tokens in found:
        if arrived and arrived[-1][0] == place and arrived[-1][1] + tokens <= lengths.tokens[place]:
            arrived[-1][1] += tokens
        else:
            arrived.append([place, tokens])
    order = np.array([place for place, _ in arrived], np.int64)
    came = np.zeros(len(lengths.tokens), np.int64)
    for place, tokens in arrived:
        came[place] = max(came[place], tokens)
    kept = np.flatnonzero(came)
    first = np.unique(order, return_index=True)[1] if len(order) else np.zeros(0, np.int64)
    arrival = np.empty(len(kept), np.int64)
    arrival[:] = np.argsort(np.argsort(first)) if len(kept) else 0
    return Delivered(
        planned=len(came),
        delivered=len(kept),
        first_divergence=_divergence(order, len(came)),
        rank_correlation=_spearman(arrival),
        farthest=int(np.abs(arrival - np.arange(len(kept))).max(initial=0)),
        repeated=int((np.bincount(order, minlength=len(came)) > 1).sum()),
        dropped=_by_tier(lengths.tier[came == 0]),
        truncated=_by_tier(lengths.tier[(came > 0) & (came < lengths.tokens)]),
    )


def _divergence(order: NDArray[np.int64], planned: int) -> int | None:
    """The first place at which another row came than the plan's, or none any more."""
    shared = min(len(order), planned)
    off = np.flatnonzero(order[:shared] != np.arange(shared))
    if len(off):
        return int(off[0])
    return None if len(order) == planned else shared


def _spearman(arrival: NDArray[np.int64]) -> float:
    """Spearman's correlation of a permutation with the identity: 1 - 6 sum d^2 / (n (n^2 - 1))."""
    n = len(arrival)
    if n < 2:
        return 1.0
    squares = float(((arrival - np.arange(n)).astype(np.float64) ** 2).sum())
    return 1.0 - 6.0 * squares / (n * (n * n - 1.0))


def _by_tier(tiers: NDArray[np.int64]) -> dict[str, int]:
    return {str(tier): int(count) for tier, count in zip(*np.unique(tiers, return_counts=True), strict=True)}
