"""Part jobs on this machine: one after the other here, or in worker processes."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from signal import SIG_IGN, SIGINT, signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from multiprocessing.sharedctypes import Synchronized

    from curate.protocol import Done, Part, PartJob


@dataclass(frozen=True)
class LocalEngine:
    """Runs a job in this process, or in *workers* processes when more than one is asked for.

    *cards* are graphics cards as CUDA_VISIBLE_DEVICES names them: each process sees one of them only, in turn.
    """

    workers: int = 1
    cards: tuple[str, ...] = ()

    def map(self, job: PartJob, parts: Iterator[Part]) -> Iterator[Done]:
        """Run the job on each part; results come in the order of the parts. Without parts nothing is opened."""
        first = next(parts, None)
        if first is None:
            return
        if self.workers == 1:
            job.open()
            yield job.run(first)
            for part in parts:
                yield job.run(part)
        else:
            yield from self._map_in_processes(job, first, parts)

    def _map_in_processes(self, job: PartJob, first: Part, parts: Iterator[Part]) -> Iterator[Done]:
        waiting: deque[Future[Done]] = deque()
        context = get_context("spawn")
        numbers: Synchronized[int] = context.Value("i", 0)
        others = set(active_children())
        with ProcessPoolExecutor(self.workers, context, _open, (job, self.cards, numbers)) as pool:
            try:
                waiting.append(pool.submit(_run, first))
                for part in parts:
                    waiting.append(pool.submit(_run, part))
                    if len(waiting) > 2 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in set(active_children()) - others:
                    process.terminate()  # a part is written whole or not at all, so nothing is half done
                raise


_opened: PartJob | None = None


def _open(job: PartJob, cards: tuple[str, ...], numbers: Synchronized[int]) -> None:
    """Open the job once in a worker process, before which the process takes its card."""
    global _opened
    signal(SIGINT, SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one ends the others
    if cards:
        with numbers.get_lock():
            number, numbers.value = numbers.value, numbers.value + 1
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[number % len(cards)]  # CUDA reads it when it is first used
    job.open()
    _opened = job


def _run(part: Part) -> Done:
    if _opened is None:
        raise RuntimeError("a worker process got a part before its job")
    return _opened.run(part)
