"""Spaced review: rows met before come back after 1, 2, 4 ... stages, a fixed share of each stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def budget(new: int, share: float) -> int:
    """How many review rows make up *share* of a stage that holds *new* new rows."""
    return round(new * share / (1.0 - share))


class Reviewer:
    """Chooses what is reviewed, stage by stage, and remembers when each row was last seen.

    A row that was new or reviewed in stage s for the k-th time (k = 0 when new) is due from stage s + 2^k on:
    intervals double, as in Leitner's boxes. Rows that are due come first, those seen least often before others,
    then by luck; each row comes at most once a stage. Where fewer rows are due than there is room for, those come
    early whose last visit is longest ago; such a visit does not put off when the row is due.
    """

    def __init__(self, new_in: NDArray[np.int16], luck: NDArray[np.float64]) -> None:
        self._new_in = new_in
        self._luck = luck
        self._times = np.zeros(len(new_in), np.int16)
        self._last = new_in.astype(np.int16)
        self._visited = new_in.astype(np.int16)

    def choose(
        self, stage: int, rows: int, free: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Positions of at most *rows* rows that were new before *stage*, in the order of their luck; which are due.

        Only rows that are *free*, where that is given: shape (n,).
        """
        known = self._new_in < stage
        pool = np.flatnonzero(known if free is None else known & free)
        due = self._last[pool] + (1 << np.minimum(self._times[pool], 14).astype(np.int32)) <= stage
        keys = self._luck[pool] / 2 + np.where(due, self._times[pool], 2.0**16 + self._visited[pool])
        places = (
            np.argpartition(keys, rows - 1)[:rows] if 0 < rows < len(pool) else np.arange(len(pool))[: max(rows, 0)]
        )
        places = places[np.argsort(self._luck[pool[places]], kind="stable")]
        ranked, on_time = pool[places], due[places]
        self._visited[ranked] = stage
        self._times[ranked[on_time]] += 1
        self._last[ranked[on_time]] = stage
        return ranked, on_time
