"""Worker processes of this machine: results in the order of the parts, and each process with its own card."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import active_children
from typing import TYPE_CHECKING

import pytest

from curate.engines.choice import Choice
from curate.engines.crew import MOST_DEATHS
from curate.engines.local import LocalEngine, local_engine
from curate.errors import CurateError
from curate.pipeline import chosen_engine
from curate.protocol import Done, Part
from tests.pipeline_runs import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from curate.protocol import Engine
    from curate.recipe import Recipe


@dataclass
class Telling:
    """Tells which card its process saw when it was opened, and waits until all processes have one."""

    folder: Path
    workers: int
    name: str = "telling"
    card: str | None = None

    def open(self) -> None:
        self.card = os.environ.get("CUDA_VISIBLE_DEVICES")

    def run(self, part: Part) -> Done:
        """Wait until every worker has a part, so that none has done all before another was there."""
        (self.folder / str(os.getpid())).touch()
        until = time.monotonic() + 30
        while len(list(self.folder.iterdir())) < self.workers and time.monotonic() < until:
            time.sleep(0.01)
        return Done(part.index, part.rows, notes=(str(self.card),))


def _cards(folder: Path, engine: LocalEngine) -> list[str]:
    folder.mkdir()
    parts = iter([Part(index, 1) for index in range(8)])
    done = list(engine.map(Telling(folder, engine.workers), parts))
    assert [one.index for one in done] == list(range(8))
    return [one.notes[0] for one in done]


def test_every_worker_sees_one_card_and_they_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert set(_cards(tmp_path / "two", LocalEngine(2, ("4", "7")))) == {"4", "7"}
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_without_cards_the_environment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")

    assert set(_cards(tmp_path / "two", LocalEngine(2))) == {"1"}


def test_there_is_one_worker_for_each_card_where_no_number_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.models.device.cards", lambda name: ("0", "1") if name == "auto" else ())
    with_model = recipe(tmp_path, score={"scorers": ["length", "perplexity"]})
    on_one = recipe(tmp_path, score={"scorers": ["perplexity"], "device": "cuda:0"})

    def chosen(recipe: Recipe, workers: int | None) -> Engine:
        with chosen_engine(recipe, Choice(workers=workers)) as engine:
            return engine

    assert chosen(with_model, None) == LocalEngine(2, ("0", "1"))
    assert chosen(with_model, 3) == LocalEngine(3, ("0", "1"))
    assert chosen(with_model, 1) == LocalEngine(1)
    assert chosen(on_one, None) == LocalEngine(1)
    assert chosen(recipe(tmp_path), None) == LocalEngine(1)


@dataclass
class Mortal:
    """Its process dies over some parts: over one in *once* the first time only, over one in *always* each time."""

    folder: Path
    once: tuple[int, ...] = ()
    always: tuple[int, ...] = ()
    name: str = "mortal"

    def open(self) -> None: ...

    def run(self, part: Part) -> Done:
        """Say which process it was that ran the part."""
        mark = self.folder / f"died-{part.index}"
        if part.index in self.always or (part.index in self.once and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Done(part.index, part.rows, notes=(str(os.getpid()),))


def _parts(count: int) -> Iterator[Part]:
    return iter([Part(index, 1) for index in range(count)])


def test_processes_stay_from_job_to_job_and_end_with_the_engine(tmp_path: Path) -> None:
    with local_engine(2) as engine:
        seen = [{done.notes[0] for done in engine.map(Mortal(tmp_path), _parts(12))} for _ in range(2)]
        alive = {str(process.pid) for process in active_children()}

    assert seen[0] | seen[1] <= alive
    assert len(seen[0] | seen[1]) <= 2
    assert not alive & {str(process.pid) for process in active_children()}


@dataclass
class Slow:
    """The first process to open it waits until it may go on."""

    folder: Path
    name: str = "slow"

    def open(self) -> None:
        with suppress(FileExistsError):
            (self.folder / "opening").touch(exist_ok=False)
            _wait_for(self.folder / "go on")

    def run(self, part: Part) -> Done:
        return Done(part.index, part.rows, notes=(str(os.getpid()),))


def _wait_for(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)


def test_a_process_that_is_still_opening_when_the_job_is_over_stays_for_the_next(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    with local_engine(2) as engine:
        over = list(engine.map(Slow(slow), _parts(5)))
        alive = {str(process.pid) for process in active_children()}
        (slow / "go on").touch()
        _cards(tmp_path / "both", engine)
        seen = {done.notes[0] for done in over}
        assert {path.name for path in (tmp_path / "both").iterdir()} == alive

    assert [done.index for done in over] == list(range(5))
    assert len(seen) == 1
    assert seen < alive


def test_a_process_that_is_still_opening_a_job_that_is_over_holds_nobody_up_at_the_end(tmp_path: Path) -> None:
    with local_engine(2) as engine:
        assert len(list(engine.map(Slow(tmp_path), _parts(5)))) == 5
        over = time.monotonic()

    assert time.monotonic() - over < 5


def test_no_more_processes_are_started_than_there_are_parts(tmp_path: Path) -> None:
    before = set(active_children())
    with local_engine(8) as engine:
        assert len(list(engine.map(Mortal(tmp_path), _parts(1)))) == 1
        assert len(set(active_children()) - before) == 1


def test_the_part_of_a_process_that_died_is_given_to_another(tmp_path: Path) -> None:
    with local_engine(2) as engine:
        done = list(engine.map(Mortal(tmp_path, once=(0, 5)), _parts(9)))

    assert [each.index for each in done] == list(range(9))
    assert {path.name for path in tmp_path.iterdir()} == {"died-0", "died-5"}


def test_a_part_that_kills_every_process_is_named(tmp_path: Path) -> None:
    with local_engine(2) as engine:
        with pytest.raises(CurateError, match=f"{MOST_DEATHS} workers died over part 3 of mortal.*code -9"):
            list(engine.map(Mortal(tmp_path, always=(3,)), _parts(6)))
        assert len(list(engine.map(Mortal(tmp_path), _parts(6)))) == 6


def test_what_a_job_holds_is_let_go_when_its_parts_are_done(tmp_path: Path) -> None:
    with local_engine(2) as engine:
        list(engine.map(Holding(tmp_path), _parts(4)))
        until = time.monotonic() + 30
        while not list(tmp_path.glob("gone-*")) and time.monotonic() < until:
            time.sleep(0.01)

        assert list(tmp_path.glob("gone-*"))


@dataclass
class Holding:
    """Leaves a file when its process lets go of it."""

    folder: Path
    name: str = "holding"
    opened: bool = False

    def open(self) -> None:
        self.opened = True

    def run(self, part: Part) -> Done:
        """Nothing."""
        return Done(part.index, part.rows)

    def __del__(self) -> None:
        if self.opened:
            (self.folder / f"gone-{os.getpid()}").touch()


def test_a_bug_tells_where_in_the_worker_it_was(tmp_path: Path) -> None:
    with local_engine(2) as engine, pytest.raises(FileNotFoundError) as raised:
        list(engine.map(Telling(tmp_path / "no such folder", 1), _parts(2)))

    assert "in a worker process" in raised.value.__notes__[0]
    assert "test_engines_local.py" in raised.value.__notes__[0]


class OddError(Exception):
    """Cannot be unpickled: it wants more arguments than it passes on."""

    def __init__(self, place: int, why: str) -> None:
        super().__init__(f"{why} at {place}")


@dataclass
class Odd:
    """Raises an error that does not travel."""

    name: str = "odd"

    def open(self) -> None: ...

    def run(self, part: Part) -> Done:
        raise OddError(part.index, "a bug")


def test_a_bug_whose_error_cannot_travel_is_told_and_no_death() -> None:
    with local_engine(2) as engine, pytest.raises(RuntimeError, match="OddError: a bug at 0"):
        list(engine.map(Odd(), iter([Part(index, 1) for index in range(4)])))
