"""Part jobs on this machine: one after the other here, or in worker processes that stay from job to job."""

from __future__ import annotations

import gc
import os
import pickle
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from multiprocessing.connection import wait
from signal import SIG_IGN, SIGINT, signal
from typing import TYPE_CHECKING

from curate.engines.crew import Dead, Failed, Ready, Round
from curate.errors import CurateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from curate.protocol import Done, Part, PartJob

_SECONDS_TO_END = 10.0


@dataclass(eq=False)
class _Worker:
    """A process and the line to it.

    *busy* is while an answer is outstanding, *opening* while it is that of the job itself; *late* counts the answers of
    jobs that were over before they were open.
    """

    process: SpawnProcess
    line: Connection
    card: str | None
    busy: bool = False
    opening: bool = False
    late: int = 0


@dataclass(frozen=True)
class LocalEngine:
    """Runs a job in this process, or in *workers* processes when more than one is asked for.

    *cards* are graphics cards as CUDA_VISIBLE_DEVICES names them: each process sees one of them only, in turn.
    Processes stay for the next job, so that only the first pays for their start, and end with this one or with `close`.
    """

    workers: int = 1
    cards: tuple[str, ...] = ()
    _hired: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)

    def map(self, job: PartJob, parts: Iterator[Part]) -> Iterator[Done]:
        """Run the job on each part; results come in the order of the parts. Without parts nothing is opened.

        A part whose process died is given to another; one that takes several with it is an error.
        """
        drawn = list(islice(parts, self.workers))
        if not drawn:
            return
        if self.workers == 1:
            job.open()
            for part in chain(drawn, parts):
                yield job.run(part)
            return
        crew = _Crew(self._hired, job, len(drawn), self.cards)
        try:
            yield from Round(crew, job.name).run(drawn[0], chain(drawn[1:], parts))
        finally:
            crew.disperse()

    def close(self) -> None:
        """End the processes."""
        for worker in self._hired:
            worker.line.close()  # a process that hears no more ends
            if worker.late:
                worker.process.terminate()  # it may still be opening what nobody needs
        for worker in self._hired:
            worker.process.join(_SECONDS_TO_END)
            worker.process.kill()
        self._hired.clear()


@contextmanager
def local_engine(workers: int, cards: tuple[str, ...] = ()) -> Iterator[LocalEngine]:
    """An engine whose processes end with the block."""
    engine = LocalEngine(workers, cards)
    try:
        yield engine
    finally:
        engine.close()


class _Crew:
    """As many processes as a job has parts, as a `Round` sees them; *hired* is shared from job to job."""

    def __init__(self, hired: list[_Worker], job: PartJob, parts: int, cards: Sequence[str]) -> None:
        self._hired = hired
        self._job = job
        while len(hired) < parts:
            used = [worker.card for worker in hired]
            hired.append(_hire(min(cards, key=used.count, default=None)))
        self._working = hired[:parts]
        for worker in self._working:
            _let_open(worker, job)

    def give(self, worker: _Worker, part: Part) -> None:
        """Let a worker that is ready run a part."""
        _tell(worker, part)

    def replace(self, worker: _Worker) -> None:
        """Let a dead worker go; another one opens the job."""
        self._dismiss(worker)
        successor = _hire(worker.card)
        self._hired.append(successor)
        self._working.append(successor)
        _let_open(successor, self._job)

    def news(self, seconds: float) -> Sequence[Ready | Dead | Failed]:
        """What workers have finished, or what became of them; nothing where *seconds* pass without any."""
        lines = {worker.line: worker for worker in self._working if worker.busy}
        while ready := wait(list(lines), seconds):
            if told := [each for line in ready if (each := _heard(lines[line]))]:  # type: ignore[index]
                return told
        return ()

    def disperse(self) -> None:
        """After the last part let go of the job; whoever still has a part, after an error or Ctrl-C, ends."""
        for worker in list(self._working):
            if worker.busy and not worker.opening:
                self._dismiss(worker)
                continue
            worker.late += worker.busy
            worker.busy = worker.opening = False
            with suppress(OSError):  # one that has died since is missed at the next job
                worker.line.send(None)

    def _dismiss(self, worker: _Worker) -> None:
        worker.process.terminate()  # a part is written whole or not at all, so nothing is half done
        worker.process.join(_SECONDS_TO_END)
        worker.process.kill()
        worker.line.close()
        self._hired.remove(worker)
        self._working.remove(worker)


def _hire(card: str | None) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, card), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, card)


def _let_open(worker: _Worker, job: PartJob) -> None:
    _tell(worker, job)
    worker.opening = True


def _tell(worker: _Worker, what: PartJob | Part) -> None:
    worker.busy = True
    with suppress(OSError):  # its death is heard when it is asked for its answer
        worker.line.send(what)


def _heard(worker: _Worker) -> Ready | Dead | Failed | None:
    try:
        told = worker.line.recv()
    except (EOFError, OSError):
        worker.process.join(_SECONDS_TO_END)
        return Dead(worker, f"its process ended with the code {worker.process.exitcode}")
    if worker.late:
        worker.late -= 1
        return None
    worker.busy = worker.opening = False
    return Failed(told) if isinstance(told, Exception) else Ready(worker, told)


def _work(line: Connection, card: str | None) -> None:
    """The life of a worker process: a job to open, parts to run, None after the last, until nobody is there."""
    signal(SIGINT, SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one ends the others
    if card is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = card  # CUDA reads it when it is first used
    with suppress(EOFError, OSError):
        while True:
            job: PartJob = line.recv()
            line.send(_answer(job.open))
            while (part := line.recv()) is not None:
                line.send(_answer(partial(job.run, part)))
            del job
            gc.collect()  # a model may be large, and the next job is long in coming


def _answer(call: Callable[[], Done | None]) -> Done | Exception | None:
    """What came of opening a job or of running a part; the engine raises an error where the job was asked for."""
    try:
        return call()
    except CurateError as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not lost
        error.add_note(f"in a worker process: {traceback.format_exc()}")
        return error if _travels(error) else RuntimeError(f"in a worker process: {traceback.format_exc()}")


def _travels(error: Exception) -> bool:
    """Whether an error can be sent to another process; not where its class takes other arguments than it passes on."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever its own class raises
        return False
    return True
