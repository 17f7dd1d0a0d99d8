"""Which texts of `--pairs` mean the same, and what they differ in, as the user says it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from curate.core import views
from curate.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.audit.settings import Matching

PAIRS = pa.schema([("id", pa.string()), ("pair", pa.string()), ("group", pa.string())])
"""One line for each text: the id of its content, what joins it to others, and what tells it from them."""

PLACE = ("source", "row")
OWN = (*PLACE, "language")


@dataclass(frozen=True)
class Reading:
    """One reading of an entry of ``pairs``: part by part, its rows as they were parsed, rejects among them.

    ``column`` is the one that held the texts, where the rows of the entry are pairs themselves.
    """

    entry: int
    matching: Matching
    column: str | None
    tables: Sequence[pa.Table]

    @property
    def examples(self) -> list[pa.Table]:
        """The rows that are examples, part by part; a text that occurs twice is there twice."""
        return [table.filter(pc.equal(table.column("outcome"), "example")) for table in self.tables]

    @property
    def unread(self) -> int:
        """How many rows are no example."""
        return sum(map(len, self.tables)) - sum(map(len, self.examples))


def joined(reading: Reading) -> pa.Table:
    """The texts of a reading as `PAIRS`; rows without a group, or without what joins them, are left out.

    `SettingsError` where a column is in none of the rows, and where rows that are to be matched by their places are
    not equally many in every group.
    """
    tables, matching = reading.examples, reading.matching
    ids = pa.chunked_array([each.column("id").combine_chunks() for each in tables], pa.string())
    if reading.column is not None:
        group: list[str | None] = [reading.column] * len(ids)
        places = zip(*(_column(tables, name) for name in PLACE), strict=True)
        pair: list[str | None] = [f"{reading.entry}:{place}" for place in places]
    elif matching.aligned is None:
        group, pair = _column(tables, matching.group), _column(tables, matching.pair)
    else:
        group = _column(tables, matching.group)
        pair = [f"{reading.entry}:{place}" for place in _by_place(reading, group, matching.aligned)]
    table = pa.table([ids, pa.array(pair, pa.string()), pa.array(group, pa.string())], schema=PAIRS)
    return table.filter(pc.and_(pc.is_valid(table.column("pair")), pc.is_valid(table.column("group"))))


def _by_place(
    reading: Reading, group: Sequence[str | None], inside: Sequence[str]
) -> Iterator[tuple[tuple[str | None, ...], int]]:
    """Of each row its key, and its place among the rows of that key and its group."""
    tables = reading.examples
    columns = [_column(tables, name) for name in inside]
    keys = list(zip(*columns, strict=True)) if columns else [()] * len(group)
    counts = Counter(zip(keys, group, strict=True))
    for key in dict.fromkeys(keys):
        held = {side: counts[key, side] for side in sorted({each for each in group if each is not None})}
        if reading.unread or len({*held.values()}) > 1:
            among = " and ".join(f"{name} = {value}" for name, value in zip(inside, key, strict=True))
            counted = ", ".join(f"{count} of {side}" for side, count in held.items())
            raise SettingsError(
                f"rows of --pairs cannot be matched by their places: {f'where {among} ' if among else ''}there are "
                f"{counted}" + (f", and {reading.unread} rows are no example" if reading.unread else ""),
                fix="name the columns inside which they go together, or one that joins them: --match pair=COLUMN",
            )
    seen: Counter[tuple[tuple[str | None, ...], str | None]] = Counter()
    for key, side in zip(keys, group, strict=True):
        seen[key, side] += 1
        yield key, seen[key, side]


def _column(tables: Sequence[pa.Table], name: str) -> list[str | None]:
    """The values of a column, ours or the user's, as text."""
    if name in OWN:
        return [value if value is None else str(value) for table in tables for value in table.column(name).to_pylist()]
    known = {field for table in tables for field in views.user_names(table)}
    if name not in known:
        raise SettingsError(
            f"--pairs is matched by {name!r}, a column that no row has: {did_you_mean(name, known)}",
            fix="say how texts go together, as in --match texts=A+B, --match group=A,pair=B or group=A,aligned=B",
        )
    return [value for table in tables for value in views.as_text(views.user_column(table, name)).to_pylist()]
