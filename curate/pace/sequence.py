"""The order inside one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.pace.interleave import even, interleave

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROLES = ("new", "review", "repeat", "augmented")
NEW, REVIEW, REPEAT, AUGMENTED = range(len(ROLES))


@dataclass(frozen=True)
class Pieces:
    """The rows of one stage by role, each kind in the order that it shall keep: positions of rows.

    *base* is the row that each repeated and each augmented one goes back to, and *after* a number in [0, 1) that says
    how long after it they come where it is new in this stage too.
    """

    new: NDArray[np.int64]
    review: NDArray[np.int64]
    repeat: NDArray[np.int64]
    augmented: NDArray[np.int64]
    base: NDArray[np.int64]
    after: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """All positions, kind by kind."""
        return np.concatenate([self.new, self.review, self.repeat, self.augmented])

    @property
    def role(self) -> NDArray[np.int8]:
        """The role of each of them."""
        counts = [len(self.new), len(self.review), len(self.repeat), len(self.augmented)]
        return np.repeat(np.arange(len(ROLES), dtype=np.int8), counts)


def interleaved(pieces: Pieces, skill: NDArray[np.int32]) -> NDArray[np.int64]:
    """The rows of a stage in training order with skills interleaved: places in `Pieces.rows`.

    Inside each skill every kind keeps the order given and is spread evenly between the others, and no row comes again
    before it was new. *skill* is looked up by position.
    """
    group = skill[pieces.rows]
    merged = _merged(pieces, group)
    return merged[interleave(group[merged])]


def straight(pieces: Pieces) -> NDArray[np.int64]:
    """The rows of a stage with new rows as given and the other kinds spread evenly between them: places."""
    return _merged(pieces, np.zeros(len(pieces.rows), np.int32))


def _merged(pieces: Pieces, group: NDArray[np.int32]) -> NDArray[np.int64]:
    role = pieces.role
    place = even(group, role)
    if len(pieces.base):
        again = np.arange(len(role) - len(pieces.base), len(role))
        order = np.argsort(pieces.new)
        at = np.searchsorted(pieces.new, pieces.base, sorter=order).clip(0, max(len(pieces.new) - 1, 0))
        home = order[at] if len(order) else at
        here = pieces.new[home] == pieces.base if len(order) else np.zeros(len(at), np.bool_)
        begun = place[home[here]]
        place[again[here]] = begun + (1.0 - begun) * pieces.after[here]
    return np.argsort(group + place, kind="stable")  # of rows at one place the earlier role comes first
