"""Trains on copies of a run and is killed on the way, once for each place that is named on the command line.

A process of its own, since the system kills it; `tests.test_train_resume` goes on from what it leaves.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from curate.store.disk import LocalDisk
from curate.store.workspace import Workspace
from tests.train_runs import settings, slipping, trained

if TYPE_CHECKING:
    from collections.abc import Iterator

GATED = {"drop": 0.1, "gate_every": 4, "block_rows": 12, "checkpoint_every": 3}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyDisk(LocalDisk):
    """Kills the process before a checkpoint becomes whole, at the n-th of them."""

    def __init__(self, root: Path, checkpoint: int) -> None:
        super().__init__(root)
        self._left = checkpoint

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        """As usual, but for the file that makes a checkpoint whole."""
        if path.endswith("/curate.json"):
            self._left -= 1
            if self._left == 0:
                die()
        with super().create(path) as file:
            yield file


def killed(root: Path, model: Path, place: str) -> None:
    """Train until the place: ``step-N``, or ``save-N`` for the N-th checkpoint."""
    kind, number = place.split("-")

    def progress(step: str, done: int, total: int | None, unit: str) -> None:
        del step, total, unit
        if kind == "step" and done == int(number):
            die()

    disk = DeadlyDisk(root, int(number)) if kind == "save" else None
    trained(Workspace(root, disk), model, settings(**GATED), prober=slipping, progress=progress)


if __name__ == "__main__":
    folder, weights, *places = sys.argv[1:]
    for each in places:
        child = os.fork()
        if child == 0:
            killed(Path(folder) / each, Path(weights), each)
            sys.exit(1)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            sys.exit(f"{each}: the process was not killed")
