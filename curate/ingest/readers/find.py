"""The files that a source names: one file, a folder, a glob, a URL, a dataset by name, or standard input."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from curate.errors import DataError, SettingsError, did_you_mean
from curate.ingest.readers import hub
from curate.ingest.readers.formats import FORMATS, ending, known, sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from curate.ingest.readers.formats import Read
    from curate.ingest.readers.lines import RawRow
    from curate.ingest.settings import Settings, Source

STDIN = "-"
NOT_DATA = (
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "croissant.json",
    "manifest.json",
    "schedule.json",
)
"""Files of a dataset folder that describe it."""


@dataclass(frozen=True)
class Input:
    """One file, or one split of a dataset: its name in the ledger, the user's map, how to hash and to read it."""

    name: str
    map: Mapping[str, str]
    blocks: Callable[[], Iterator[bytes]]
    rows: Callable[[Settings], Iterator[list[RawRow]]]

    def sha256(self) -> tuple[str, int]:
        """The SHA-256 of the bytes in hex, and their number."""
        state, size = sha256(), 0
        for block in self.blocks():
            state.update(block)
            size += len(block)
        return state.hexdigest(), size


def find(sources: Iterable[Source], stdin: Callable[[], IO[bytes]] | None) -> list[Input]:
    """The inputs that *sources* name, in order; files of a folder or a glob are sorted by name.

    *stdin* opens what was kept of standard input. Raises `SettingsError` where a source names nothing that can be
    read, and where it names a file twice.
    """
    found: dict[str, Input] = {}
    for source in sources:
        for each in _inputs(source, stdin):
            if each.name in found:
                raise SettingsError(f"{each.name} is named twice among the sources", fix="name it once")
            found[each.name] = each
    if not found:
        raise SettingsError("no sources are named", fix="name at least one file, as in sources = ['lessons.jsonl']")
    return list(found.values())


def left_out(sources: Iterable[Source]) -> list[str]:
    """The files in the folders that *sources* name which are in no known format, hidden ones not counted."""
    folders = [source.path for source in sources if "://" not in source.path and Path(source.path).is_dir()]
    return [f"{_stem(path)}{name}" for path in folders for name in _walk(Path(path)) if not _is_data(name)]


def _inputs(source: Source, stdin: Callable[[], IO[bytes]] | None) -> list[Input]:
    path = source.path
    if path == STDIN:
        if stdin is None:
            raise SettingsError("standard input was not kept", fix="pipe it into the command again")
        return [_file(STDIN, source.map, stdin, sniff)]
    if path.startswith(hub.PREFIX):
        return [_split(name, source.map, dataset) for name, dataset in hub.splits(path).items()]
    if "://" in path:
        return [_file(name, source.map, opener, _reader(name)) for name, opener in _remote(path)]
    return [_file(name, source.map, _opener(name), _reader(name)) for name in _local(path)]


# --- files of this machine ---


def _local(path: str) -> list[str]:
    place = Path(path)
    if place.is_dir():
        return _folder(path)
    if place.exists():
        return [path]
    if glob.has_magic(path):
        names = sorted(name for name in glob.glob(path, recursive=True) if Path(name).is_file())  # noqa: PTH207 - keeps names as given
        if names:
            return names
        raise SettingsError(f"no file matches {path!r}", fix="check the pattern, or put it in quotes")
    beside = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
    hint = did_you_mean(place.name, beside) if beside and len(beside) < 1000 else "check the name and the folder"
    raise SettingsError(f"{path} does not exist", fix=hint)


def _folder(path: str) -> list[str]:
    """The data files in a folder, those of a saved dataset in their own order."""
    state = Path(path) / "state.json"
    splits = Path(path) / "dataset_dict.json"
    if splits.is_file():
        return [name for split in _json(splits)["splits"] for name in _folder(f"{_stem(path)}{split}")]
    if state.is_file():
        return [f"{_stem(path)}{each['filename']}" for each in _json(state)["_data_files"]]
    names = [f"{_stem(path)}{each}" for each in _walk(Path(path)) if _is_data(each)]
    if not names:
        raise SettingsError(f"{path} holds no file that can be read", fix=f"known endings are {known()}")
    return names


def _walk(folder: Path) -> list[str]:
    """The files below a folder, as sorted paths relative to it, without hidden ones."""
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith((".", "_"))]
        inside = Path(place).relative_to(folder)
        found += [(inside / each).as_posix() for each in files if not each.startswith((".", "_"))]
    return sorted(found)


def _is_data(path: str) -> bool:
    name = path.rpartition("/")[2]
    return not name.startswith((".", "_")) and name not in NOT_DATA and ending(name) in FORMATS


def _stem(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _json(path: Path) -> Any:  # noqa: ANN401 - parsed JSON
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON: {error}", fix="save the dataset again, or name its data files") from error


def _opener(name: str) -> Callable[[], IO[bytes]]:
    def opener() -> IO[bytes]:
        try:
            return Path(name).open("rb")
        except OSError as error:
            raise DataError(
                f"{name} cannot be opened: {error.strerror}", fix="make it readable, or leave it out"
            ) from error

    return opener


# --- URLs ---


def _remote(url: str) -> list[tuple[str, Callable[[], IO[bytes]]]]:
    import fsspec  # type: ignore[import-untyped]

    try:
        system, path = fsspec.core.url_to_fs(url)
        if glob.has_magic(url):
            paths = sorted(system.glob(path))
        elif system.isdir(path):
            paths = [each for each in sorted(system.find(path)) if _is_data(each)]
        else:
            paths = [path] if system.exists(path) else []
    except (ImportError, ValueError, OSError) as error:
        told = str(error).replace(url, _public(url))
        raise SettingsError(
            f"{_public(url)} cannot be reached: {told}", fix="check the address, or fetch the file"
        ) from error
    if not paths:
        raise SettingsError(f"{_public(url)} names no file that can be read", fix=f"known endings are {known()}")

    def opener_of(path: str) -> Callable[[], IO[bytes]]:
        def opener() -> IO[bytes]:
            try:
                file: IO[bytes] = system.open(path, "rb")
            except OSError as error:
                raise DataError(f"{path} cannot be opened: {error}", fix="check the address and the rights") from error
            return file

        return opener

    return [(_public(system.unstrip_protocol(each)), opener_of(each)) for each in paths]


def _public(url: str) -> str:
    """The address without a user, a password and a query, which may hold secrets."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


# --- inputs ---


def _reader(name: str) -> Read:
    found = ending(name)
    if not found:
        return sniff
    if found not in FORMATS:
        raise SettingsError(f"{name} is in no format that can be read", fix=f"known endings are {known()}")
    return FORMATS[found]


def _file(name: str, names: Mapping[str, str], opener: Callable[[], IO[bytes]], read: Read) -> Input:
    def blocks() -> Iterator[bytes]:
        with opener() as file:
            while block := file.read(1 << 20):
                yield block

    def rows(settings: Settings) -> Iterator[list[RawRow]]:
        with opener() as file:
            yield from read(file, name, settings)

    return Input(name, names, blocks, rows)


def _split(name: str, names: Mapping[str, str], dataset: Any) -> Input:  # noqa: ANN401 - the package has no types
    def blocks() -> Iterator[bytes]:
        for batch in hub.rows(dataset):
            yield b"\n".join(row if isinstance(row, bytes) else row.raw for row in batch)

    return Input(name, names, blocks, lambda _: hub.rows(dataset))
