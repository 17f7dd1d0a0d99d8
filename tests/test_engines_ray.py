"""What is the cluster's own: processors are left free, dead actors are replaced, and nothing is left running."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.cli.main import call
from curate.engines.choice import Choice
from curate.engines.ray_actors import RayEngine, Share, ray_engine, share
from curate.errors import CurateError, SettingsError
from curate.protocol import Done, Part
from tests.clusters import leaving_files_open, needs_ray, one_machine, quiet_ray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240), leaving_files_open]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with one_machine(cpus=2):
        yield


# --- shares ---


def test_two_workers_on_two_processors_take_half_of_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    assert share(2.0, 0.0, 2, 0.0) == Share(workers=2, cpus=0.5, threads=1, gpus=0.0)
    assert share(2.0, 0.0, None, 0.0) == Share(workers=1, cpus=1.0, threads=1, gpus=0.0)
    assert share(16.0, 0.0, None, 0.0) == Share(workers=15, cpus=1.0, threads=1, gpus=0.0)
    assert share(1.0, 0.0, None, 0.0) == Share(workers=1, cpus=0.5, threads=1, gpus=0.0)


def test_a_worker_takes_a_processor_for_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")

    assert share(64.0, 0.0, None, 0.0) == Share(workers=15, cpus=4.0, threads=4, gpus=0.0)
    assert share(64.0, 0.0, 40, 0.0) == Share(workers=40, cpus=1.575, threads=4, gpus=0.0)


def test_cards_decide_the_number_of_workers_where_they_take_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    assert share(16.0, 4.0, None, 0.5) == Share(workers=8, cpus=1.0, threads=1, gpus=0.5)
    with pytest.raises(SettingsError, match="take 1 graphics cards, and the cluster has 0"):
        share(16.0, 0.0, None, 1.0)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 8))
def test_whatever_is_asked_a_processor_or_half_the_only_one_stays_free(cpus: int, workers: int, threads: int) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMP_NUM_THREADS", str(threads))
        try:
            taken = share(float(cpus), 0.0, workers, 0.0)
        except SettingsError:
            assert workers > 50 * cpus / 2
            return

    assert taken.workers == workers
    assert taken.cpus * workers <= cpus - min(1.0, cpus / 2) + 1e-9


# --- actors ---


@dataclass
class Pausing:
    """Waits in one part until its folder holds a file `go`; tells which process ran which part."""

    folder: Path
    waits_at: int = -1
    name: str = "pausing"

    def open(self) -> None: ...

    def run(self, part: Part) -> Done:
        (self.folder / f"ran-{part.index}-{os.getpid()}").touch()
        while part.index == self.waits_at and not (self.folder / "go").exists():
            time.sleep(0.02)
        return Done(part.index, part.rows, {"process": os.getpid(), "threads": int(os.environ["OMP_NUM_THREADS"])})


def parts(count: int) -> Iterator[Part]:
    return iter([Part(index, 1) for index in range(count)])


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_actors_on_all_processors_still_leave_room_for_a_task_of_another(tmp_path: Path) -> None:
    import ray

    with ray_engine(2) as engine:
        results = engine.map(Pausing(tmp_path, waits_at=1), parts(2))
        assert next(results).index == 0
        other = ray.remote(num_cpus=1)(lambda: "ran")
        assert ray.get(other.remote(), timeout=60) == "ran"
        (tmp_path / "go").touch()
        assert [done.index for done in results] == [1]


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_part_whose_actor_is_killed_is_run_by_another_and_the_rest_once(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill() -> None:
        while not (found := list(tmp_path.glob("ran-2-*"))):
            time.sleep(0.02)
        killed.append(int(found[0].name.split("-")[2]))
        os.kill(killed[0], signal.SIGKILL)
        (tmp_path / "go").touch()

    Thread(target=kill, daemon=True).start()
    with ray_engine(1) as engine:
        done = list(engine.map(Pausing(tmp_path, waits_at=2), parts(5)))

    assert [one.index for one in done] == [0, 1, 2, 3, 4]
    assert sorted(path.name.split("-")[1] for path in tmp_path.glob("ran-*")) == ["0", "1", "2", "2", "3", "4"]
    assert [one.counts["process"] == killed[0] for one in done] == [True, True, False, False, False]


@dataclass
class Deadly:
    """Takes its process with it."""

    name: str = "deadly"

    def open(self) -> None: ...

    def run(self, part: Part) -> Done:
        if part.index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return Done(part.index, part.rows)


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_part_that_kills_every_actor_is_an_error_with_its_number() -> None:
    with ray_engine(1) as engine, pytest.raises(CurateError, match="3 workers died over part 1 of deadly"):
        list(engine.map(Deadly(), parts(3)))


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_actors_stay_from_job_to_job_and_end_with_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with ray_engine(1) as engine:
        ran = [next(iter(engine.map(Pausing(tmp_path), parts(1)))).counts for _ in range(2)]
        process = ran[0]["process"]
        assert ran == [{"process": process, "threads": 3}] * 2
    until = time.monotonic() + 30
    while _alive(process) and time.monotonic() < until:
        time.sleep(0.05)

    assert not _alive(process)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


# --- choosing ---


def test_what_belongs_to_a_cluster_is_refused_without_one() -> None:
    with pytest.raises(SettingsError, match="give --engine ray"):
        Choice(address="10.0.0.1:6379")
    with pytest.raises(SettingsError, match="give --engine ray"):
        Choice(gpus=0.5)


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_another_cluster_than_the_one_in_use_is_refused() -> None:
    with (
        pytest.raises(SettingsError, match=r"already, and 10.0.0.1:6379 is another"),
        ray_engine(address="10.0.0.1:6379"),
    ):
        pass


@needs_ray
@pytest.mark.parametrize(
    ("address", "told"), [(None, "Ray does not start on this machine"), ("10.0.0.1:6379", "no Ray cluster answers at")]
)
def test_a_cluster_that_does_not_come_up_is_said(
    monkeypatch: pytest.MonkeyPatch, address: str | None, told: str
) -> None:
    import ray

    def late(**options: object) -> None:
        del options
        raise Exception("The node timed out during startup")  # noqa: TRY002 - as Ray does

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", late)
    with pytest.raises(SettingsError, match=f"{told}.*: The node timed out"), ray_engine(address=address):
        pass


def test_without_ray_the_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(SettingsError, match=r"pip install \"curate-curriculum\[ray\]\""), ray_engine():
        pass


@needs_ray
@pytest.mark.slow
@pytest.mark.model
def test_the_commands_run_on_a_cluster_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from curate.recipe import dump
    from tests.pipeline_runs import recipe, write_source

    path = tmp_path / "small.toml"
    path.write_bytes(dump(recipe(write_source(tmp_path / "lessons.jsonl"))))
    with quiet_ray():
        ran: list[Any] = [call(["run", str(path), "-o", str(tmp_path / "run"), "--engine", "ray", "-q"])]
    ran.append(call(["verify", str(tmp_path / "run")]))

    assert ran == [0, 0]
    assert RayEngine.__name__ in repr(RayEngine())
    assert "claims hold" in capsys.readouterr().out
