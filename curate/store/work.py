"""What the pipeline hands to every step beside its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curate.protocol import silent

if TYPE_CHECKING:
    from curate.protocol import Engine, Progress
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
