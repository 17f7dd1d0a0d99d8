"""How parts are shared out among workers that die, start late or never: on workers without any process."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.engines.crew import MOST_DEATHS, Dead, Failed, Ready, Round
from curate.errors import CurateError
from curate.protocol import Done, Part
from tests.benchmarks.simulate_cluster import play

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass
class Paper:
    """Workers on paper: *fate* says of each worker, in the order of their hiring, after how many parts it dies."""

    fate: Sequence[int | None]
    kills: frozenset[int] = frozenset()
    late: int = 0
    fails_at: int | None = None
    given: list[int] = field(default_factory=list)
    hired: int = 0
    _news: deque[Ready | Dead | Failed] = field(default_factory=deque)
    _left: dict[int, int | None] = field(default_factory=dict)

    def start(self, workers: int) -> Paper:
        for _ in range(workers):
            self._hire()
        return self

    def _hire(self) -> None:
        worker, self.hired = self.hired, self.hired + 1
        self._left[worker] = self.fate[worker] if worker < len(self.fate) else None
        dies = self._left[worker] == -1
        self._news.append(Dead(worker, "it never lived") if dies else Ready(worker, None))

    def give(self, worker: int, part: Part) -> None:
        self.given.append(part.index)
        left = self._left[worker]
        if part.index in self.kills or left == 0:
            self._news.append(Dead(worker, "its host is gone"))
            return
        self._left[worker] = None if left is None else left - 1
        if part.index == self.fails_at:
            self._news.append(Failed(KeyError("a bug")))
        else:
            self._news.appendleft(Ready(worker, Done(part.index, part.rows)))

    def replace(self, worker: int) -> None:
        del self._left[worker]
        self._hire()

    def news(self, seconds: float) -> Sequence[Ready | Dead | Failed]:
        if self.late and seconds:
            self.late -= 1
            return []
        return [self._news.popleft()] if self._news and not self.late else []


def test_a_simulated_cluster_takes_the_time_of_its_parts_or_of_its_driver() -> None:
    by_workers = play(1000, 10, 36.0, 0.0, 0.0, 0.0)
    by_driver = play(1000, 10, 36.0, 36.0, 0.0, 0.0)
    dying = play(1000, 10, 36.0, 0.0, 1.0, 60.0)

    assert by_workers.hours == pytest.approx(1.0, rel=0.05)
    assert by_workers.busy > 0.95
    assert by_driver.hours == pytest.approx(10.0, rel=0.05)
    assert 2 < dying.redone < 30
    assert dying.hours > by_workers.hours


def parts(count: int) -> Iterator[Part]:
    return iter([Part(index, 1) for index in range(count)])


def ran(crew: Paper, count: int) -> list[int]:
    waiting = parts(count)
    return [done.index for done in Round(crew, "score").run(next(waiting), waiting)]


@given(st.integers(1, 12), st.integers(1, 4), st.lists(st.none() | st.integers(0, 3), max_size=5))
def test_every_part_is_done_once_in_order_whoever_dies(count: int, workers: int, fate: list[int | None]) -> None:
    crew = Paper(fate).start(workers)
    try:
        assert ran(crew, count) == list(range(count))
    except CurateError:
        assert max(crew.given.count(index) for index in range(count)) >= MOST_DEATHS


def test_only_the_part_of_a_dead_worker_is_given_again_and_at_once() -> None:
    crew = Paper([2]).start(1)

    assert ran(crew, 5) == [0, 1, 2, 3, 4]
    assert crew.given == [0, 1, 2, 2, 3, 4]


def test_a_part_that_kills_its_workers_is_named() -> None:
    crew = Paper([], kills=frozenset({3})).start(2)

    with pytest.raises(CurateError, match=r"3 workers died over part 3 of score, the last: its host is gone"):
        ran(crew, 6)
    assert crew.given.count(3) == MOST_DEATHS


def test_workers_that_die_while_they_open_the_job_are_given_up() -> None:
    with pytest.raises(CurateError, match="3 workers died over opening score"):
        ran(Paper([-1] * 9).start(1), 2)


def test_deaths_far_apart_are_borne() -> None:
    crew = Paper([1] * 20).start(1)

    assert ran(crew, 15) == list(range(15))


def test_an_error_of_the_job_is_the_callers() -> None:
    with pytest.raises(KeyError, match="a bug"):
        ran(Paper([], fails_at=1).start(2), 5)


def test_workers_that_do_not_start_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "curate"):
        assert ran(Paper([], late=2).start(1), 2) == [0, 1]

    assert "no worker has started for 30 s" in caplog.text
