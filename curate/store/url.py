"""A run folder at a URL that fsspec knows, as on an object store: a file appears under its name by one PUT."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from curate.errors import CurateError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_PUT_BYTES = 64 << 20
"""Larger files go up in pieces, which an object store shows under the name only when the last has come."""


class UrlDisk:
    """A folder at a URL. Nothing is renamed, and no listing is remembered, since other machines write there too.

    Credentials come from where the store's own client looks for them (environment, profile, role of the machine), on
    every machine anew: neither this object nor its pickled form holds any.
    """

    def __init__(self, url: str) -> None:
        self.url = _without_secrets(url.rstrip("/"))

    def __reduce__(self) -> tuple[type[UrlDisk], tuple[str]]:
        return UrlDisk, (self.url,)

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        """Collect the bytes in a temporary file of this machine, then put them under the name at once."""
        with TemporaryDirectory(prefix="curate-") as folder:
            whole = Path(folder) / "whole"
            with whole.open("xb") as file:
                yield file
            with self._told("write", path):
                if whole.stat().st_size <= _ONE_PUT_BYTES:
                    self._system.pipe_file(self._at(path), whole.read_bytes())
                else:
                    self._system.put_file(str(whole), self._at(path))

    def claim(self, path: str, data: bytes) -> bool:
        """Write a small file only if there is none; whether it was written. The store decides between two at once."""
        with self._told("write", path):
            try:
                self._system.pipe_file(self._at(path), data, mode="create")
            except FileExistsError:
                return False
        return True

    def open(self, path: str) -> IO[bytes]:
        """A file to read; only the ranges that are asked for are fetched."""
        with self._told("read", path):
            file: IO[bytes] = self._system.open(self._at(path), "rb")
        return file

    def fetch(self, path: str) -> bytes:
        """A small file whole, by one request: nobody can write it over half-way."""
        with self._told("read", path):
            data: bytes = self._system.cat_file(self._at(path))
        return data

    def exists(self, path: str) -> bool:
        """Whether the file is there, or any file below that name."""
        return self._kind(path) is not None

    def names(self, folder: str) -> list[str]:
        """The names below a folder, sorted."""
        base = self._at(folder)
        with self._told("list", folder):
            try:
                found = self._system.ls(base, detail=False)
            except FileNotFoundError:
                return []
        names = {each.rstrip("/").rpartition("/")[2] for each in found if each.rstrip("/") != base}
        return sorted(names)

    def remove(self, path: str) -> None:
        """Remove a file, or all files below a name."""
        kind = self._kind(path)
        if kind is not None:
            with self._told("remove", path):
                self._system.rm(self._at(path), recursive=kind == "directory")

    def sweep(self) -> None:
        """Nothing here is ever half-written: pieces of an upload that was cut short have no name."""

    def _kind(self, path: str) -> str | None:
        with self._told("look at", path):
            try:
                kind: str = self._system.info(self._at(path))["type"]
            except FileNotFoundError:
                return None
        return kind

    def _at(self, path: str) -> str:
        return f"{self._reached[1]}/{path}" if path else self._reached[1]

    @property
    def _system(self) -> Any:  # noqa: ANN401 - fsspec has no types
        return self._reached[0]

    @cached_property
    def _reached(self) -> tuple[Any, str]:
        import fsspec  # type: ignore[import-untyped]

        try:
            system, base = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"{self.url} cannot be reached: {error}",
                fix='install the client of that store, for s3:// with `pip install "curate-curriculum[s3]"`',
            ) from error
        return system, base.rstrip("/")

    @contextmanager
    def _told(self, doing: str, path: str) -> Iterator[None]:
        """Say in our words what a store's client raises in its own."""
        try:
            yield
        except CurateError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and doing == "read":
                raise
            raise CurateError(
                f"cannot {doing} {self.url}/{path}: {type(error).__name__}: {_first_line(error)}",
                fix="give the credentials and the address that the store's client looks for, and the right to write "
                "there; then give the same command again, it goes on from there",
            ) from error


def is_url(name: str) -> bool:
    """Whether a run folder's name is a URL."""
    return "://" in name


def _without_secrets(url: str) -> str:
    """The URL itself, for it will stand in messages and logs; one that holds a password is refused."""
    scheme, _, rest = url.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if (at and ":" in user) or "?" in rest:
        raise SettingsError(
            f"the {scheme}:// URL of the run holds a password or a query, which would stand in logs",
            fix="leave it out, and give credentials in the environment or in the configuration of fsspec",
        )
    return url


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
