"""A run folder: tables, part files and the records of finished steps, each with its stamp."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import orjson
import pyarrow as pa
from pydantic import ValidationError

from curate.errors import IntegrityError, SettingsError
from curate.protocol import Frozen, Part
from curate.store import parquet, stamps
from curate.store.ahead import ahead
from curate.store.disk import Disk, LocalDisk
from curate.store.url import UrlDisk, is_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from curate.store.stamps import Stamp

Model = TypeVar("Model", bound=Frozen)


class Workspace:
    """The only door to a run folder. Reads are checked; writes are whole or absent, and always stamped."""

    def __init__(self, root: str | Path, disk: Disk | None = None) -> None:
        self.name = str(root).removeprefix("file://")
        self.disk: Disk = disk or (UrlDisk(self.name) if is_url(self.name) else LocalDisk(Path(self.name)))

    @property
    def root(self) -> Path:
        """The folder of this machine; `SettingsError` where the run lies at a URL and a folder is needed."""
        if is_url(self.name):
            raise SettingsError(
                f"{self.name} is no folder of this machine, and training needs one for its checkpoints",
                fix="copy the run folder to this machine and name the copy",
            )
        return Path(self.name)

    # --- tables ---

    def write_table(self, path: str, table: pa.Table, stamp: Stamp, about: Mapping[str, object] | None = None) -> None:
        """Write a Parquet file; *about* is a JSON value kept in its metadata."""
        with self.disk.create(path) as file:
            parquet.write(file, table, stamp, about)

    def units(self, folder: str) -> list[Part]:
        """The part files of a folder as units of work, each with its number and its rows."""
        return [Part(index, self.rows(path)) for index, path in enumerate(self.parts(folder))]

    def write_unfinished(
        self, path: str, table: pa.Table, stamp: Stamp, about: Mapping[str, object] | None = None
    ) -> None:
        """Write a Parquet file that is read again soon and then removed."""
        with self.disk.create(path) as file:
            parquet.write_unfinished(file, table, stamp, about)

    def read_table(self, path: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a Parquet file; `IntegrityError` where it is missing or damaged."""
        with self._open(path) as file:
            return parquet.read(file, path, columns)

    def stamp_of(self, path: str) -> Stamp | None:
        """The stamp of a Parquet file; None where the file is not there, or not ours, or cut short."""
        return self._footer(path)[0]

    def digest(self, path: str) -> str:
        """The digest of a Parquet file's stamp: what the next step takes as its input."""
        held = self.stamp_of(path)
        if held is None:
            raise parquet.damaged(path, ValueError("it is missing, or holds no stamp of ours"))
        return held.digest

    def about(self, path: str) -> dict[str, object]:
        """The JSON value that was kept in a Parquet file's metadata."""
        return self._footer(path)[1]

    def rows(self, path: str) -> int:
        """How many rows a Parquet file holds."""
        return self._footer(path)[2]

    def schema(self, path: str) -> pa.Schema:
        """The columns of a Parquet file with their types, from its footer alone."""
        with self._open(path) as file:
            return parquet.schema(file, path)

    def _footer(self, path: str) -> tuple[Stamp | None, dict[str, object], int]:
        if not self.disk.exists(path):
            return None, {}, 0
        try:
            with self.disk.open(path) as file:
                return parquet.about(file, path)
        except IntegrityError:
            return None, {}, 0

    # --- parts ---

    @staticmethod
    def part(folder: str, index: int) -> str:
        """The path of a part file."""
        return f"{folder}/part-{index:05d}.parquet"

    def parts(self, folder: str) -> list[str]:
        """The paths of a folder's part files, in order."""
        return [f"{folder}/{name}" for name in self.disk.names(folder) if name.startswith("part-")]

    def read_parts(self, folder: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The tables of a folder's part files, in order, one at a time."""
        for path in self.parts(folder):
            yield self.read_table(path, columns)

    def read_all(self, folder: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of all parts of a folder, as one table; the parts must agree on their types."""
        tables = list(ahead(lambda path: self.read_table(path, columns), self.parts(folder)))
        if not tables:
            raise IntegrityError(f"{folder}/ holds no part files", fix="run `curate score` first")
        return pa.concat_tables(tables)

    def trim(self, folder: str, keep: int) -> None:
        """Remove the part files from number *keep* on: leftovers of a larger input."""
        for path in self.parts(folder)[keep:]:
            self.disk.remove(path)

    # --- JSON and other files ---

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write a file whole."""
        with self.disk.create(path) as file:
            file.write(data)

    def read_bytes(self, path: str) -> bytes:
        """Read a file whole."""
        with self._open(path) as file:
            return file.read()

    def write_json(self, path: str, model: Frozen, stamp: Stamp | None = None) -> None:
        """Write a model as JSON, with its stamp under the key ``curate`` where one is given."""
        value = model.model_dump(mode="json")
        if stamp is not None:
            value = {"curate": stamp.model_dump(), **value}
        self.write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def read_json(self, path: str, kind: type[Model]) -> Model:
        """Read a model; `IntegrityError` where the file is missing or is not of that kind."""
        return self.read_stamped(path, kind)[0]

    def read_stamped(self, path: str, kind: type[Model]) -> tuple[Model, Stamp | None]:
        """Read a model and its stamp."""
        data = self.read_bytes(path)
        try:
            value = orjson.loads(data)
            held = value.pop("curate", None) if isinstance(value, dict) else None
            return kind.model_validate_json(orjson.dumps(value)), stamps.from_json(held)
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise parquet.damaged(path, error) from error

    def _open(self, path: str) -> IO[bytes]:
        try:
            return self.disk.open(path)
        except FileNotFoundError as error:
            raise IntegrityError(
                f"{path} is missing from {self.name}", fix="give the last command that builds it again"
            ) from error
        except OSError as error:
            raise parquet.damaged(path, error) from error

    # --- finished steps ---

    def finish(self, step: str, stamp: Stamp, report: Frozen) -> None:
        """Record that a step is done: written last, and only after success."""
        self.write_json(f"steps/{step}.json", report, stamp)

    def finished(self, step: str, kind: type[Model]) -> tuple[Model, Stamp] | None:
        """A finished step's report and stamp; None where it has not finished in this form."""
        if not self.disk.exists(f"steps/{step}.json"):
            return None
        try:
            report, held = self.read_stamped(f"steps/{step}.json", kind)
        except IntegrityError:
            return None
        return None if held is None else (report, held)

    # --- hashes ---

    def sha256(self, path: str) -> tuple[str, int]:
        """The SHA-256 of a file in hex, and its size in bytes."""
        state, size = sha256(), 0
        with self._open(path) as file:
            while block := file.read(1 << 20):
                state.update(block)
                size += len(block)
        return state.hexdigest(), size
