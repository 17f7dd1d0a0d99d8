"""What a cluster costs by itself: seconds to start it, for a first part, and for each part of a job without work.

Run with:

    python -m tests.benchmarks.bench_engines
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import click

from curate.engines.ray_actors import ray_engine
from curate.protocol import Done, Part

PARTS = 500


@dataclass
class Nothing:
    """A job without work."""

    name: str = "nothing"

    def open(self) -> None: ...

    def run(self, part: Part) -> Done:
        return Done(part.index, part.rows)


@click.command()
@click.option("--workers", type=int, default=1)
def main(workers: int) -> None:
    """Print the three figures for a cluster of this machine."""
    began = time.perf_counter()
    with ray_engine(workers) as engine:
        started = time.perf_counter()
        list(engine.map(Nothing(), iter([Part(0, 1)])))
        hired = time.perf_counter()
        list(engine.map(Nothing(), (Part(index, 1) for index in range(PARTS))))
        each = (time.perf_counter() - hired) / PARTS
    click.echo(f"start {started - began:.1f} s, first part {hired - started:.1f} s, then {each * 1e3:.2f} ms a part")


if __name__ == "__main__":
    main()
