"""Small runs for tests: a few dozen rows, cheap scorers, a disk that shows what a kill would leave."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import IO, TYPE_CHECKING, ClassVar

import numpy as np

from curate.protocol import Frozen, Reason, Rising, ScoreField, Scorer, Scores, Status
from curate.recipe import Recipe, check
from curate.store.disk import LocalDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

SKILLS = ("sums", "fractions", "code")
EXEMPT = (".lock", "recipe.toml")


def rows(count: int) -> list[dict[str, object]]:
    """Rows of three skills whose answers grow longer."""
    return [
        {
            "instruction": f"Question {number} about {SKILLS[number % 3]}: what is {number} plus {number * 7 % 13}?",
            "output": f"The answer is {number + number * 7 % 13}. " + "Because it adds up. " * (number % 11),
            "skill": SKILLS[number % 3],
            "author": "anna" if number % 5 else "bo",
        }
        for number in range(count)
    ]


def write_source(path: Path, count: int = 60, *, extra: tuple[str, ...] = ()) -> Path:
    """A JSONL file of *count* good rows, a copy of the first and one broken line, and *extra* lines."""
    lines = [json.dumps(row) for row in rows(count)]
    path.write_text("\n".join([*lines, lines[0], '{"instruction": ', *extra]) + "\n", encoding="utf-8")
    return path


def recipe(source: Path, **tables: object) -> Recipe:
    """A recipe of cheap scorers in small parts."""
    value = {
        "sources": [str(source)],
        "part_rows": 25,
        "score": {"scorers": ["length", "letters"]},
        "scorers": {"letters": {"use": "tests.pipeline_runs:Letters"}},
        "tier": {"stages": 3, "skills": "column:skill", "holdout": 0.1},
        "write": {"keep": ["skill"], "shard_rows": 20},
        "audit": {"by": ["author"]},
    }
    return check({**value, **tables}, "a test's recipe")


def hears_ctrl_c() -> None:
    """For a process to be started: what a shell runs in the background ignores the signal, and all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def tree(folder: Path) -> dict[str, str]:
    """The hash of every file of a run folder but its lock and its recipe (which names the source's place)."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in EXEMPT
    }


class WatchedDisk(LocalDisk):
    """A disk that keeps the folder as a kill would leave it: before each of its operations, and during each write."""

    def __init__(self, root: Path, states: Path) -> None:
        super().__init__(root)
        root.mkdir()
        self.states = states
        self._numbers = itertools.count()

    def _keep(self) -> None:
        shutil.copytree(self.root, self.states / f"{next(self._numbers):03}", copy_function=_copy_if_there)

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        self._keep()
        with super().create(path) as file:
            yield file
            file.flush()
            self._keep()

    def remove(self, path: str) -> None:
        self._keep()
        super().remove(path)


def _copy_if_there(source: str, target: str) -> None:
    """Shards are written by threads: a half-written file may get its name while the folder is copied."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


class Letters(Scorer):
    """Counts letters; counts how often it was opened and how many rows it saw."""

    name = "letters"
    version = "1"
    about = "How many letters."
    source = "none"
    needs = ("answer_view",)
    gives = (ScoreField(name="letters", rising=Rising.HARDER, unit="letters", low=0, about="", headline=True),)
    opened: ClassVar[int] = 0
    seen: ClassVar[int] = 0

    def open(self, statistics: pa.Table | None) -> None:
        del statistics
        Letters.opened += 1

    def score(self, batch: pa.Table) -> Scores:
        Letters.seen += len(batch)
        return Scores(
            {"letters": np.array([len(text) for text in batch.column("answer_view").to_pylist()], np.float32)}
        )


class FussySettings(Frozen):
    every: int = 2


class Fussy(Scorer):
    """Fails on every n-th row."""

    name = "fussy"
    version = "1"
    about = "Fails."
    source = "none"
    needs = ("answer_view",)
    gives = (ScoreField(name="x", rising=Rising.NEUTRAL, unit="none", about="", headline=True),)
    settings = FussySettings

    def score(self, batch: pa.Table) -> Scores:
        every = self.options.every if isinstance(self.options, FussySettings) else 2
        bad = [place for place in range(len(batch)) if place % every == 0]
        values = np.ones(len(batch), np.float32)
        values[bad] = np.nan
        return Scores({"x": values}, {place: Reason(Status.FAILED, "too fussy") for place in bad})
