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
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no {what} {path}", fix="check the path; it starts at the folder you are in"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the {what} {path} cannot be read: {error}", fix="check the file") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the {what} {path} is no TOML: {error}", fix="mend that line") from error
    except RecursionError as error:
        raise SettingsError(
            f"the {what} {path} is nested too deep to be read", fix="take the nested lists or tables apart"
        ) from error
