"""Small valid files for the fuzzer to begin with, or it would have to guess whole Parquet files and gzip headers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

from curate.ingest.readers import formats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TABLE = pa.table({"prompt": ["a", "b"], "answer": ["c", None], "tags": [["x"], []], "n": [1, 2]})
_LINES = b'{"prompt": "a", "answer": "c"}\n{"prompt": "b", "tags": ["x"], "n": 1.5}\n'


def write(target: str, folder: Path) -> None:
    """Put the seeds of *target* into the corpus in *folder*; only the readers need any."""
    if target == "readers":
        for number, data in enumerate(_readers()):
            (folder / f"seed-{number:02}").write_bytes(data)


def _readers() -> Iterator[bytes]:
    """Every format, text also in every compression; the first byte is the format as the target counts them."""
    names = [*formats.FORMATS, ""]
    for ending, contents in _contents().items():
        for data in contents:
            yield bytes([names.index(ending)]) + data
            yield bytes([names.index("")]) + data


def _contents() -> dict[str, list[bytes]]:
    array = b"[" + _LINES.strip().replace(b"\n", b", ") + b"]"
    packed = [gzip.compress(_LINES, mtime=0), bz2.compress(_LINES), lzma.compress(_LINES), _zstd(_LINES)]
    return {
        ".jsonl": [_LINES, *packed],
        ".json": [array, _LINES, array.replace(b", ", b",\n "), gzip.compress(array, mtime=0)],
        ".csv": [b'prompt,answer\n"a ""b""\nc",d\ne,\n', b"prompt;answer\na;b\n"],
        ".tsv": [b"prompt\tanswer\na\tb\n"],
        ".parquet": [_parquet()],
        ".arrow": [_arrow(pa.ipc.new_file), _arrow(pa.ipc.new_stream)],
    }


def _zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def _parquet() -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(_TABLE, sink, compression="none", store_schema=False, write_statistics=False)
    return sink.getvalue()


def _arrow(opened: type) -> bytes:
    sink = io.BytesIO()
    with opened(sink, _TABLE.schema) as writer:
        writer.write_table(_TABLE)
    return sink.getvalue()
