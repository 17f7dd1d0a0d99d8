"""How parts are shared out among workers that may die: who gets which, what is given again, when to give up."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from curate.errors import CurateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.protocol import Done, Part

log = logging.getLogger(__name__)

MOST_DEATHS = 3
"""When so many workers died over one part, or one after the other while they opened a job, the job is given up."""

_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Ready:
    """A worker that has opened its job (no result) or run a part."""

    worker: Any
    done: Done | None


@dataclass(frozen=True)
class Dead:
    """A worker that is gone, and why as far as it is known."""

    worker: Any
    why: str


@dataclass(frozen=True)
class Failed:
    """An error of the job itself."""

    error: Exception


class Crew(Protocol):
    """Workers that are all opening one job when the round begins."""

    def give(self, worker: Any, part: Part) -> None:  # noqa: ANN401 - the engine's own handle
        """Let a worker that is ready run a part."""

    def replace(self, worker: Any) -> None:  # noqa: ANN401 - the engine's own handle
        """Let a dead worker go; another one opens the job."""

    def news(self, seconds: float) -> Sequence[Ready | Dead | Failed]:
        """What workers have finished, or what became of them; nothing where *seconds* pass without any."""


class Round:
    """One job over all its parts. A worker has one part at a time, so that slow ones hold nobody up at the end."""

    def __init__(self, crew: Crew, name: str) -> None:
        self._crew = crew
        self._name = name
        self._idle: deque[Any] = deque()
        self._running: dict[Any, tuple[int, Part]] = {}
        self._drawn: deque[tuple[int, Part]] = deque()
        self._finished: dict[int, Done] = {}
        self._deaths: Counter[int | None] = Counter()

    def run(self, first: Part, rest: Iterator[Part]) -> Iterator[Done]:
        """The results in the order of the parts; the next part is read while the workers are at work."""
        self._drawn.append((0, first))
        drawn, given, exhausted = 1, 0, False
        while True:
            self._share_out()
            while given in self._finished:
                yield self._finished.pop(given)
                given += 1
            if exhausted and given == drawn:
                return
            if not exhausted and not self._drawn:
                part = next(rest, None)
                exhausted = part is None
                if part is not None:
                    self._drawn.append((drawn, part))
                    drawn += 1
                self._hear(0.0)
            else:
                self._hear(_PATIENCE_SECONDS)

    def _share_out(self) -> None:
        while self._idle and self._drawn:
            worker = self._idle.popleft()
            number, part = self._drawn.popleft()
            self._crew.give(worker, part)
            self._running[worker] = (number, part)

    def _hear(self, seconds: float) -> None:
        told = self._crew.news(seconds)
        if not told and seconds and not self._running:
            log.warning("%s: no worker has started for %g s; are any processors free?", self._name, seconds)
        for each in told:
            if isinstance(each, Failed):
                raise each.error
            if isinstance(each, Dead):
                self._bury(each)
                continue
            self._deaths[None] = 0
            if each.done is not None:
                self._finished[self._running.pop(each.worker)[0]] = each.done
            self._idle.append(each.worker)

    def _bury(self, dead: Dead) -> None:
        """Give a dead worker's part to the next, before all others; `CurateError` where it has killed too many."""
        number, part = self._running.pop(dead.worker, (None, None))
        self._deaths[number] += 1
        if self._deaths[number] >= MOST_DEATHS:
            doing = "opening" if part is None else f"part {part.index} of"
            raise CurateError(
                f"{MOST_DEATHS} workers died over {doing} {self._name}, the last: {dead.why}",
                fix="see whether they have memory enough (fewer of them with --workers, smaller part_rows); then give "
                "the same command again, it goes on from the last finished part",
            )
        log.warning("%s: a worker died (%s); its part is given to another", self._name, dead.why)
        if number is not None and part is not None:
            self._drawn.appendleft((number, part))
        self._crew.replace(dead.worker)
