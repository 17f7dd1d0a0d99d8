"""Parquet files as we write and read them: checked schema, stamp inside, page checksums, same bytes every time."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import IntegrityError
from curate.store import stamps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.store.stamps import Stamp

ROW_GROUP_ROWS = 16_384


def write(file: IO[bytes], table: pa.Table, stamp: Stamp, about: Mapping[str, object] | None = None) -> None:
    """Write *table* with its *stamp*, and *about* (a JSON value) beside it in the metadata.

    Written as the Hub recommends: zstd, page index, content-defined chunking, so that an edition that differs in a
    few rows uploads in a few chunks.
    """
    pq.write_table(
        _stamped(table, stamp, about),
        file,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        use_dictionary=_repeating(table.schema),
        write_page_index=True,
        write_page_checksum=True,
        use_content_defined_chunking=True,
        store_schema=True,
    )


def write_unfinished(file: IO[bytes], table: pa.Table, stamp: Stamp, about: Mapping[str, object] | None = None) -> None:
    """Write a table that is read again soon and then removed, so that packing it would not pay."""
    pq.write_table(
        _stamped(table, stamp, about),
        file,
        row_group_size=ROW_GROUP_ROWS,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )


def _stamped(table: pa.Table, stamp: Stamp, about: Mapping[str, object] | None) -> pa.Table:
    kept = {b"huggingface": (table.schema.metadata or {}).get(b"huggingface")}
    metadata = {stamps.KEY: orjson.dumps({**stamp.model_dump(), "about": about or {}}, option=orjson.OPT_SORT_KEYS)}
    metadata |= {key: value for key, value in kept.items() if value is not None}
    return table.replace_schema_metadata(metadata)


def _repeating(schema: pa.Schema) -> bool | list[str]:
    """The columns whose values are worth a dictionary: of a flat table all but ids, which never repeat."""
    if any(pa.types.is_nested(field.type) for field in schema):
        return True
    return [name for name in schema.names if name != "id"]


def read(file: IO[bytes], name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns; a file that is cut short or altered is an `IntegrityError`."""
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            return parquet.read(columns=None if columns is None else list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(name, error) from error


def about(file: IO[bytes], name: str) -> tuple[Stamp | None, dict[str, object], int]:
    """The stamp, the JSON value beside it and the number of rows, from the footer alone."""
    try:
        footer = pq.read_metadata(file)
    except (pa.ArrowException, OSError) as error:
        raise damaged(name, error) from error
    raw = (footer.metadata or {}).get(stamps.KEY)
    value = orjson.loads(raw) if raw else {}
    return stamps.from_json(value), value.get("about", {}), footer.num_rows


def schema(file: IO[bytes], name: str) -> pa.Schema:
    """The columns and their types, from the footer alone."""
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise damaged(name, error) from error


def conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """The table with exactly the columns of *schema*, or a bug report where they are not there."""
    if table.schema.names != schema.names:
        raise TypeError(f"{name} has columns {table.schema.names}, its schema says {schema.names}")
    return table.cast(schema)


def damaged(name: str, error: Exception) -> IntegrityError:
    """The error for a file that cannot be read as what it claims to be."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return IntegrityError(
        f"{name} is damaged: {reason}",
        fix=f"remove {name} and give the same command again; only that file is redone",
    )
