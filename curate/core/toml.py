"""Files that people write: TOML read whole, or an error that says what to do."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from curate.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, what: str) -> dict[str, Any]:
    """The tables of a TOML file; `SettingsError` where it cannot be read. *what* is its kind, for people."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no {what} {path}", fix="check the path; it starts at the folder you are in"
        ) from error
    except OSError as error:
        raise SettingsError(f"the {what} {path} cannot be read: {error}", fix="check the file") from error
    return parse(data, str(path), what)


def parse(data: bytes, name: str, what: str) -> dict[str, Any]:
    """The tables that the bytes of a TOML file hold; `SettingsError` with its *name* where they hold none."""
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise SettingsError(f"the {what} {name} cannot be read: {error}", fix="check the file") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the {what} {name} is no TOML: {error}", fix="mend that line") from error
    except RecursionError as error:
        raise SettingsError(
            f"the {what} {name} is nested too deep to be read", fix="take the nested lists or tables apart"
        ) from error
