"""The part jobs of writing: rows are sorted by shard, some parts at a time, then each shard is gathered and written.

This is a sort whose pieces lie in files, so memory holds a few parts or a few shards at a time, whatever the order,
and either half can be done by any worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import views
from curate.protocol import Chunk, Done, Part
from curate.store import stamps
from curate.store.ahead import THREADS, ahead
from curate.write import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.store.stamps import Stamp
    from curate.store.workspace import Workspace
    from curate.write.record import Record

SORTED = "unfinished/write"
PARTS_AT_ONCE = 16
"""So many parts of examples make one file of sorted rows."""


@dataclass
class SortJob:
    """Puts the rows of some parts into the order of their slots, as one record batch for each shard.

    A part of this job brings a chunk for each part file that it reads, named by its path: a table with the ``slot``
    and the ``row`` in that file of each row that the dataset takes, and the columns that the order decides.
    """

    space: Workspace
    record: Record
    kinds: Mapping[str, pa.DataType]
    stops: NDArray[np.int64]
    """The slot after the last one of each shard."""
    stamp: Stamp
    name: str = "sort"

    def stands(self, index: int) -> bool:
        """Whether these parts are sorted already."""
        path = _path(index)
        if not self.space.disk.exists(path):
            return False
        with self.space.disk.open(path) as file, pa.ipc.open_file(file) as held:
            kept = (held.schema.metadata or {}).get(stamps.KEY)
        return stamps.from_json(orjson.loads(kept or b"null")) == self.stamp

    def open(self) -> None:
        """Nothing is loaded."""

    def run(self, part: Part) -> Done:
        """Write one file of sorted rows."""
        rows = pa.concat_tables(ahead(self._rows, part.chunks))
        rows = rows.take(pc.sort_indices(rows, [("slot", "ascending")])).combine_chunks()
        rows = rows.replace_schema_metadata({stamps.KEY: orjson.dumps(self.stamp.model_dump())})
        borders = [0, *np.searchsorted(rows.column("slot").to_numpy(), self.stops).tolist()]
        with self.space.disk.create(_path(part.index)) as file, pa.ipc.new_file(file, rows.schema) as writer:
            for begin, end in pairwise(borders):
                writer.write_batch(_batch(rows.slice(begin, end - begin)))
        return Done(part.index, part.rows)

    def _rows(self, chunk: Chunk) -> pa.Table:
        """The finished rows that the dataset takes from one part file, each with its slot."""
        needed = ["id", *views.RECORD_COLUMNS, "tools", *(["user"] if self.kinds else [])]
        examples = self.space.read_table(chunk.source, needed).take(chunk.rows.column("row"))
        content = record.convert(examples, self.record)
        user = {name: views.user_column(examples, name).cast(kind) for name, kind in self.kinds.items()}
        decided = chunk.rows.drop_columns(["slot", "row"])
        columns = {name: decided.column(name) for name in decided.column_names}
        slot = chunk.rows.column("slot")
        return pa.table({**content, **user, "curate_id": examples.column("id"), **columns, "slot": slot})


@dataclass
class ShardJob:
    """Gathers shards from the files of sorted rows and writes them, a few at a time."""

    space: Workspace
    paths: Sequence[str]
    groups: Sequence[Sequence[int]]
    """The numbers of the shards that each part of this job writes."""
    pieces: int
    stamp: Stamp
    name: str = "shards"

    def open(self) -> None:
        """Nothing is loaded."""

    def run(self, part: Part) -> Done:
        """Write a few shards at once."""
        for _ in ahead(self._write, self.groups[part.index]):
            pass
        return Done(part.index, len(self.groups[part.index]))

    def _write(self, number: int) -> None:
        rows = pa.Table.from_batches([self._piece(index, number) for index in range(self.pieces)])
        ordered = rows.take(pc.sort_indices(rows, [("slot", "ascending")])).drop_columns(["slot"])
        self.space.write_table(self.paths[number], ordered, self.stamp)

    def _piece(self, index: int, number: int) -> pa.RecordBatch:
        with self.space.disk.open(_path(index)) as file, pa.ipc.open_file(file) as held:
            return held.get_batch(number)


def groups(numbers: Sequence[int]) -> list[Sequence[int]]:
    """Shards by the part of the job that writes them: as many as this machine has threads for."""
    return [numbers[begin : begin + THREADS] for begin in range(0, len(numbers), THREADS)]


def taken(
    sources: Sequence[str], starts: NDArray[np.int64], taking: Sequence[NDArray[np.int64]], slots: pa.Table
) -> Iterator[Part]:
    """The parts of a `SortJob`. *starts*: the place of each source's first row; *taking*: the slots that it fills.

    *slots* has a row for each slot: its ``place``, and what the order decides.
    """
    for index, begin in enumerate(range(0, len(sources), PARTS_AT_ONCE)):
        chunks = []
        for number in range(begin, min(begin + PARTS_AT_ONCE, len(sources))):
            filled = slots.take(pa.array(taking[number]))
            row = pc.subtract(filled.column("place"), int(starts[number]))
            table = filled.drop_columns(["place"]).append_column("row", row)
            chunks.append(Chunk(sources[number], 0, table.append_column("slot", pa.array(taking[number]))))
        yield Part(index, sum(len(chunk.rows) for chunk in chunks), tuple(chunks))


def _batch(rows: pa.Table) -> pa.RecordBatch:
    """One record batch of rows that lie in one piece."""
    batches = rows.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=rows.schema)


def _path(index: int) -> str:
    return f"{SORTED}/rows-{index:05d}.arrow"
