"""The part jobs of mining: what each part leaves for the search for duplicates, and what of benchmarks stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import schemas, views
from curate.mine import contaminate, duplicates, protect
from curate.protocol import Done, Part
from curate.store.ahead import ahead
from curate.store.stamps import Stamp, stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from curate.store.work import Work

MINHASH, CASES, LEAKS = "statistics/minhash", "statistics/cases", "statistics/leaks"
ROWS_AT_ONCE = 8192
"""Parts are traced together until they have so many rows: most of their words are then normalised once."""


@dataclass
class TraceJob:
    """Traces parts of examples, some at a time; what it writes of one does not depend on the others."""

    space: Workspace
    seed: int
    groups: Sequence[Sequence[Part]] = ()
    """The parts of examples that each part of this job traces."""
    name: str = "minhash"

    def stamp_for(self, index: int) -> Stamp:
        """The stamp of both files of one part of examples."""
        key = {"job": "minhash", "version": 1, "seed": self.seed}
        return stamp(key, self.space.digest(Workspace.part("examples", index)))

    def stands(self, index: int) -> bool:
        """Whether this part of examples is traced already."""
        made = self.stamp_for(index)
        return all(self.space.stamp_of(Workspace.part(folder, index)) == made for folder in (MINHASH, CASES))

    def open(self) -> None:
        """Nothing is loaded."""

    def run(self, part: Part) -> Done:
        """Write two files for each part of examples in a group."""
        group = self.groups[part.index]
        paths = [Workspace.part("examples", one.index) for one in group]
        tables = ahead(lambda path: self.space.read_table(path, list(views.RECORD_COLUMNS)), paths)
        made = duplicates.trace([views.view(table, "full_view") for table in tables], self.seed)
        for one, traces in zip(group, made, strict=True):
            self._write(one.index, traces)
        return Done(part.index, part.rows)

    def _write(self, index: int, traces: duplicates.Traces) -> None:
        made = self.stamp_for(index)
        columns = {
            "key": _opaque(traces.keys),
            "bands": _opaque(traces.bands),
            "words": traces.words,
            "characters": traces.characters,
        }
        words = {"upper": [_spaced(traces.cases.upper)], "lower": [_spaced(traces.cases.lower)]}
        self.space.write_table(Workspace.part(CASES, index), pa.table(words, schema=schemas.CASES), made)
        self.space.write_table(Workspace.part(MINHASH, index), pa.table(columns, schema=schemas.MINHASH), made)


@dataclass
class LeakJob:
    """Looks through one part of examples for the words of a benchmark; *digest* is that of the benchmark."""

    space: Workspace
    benchmark: contaminate.Benchmark
    digest: str
    overlap: float
    name: str = "leaks"

    def stamp_for(self, index: int) -> Stamp:
        """The stamp of what was found in one part of examples."""
        key = {"job": "leaks", "version": 1, "overlap": self.overlap}
        return stamp(key, self.space.digest(Workspace.part("examples", index)), self.digest)

    def stands(self, index: int) -> bool:
        """Whether this part of examples was looked through already."""
        return self.space.stamp_of(Workspace.part(LEAKS, index)) == self.stamp_for(index)

    def open(self) -> None:
        """Nothing is loaded."""

    def run(self, part: Part) -> Done:
        """Write the hits of one part."""
        table = self.space.read_table(Workspace.part("examples", part.index), list(views.RECORD_COLUMNS))
        texts, prompts = views.view(table, "full_view"), views.view(table, "prompt_view")
        hits = contaminate.find(self.benchmark, texts, prompts, self.overlap)
        columns = {name: [getattr(hit, name) for hit in hits] for name in schemas.LEAKS.names}
        made = pa.table(columns, schema=schemas.LEAKS)
        self.space.write_table(Workspace.part(LEAKS, part.index), made, self.stamp_for(part.index))
        return Done(part.index, part.rows)


def leaks(job: LeakJob, work: Work) -> Iterator[tuple[Part, list[contaminate.Hit]]]:
    """The parts of examples, in order, with what was found in each; what does not stand is looked through first."""
    parts = job.space.units("examples")
    missing = [part for part in parts if not job.stands(part.index)]
    for _ in work.each(job, parts, missing, job.name):
        pass
    job.space.trim(LEAKS, len(parts))
    for part in parts:
        rows = job.space.read_table(Workspace.part(LEAKS, part.index)).to_pylist()
        yield part, [contaminate.Hit(**row) for row in rows]


def traces(space: Workspace, work: Work) -> Iterator[duplicates.Traces]:
    """The traces of all parts of examples, in order; those that do not stand are made first."""
    parts = space.units("examples")
    job = TraceJob(space, work.seed)
    stands = [job.stands(part.index) for part in parts]
    job.groups = _groups(list(compress(parts, map(not_, stands))))
    missing = [Part(index, sum(part.rows for part in group)) for index, group in enumerate(job.groups)]
    for _ in work.each(job, [*compress(parts, stands), *missing], missing, job.name):
        pass
    for folder in (MINHASH, CASES):
        space.trim(folder, len(parts))
    yield from ahead(lambda part: _read(space, part.index), parts)


def _groups(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts in order, cut where a group has reached `ROWS_AT_ONCE`."""
    made: list[list[Part]] = []
    rows = ROWS_AT_ONCE
    for part in parts:
        if rows >= ROWS_AT_ONCE:
            made.append([])
            rows = 0
        made[-1].append(part)
        rows += part.rows
    return made


def _read(space: Workspace, index: int) -> duplicates.Traces:
    """The traces that one part has left."""
    held = space.read_table(Workspace.part(MINHASH, index))
    words = space.read_table(Workspace.part(CASES, index))
    upper, lower = (pc.split_pattern(column, " ").combine_chunks().flatten() for column in words.columns)
    return duplicates.Traces(
        keys=_numbers(held.column("key"), np.uint64),
        bands=_numbers(held.column("bands"), np.uint32),
        words=held.column("words").to_numpy(),
        characters=held.column("characters").to_numpy(),
        cases=protect.Cases(upper, lower),
    )


def _spaced(words: pa.Array) -> str | None:
    return " ".join(words.to_pylist()) or None


def _opaque(rows: NDArray[Any]) -> pa.Array:
    """An array of shape (n, k) as n values of so many bytes."""
    width = rows.itemsize * rows.shape[1]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(rows.tobytes())])


def _numbers(column: pa.ChunkedArray, kind: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """The array of shape (n, k) that `_opaque` made such a column of."""
    held = column.combine_chunks()
    width = held.type.byte_width // np.dtype(kind).itemsize
    numbers = np.frombuffer(held.buffers()[1], kind, len(held) * width) if len(held) else np.empty(0, kind)
    return numbers.reshape(len(held), width)
