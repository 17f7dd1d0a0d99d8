"""One line of JSON as a mapping, with a reason where it is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import orjson

from curate.ingest.reasons import Reason, Repair, RowError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DEPTH = 64
MAX_FIELDS = 1000
_BITS_63 = 2**63
_NESTED = (dict, list)


def parse(line: bytes) -> tuple[dict[str, object], tuple[Repair, ...]]:
    """The object that *line* holds and what had to be repaired; `RowError` where it cannot be taken whole."""
    repairs: tuple[Repair, ...] = ()
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        value, repairs = _without_constants(line, error), (Repair.NAN_AS_NULL,)
    if type(value) is not dict:
        raise RowError(Reason.NOT_AN_OBJECT, f"it is {kind(value)}")
    if len(value) > MAX_FIELDS:
        raise RowError(Reason.TOO_WIDE, f"{len(value)} fields")
    kinds = set(map(type, value.values()))
    if float in kinds and _is_rounded(value):
        value, repairs = _with_big_numbers(line, value, repairs)
    keys = len(value) if kinds.isdisjoint(_NESTED) else count_keys(value)
    if not _surely_unique(line, keys):
        _refuse_duplicates(line)
    return value, repairs


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def write(value: object) -> str:
    """A value as JSON text, its keys in the order they have."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise RowError(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels") from error


def count_keys(value: dict[str, object]) -> int:
    """How many keys there are in all objects inside *value*; `RowError` where it is nested too deep."""
    keys, depth = len(value), 1
    level: list[object] = [each for each in value.values() if type(each) is dict or type(each) is list]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise RowError(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels")
        below: list[object] = []
        for each in level:
            if type(each) is dict:
                keys += len(each)
                inner: Sequence[object] = list(each.values())
            else:
                inner = cast("list[object]", each)
            below.extend(one for one in inner if type(one) is dict or type(one) is list)
        level = below
    return keys


def _is_rounded(value: dict[str, object]) -> bool:
    """Whether a field may hold a whole number of more than 64 bits, which was rounded when it was parsed."""
    return any(type(each) is float and abs(each) >= _BITS_63 and each.is_integer() for each in value.values())


def _with_big_numbers(
    line: bytes, value: dict[str, object], repairs: tuple[Repair, ...]
) -> tuple[dict[str, object], tuple[Repair, ...]]:
    """The same object with whole numbers of more than 64 bits as text, so that no digit of them is lost."""
    big: list[str] = []

    def whole(digits: str) -> int | str:
        if len(digits) <= 20 and -_BITS_63 <= (number := int(digits)) < _BITS_63:
            return number
        big.append(digits)
        return digits

    exact = json.loads(line, parse_int=whole, parse_constant=lambda _: None)
    return (exact, (*repairs, Repair.BIG_NUMBER_AS_TEXT)) if big else (value, repairs)


def _surely_unique(line: bytes, keys: int) -> bool:
    """Whether as many keys were written as were kept, where that can be told without parsing again.

    Each key has a colon after it, so there are no more keys than colons. A quote and a colon end a key, unless the
    quote is escaped, or white space stands between the two.
    """
    if line.count(b":") == keys:
        return True
    if line.count(b'":') != keys or (b"\\" in line and b'\\":' in line):
        return False
    return b" :" not in line and not any(blank + b":" in line for blank in (b"\t", b"\r", b"\n") if blank in line)


def _refuse_duplicates(line: bytes) -> None:
    json.loads(line, object_pairs_hook=_unique, parse_int=len, parse_float=len)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowError(Reason.DUPLICATE_KEY, repr(twice[:80]))
    return made


def _without_constants(line: bytes, error: orjson.JSONDecodeError) -> object:
    """The value of a line with NaN or Infinity in it, which become null; else why the line is not JSON."""
    if b"\x00" in line:
        raise RowError(Reason.NUL_BYTE, f"at byte {line.index(0) + 1} of the line") from error
    try:
        text = line.decode()
    except UnicodeDecodeError as wrong:
        detail = f"byte 0x{line[wrong.start]:02x} at byte {wrong.start + 1} of the line"
        raise RowError(Reason.INVALID_UTF8, detail) from wrong
    if "depth" in error.msg or "ecursion" in error.msg:
        raise RowError(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels") from error
    replaced: list[str] = []

    def null(constant: str) -> None:
        replaced.append(constant)

    try:
        value: object = orjson.loads(orjson.dumps(json.loads(text, parse_constant=null)))
    except RecursionError as still:
        raise RowError(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels") from still
    except (ValueError, orjson.JSONEncodeError) as still:
        raise RowError(Reason.INVALID_JSON, f"{error.msg} at column {error.colno}") from still
    if not replaced:
        raise RowError(Reason.INVALID_JSON, f"{error.msg} at column {error.colno}") from error
    return value
