"""Worker processes of this machine: results in the order of the parts, and each process with its own card."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.engines.local import LocalEngine
from curate.pipeline import local_engine
from curate.protocol import Done, Part
from tests.pipeline_runs import recipe

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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

    assert local_engine(with_model, None) == LocalEngine(2, ("0", "1"))
    assert local_engine(with_model, 3) == LocalEngine(3, ("0", "1"))
    assert local_engine(with_model, 1) == LocalEngine(1)
    assert local_engine(on_one, None) == LocalEngine(1)
    assert local_engine(recipe(tmp_path), None) == LocalEngine(1)
