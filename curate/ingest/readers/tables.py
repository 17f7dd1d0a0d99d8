"""Parquet and Arrow: rows of a table, written as JSON objects."""

from __future__ import annotations

from base64 import b64encode
from typing import IO, TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import DataError
from curate.ingest.reasons import Reason, fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from curate.ingest.readers.lines import RawRow

BATCH_ROWS = 2048


def parquet(file: IO[bytes], name: str) -> Iterator[list[RawRow]]:
    """The rows of a Parquet file, a batch at a time."""
    try:
        with pq.ParquetFile(file) as opened:
            _refuse_twins(opened.schema_arrow, name)
            for batch in opened.iter_batches(BATCH_ROWS, use_threads=False):
                yield json_rows(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, "Parquet", error) from error


def arrow(file: IO[bytes], name: str) -> Iterator[list[RawRow]]:
    """The rows of an Arrow file or stream, a batch at a time."""
    try:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        if is_file:
            opened = pa.ipc.open_file(file)
            batches: Iterable[pa.RecordBatch] = map(opened.get_batch, range(opened.num_record_batches))
        else:
            opened = batches = pa.ipc.open_stream(file)
        _refuse_twins(opened.schema, name)
        for batch in batches:
            _check_offsets(batch)
            for start in range(0, len(batch), BATCH_ROWS):
                yield json_rows(batch.slice(start, BATCH_ROWS))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, "Arrow", error) from error


def _check_offsets(batch: pa.RecordBatch) -> None:
    """Raise `pa.ArrowException` where offsets point outside their buffers: an Arrow file is memory that others wrote.

    A column of text that is not UTF-8 passes, so that its rows are rejected one by one.
    """
    try:
        columns = batch.columns
    except KeyError as error:  # an interval of months, of which pyarrow has no class
        raise pa.ArrowNotImplementedError(f"pyarrow cannot hold a column of type number {error}") from error
    if batch.num_rows < 0:  # `len` would raise a SystemError
        raise pa.ArrowInvalid(f"a batch of {batch.num_rows} rows")
    if batch.num_rows > BATCH_ROWS and batch.get_total_buffer_size() == 0:
        raise pa.ArrowInvalid(f"{batch.num_rows} rows that hold nothing")
    for column in columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
                raise
            column.view(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()).validate(full=True)


def json_rows(batch: pa.RecordBatch) -> list[RawRow]:
    """Each row as a JSON object.

    Times become ISO 8601 text, decimals and durations text, bytes text where they are UTF-8 and base64 where not;
    NaN and infinity become null.
    """
    try:
        return [orjson.dumps(row, default=_plain) for row in batch.to_pylist()]
    except (ValueError, OverflowError):
        return [_json_row(batch.slice(row, 1)) for row in range(len(batch))]


def _json_row(row: pa.RecordBatch) -> RawRow:
    try:
        return orjson.dumps(row.to_pylist()[0], default=_plain)
    except UnicodeDecodeError as error:
        return fault(Reason.INVALID_UTF8, str(error.reason), bytes(error.object)[:4096])
    except (ValueError, OverflowError) as error:  # a time or duration beyond what Python's have room for
        return fault(Reason.WRONG_TYPE, str(error), str(row.schema.names).encode()[:4096])


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return b64encode(value).decode()
    iso = getattr(value, "isoformat", None)
    return iso() if iso is not None else str(value)


def _refuse_twins(schema: pa.Schema, name: str) -> None:
    twice = sorted({each for each in schema.names if schema.names.count(each) > 1})
    if twice:
        raise DataError(f"{name} has the column {twice[0]!r} twice", fix="rename one of the two")


def _unreadable(name: str, kind: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"{name} cannot be read as {kind}: {reason}", fix="write the file again, or leave it out")
