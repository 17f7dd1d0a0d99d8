"""Sorting rows into shards: nothing is lost whatever the order, and what is sorted already is not sorted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curate.protocol import Part
from curate.store.disk import LocalDisk
from curate.store.overlay import OverlayDisk
from curate.store.stamps import stamp
from curate.store.workspace import Workspace
from curate.write import jobs, slots

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

STAMP = stamp("shards")
TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def _space(folder: Path, part_rows: list[int]) -> tuple[Workspace, list[str]]:
    """Examples of plain text that say their own place."""
    space = Workspace(folder, OverlayDisk(LocalDisk(folder)))
    first = 0
    for index, rows in enumerate(part_rows):
        texts = [f"text {first + row}" for row in range(rows)]
        table = pa.table(
            {
                "id": pa.array([f"{first + row:032x}" for row in range(rows)], pa.string()),
                "record": pa.array(["text"] * rows, pa.string()),
                "messages": pa.nulls(rows, TURNS),
                "prompt": pa.nulls(rows, pa.string()),
                "completion": pa.nulls(rows, pa.string()),
                "tools": pa.nulls(rows, pa.string()),
                "text": pa.array(texts, pa.string()),
                "user": pa.StructArray.from_arrays([pa.array(texts, pa.string())], ["word"]),
            }
        )
        space.write_table(Workspace.part("examples", index), table, STAMP)
        first += rows
    return space, space.parts("examples")


def _written(
    space: Workspace, sources: list[str], part_rows: list[int], place: list[int], shard_rows: int
) -> list[str]:
    starts = np.concatenate(([0], np.cumsum(part_rows)))
    slot = np.array(place, np.int64)
    shards = slots.divide([len(place)], 0, shard_rows)
    table = pa.table({"curate_order": np.arange(len(place)), "place": slot})
    job = jobs.SortJob(space, "text", {"word": pa.string()}, shards.stops, STAMP)
    pieces = 0
    for part in jobs.taken(sources, starts, slots.by_part(slot, part_rows), table):
        pieces += 1
        if not job.stands(part.index):
            job.run(part)
    groups = jobs.groups(range(len(shards)))
    writing = jobs.ShardJob(space, shards.paths, groups, pieces, STAMP)
    for index, group in enumerate(groups):
        writing.run(Part(index, len(group)))
    tables = [space.read_table(path) for path in shards.paths]
    assert [len(table) for table in tables] == (shards.stops - shards.starts).tolist()
    rows = pa.concat_tables(tables)
    assert rows.column("curate_order").to_pylist() == list(range(len(place)))
    assert rows.column("word").to_pylist() == rows.column("text").to_pylist()
    texts: list[str] = rows.column("text").to_pylist()
    return texts


@given(st.data())
def test_every_slot_gets_its_row_in_order(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    part_rows = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=40))
    place = data.draw(st.lists(st.integers(0, sum(part_rows) - 1), max_size=60))
    shard_rows = data.draw(st.integers(1, 20))
    space, sources = _space(tmp_path_factory.getbasetemp() / "none", part_rows)

    assert _written(space, sources, part_rows, place, shard_rows) == [f"text {each}" for each in place]


def test_sorted_pieces_are_kept_while_their_stamp_fits(tmp_path: Path) -> None:
    part_rows = [3] * 20
    space, sources = _space(tmp_path, part_rows)
    _written(space, sources, part_rows, list(range(60)), 7)
    job = jobs.SortJob(space, "text", {}, np.array([60]), STAMP)
    other = jobs.SortJob(space, "text", {}, np.array([60]), stamp("other"))

    assert [job.stands(index) for index in range(3)] == [True, True, False]
    assert not other.stands(0)
