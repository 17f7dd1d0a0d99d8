"""Machines stop: kills, full disks, read-only folders, damaged files, two runs at once, Ctrl-C."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from multiprocessing import get_context
from typing import IO, TYPE_CHECKING

import pytest

from curate.cli.main import call
from curate.errors import CurateError
from curate.pipeline import build
from curate.recipe import dump
from curate.store.disk import LocalDisk
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.pipeline_runs import hears_ctrl_c, recipe, tree, write_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "lessons.jsonl")


def command(path: Path, run: Path) -> list[str]:
    return [sys.executable, "-m", "curate", "run", str(path), "-o", str(run), "-q"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source and a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    build(Workspace(folder / "run"), recipe(write_source(folder / "lessons.jsonl")))
    return folder


@pytest.mark.slow
def test_twenty_kills_at_random_moments_end_in_the_same_bytes(tmp_path: Path, source: Path) -> None:
    path, moments = tmp_path / "small.toml", random.Random(0)
    path.write_bytes(dump(recipe(source, part_rows=5, audit={"render": []})))
    context = get_context("forkserver")  # so that a run begins with its modules imported, and is killed at its work
    context.set_forkserver_preload(["curate.pipeline", "transformers.models.auto.tokenization_auto"])

    def begun(run: Path) -> ForkServerProcess:
        process = context.Process(target=call, args=(["run", str(path), "-o", str(run), "-q"],))
        process.start()
        return process

    begun(tmp_path / "whole").join()
    began = time.monotonic()
    begun(tmp_path / "again").join()
    takes = time.monotonic() - began
    number = killed = 0
    while killed < 20:
        run = tmp_path / f"killed-{number}"
        process = begun(run)
        process.join(moments.uniform(0.05, 0.8) * takes)
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            killed += 1
        else:
            assert process.exitcode == 0
            number += 1
            assert tree(run) == tree(tmp_path / "whole")
    last = begun(run)
    last.join()

    assert last.exitcode == 0
    assert tree(run) == tree(tmp_path / "whole")


@pytest.mark.parametrize(
    ("number", "places"),
    [(errno.ENOSPC, (0, 7, 15, 25)), (errno.EIO, (7,)), (errno.EROFS, (15,)), (errno.EACCES, (25,))],
)
def test_a_disk_that_refuses_to_write_is_an_error_and_the_next_run_goes_on(
    tmp_path: Path, whole: Path, number: int, places: tuple[int, ...]
) -> None:
    asked = recipe(whole / "lessons.jsonl")
    for place in places:
        run = tmp_path / f"run-{place}"
        with pytest.raises(CurateError, match="cannot write"):
            build(Workspace(run, RefusingDisk(run, place, number)), asked)

        build(Workspace(run), asked)

        assert tree(run) == tree(whole / "run")


class RefusingDisk(LocalDisk):
    """A disk on which one write fails halfway."""

    def __init__(self, root: Path, refuse_at: int, number: int) -> None:
        super().__init__(root)
        self._left = refuse_at
        self._number = number

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        with super().create(path) as file:
            yield file
            self._left -= 1
            if self._left < 0:
                raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
@pytest.mark.parametrize(
    "name", ["examples/part-00001.parquet", "order.parquet", "dataset/data/stage-00/*.parquet", "plan.json"]
)
def test_a_damaged_file_never_ends_in_a_wrong_result(tmp_path: Path, whole: Path, name: str, damage: str) -> None:
    space = Workspace(shutil.copytree(whole / "run", tmp_path / "run"))
    (path,) = list(space.root.glob(name))[:1]
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(bytes(data[: len(data) // 2]))
    elif damage == "flip":
        data[len(data) // 3] ^= 0x10
        path.write_bytes(bytes(data))
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()

    assert call(["verify", str(space.root)]) == 5


def test_verify_refuses_a_manifest_that_points_outside(tmp_path: Path, whole: Path) -> None:
    space = Workspace(shutil.copytree(whole / "run", tmp_path / "run"))
    manifest = space.root / "dataset" / "manifest.json"
    for outside in ("../../../etc/passwd", "/etc/passwd"):
        manifest.write_text(manifest.read_text().replace("README.md", outside, 1))
        with pytest.raises(CurateError, match="outside the run folder"):
            verify.run(space)


def test_a_second_run_on_one_folder_is_refused_while_the_first_is_at_work(tmp_path: Path, source: Path) -> None:
    path, run = tmp_path / "small.toml", tmp_path / "run"
    path.write_bytes(dump(recipe(source)))
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from curate.store.lock import locked; from curate.store.workspace import Workspace\n"
            "with locked(Workspace(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)",
            str(run),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    refused = subprocess.run(command(path, run), check=False, capture_output=True, text=True)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    accepted = subprocess.run(command(path, run), check=False, capture_output=True, text=True)

    assert (refused.returncode, "another run is at work" in refused.stderr) == (2, True)
    assert accepted.returncode == 0


def test_ctrl_c_ends_with_130_and_the_next_run_goes_on(tmp_path: Path, source: Path) -> None:
    path, run = tmp_path / "small.toml", tmp_path / "run"
    path.write_bytes(dump(recipe(source)))
    process = subprocess.Popen(command(path, run), stderr=subprocess.PIPE, text=True, preexec_fn=hears_ctrl_c)
    while process.poll() is None and not (run / "recipe.toml").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "the same command goes on from there" in told
    assert "Traceback" not in told
    assert subprocess.run(command(path, run), check=False, capture_output=True).returncode == 0
