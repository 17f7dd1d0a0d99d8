"""A file of verdicts that people give on rows: lines of JSON or CSV with the columns id, verdict, note."""

from __future__ import annotations

import csv
import json
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from curate.core import problems
from curate.errors import DataError, SettingsError, did_you_mean
from curate.study.revision import Feedback

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SHORTEST = 6
"""Digits of an id from which its beginning may stand for it."""


def read_feedback(path: Path, ids: Sequence[str]) -> tuple[Feedback, ...]:
    """The verdicts of a file, each with the whole id of the row that it is on; the last line on a row counts.

    Raises `SettingsError` where the file cannot be read, and `DataError` with the line where one is no verdict or is
    on no row, or on several.
    """
    known = sorted(ids)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the feedback {path} cannot be read: {error}", fix="check the path and the file"
        ) from error
    found: dict[str, Feedback] = {}
    for number, value in _lines(path, text):
        where = f"line {number} of {path}"
        try:
            line = Feedback.model_validate(value)
        except ValidationError as error:
            name, first = problems.first(error)
            raise DataError(
                f"{where}: {name or 'it'} is no feedback: {first['msg'].lower()}",
                fix="write id, verdict (wrong, right, learnt, too-early, too-late) and note",
            ) from error
        whole = _whole(line.id, known, where)
        found[whole] = line.model_copy(update={"id": whole})
    return tuple(found[name] for name in sorted(found))


def _lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    if path.suffix.lower() == ".csv":
        for number, row in enumerate(csv.DictReader(text.splitlines()), 2):
            yield number, {name: cell for name, cell in row.items() if cell is not None}
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"line {number} of {path} is no JSON: {error}", fix="mend that line") from error


def _whole(name: str, known: Sequence[str], where: str) -> str:
    """The one id that begins with *name*."""
    place = bisect_left(known, name)
    fits = [each for each in known[place : place + 2] if each.startswith(name)]
    if len(fits) == 1 and len(name) >= _SHORTEST:
        return fits[0]
    if not fits:
        raise DataError(f"{where}: no row has the id {name!r}", fix=did_you_mean(name, known[place : place + 1]))
    raise DataError(f"{where}: the id {name!r} is of several rows, or too short", fix="write it whole")
