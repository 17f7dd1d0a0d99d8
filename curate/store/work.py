"""What the pipeline hands to every step beside its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.core import pulse
from curate.protocol import silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.protocol import Done, Engine, Part, PartJob, Progress
    from curate.store.stamps import Stamp


@dataclass(frozen=True)
class Work:
    """The circumstances of one step: its stamp, the run's seed, part size and edition, its engine, and who hears of it.

    A step writes ``stamp`` into each whole-corpus table that it makes. Part files carry finer stamps of their own,
    made from the stamps of the parts they come from, so that a part whose inputs did not change is kept.
    """

    stamp: Stamp
    engine: Engine
    seed: int = 0
    part_rows: int = 2048
    progress: Progress = silent
    edition: int = 1

    def each(self, job: PartJob, parts: Sequence[Part], missing: Sequence[Part], name: str) -> Iterator[Done]:
        """Run a job on the parts that are *missing* among *parts*, telling rows, parts and tokens as they are done."""
        total, finished = sum(part.rows for part in parts), len(parts) - len(missing)
        rows = total - sum(part.rows for part in missing)
        tokens = within = 0

        def hear(more: int, done: int, asked: int) -> None:
            nonlocal tokens, within
            tokens += more
            at = finished - len(parts) + len(missing)
            if at < len(missing):
                within = max(within, missing[at].rows * done // max(asked, 1))
            self.progress(name, tokens, None, "tokens")
            self.progress(name, rows + within, total, "rows")

        self.progress(name, finished, len(parts), "parts")
        self.progress(name, rows, total, "rows")
        with pulse.heard(hear):
            for done in self.engine.map(job, iter(missing)):
                finished, rows, within = finished + 1, rows + done.rows, 0
                self.progress(name, finished, len(parts), "parts")
                self.progress(name, rows, total, "rows")
                yield done
