"""Which rows are varied, and which of the variations that could be made a stage takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core.vary import KINDS
from curate.pace.goals import RETRIEVAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.vary import Kind
    from curate.pace.goals import Goal

TRIED_PER_ROW, LEAST_TRIED = 20, 10_000
"""Not every row can be varied in every way, so so many are tried for each one that is wanted, and at least so many."""


@dataclass(frozen=True)
class Variations:
    """Varied rows that stand ready, each of shape (v,): the row they were made from, their kind, tokens and luck."""

    base: NDArray[np.int64]
    kind: NDArray[np.int8]
    tokens: NDArray[np.int64]
    luck: NDArray[np.float64]

    @classmethod
    def none(cls) -> Variations:
        """No variations at all."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.int64), np.zeros(0, np.float64))


def wanted(goal: Goal, new: int) -> dict[Kind, int]:
    """How many varied rows of each kind a stage with *new* new rows takes at most."""
    return {kind: int(share * new + 1e-9) for kind, share in goal.vary.items() if int(share * new + 1e-9)}


def tried(
    goals: Sequence[Goal], new_in: NDArray[np.int16], luck: Mapping[Kind, NDArray[np.float64]]
) -> dict[Kind, NDArray[np.int64]]:
    """The rows that are tried for each kind, in rising position: those that their stage would take first, by luck.

    A variation is new where its row is new; a retrieval form is made of any row that a later stage can look back on.
    *luck* holds a number per row for each kind; shapes (n,).
    """
    found: dict[Kind, list[NDArray[np.int64]]] = {}
    new = np.bincount(new_in[new_in >= 0], minlength=len(goals))
    for number, goal in enumerate(goals):
        for kind, count in wanted(goal, int(new[number])).items():
            pool = np.flatnonzero(new_in < number if kind == RETRIEVAL else new_in == number)
            most = max(TRIED_PER_ROW * count, LEAST_TRIED)
            if most < len(pool):
                pool = pool[np.argpartition(luck[kind][pool], most - 1)[:most]]
            found.setdefault(kind, []).append(pool)
    return {kind: np.unique(np.concatenate(found[kind])) for kind in KINDS if kind in found}


def taken(
    goal: Goal, stage: int, variations: Variations, left: NDArray[np.bool_], new_in: NDArray[np.int16], new: int
) -> NDArray[np.int64]:
    """The variations of rows new in this stage that it takes: of each kind those of the lowest luck, up to its share.

    *left* says which are not used yet; shape (v,). The retrieval forms are chosen with the review.
    """
    chosen = [np.zeros(0, np.int64)]
    for kind, count in wanted(goal, new).items():
        if kind != RETRIEVAL:
            ready = left & (variations.kind == KINDS.index(kind)) & (new_in[variations.base] == stage)
            pool = np.flatnonzero(ready)
            chosen.append(pool[np.argsort(variations.luck[pool], kind="stable")[:count]])
    return np.concatenate(chosen)
