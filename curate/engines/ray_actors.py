"""Part jobs on a Ray cluster: actors that open a job once, take one part at a time, and are replaced when they die."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from curate.engines.crew import Dead, Failed, Ready, Round
from curate.errors import CurateError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.protocol import Done, Part, PartJob

_THREADS = "OMP_NUM_THREADS"
_LEAST_SHARE = 0.01


@dataclass
class RayEngine:
    """Runs jobs in actors of a cluster: that at *address*, else a cluster of this machine alone, else one in use.

    *workers* are as many actors; None is as many as leave one processor free. *gpus* is the share of a graphics card
    that each takes; None is a whole one where there are any and *models* are at work. Actors stay from job to job, so
    that only the first pays for their start.
    """

    workers: int | None = None
    address: str | None = None
    gpus: float | None = None
    models: bool = False
    _actors: list[Any] = field(default_factory=list, repr=False)

    def map(self, job: PartJob, parts: Iterator[Part]) -> Iterator[Done]:
        """Run the job on each part; results come in the order of the parts. Without parts nothing is opened.

        A part whose actor died, with its host or alone, is given to another; one that takes several with it is an
        error.
        """
        first = next(parts, None)
        if first is None:
            return
        import ray

        held = ray.cluster_resources()
        cpus, cards = held.get("CPU", 0.0), held.get("GPU", 0.0)
        gpus = float(self.models and cards >= 1) if self.gpus is None else self.gpus
        each = share(cpus, cards, self.workers, gpus)
        yield from Round(_Crew(self._actors, each, ray.put(job)), job.name).run(first, parts)


@contextmanager
def ray_engine(
    workers: int | None = None, address: str | None = None, gpus: float | None = None, *, models: bool = False
) -> Iterator[RayEngine]:
    """An engine on a cluster; `SettingsError` where Ray is not installed or nothing answers at *address*.

    A cluster of this machine ends with the block, and so do the actors on any other.
    """
    started = _join(address)
    import ray

    engine = RayEngine(workers, address, gpus, models)
    try:
        yield engine
    finally:
        for actor in engine._actors:  # noqa: SLF001 - made here
            ray.kill(actor)
        if started:
            ray.shutdown()


def _join(address: str | None) -> bool:
    """Join or start a cluster; whether this process was in none before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone unless the user asks for it
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "--engine ray needs Ray, which is not installed", fix='pip install "curate-curriculum[ray]"'
        ) from error
    if ray.is_initialized():
        joined = ray.get_runtime_context().gcs_address
        if address not in (None, "auto", joined):
            raise SettingsError(
                f"this process is in the Ray cluster at {joined} already, and {address} is another",
                fix="call ray.shutdown() first, or leave the address out",
            )
        return False
    alone = {} if address or os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **alone)
    except Exception as error:  # Ray raises a bare one where a node does not come up in its time
        said = next(iter(str(error).splitlines()), type(error).__name__)
        if address is None:
            raise SettingsError(
                f"Ray does not start on this machine: {said}",
                fix="give the same command again when the machine is less busy, or leave --engine ray out",
            ) from error
        raise SettingsError(
            f"no Ray cluster answers at {address}: {said}",
            fix="start one with `ray start --head`, or leave --address out to use this machine alone",
        ) from error
    return True


@dataclass(frozen=True)
class Share:
    """How many actors, and the processors, threads and graphics card that each takes."""

    workers: int
    cpus: float
    threads: int
    gpus: float


def share(cpus: float, cards: float, workers: int | None, gpus: float) -> Share:
    """What each actor takes of the cluster's processors and cards.

    An actor has as many threads as OMP_NUM_THREADS says here, else one: never more for being one of few, since bytes
    may depend on threads and must not on workers. It takes a processor for each thread, or less, so that one of the
    cluster's stays free: two actors of one processor each on two leave none for anything else that Ray must run,
    which then waits for ever.
    """
    threads = max(1, int(os.environ.get(_THREADS) or 1))
    free = cpus - min(1.0, cpus / 2)
    fitting = max(1, int(free / threads)) if not gpus else max(1, int(cards / gpus))
    count = workers or fitting
    each = int(min(threads, free / count) * 10_000) / 10_000
    if each < _LEAST_SHARE:
        raise SettingsError(
            f"{count} workers are more than a cluster of {cpus:g} processors can run",
            fix=f"give --workers {fitting}, or leave it out",
        )
    if gpus > cards:
        raise SettingsError(
            f"each worker is to take {gpus:g} graphics cards, and the cluster has {cards:g}",
            fix="give --gpus 0, or start a node with a card",
        )
    return Share(count, each, threads, gpus)


class _Worker:
    """The actor: one job at a time."""

    def open(self, job: PartJob) -> None:
        job.open()
        self._job = job

    def run(self, part: Part) -> Done:
        return self._job.run(part)


class _Crew:
    """The actors of one job, as a `curate.engines.crew.Round` sees them; *actors* is shared from job to job."""

    def __init__(self, actors: list[Any], share: Share, job: Any) -> None:  # noqa: ANN401 - Ray's reference
        self._actors = actors
        self._share = share
        self._job = job
        self._waiting: dict[Any, Any] = {}
        while len(self._actors) < share.workers:
            self._actors.append(self._hire())
        for actor in self._actors:
            self._open(actor)

    def give(self, worker: Any, part: Part) -> None:  # noqa: ANN401 - Ray's handle
        """Let a worker that is ready run a part."""
        self._waiting[worker.run.remote(part)] = worker

    def replace(self, worker: Any) -> None:  # noqa: ANN401 - Ray's handle
        """Let a dead worker go and hire another."""
        import ray

        ray.kill(worker)
        self._waiting = {ref: each for ref, each in self._waiting.items() if each is not worker}
        self._actors.remove(worker)
        self._actors.append(self._hire())
        self._open(self._actors[-1])

    def news(self, seconds: float) -> Sequence[Ready | Dead | Failed]:
        """What workers have finished, or what became of them; nothing where *seconds* pass without any."""
        import ray

        if not self._waiting:
            return []
        ready, _ = ray.wait(list(self._waiting), num_returns=1, timeout=seconds)
        return [self._told(ref) for ref in ready]

    def _told(self, ref: Any) -> Ready | Dead | Failed:  # noqa: ANN401 - Ray's reference
        import ray

        worker = self._waiting.pop(ref)
        try:
            return Ready(worker, ray.get(ref))
        except ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            return Failed(cause if isinstance(cause, CurateError) else error)
        except ray.exceptions.RayError as error:  # its process, its host or what it was given is gone
            return Dead(worker, str(error).strip().splitlines()[0])

    def _open(self, actor: Any) -> None:  # noqa: ANN401 - Ray's handle
        self._waiting[actor.open.remote(self._job)] = actor

    def _hire(self) -> Any:  # noqa: ANN401 - Ray's handle
        import ray

        share = self._share
        made = ray.remote(_Worker).options(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": {_THREADS: str(share.threads)}},
        )
        return made.remote()
