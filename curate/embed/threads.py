"""Work on blocks of rows in as many threads as torch may take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def in_threads(work: Callable[[int], None], jobs: Iterable[int]) -> None:
    """Do each job in one of as many threads as torch may take; what fails in one stops the others.

    A thread multiplies alone: two blocks side by side are faster than one that two threads share.
    """
    import faiss
    import torch

    threads = torch.get_num_threads()
    waiting = iter(list(jobs))
    stopped = Event()

    def run(_: int) -> None:
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
        try:
            with torch.inference_mode():
                for job in waiting:
                    if stopped.is_set():
                        return
                    work(job)
        except BaseException:
            stopped.set()
            raise

    try:
        with ThreadPoolExecutor(threads) as pool:
            try:
                list(pool.map(run, range(threads)))
            finally:
                stopped.set()
    finally:
        torch.set_num_threads(threads)
