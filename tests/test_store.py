"""Files appear whole or not at all, carry their stamp, and are not read when they are damaged."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from curate.errors import BusyError, CurateError, IntegrityError
from curate.protocol import Frozen
from curate.store import parquet
from curate.store.disk import Disk, LocalDisk
from curate.store.lock import locked
from curate.store.overlay import OverlayDisk
from curate.store.stamps import Stamp, difference, stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

TABLE = pa.table({"id": ["a", "b", "c"], "x": [1.0, 2.0, 3.0]})
STAMP = stamp({"k": 1}, "in")


class Note(Frozen):
    text: str


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "run")


def test_a_table_comes_back_with_its_stamp_and_what_was_said_about_it(space: Workspace) -> None:
    space.write_table("t.parquet", TABLE, STAMP, {"alias": "x"})

    assert space.read_table("t.parquet").equals(TABLE)
    assert space.read_table("t.parquet", ["x"]).column_names == ["x"]
    assert space.stamp_of("t.parquet") == STAMP
    assert space.about("t.parquet") == {"alias": "x"}
    assert space.rows("t.parquet") == 3


def test_an_unfinished_table_comes_back_like_any_other(space: Workspace) -> None:
    space.write_unfinished("t.parquet", TABLE, STAMP, {"messages": 2})

    assert space.read_table("t.parquet").equals(TABLE)
    assert space.stamp_of("t.parquet") == STAMP
    assert space.about("t.parquet") == {"messages": 2}


def test_the_same_table_has_the_same_bytes(space: Workspace) -> None:
    space.write_table("one.parquet", TABLE, STAMP)
    space.write_table("two.parquet", TABLE, STAMP)

    assert space.sha256("one.parquet") == space.sha256("two.parquet")


def _write_half(disk: Disk, error: Exception) -> None:
    with disk.create("x") as file:
        file.write(b"half")
        raise error


def test_a_file_that_fails_halfway_leaves_nothing(space: Workspace) -> None:
    with pytest.raises(RuntimeError):
        _write_half(space.disk, RuntimeError())

    assert list(space.root.iterdir()) == []


def test_a_file_that_fails_halfway_leaves_the_former_one(space: Workspace) -> None:
    space.write_bytes("x", b"before")
    with pytest.raises(RuntimeError):
        _write_half(space.disk, RuntimeError())

    assert space.read_bytes("x") == b"before"


def test_sweeping_removes_what_a_killed_run_left(space: Workspace) -> None:
    space.write_bytes("a/x", b"whole")
    (space.root / "a" / "y.123.unfinished").write_bytes(b"half")

    assert space.disk.names("a") == ["x"]
    space.disk.sweep()
    assert [path.name for path in (space.root / "a").iterdir()] == ["x"]


def test_a_missing_file_is_named_with_what_to_do(space: Workspace) -> None:
    with pytest.raises(IntegrityError, match=r"t\.parquet is missing"):
        space.read_table("t.parquet")


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_table_is_not_read(space: Workspace, damage: str) -> None:
    space.write_table("t.parquet", TABLE, STAMP)
    path = space.root / "t.parquet"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[40] ^= 0xFF
    path.write_bytes(bytes(data))

    with pytest.raises(IntegrityError, match="damaged"):
        space.read_table("t.parquet")


def test_a_cut_file_has_no_stamp_so_it_is_made_again(space: Workspace) -> None:
    (space.root).mkdir()
    (space.root / "t.parquet").write_bytes(b"PAR1 nothing")

    assert space.stamp_of("t.parquet") is None
    with pytest.raises(IntegrityError):
        space.digest("t.parquet")


def test_parts_are_read_in_order_and_leftovers_are_trimmed(space: Workspace) -> None:
    for index in (2, 0, 1, 3):
        space.write_table(space.part("examples", index), pa.table({"id": [str(index)]}), STAMP)

    assert space.read_all("examples", ["id"]).column("id").to_pylist() == ["0", "1", "2", "3"]
    space.trim("examples", 2)
    assert len(space.parts("examples")) == 2


def test_reading_a_folder_without_parts_says_what_to_run(space: Workspace) -> None:
    with pytest.raises(IntegrityError, match="no part files"):
        space.read_all("examples", ["id"])


def test_a_finished_step_keeps_its_report_and_stamp(space: Workspace) -> None:
    assert space.finished("score", Note) is None
    space.finish("score", STAMP, Note(text="done"))

    assert space.finished("score", Note) == (Note(text="done"), STAMP)


def test_a_record_of_another_form_counts_as_not_finished(space: Workspace) -> None:
    space.write_bytes("steps/score.json", b'{"other": 1}')

    assert space.finished("score", Note) is None


def test_json_of_another_form_is_an_integrity_error(space: Workspace) -> None:
    space.write_bytes("plan.json", b"[1,")

    with pytest.raises(IntegrityError, match=r"plan\.json is damaged"):
        space.read_json("plan.json", Note)


def test_a_stamp_says_what_changed() -> None:
    new = stamp({"k": 2}, "in")

    assert difference(STAMP, STAMP) is None
    assert difference(None, STAMP) == "not made yet"
    assert difference(STAMP, new) == "its settings changed"
    assert difference(STAMP, stamp({"k": 1}, "other")) == "its inputs changed"
    assert difference(STAMP, stamp({"k": 2}, "other")) == "its settings and its inputs changed"
    assert Stamp(settings="a", inputs="b").digest != Stamp(settings="b", inputs="a").digest


def test_a_table_with_other_columns_is_a_bug_not_a_silent_cast() -> None:
    with pytest.raises(TypeError, match="columns"):
        parquet.conform(TABLE, pa.schema([("id", pa.string())]), "t")


def _try_to_lock(folder: Path, told: multiprocessing.Queue[str]) -> None:
    try:
        with locked(Workspace(folder)):
            told.put("held")
    except BusyError:
        told.put("busy")


def test_a_second_run_is_refused_and_a_finished_one_leaves_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    with locked(Workspace(tmp_path)):
        second = context.Process(target=_try_to_lock, args=(tmp_path, told))
        second.start()
        second.join()
    third = context.Process(target=_try_to_lock, args=(tmp_path, told))
    third.start()
    third.join()

    assert [told.get(timeout=5), told.get(timeout=5)] == ["busy", "held"]


def test_a_folder_that_cannot_be_made_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(CurateError, match="cannot write"), locked(Workspace(tmp_path / "file" / "run")):
        pass


def test_a_full_disk_is_an_error_with_a_fix(tmp_path: Path) -> None:
    disk = LocalDisk(tmp_path)

    with pytest.raises(CurateError, match="No space left"):
        _write_half(disk, OSError(28, "No space left on device"))

    assert disk.names("") == []


def test_an_overlay_shows_changes_and_leaves_the_disk_alone(space: Workspace) -> None:
    space.write_bytes("a/one", b"1")
    space.write_bytes("a/two", b"2")
    over = OverlayDisk(space.disk)

    with over.create("a/three") as file:
        file.write(b"3")
    over.remove("a/one")

    assert over.names("a") == ["three", "two"]
    shown = Workspace(space.root, over)
    assert (shown.read_bytes("a/three"), shown.read_bytes("a/two")) == (b"3", b"2")
    assert not over.exists("a/one")
    with pytest.raises(FileNotFoundError):
        over.open("a/one")
    assert over.exists("a")
    over.sweep()
    over.remove("a")
    assert not over.exists("a")
    assert space.disk.names("a") == ["one", "two"]


def test_tables_can_be_written_over_an_overlay(space: Workspace) -> None:
    over = Workspace(space.root, OverlayDisk(space.disk))

    over.write_table("t.parquet", TABLE, STAMP)

    assert over.read_table("t.parquet").equals(TABLE)
    assert not space.root.exists()
