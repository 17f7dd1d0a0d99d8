"""What every engine does with part jobs, on this machine and on a Ray cluster, with any number of workers."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from curate.engines.local import LocalEngine
from curate.errors import DataError
from curate.pipeline import build
from curate.protocol import Chunk, Done, Part
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.clusters import leaving_files_open, needs_ray, one_machine
from tests.pipeline_runs import recipe, tree, write_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from curate.protocol import Engine

pytestmark = [pytest.mark.timeout(240), leaving_files_open]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with one_machine(cpus=2):
        yield


@pytest.fixture(scope="module")
def on_cluster(cluster: None) -> Iterator[Callable[[int], Engine]]:
    """Engines on the cluster by the number of their workers; each is started once."""
    from curate.engines.ray_actors import ray_engine

    with ExitStack() as stack:
        yield cache(lambda workers: stack.enter_context(ray_engine(workers)))


@pytest.fixture(params=["local-1", "local-2", *(pytest.param(f"ray-{n}", marks=needs_ray) for n in (1, 3))])
def engine(request: pytest.FixtureRequest) -> Engine:
    kind, _, workers = request.param.partition("-")
    made: Engine = (LocalEngine if kind == "local" else request.getfixturevalue("on_cluster"))(int(workers))
    return made


@dataclass
class Touching:
    """Leaves a file for each time it is opened, and for each part that it has run; some parts take longer."""

    folder: Path
    slow: tuple[int, ...] = ()
    name: str = "touching"

    def open(self) -> None:
        (self.folder / f"opened-{os.getpid()}-{time.monotonic_ns()}").touch()

    def run(self, part: Part) -> Done:
        if part.index in self.slow:
            time.sleep(0.3)
        (self.folder / f"part-{part.index}-{os.getpid()}-{time.monotonic_ns()}").touch()
        return Done(part.index, part.rows, {"rows": part.rows}, ("done",))

    def seen(self, kind: str) -> list[str]:
        return [path.name.split("-")[1] for path in self.folder.iterdir() if path.name.startswith(kind)]


@dataclass
class Adding:
    """Adds up the rows that a part brings with it, and says what is wrong with those of one part."""

    name: str = "adding"
    wrong: int | None = None
    bug: bool = False

    def open(self) -> None: ...

    def run(self, part: Part) -> Done:
        if part.index == self.wrong:
            if self.bug:
                raise KeyError("no such column")
            raise DataError("part 3 is torn", fix="mend it")
        total = sum(sum(chunk.rows.column("n").to_pylist()) + chunk.first_row for chunk in part.chunks)
        return Done(part.index, part.rows, {"total": total})


def parts(count: int) -> Iterator[Part]:
    return iter([Part(index, index + 10) for index in range(count)])


def test_results_come_in_the_order_of_the_parts_and_each_part_is_run_once(tmp_path: Path, engine: Engine) -> None:
    job = Touching(tmp_path, slow=(0, 3))
    done = list(engine.map(job, parts(9)))

    assert done == [Done(index, index + 10, {"rows": index + 10}, ("done",)) for index in range(9)]
    assert sorted(job.seen("part")) == [str(index) for index in range(9)]


def test_a_worker_opens_a_job_once(tmp_path: Path, engine: Engine) -> None:
    job = Touching(tmp_path)
    list(engine.map(job, parts(12)))

    opened = job.seen("opened")
    assert len(opened) == len(set(opened))
    assert 1 <= len(opened) <= 5


def test_without_parts_nothing_is_opened(tmp_path: Path, engine: Engine) -> None:
    assert list(engine.map(Touching(tmp_path), iter([]))) == []
    assert list(tmp_path.iterdir()) == []


def test_parts_are_read_as_they_are_needed(tmp_path: Path, engine: Engine) -> None:
    drawn = 0

    def counted() -> Iterator[Part]:
        nonlocal drawn
        for part in parts(100):
            drawn += 1
            yield part

    results = engine.map(Touching(tmp_path), counted())
    next(results)

    assert drawn < 40
    assert len(list(results)) == 99


def test_rows_travel_with_their_part(engine: Engine) -> None:
    def with_rows() -> Iterator[Part]:
        for index in range(5):
            rows = pa.table({"n": list(range(index * 1000))})
            yield Part(index, len(rows), (Chunk("a", 7, rows), Chunk("b", 0, rows.slice(3))))

    wanted = [7 + 2 * sum(range(n * 1000)) - (3 if n else 0) for n in range(5)]
    assert [done.counts["total"] for done in engine.map(Adding(), with_rows())] == wanted


def test_one_job_follows_another(tmp_path: Path, engine: Engine) -> None:
    assert len(list(engine.map(Touching(tmp_path), parts(3)))) == 3
    assert [done.counts for done in engine.map(Adding(), parts(2))] == [{"total": 0}] * 2


def test_an_error_with_a_fix_arrives_as_it_was_raised(engine: Engine) -> None:
    with pytest.raises(DataError, match="part 3 is torn\n  fix: mend it") as raised:
        list(engine.map(Adding(wrong=3), parts(9)))

    assert type(raised.value) is DataError
    assert len(list(engine.map(Adding(), parts(2)))) == 2


def test_a_bug_arrives_as_one(engine: Engine) -> None:
    with pytest.raises(KeyError, match="no such column"):
        list(engine.map(Adding(wrong=1, bug=True), parts(3)))


@pytest.mark.model
@pytest.mark.slow
@needs_ray
def test_a_run_has_the_same_bytes_on_a_cluster_with_any_number_of_workers(
    tmp_path: Path, on_cluster: Callable[[int], Engine]
) -> None:
    asked = recipe(write_source(tmp_path / "lessons.jsonl"))
    build(Workspace(tmp_path / "here"), asked)
    for workers in (1, 3):
        build(Workspace(tmp_path / f"{workers}"), asked, engine=on_cluster(workers))

        assert tree(tmp_path / f"{workers}") == tree(tmp_path / "here")
    assert verify.run(Workspace(tmp_path / "3")).holds
