"""Hosts die: a node amid scoring or amid writing, or the driver; only what was unfinished is redone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from curate.pipeline import build
from curate.recipe import Recipe, dump
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.clusters import Nodes, needs_ray, three_nodes
from tests.pipeline_runs import recipe, tree, write_source
from tests.stores import needs_s3, new_url, s3_server, tree_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(900), needs_ray]

PARTS = 12


@pytest.fixture(params=["folder", pytest.param("s3", marks=needs_s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the run folder lies: all nodes see it. A store must be there before the nodes are."""
    if request.param == "folder":
        yield str(tmp_path / "run")
    else:
        with s3_server():
            yield new_url("s3")


@pytest.fixture
def cluster(place: str) -> Iterator[Nodes]:
    with three_nodes() as nodes:
        yield nodes


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def asked(tmp_path: Path, log: Path) -> Recipe:
    """A run of twelve parts that are scored slowly, and of many shards."""
    return recipe(
        write_source(tmp_path / "lessons.jsonl", 240),
        part_rows=21,
        scorers={"logged": {"use": "tests.clusters:Logged", "log": str(log)}},
        score={"scorers": ["length", "logged"]},
        write={"keep": ["skill"], "shard_rows": 2},
        audit={"by": ["author"], "render": []},
    )


@pytest.fixture
def wanted(tmp_path: Path, asked: Recipe, log: Path) -> dict[str, str]:
    """The hashes of the same run on one machine that nothing happens to."""
    build(Workspace(tmp_path / "whole"), asked)
    assert len(log.read_text().split()) == PARTS
    log.write_text("")
    return tree(tmp_path / "whole")


def held(place: str) -> dict[str, str]:
    return tree_at(place) if "://" in place else tree(Path(place))


@contextmanager
def meanwhile(ready: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
    """Act once something is ready, while the block runs; it must come to that."""
    acted = []

    def watch() -> None:
        while not ready():
            time.sleep(0.01)
        act()
        acted.append(True)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(timeout=10)
    assert acted, "nothing was killed before the end"


def worker_in(log: Path, cluster: Nodes) -> Nodes:
    """A node other than the head that has scored something; None where there is none yet."""
    seen = set(log.read_text().split())
    return next((node for node in cluster.worker_nodes if node.node_id in seen), None)


def test_a_node_that_dies_amid_scoring_costs_its_part_alone(
    place: str, cluster: Nodes, asked: Recipe, wanted: dict[str, str], log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from curate.engines.ray_actors import ray_engine

    lost: list[str] = []

    def kill() -> None:
        node = worker_in(log, cluster)
        lost.append(node.node_id)
        cluster.remove_node(node, allow_graceful=False)

    def is_amid() -> bool:
        return len(log.read_text().split()) >= 5 and worker_in(log, cluster) is not None

    with ray_engine(5) as engine, meanwhile(is_amid, kill):
        build(Workspace(place), asked, engine=engine)

    assert "score: a worker died" in caplog.text
    scored = Counter(log.read_text().split())
    assert PARTS <= sum(scored.values()) <= PARTS + 2, scored
    assert len(scored) >= 2
    assert held(place) == wanted
    assert verify.run(Workspace(place)).holds


def test_a_node_that_dies_amid_writing_leaves_no_shard_amiss(
    place: str, cluster: Nodes, asked: Recipe, wanted: dict[str, str], log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from curate.engines.ray_actors import ray_engine

    space = Workspace(place)
    at_death: list[int] = []

    def is_amid() -> bool:
        return len(space.disk.names("dataset/data/stage-00")) >= 3

    def kill() -> None:
        cluster.remove_node(worker_in(log, cluster), allow_graceful=False)
        at_death.append(sum(len(space.disk.names(f"dataset/data/{name}")) for name in space.disk.names("dataset/data")))

    with ray_engine(5) as engine:
        build(space, asked, "pace", engine=engine)
        with meanwhile(is_amid, kill):
            build(space, asked, engine=engine)

    shards = sum(name.startswith("dataset/data/") for name in wanted)
    assert 3 <= at_death[0] < shards
    assert "shards: a worker died" in caplog.text
    space.disk.sweep()
    assert held(place) == wanted
    assert verify.run(space).holds


def test_a_driver_that_dies_is_called_again_and_scores_only_what_was_unfinished(
    tmp_path: Path, place: str, cluster: Nodes, asked: Recipe, wanted: dict[str, str], log: Path
) -> None:
    path = tmp_path / "asked.toml"
    path.write_bytes(dump(asked))
    command = [sys.executable, "-m", "curate", "run", str(path), "-o", place, "-q"]
    command += ["--engine", "ray", "--address", cluster.address, "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while len(log.read_text().split()) < 6:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(3)  # the actors of a dead driver end, too
    finished = [name for name in held(place) if name.startswith("scores/logged")]
    before = len(log.read_text().split())

    assert subprocess.run(command, check=False).returncode == 0
    assert 0 < len(finished) < PARTS
    assert len(log.read_text().split()) - before == PARTS - len(finished)
    assert held(place) == wanted
    assert verify.run(Workspace(place)).holds
