"""Ray clusters for tests: one of this machine, and one of several nodes, each ended with its block."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from curate.protocol import Frozen, Rising, ScoreField, Scorer, Scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

Nodes = Any
"""A cluster, or one of its nodes, of a library without types."""

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")

leaving_files_open = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""Of tests that start a cluster: Ray 2.46 closes neither its log files nor its processes."""


@contextmanager
def quiet_ray() -> Iterator[None]:
    """Settings of Ray for tests: a short folder for its sockets, nothing told to anyone, no watch over memory."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_TMPDIR", folder)
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        environment.setenv("RAY_memory_monitor_refresh_ms", "0")
        environment.delenv("RAY_ADDRESS", raising=False)
        yield
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def one_machine(cpus: int) -> Iterator[None]:
    """A cluster of this machine that says it has *cpus* processors."""
    import ray

    with quiet_ray():
        ray.init(num_cpus=cpus, num_gpus=0, include_dashboard=False, log_to_driver=False, object_store_memory=1 << 27)
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def three_nodes() -> Iterator[Nodes]:
    """A cluster of three nodes with two processors each, which this process has joined: the first is its head."""
    import ray
    from ray.cluster_utils import Cluster

    with quiet_ray():
        node = {"num_cpus": 2, "num_gpus": 0, "object_store_memory": 1 << 27, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=dict(node))
        try:
            for _ in range(2):
                cluster.add_node(**node)
            ray.init(address=cluster.address, log_to_driver=False)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


class LoggedSettings(Frozen):
    log: str
    seconds: float = 0.3


class Logged(Scorer):
    """Counts letters slowly, and writes down which node it did that on."""

    name = "logged"
    version = "1"
    about = "How many letters."
    source = "none"
    needs = ("answer_view",)
    gives = (ScoreField(name="letters", rising=Rising.HARDER, unit="letters", low=0, about="", headline=True),)
    settings = LoggedSettings

    def score(self, batch: pa.Table) -> Scores:
        options = self.options
        if not isinstance(options, LoggedSettings):
            raise TypeError("these are other settings")
        with Path(options.log).open("a", encoding="utf-8") as file:
            file.write(f"{_node()}\n")
        time.sleep(options.seconds)
        texts = batch.column("answer_view").to_pylist()
        return Scores({"letters": np.array([len(text) for text in texts], np.float32)})


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else "here"
