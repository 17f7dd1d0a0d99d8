"""Raw rows of all sources cut into parts of equal size, and the digest of a part."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa

from curate.core.ids import digest
from curate.ingest.reasons import Fault
from curate.protocol import Chunk, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from curate.ingest.readers.find import Input
    from curate.ingest.readers.lines import RawRow
    from curate.ingest.settings import Settings

RAW = pa.schema([("raw", pa.large_binary()), ("fault", pa.string())])
"""Raw rows: the bytes of one JSON object each, or what there is of a row that could not be read, and why."""

_DIGEST = b"digest"


def cut(inputs: Iterable[Input], settings: Settings, part_rows: int) -> Iterator[Part]:
    """The parts of all inputs in order: *part_rows* rows each but for the last; a part may span inputs."""
    chunks: list[Chunk] = []
    index, space = 0, part_rows
    for source, first_row, rows in _runs(inputs, settings, part_rows):
        chunks.append(Chunk(source.name, first_row, _table(source, first_row, rows)))
        space -= len(rows)
        if space == 0:
            yield Part(index, part_rows, tuple(chunks))
            chunks, index, space = [], index + 1, part_rows
    if chunks:
        yield Part(index, part_rows - space, tuple(chunks))


def digest_of(part: Part) -> str:
    """A digest of a part's rows, of their places, and of the maps that they are read with."""
    return digest(*(chunk.rows.schema.metadata[_DIGEST].decode() for chunk in part.chunks))


def _runs(inputs: Iterable[Input], settings: Settings, part_rows: int) -> Iterator[tuple[Input, int, list[RawRow]]]:
    """Consecutive rows of one input each, cut where a part or the limit ends: input, first row, rows."""
    space, left = part_rows, settings.limit
    for source in inputs:
        first_row = 1
        rows: list[RawRow] = []
        for block in source.rows(settings):
            rows += block
            start = 0
            while len(rows) - start >= space or (left is not None and len(rows) - start >= left):
                size = space if left is None else min(space, left)
                yield source, first_row, rows[start : start + size]
                start, first_row = start + size, first_row + size
                space = space - size or part_rows
                if left is not None:
                    left -= size
                    if left == 0:
                        return
            del rows[:start]
        if rows:
            yield source, first_row, rows
            space -= len(rows)
            left = None if left is None else left - len(rows)


def _table(source: Input, first_row: int, rows: Sequence[RawRow]) -> pa.Table:
    """Raw rows as a table that carries their digest."""
    raws = [row.raw if isinstance(row, Fault) else row for row in rows]
    faults = {place: row.reason for place, row in enumerate(rows) if isinstance(row, Fault)}
    about = (source.name, first_row, dict(source.map), list(faults.items()))
    state = blake2b(orjson.dumps(about, option=orjson.OPT_SORT_KEYS), digest_size=16)
    array = pa.array(raws, pa.large_binary())
    offsets = np.frombuffer(array.buffers()[1], np.int64, len(raws) + 1)
    state.update(np.diff(offsets).astype("<i8").tobytes())
    state.update(memoryview(array.buffers()[2] or b"")[: offsets[-1]])
    reasons = [faults.get(place) for place in range(len(rows))] if faults else pa.nulls(len(rows), pa.string())
    table = pa.table([array, pa.array(reasons, pa.string())], schema=RAW)
    return table.replace_schema_metadata({_DIGEST: state.hexdigest()})
