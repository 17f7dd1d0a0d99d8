"""The raw rows of one part as a table of outcomes: each row an example, a message of a tree, or a reject."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from curate.core import schemas
from curate.core.ids import example_id
from curate.ingest import columns, trees
from curate.ingest.parse import parse
from curate.ingest.reasons import RowError
from curate.ingest.recognise import LANGUAGE_FIELDS, Record, recognise
from curate.ingest.repair import check, remarks, repair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from curate.ingest.settings import Settings
    from curate.protocol import Chunk

OUTCOME = pa.schema(
    [
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("repairs", pa.list_(pa.string())),
        ("remarks", pa.list_(pa.string())),
        ("form", pa.string()),
        ("raw", pa.string()),
    ]
)
"""What stands before the columns of an example in the table of a parsed part."""

FIXED = pa.schema([*OUTCOME, *schemas.EXAMPLES, *trees.NODE])
"""The columns of a parsed part but for ``user``, whose type differs from part to part."""


class Parsed(NamedTuple):
    """One row of a parsed part, in the order of its columns.

    ``outcome`` is example, rejected or message; a message keeps its role in ``record`` and its content in ``text``.
    """

    outcome: str
    reason: str | None = None
    repairs: Sequence[str] = ()
    remarks: Sequence[str] = ()
    form: str | None = None
    raw: str | None = None
    id: str | None = None
    record: str | None = None
    messages: list[dict[str, str]] | None = None
    prompt: str | None = None
    completion: str | None = None
    text: str | None = None
    tools: str | None = None
    language: str | None = None
    source: str | None = None
    row: int | None = None
    node: str | None = None
    parent: str | None = None
    rank: float | None = None
    user: dict[str, object] | None = None


def parse_chunks(chunks: Sequence[Chunk], maps: Mapping[str, Mapping[str, str]], settings: Settings) -> pa.Table:
    """The table of a part: one row per raw row, in order. *maps* holds each source's map by its name."""
    return to_table([row for chunk in chunks for row in _parse_chunk(chunk, maps.get(chunk.source, {}), settings)])


def to_table(rows: Sequence[Parsed]) -> pa.Table:
    """The table of at least one parsed row."""
    *fixed, user = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(fixed, FIXED, strict=True)]
    return pa.table([*arrays, columns.user_struct(user)], names=[*FIXED.names, "user"])


def example(record: Record, repairs: Sequence[str], source: str, row: int) -> Parsed:
    """The row of an example."""
    form, kind, turns, tools, language, user, mended = record
    messages = prompt = completion = text = None
    if kind == "messages":
        messages = [{"role": role, "content": content} for role, content in turns]
    elif kind == "prompt-completion":
        (_, prompt), (_, completion) = turns
    else:
        ((_, text),) = turns
    return Parsed(
        "example",
        None,
        sorted({*repairs, *mended}) if repairs or mended else (),
        remarks(record),
        form,
        None,
        example_id(turns),
        kind,
        messages,
        prompt,
        completion,
        text,
        tools,
        language,
        source,
        row,
        user=user,
    )


def _parse_chunk(chunk: Chunk, names: Mapping[str, str], settings: Settings) -> Iterator[Parsed]:
    raws = chunk.rows.column("raw").to_pylist()
    faults = chunk.rows.column("fault").to_pylist()
    for row, (raw, fault) in enumerate(zip(raws, faults, strict=True), chunk.first_row):
        if fault is None:
            try:
                yield _parse_row(raw, names, settings, chunk.source, row)
            except RowError as error:
                yield rejected(str(error), raw, chunk.source, row)
        else:
            yield rejected(fault, raw, chunk.source, row)


def rejected(reason: str, raw: bytes, source: str, row: int) -> Parsed:
    r"""The row of a reject; bytes that are not UTF-8 stand in it as ``\xff``."""
    return Parsed("rejected", reason, raw=raw.decode("utf-8", "backslashreplace"), source=source, row=row)


def _parse_row(raw: bytes, names: Mapping[str, str], settings: Settings, source: str, row: int) -> Parsed:
    value, repairs = parse(raw)
    if "message_id" in value and not names and trees.is_message(value):
        made = _message_row(trees.message(value), repairs, settings)
        return made._replace(raw=raw.decode(), source=source, row=row)
    record = repair(recognise(value, names), settings)
    check(record, settings)
    return example(record, repairs, source, row)


def _message_row(message: trees.Message, repairs: Sequence[str], settings: Settings) -> Parsed:
    language = next((message.user[name] for name in LANGUAGE_FIELDS if message.user.get(name) is not None), None)
    record = Record("tree", "messages", [message.turn], None, None, {}, set())
    role, content = repair(record, settings).turns[0]
    return Parsed(
        "message",
        repairs=sorted({*repairs, *record.repairs}),
        record=role,
        text=content,
        language=language if type(language) is str else None,
        node=message.node,
        parent=message.parent,
        rank=message.rank,
        user=message.user,
    )
