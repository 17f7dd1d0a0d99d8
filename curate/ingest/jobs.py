"""The two jobs of a part: parse its raw rows, then settle what became of them."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from curate.core.ids import digest
from curate.ingest import parts, rows, settle
from curate.protocol import Done
from curate.store.stamps import Stamp, stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from curate.ingest.settings import Settings
    from curate.protocol import Part

VERSION = 1
"""Rises when the same raw rows become other examples."""

PARSED = "unfinished/ingest"
"""Where parsed parts wait until the whole input has been read."""


@dataclass
class ParseJob:
    """Parses, recognises, repairs and checks the raw rows of one part."""

    space: Workspace
    settings: Settings
    maps: Mapping[str, Mapping[str, str]]
    name: str = "read"

    def stamp_for(self, part: Part) -> Stamp:
        """The stamp of a parsed part."""
        key = {"job": "ingest", "version": VERSION, "settings": self.settings.of_rows()}
        return stamp(key, parts.digest_of(part))

    def open(self) -> None:
        """Nothing is needed."""

    def run(self, part: Part) -> Done:
        """Write one parsed part."""
        with _uncollected():
            table = rows.parse_chunks(part.chunks, self.maps, self.settings)
        messages = table.column("outcome").to_pylist().count("message")
        path = Workspace.part(PARSED, part.index)
        self.space.write_unfinished(path, table, self.stamp_for(part), {"messages": messages})
        return Done(part.index, part.rows)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: a part makes many small containers and no cycles, and is a tenth faster so."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


class Stamps(NamedTuple):
    """The stamps of the three files of a settled part."""

    ledger: Stamp
    examples: Stamp
    rejected: Stamp


def stamps_for(base: Stamp, copies: pa.Table) -> Stamps:
    """The stamps of what a parsed part with the stamp *base* becomes, when these of its rows are copies.

    The examples do not depend on what the first occurrences hold, only on which rows are copies.
    """
    return Stamps(
        ledger=Stamp(settings=base.settings, inputs=digest("ledger", base.inputs, copies.to_pylist())),
        examples=examples_stamp(base, copies.column("position").to_pylist()),
        rejected=Stamp(settings=base.settings, inputs=digest("rejected", base.inputs)),
    )


def examples_stamp(base: Stamp, positions: Sequence[int]) -> Stamp:
    """The stamp of the examples of a part whose rows at *positions* are copies."""
    return Stamp(settings=base.settings, inputs=digest("examples", base.inputs, positions))


@dataclass
class SettleJob:
    """Writes ledger, examples and rejects of one part; its only chunk names the parsed folder and holds the copies."""

    space: Workspace
    name: str = "settle"

    def open(self) -> None:
        """Nothing is needed."""

    def run(self, part: Part) -> Done:
        """Write the three files of a part, the ledger last: it says that the others are there."""
        chunk = part.chunks[0]
        parsed = Workspace.part(chunk.source, part.index)
        base = self.space.stamp_of(parsed)
        if base is None:
            raise RuntimeError(f"{parsed} is gone before it was settled")
        settled = settle.settle(self.space.read_table(parsed), chunk.rows)
        stamps = stamps_for(base, chunk.rows)
        self.space.write_table(Workspace.part("rejected", part.index), settled.rejected, stamps.rejected)
        self.space.write_table(Workspace.part("examples", part.index), settled.examples, stamps.examples)
        about = {"base": base.model_dump(), "tally": settled.tally}
        self.space.write_table(Workspace.part("ledger", part.index), settled.ledger, stamps.ledger, about)
        return Done(part.index, part.rows)
