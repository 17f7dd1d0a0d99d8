"""A run on a cluster, played through part by part: how long each step takes, what holds it up, what memory it needs.

The real `curate.engines.crew.Round` shares the parts out; only the workers are made up. A worker takes a part's time,
drawn around a mean, and dies now and then with its host; the driver takes its time for each part, alone. Steps over the
whole corpus are the driver's, and take what their rate says. Every rate is an option; of the defaults, times and memory
were measured (docs/scale.md says where), tokens and deaths are assumed. Run with:

    python -m tests.benchmarks.simulate_cluster --rows 100000000 --workers 100
"""

from __future__ import annotations

import heapq
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
import numpy as np

from curate.engines.crew import Dead, Failed, Ready, Round
from curate.protocol import Done, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARTS_PLAYED = 20_000
"""More parts than this are not played; their time is taken in proportion, for by then the pace is steady."""


@dataclass
class Played:
    """Workers of whom each part takes its time, on a clock that is only counted."""

    seconds: float
    deaths_per_hour: float
    restart_seconds: float
    driver_seconds: float
    random: np.random.Generator
    now: float = 0.0
    busy: float = 0.0
    redone: int = 0
    _due: list[tuple[float, int, Ready | Dead]] = field(default_factory=list)
    _hired: int = 0

    def start(self, workers: int) -> Played:
        """Hire the first workers; all open the job at once."""
        for _ in range(workers):
            self._hire()
        return self

    def give(self, worker: int, part: Part) -> None:
        """A part takes a time with a spread of a fifth of its mean; hosts die at random."""
        self.now += self.driver_seconds
        takes = self.seconds * float(self.random.lognormal(-0.02, 0.2))
        dies = self.random.exponential(3600 / self.deaths_per_hour) if self.deaths_per_hour else np.inf
        self.busy += min(takes, dies)
        said = Ready(worker, Done(part.index, part.rows)) if takes <= dies else Dead(worker, "its host is gone")
        self._push(min(takes, dies), worker, said)

    def replace(self, worker: int) -> None:
        """Another worker comes after a while."""
        del worker
        self.redone += 1
        self._hire()

    def news(self, seconds: float) -> Sequence[Ready | Dead | Failed]:
        """The next thing that happens; without patience only what has happened already."""
        if not self._due or (not seconds and self._due[0][0] > self.now):
            return []
        when, _, said = heapq.heappop(self._due)
        self.now = max(self.now, when)
        return [said]

    def _hire(self) -> None:
        self._hired += 1
        self._push(self.restart_seconds, self._hired, Ready(self._hired, None))

    def _push(self, seconds: float, worker: int, said: Ready | Dead) -> None:
        heapq.heappush(self._due, (self.now + seconds, worker, said))


@dataclass(frozen=True)
class Outcome:
    """What came of one job: hours, the share of them in which workers were busy, parts that were done again."""

    hours: float
    busy: float
    redone: int


def play(parts: int, workers: int, seconds: float, driver_seconds: float, deaths: float, restart: float) -> Outcome:
    """Play one job over *parts* parts of *seconds* each."""
    played = min(parts, max(PARTS_PLAYED, 4 * workers))
    crew = Played(seconds, deaths, restart, driver_seconds, np.random.default_rng(0)).start(workers)
    waiting: Iterator[Part] = iter(Part(index, 1) for index in range(played))
    count = sum(1 for _ in Round(crew, "simulated").run(next(waiting), waiting))
    if count != played:
        raise RuntimeError(f"{count} of {played} parts were done")
    scale = parts / played
    return Outcome(crew.now * scale / 3600, crew.busy / (crew.now * workers), round(crew.redone * scale))


@click.command()
@click.option("--rows", type=int, default=100_000_000)
@click.option("--part-rows", type=int, default=2048)
@click.option("--workers", type=int, default=100)
@click.option("--cheap-ms", type=float, default=0.84, help="Processor time of ingest and cheap scorers for a row.")
@click.option("--write-ms", type=float, default=0.015, help="Processor time of sorting and writing a row.")
@click.option("--driver-ms", type=float, default=5.0, help="What the driver does for each part of a job.")
@click.option(
    "--whole-us", type=float, default=112.0, help="Driver's time for a row in the steps over the whole corpus."
)
@click.option("--row-bytes", type=float, default=725.0, help="Driver's memory for a row.")
@click.option("--tokens", type=float, default=125.0, help="Tokens of a row.")
@click.option("--lm-tokens-per-second", type=float, default=0.0, help="Of one worker; 0 leaves language models out.")
@click.option("--deaths-per-hour", type=float, default=0.01, help="Of one worker.")
def main(
    rows: int,
    part_rows: int,
    workers: int,
    cheap_ms: float,
    write_ms: float,
    driver_ms: float,
    whole_us: float,
    row_bytes: float,
    tokens: float,
    lm_tokens_per_second: float,
    deaths_per_hour: float,
) -> None:
    """Print the hours of each step, how busy its workers are, and the driver's memory."""
    logging.getLogger("curate").setLevel(logging.ERROR)  # deaths are counted, not told one by one
    parts = -(-rows // part_rows)
    jobs = {"ingest and cheap scores": cheap_ms / 1e3 * part_rows, "write": write_ms / 1e3 * part_rows}
    if lm_tokens_per_second:
        jobs["language model"] = tokens * part_rows / lm_tokens_per_second
    click.echo(f"{rows:,} rows, {parts:,} parts, {workers} workers")
    total = 0.0
    for name, seconds in jobs.items():
        done = play(parts, workers, seconds, driver_ms / 1e3, deaths_per_hour, 10.0)
        total += done.hours
        click.echo(f"  {name:<26}{done.hours:10.2f} h   workers busy {done.busy:5.1%}   {done.redone} parts done again")
    whole = rows * whole_us / 1e6 / 3600
    click.echo(f"  {'steps of the driver':<26}{whole:10.2f} h   {rows * row_bytes / 2**30:,.1f} GiB of memory")
    click.echo(f"  {'all':<26}{total + whole:10.2f} h")


if __name__ == "__main__":
    main()
