"""What may be given any bytes, and what must hold whatever they are: the targets of hypothesis and of the fuzzer."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.core.ids import example_id
from curate.core.manifest import Manifest, Schedule
from curate.core.plan import Plan
from curate.core.views import turns
from curate.errors import CurateError, DataError
from curate.ingest.readers import formats
from curate.ingest.reasons import Fault, Reason, code_of
from curate.ingest.rows import parse_chunks
from curate.ingest.settings import Settings
from curate.protocol import Chunk
from curate.recipe import read_recipe
from curate.store.workspace import Workspace
from curate.tag import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SETTINGS = Settings(max_line_bytes=4096, max_expansion=50, mojibake=True, languages=("en",), min_characters=1)


def readers(data: bytes) -> None:
    """The first byte picks a format: its reader gives raw rows and faults, or an error with its fix."""
    names = [*formats.FORMATS, ""]
    ending = names[data[0] % len(names)] if data else ""
    read = formats.FORMATS.get(ending, formats.sniff)
    try:
        rows = [row for block in read(io.BytesIO(data[1:]), f"x{ending}", SETTINGS) for row in block]
    except DataError as error:
        assert error.fix  # noqa: PT017 - what is tested is that it is no other error
        return
    assert all(isinstance(row, bytes | Fault) for row in rows)


def records(data: bytes) -> None:
    """Each line is a row: it becomes an example with the id of its text, a message of a tree, or a reject."""
    raws = data.split(b"\n")
    columns = {"raw": pa.array(raws, pa.binary()), "fault": pa.nulls(len(raws), pa.string())}
    parsed = parse_chunks([Chunk("x.jsonl", 1, pa.table(columns))], {}, SETTINGS)
    assert len(parsed) == len(raws)
    for number, row in enumerate(parsed.to_pylist(), 1):
        assert row["row"] == number
        if row["outcome"] == "example":
            assert row["id"] == example_id(turns(row))
        elif row["outcome"] == "rejected":
            assert code_of(row["reason"]) in set(Reason)
            assert row["raw"] is not None
        else:
            assert (row["outcome"], row["record"] is not None) == ("message", True)


def recipe(data: bytes) -> None:
    """A recipe is read, or refused with a fix."""
    _load(data, "recipe.toml", read_recipe)


def skills(data: bytes) -> None:
    """A skill catalogue is read, or refused with a fix."""
    _load(data, "skills.toml", catalogue.read)


def manifest(data: bytes) -> None:
    """A manifest, a schedule and a plan are read, or refused with a fix."""
    for kind in (Manifest, Schedule, Plan):
        _load(data, "made.json", lambda path, kind=kind: Workspace(path.parent).read_json(path.name, kind))  # type: ignore[misc]


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "readers": readers,
    "records": records,
    "recipe": recipe,
    "skills": skills,
    "manifest": manifest,
}


def _load(data: bytes, name: str, read: Callable[[Path], object]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            read(path)
        except CurateError as error:
            assert error.fix  # noqa: PT017 - what is tested is that it is no other error
