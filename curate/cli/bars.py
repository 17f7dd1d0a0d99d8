"""Progress on a terminal: one bar a step, with rows, parts, speed in tokens or rows, and the time that is left."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from curate.protocol import Progress

WORKING = "step"
"""The unit of work that is one piece: it has begun, or it is done, and there is nothing to count."""

_WARM_UP_SECONDS = 1.0


@dataclass
class Seen:
    """What a step has told so far: for each unit where it began, where it is, and of how many."""

    since: float
    units: dict[str, tuple[int, int, int | None]] = field(default_factory=dict)

    def hear(self, done: int, total: int | None, unit: str) -> None:
        """Take one report."""
        first = self.units[unit][0] if unit in self.units else done
        self.units[unit] = (first, done, total)

    @property
    def length(self) -> tuple[int, int | None]:
        """How far the bar is and how long: of rows where they are told, else of what has an end, else of anything."""
        ends = (each for each in self.units.values() if each[2] is not None)
        _, done, total = self.units.get("rows") or next(ends, next(iter(self.units.values())))
        return done, total

    def told(self, now: float) -> str:
        """The bar in figures; one part alone is not worth a word, tokens are told as a speed."""
        pieces = [
            f"{done:,} {unit}" if total is None else f"{done:,}/{total:,} {unit}"
            for unit, (_, done, total) in self.units.items()
            if unit not in {"tokens", WORKING} and not (unit == "parts" and total == 1)
        ]
        unit = "tokens" if "tokens" in self.units else "rows" if "rows" in self.units else next(iter(self.units))
        first, done, _ = self.units[unit]
        seconds = now - self.since
        if seconds > _WARM_UP_SECONDS and done > first and unit != WORKING:
            pieces.append(f"{(done - first) / seconds:,.0f} {unit}/s")
        return " · ".join(pieces)


@contextmanager
def shown() -> Iterator[Progress]:
    """A progress that is drawn on stderr, and gone when the block ends. NO_COLOR leaves out all colours and styles."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, color_system=None if os.environ.get("NO_COLOR") else "auto"),
        transient=True,
    )
    tasks: dict[str, tuple[TaskID, Seen]] = {}

    def hear(step: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        if step not in tasks:
            tasks[step] = (bars.add_task(step, total=None, told=""), Seen(now))
        task, seen = tasks[step]
        seen.hear(done, total, unit)
        far, long = seen.length
        bars.update(task, completed=far, total=long, told=seen.told(now))

    with bars:
        yield hear
