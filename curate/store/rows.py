"""Rows of Parquet shards by their place in the whole sequence, read one row group at a time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from curate.store.parquet import damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.store.disk import Disk

Row = dict[str, Any]


class Group(NamedTuple):
    """One row group: its file, its number there, and the place of its first row in the whole sequence."""

    path: str
    number: int
    first: int


@dataclass
class ShardRows:
    """The rows from place *start* to *stop* of shards that follow one another, by their place from 0.

    Only the row group that was read last is kept, so memory does not grow with the data; a copy that is pickled for
    another process reads for itself.
    """

    disk: Disk
    groups: tuple[Group, ...]
    start: int
    stop: int
    _held: tuple[int, pa.Table] | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, place: int) -> Row:
        """One row as plain values."""
        return self.rows([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[Row]:
        """Several rows at once, in the order asked for; torch's loader prefers this."""
        return self.rows(places)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_held": None}

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Rows as plain values, in the order of *places*."""
        rows: list[Row] = self.take(places).to_pylist()
        return rows

    def take(self, places: Sequence[int]) -> pa.Table:
        """Rows as a table, in the order of *places*; consecutive places are read together."""
        pieces = []
        at = 0
        while at < len(places):
            held, first = self._group(self._checked(places[at]))
            inside = [places[at] + self.start - first]
            at += 1
            while at < len(places) and 0 <= (offset := self._checked(places[at]) - first) < len(held):
                inside.append(offset)
                at += 1
            pieces.append(held.take(pa.array(inside, pa.int64())))
        return pa.concat_tables(pieces) if pieces else self._group(self.start)[0].slice(0, 0)

    def part(self, start: int, stop: int) -> ShardRows:
        """The rows from *start* to *stop* of these, as rows of their own."""
        return replace(self, start=self.start + start, stop=self.start + stop, _held=None)

    def _checked(self, place: int) -> int:
        if not 0 <= place < len(self):
            raise IndexError(f"there is no row {place} among {len(self)}")
        return place + self.start

    def _group(self, place: int) -> tuple[pa.Table, int]:
        """The row group that holds a place of the whole sequence, and the place of its first row."""
        number = bisect_right(self.groups, place, key=lambda group: group.first) - 1
        group = self.groups[number]
        if self._held is None or self._held[0] != number:
            self._held = (number, _read(self.disk, group))
        return self._held[1], group.first


def open_shards(disk: Disk, paths: Sequence[str]) -> ShardRows:
    """The rows of *paths*, one shard after the other; only footers are read. Empty shards are passed over."""
    groups = []
    first = 0
    for path in paths:
        for number, rows in enumerate(_group_rows(disk, path)):
            if rows:
                groups.append(Group(path, number, first))
            first += rows
    return ShardRows(disk, tuple(groups), 0, first)


def _group_rows(disk: Disk, path: str) -> list[int]:
    try:
        with disk.open(path) as file:
            footer = pq.read_metadata(file)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error
    return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]


def _read(disk: Disk, group: Group) -> pa.Table:
    try:
        with disk.open(group.path) as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            return parquet.read_row_group(group.number, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(group.path, error) from error
