"""Ray clusters for tests: one of this machine, and one of several nodes, each ended with its block."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")


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
