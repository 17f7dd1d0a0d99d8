"""Who gets which row: one order dealt to ranks and workers, so that together they take it as it is planned.

The rows are cut into batches of *batch_rows*. Step m of training takes ``ranks`` consecutive batches, one for each
rank; the batches of a rank go to its workers in turn, as torch's loader collects them. So whatever the numbers of
ranks and workers, the batches of step m are the rows from ``m * ranks * batch_rows`` on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Deal:
    """How *rows* rows are dealt: *batch_rows* to a batch, one batch a step for each of *ranks*."""

    rows: int
    batch_rows: int
    ranks: int = 1

    @property
    def step_rows(self) -> int:
        """Rows of one step over all ranks."""
        return self.batch_rows * self.ranks

    def filled(self, done: int = 0) -> int:
        """How many rows come a second time at the end, so that every rank has a whole batch in the last step.

        With one rank the last batch is short instead, and no row comes twice.
        """
        return 0 if self.ranks == 1 else -max(self.rows - done, 0) % self.step_rows

    def steps(self, done: int = 0) -> int:
        """Steps that are left when *done* rows of the order were taken."""
        return -(-max(self.rows - done, 0) // self.step_rows)

    def places(self, step: int, rank: int = 0, done: int = 0) -> NDArray[np.int64]:
        """The rows that *rank* takes in a step, counted from where *done* rows were taken. Shape (batch,).

        In the last step the rows just before the end come again, never those of the beginning: in a curriculum these
        are of another tier.
        """
        first = done + step * self.step_rows + rank * self.batch_rows
        places = np.arange(first, first + self.batch_rows)
        beyond = places >= self.rows
        if self.ranks == 1:
            return places[~beyond]
        places[beyond] = (places[beyond] - self.filled(done)) % self.rows
        return places

    def batches(self, rank: int = 0, done: int = 0, worker: int = 0, workers: int = 1) -> Iterator[NDArray[np.int64]]:
        """The batches of one worker of one rank, in order."""
        for step in range(worker, self.steps(done), workers):
            yield self.places(step, rank, done)
