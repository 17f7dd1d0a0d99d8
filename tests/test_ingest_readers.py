"""Readers: every format gives the same rows, and damage becomes a row with its reason."""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import DataError
from curate.ingest.readers import formats, lines, streams, tables, values
from curate.ingest.readers.delimited import delimited
from curate.ingest.reasons import Fault
from curate.ingest.settings import Settings
from tests.ingest_runs import Row, ingest, pairs, reasons, table
from tests.ingest_runs import lines as json_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from curate.ingest.readers.lines import RawRow

ROWS = pairs(10)

MONTHS = (
    "|NsC0-~a#s5C8xG000UA3;+fI1po*D3IG5A009I53;+NC2mlBG000C42mk;81ONa40{{R3fB*mhKmY&$1ONa4od5s-000335C8xG"
    "AOHXW1ONa4000001poj5Y-M(3YybcN2mlNK2ml8F2mk;800001KmY&$)c^ng0003C5C8xG8~^|S1ONa4000003IG5AV{dJ6Y-Mz5"
    "Z*Bkp$p8QU5C9Ya2ml5E2LKEJ000mG5C8xG000355C8xG8~^|S1ONa4000001^@s6aB^>LaC86w1ONm81ONa400000|NsC02mt^9"
    "6aWAK000003;-4Y1^@*B2mlNK3;+NC00RU77ytkOKmY&$00000000UA7yt|a1ONyC3IG5AoB#j-5C8xG0ssI200000000002mk;8"
    "0000000000000000000000000000003;+NC000005C8xG000001ONa4000007ytkO0000000000000007ytkO000003;+NC00000"
    "C;$Ke000001ONa400000FaQ7m000000000000000FaQ7m000005C8xG00000000000{{R30ssI20000000000000000ssI200000"
    "00000000000ssI2000000000000000000000ssI21ONa400000aWHW)00000000000ssI21ONa400000VKAjJ000000000000000"
    "0RR9100000|NsC00000yd}(c8Wo~4AJ^%"
)


def ipc(rows: list[dict[str, Any]], *, stream: bool) -> bytes:
    data = pa.Table.from_pylist(rows)
    sink = io.BytesIO()
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(sink, data.schema) as writer:
        writer.write_table(data, max_chunksize=3)
    return sink.getvalue()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=3)
    return sink.getvalue()


def text(rows: list[dict[str, Any]], delimiter: str) -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


FILES: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "a.jsonl": lambda rows: json_lines(*rows),
    "a.ndjson": lambda rows: json_lines(*rows).replace(b"\n", b"\r\n"),
    "bom.jsonl": lambda rows: b"\xef\xbb\xbf" + json_lines(*rows) + b"\n\n  \n",
    "no_newline.jsonl": lambda rows: json_lines(*rows).rstrip(b"\n"),
    "a.jsonl.gz": lambda rows: gzip.compress(json_lines(*rows)),
    "members.jsonl.gz": lambda rows: gzip.compress(json_lines(*rows[:4])) + gzip.compress(json_lines(*rows[4:])),
    "a.jsonl.zst": lambda rows: zstandard.compress(json_lines(*rows)),
    "frames.jsonl.zst": lambda rows: (
        zstandard.compress(json_lines(*rows[:4])) + zstandard.compress(json_lines(*rows[4:]))
    ),
    "a.jsonl.bz2": lambda rows: bz2.compress(json_lines(*rows)),
    "a.jsonl.xz": lambda rows: lzma.compress(json_lines(*rows)),
    "packed_but_not_said.jsonl": lambda rows: gzip.compress(json_lines(*rows)),
    "array.json": lambda rows: json.dumps(rows).encode(),
    "pretty.json": lambda rows: json.dumps(rows, indent=2).encode(),
    "lines.json": lambda rows: json_lines(*rows),
    "objects.json": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
    "a.json.gz": lambda rows: gzip.compress(json.dumps(rows).encode()),
    "a.parquet": parquet,
    "file.arrow": lambda rows: ipc(rows, stream=False),
    "stream.arrow": lambda rows: ipc(rows, stream=True),
    "plain": lambda rows: json_lines(*rows),
    "table": parquet,
    "feather": lambda rows: ipc(rows, stream=False),
    "packed": lambda rows: zstandard.compress(json.dumps(rows).encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_examples(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name](ROWS))

    report, space = ingest(tmp_path / "run", tmp_path / name)

    assert [row["prompt"] for row in table(space, "examples")] == [row["prompt"] for row in ROWS]
    assert [row["user"] for row in table(space, "examples")] == [{"level": row["level"]} for row in ROWS]
    assert [row["row"] for row in table(space, "ledger")] == list(range(1, 11))
    assert report.rejected == 0


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("b.csv", ";"), ("a.tsv", "\t"), ("c.csv.gz", ",")])
def test_delimited_text_gives_text(tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [{"prompt": 'say "hi", now;\tplease\nand again', "completion": "c", "level": 3, "note": ""}, *ROWS]
    data = text([{"note": "", **row} for row in rows], delimiter)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)

    _, space = ingest(tmp_path / "run", tmp_path / name)

    examples = table(space, "examples")
    assert examples[0]["prompt"] == rows[0]["prompt"]
    assert examples[0]["user"] == {"note": None, "level": "3"}
    assert [row["row"] for row in examples] == list(range(1, 12))


# --- streams ---

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
}


def unpacked(data: bytes, max_expansion: int = 200) -> tuple[bytes, Fault | None]:
    found = list(streams.blocks(io.BytesIO(data), "x", max_expansion))
    faults = [block for block in found if isinstance(block, Fault)]
    assert faults in ([], found[-1:])
    return b"".join(block for block in found if isinstance(block, bytes)), faults[0] if faults else None


@pytest.mark.parametrize("kind", PACKERS)
@given(members=st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=3))
def test_members_are_read_one_after_the_other(kind: str, members: list[bytes]) -> None:
    assert unpacked(b"".join(PACKERS[kind](b"x" + each) for each in members)) == (
        b"".join(b"x" + each for each in members),
        None,
    )


@pytest.mark.parametrize("kind", PACKERS)
def test_a_large_stream_is_read_whole(kind: str) -> None:
    data = json_lines(*pairs(40_000))

    assert unpacked(PACKERS[kind](data)) == (data, None)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_cut_stream_gives_what_there_is_and_a_fault(kind: str) -> None:
    data = bytes(range(1, 250)) * 9_000
    packed = PACKERS[kind](data)

    found, fault = unpacked(packed[: len(packed) - 10])

    assert data.startswith(found)
    assert fault is not None
    assert fault.reason == f"damaged-stream: {kind}: the file ends before its stream does"


@pytest.mark.parametrize("kind", PACKERS)
def test_a_damaged_stream_is_a_fault(kind: str) -> None:
    data = json_lines(*pairs(2000))
    packed = bytearray(PACKERS[kind](data))
    packed[len(packed) // 2 : len(packed) // 2 + 8] = bytes(8)

    found, fault = unpacked(bytes(packed))

    assert len(found) < len(data) or kind == "gzip"
    assert fault is not None
    assert fault.reason.startswith(f"damaged-stream: {kind}: ")


def test_what_follows_a_stream_and_is_none_is_a_fault() -> None:
    found, fault = unpacked(gzip.compress(b"abc") + b"\x00\x00" + b"garbage")

    assert found == b"abc"
    assert fault is not None
    assert fault.reason.startswith("damaged-stream: gzip: ")
    assert unpacked(gzip.compress(b"abc") + b"\x00" * 50) == (b"abc", None)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_stopped(kind: str) -> None:
    found, fault = unpacked(PACKERS[kind](b"\n" * (80 << 20)))

    assert fault is not None
    assert fault.reason.startswith("expands-too-much: more than 200 times its size, after ")
    assert len(found) <= (64 << 20) + (33 << 20)


def test_a_cut_file_keeps_its_rows_and_says_where_it_ends(tmp_path: Path) -> None:
    data = json_lines(*pairs(3000))
    packed = gzip.compress(data)
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])

    report, space = ingest(tmp_path / "run", tmp_path / "a.jsonl.gz", part_rows=1000)

    (reject,) = table(space, "rejected")
    assert report.examples > 1000
    assert reject["row"] == report.examples + 1
    assert reject["reason"] == "damaged-stream: gzip: the file ends before its stream does"
    assert reject["raw"].startswith('{"prompt": "q')


def test_utf_16_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes('{"text": "a"}\n'.encode("utf-16"))

    with pytest.raises(DataError, match="is UTF-16 text\n  fix: save it as UTF-8"):
        ingest(tmp_path / "run", tmp_path / "a.jsonl")


# --- lines ---


def split(data: bytes, bound: int = 100, size: int = 7) -> list[RawRow]:
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    return [row for rows in lines.lines(blocks, bound) for row in rows]


@given(data=st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\n", b" ", b"\r"]), max_size=60), size=st.integers(1, 9))
def test_lines_do_not_depend_on_blocks(data: list[bytes], size: int) -> None:
    whole = b"".join(data)
    expected = whole.split(b"\n")
    while expected and not expected[-1].strip():
        expected.pop()

    found = split(whole, size=size)

    assert [row if isinstance(row, bytes) else None for row in found] == [
        line if line.strip() else None for line in expected
    ]
    assert {row.reason for row in found if isinstance(row, Fault)} <= {"empty-line"}


@given(lengths=st.lists(st.integers(1, 40), max_size=12), size=st.integers(1, 50))
def test_a_long_line_is_a_fault_wherever_blocks_end(lengths: list[int], size: int) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths)

    found = split(data, bound=20, size=size)

    assert len(found) == len(lengths)
    for row, length in zip(found, lengths, strict=True):
        if length <= 20:
            assert row == b"x" * length
        else:
            assert isinstance(row, Fault)
            assert row.reason.startswith(f"too-long: {length} bytes, more than 20; the first ")
            assert b"x" * length == row.raw + b"x" * (length - len(row.raw))


def test_blank_lines_inside_are_rows_and_those_at_the_end_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\n{"text": "a"}\n\n  \n{"text": "b"}\n\n\n')

    report, space = ingest(tmp_path / "run", tmp_path / "a.jsonl")

    assert [(row["row"], row["outcome"]) for row in table(space, "ledger")] == [
        (1, "rejected"),
        (2, "example"),
        (3, "rejected"),
        (4, "rejected"),
        (5, "example"),
    ]
    assert report.rejected_by_reason == {"empty-line": 3}


def test_an_over_long_line_keeps_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines({"text": "a"}, {"text": "b" * 10_000}, {"text": "c"}))

    _, space = ingest(tmp_path / "run", tmp_path / "a.jsonl", settings=Settings(max_line_bytes=5000))

    (reject,) = table(space, "rejected")
    assert reject["reason"] == "too-long: 10012 bytes, more than 5000; the first 4096 are kept"
    assert reject["raw"] == ('{"text": "' + "b" * 10_000)[:4096]


# --- JSON that is not lines ---


def in_array(data: bytes, bound: int = 1000, size: int = 5) -> list[RawRow]:
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    return [row for rows in values.values(blocks, bound) for row in rows]


@given(
    rows=st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())) | st.integers()),
    indent=st.sampled_from([None, 2]),
    size=st.integers(1, 40),
)
def test_an_array_gives_its_values_wherever_blocks_end(rows: list[Any], indent: int | None, size: int) -> None:
    found = in_array(
        json.dumps(rows, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass"), 1 << 20, size
    )

    assert [json.loads(row) for row in found if isinstance(row, bytes)] == rows


@pytest.mark.parametrize(
    ("data", "whole", "reason"),
    [
        (b'[{"a": 1}, {"b": ]', 1, "invalid-json: Expecting value; nothing after it can be read"),
        (b'[{"a": 1}, {"b": 2}', 2, "invalid-json: the array is not closed"),
        (b'[{"a": 1}] {"b": 2}', 1, "invalid-json: text follows the end of the array"),
        (b'{"a": 1} ]', 1, "invalid-json: text follows the end of the array"),
        (b'[{"a": 1}, {"b": "' + b"x" * 3000 + b'"}]', 1, "too-long: more than 1000 bytes, or broken ("),
        (b"[" + b"[" * 5000, 0, "too-"),
        (b"[]", 0, None),
        (b"", 0, None),
        (b"  \n", 0, None),
    ],
)
def test_a_broken_array_ends_with_a_fault(data: bytes, whole: int, reason: str | None) -> None:
    found = in_array(data)

    good = [row for row in found if isinstance(row, bytes)]
    faults = [row for row in found if isinstance(row, Fault)]
    assert len(good) == whole
    assert [fault.reason[: len(reason or "")] for fault in faults] == ([reason] if reason else [])


@pytest.mark.parametrize(("share", "whole"), [(0.5, True), (1.0, False)])
def test_a_cut_array_says_that_the_file_is_cut(tmp_path: Path, share: float, whole: bool) -> None:
    packed = gzip.compress(json.dumps(pairs(3000)).encode())
    (tmp_path / "a.json.gz").write_bytes(packed[: int(len(packed) * share) - 9])

    report, space = ingest(tmp_path / "run", tmp_path / "a.json.gz", part_rows=1000)

    (reject,) = table(space, "rejected")
    assert reject["reason"] == "damaged-stream: gzip: the file ends before its stream does"
    assert reject["row"] == report.examples + 1
    assert reject["raw"].startswith('{"prompt"' if whole else "")


def test_a_json_file_that_cannot_be_unpacked_has_one_reject() -> None:
    found = formats.read_json(io.BytesIO(b"\x1f\x8b\x08garbage"), "x", Settings())

    (fault,) = [row for rows in found for row in rows]
    assert isinstance(fault, Fault)
    assert fault.reason.startswith("damaged-stream: gzip: ")


# --- delimited ---


def records(data: bytes, delimiters: str = ",", bound: int = 10_000) -> list[RawRow]:
    found = lines.lines([data], bound)
    return [row for rows in delimited(found, "x", delimiters, bound) for row in rows]


def test_a_quote_that_is_never_closed_costs_its_own_line() -> None:
    found = records(b'a,b\n1,2\n"3,4\n5,6\n7,8\n')

    assert [row if isinstance(row, bytes) else row.reason for row in found] == [
        b'{"a":"1","b":"2"}',
        "wrong-columns: a quote is never closed, or text follows it",
        b'{"a":"5","b":"6"}',
        b'{"a":"7","b":"8"}',
    ]


def test_a_quote_inside_a_field_is_a_character() -> None:
    assert records(b'a,b\n5" disk,2\n3" disk,4\n') == [b'{"a":"5\\" disk","b":"2"}', b'{"a":"3\\" disk","b":"4"}']


def test_quotes_in_tsv_may_stand_for_themselves() -> None:
    assert records(b'a\tb\n"Hi" he said\t2\n"so\t3\n', "\t") == [
        b'{"a":"\\"Hi\\" he said","b":"2"}',
        b'{"a":"\\"so","b":"3"}',
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1", "wrong-columns: 1 fields, the header has 2"),
        (b"1,2,3", "wrong-columns: 3 fields, the header has 2"),
        (b"\xff,2", "invalid-utf8: in a field"),
        (b'"a"b,2', "wrong-columns: a quote is never closed, or text follows it"),
    ],
)
def test_a_record_that_does_not_fit_the_header_is_a_fault(line: bytes, reason: str) -> None:
    (found,) = records(b"a,b\n" + line + b"\n")

    assert found == Fault(reason, line)


def test_a_long_field_is_no_fault() -> None:
    (found,) = records(b'a,b\n"' + b"x" * 200_000 + b'",2\n', bound=1_000_000)

    assert isinstance(found, bytes)
    assert len(json.loads(found)["a"]) == 200_000


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"a,a\n1,2\n", "x has the column 'a' twice"), (b"\xff\n1\n", "x is not UTF-8 text")],
)
def test_a_header_that_cannot_be_used_is_an_error(data: bytes, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        records(data)


FIELDS = st.text(alphabet=st.sampled_from(list('ab ,;"\n\té')), max_size=8)


@given(rows=st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=8))
def test_what_csv_writes_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)

    found = records(sink.getvalue().encode())

    assert [json.loads(row) for row in found if isinstance(row, bytes)] == [
        {name: value or None for name, value in zip("abc", row, strict=True)} for row in rows
    ]


# --- tables ---


def test_values_of_tables_become_json(tmp_path: Path) -> None:
    data = pa.table(
        {
            "text": ["a", "b"],
            "when": [datetime(2024, 1, 2, tzinfo=UTC), None],
            "price": [Decimal("1.50"), None],
            "raw": [b"ok", b"\xff"],
            "score": [float("nan"), 0.5],
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "tags": [["u"], []],
            "pair": [{"k": 1}, None],
            "none": pa.nulls(2),
        }
    )
    pq.write_table(data, tmp_path / "a.parquet")

    _, space = ingest(tmp_path / "run", tmp_path / "a.parquet")

    assert [row["user"] for row in table(space, "examples")] == [
        {
            "when": "2024-01-02T00:00:00+00:00",
            "price": "1.50",
            "raw": "ok",
            "score": None,
            "kind": "x",
            "tags": ["u"],
            "pair": '{"k":1}',
            "none": None,
        },
        {"when": None, "price": None, "raw": "/w==", "score": 0.5, "kind": "y", "tags": [], "pair": None, "none": None},
    ]


def test_text_in_a_table_that_is_not_utf_8_rejects_its_row(tmp_path: Path) -> None:
    column = pa.array([b"good", b"bad \xff", b"fine"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")

    _, space = ingest(tmp_path / "run", tmp_path / "a.parquet")

    assert [row["text"] for row in table(space, "examples")] == ["good", "fine"]
    assert reasons(space) == ["invalid-utf8"]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("data", [b"", b"PAR1 or not", b"ARROW1\x00\x00 or not", parquet(ROWS)[:-20]])
def test_a_table_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(DataError, match=r"cannot be read as (Parquet|Arrow): .*\n  fix: write the file again"):
        ingest(tmp_path / "run", tmp_path / name)


def test_an_arrow_file_whose_offsets_point_outside_is_an_error(tmp_path: Path) -> None:
    whole = ipc([{"text": "one"}, {"text": "three"}], stream=True)
    offsets = np.array([0, 3, 8], np.int32).tobytes()
    assert whole.count(offsets) == 1
    (tmp_path / "a.arrow").write_bytes(whole.replace(offsets, np.array([0, 8, 3], np.int32).tobytes()))

    with pytest.raises(DataError, match="cannot be read as Arrow"):
        ingest(tmp_path / "run", tmp_path / "a.arrow")


def test_an_arrow_file_of_endless_empty_rows_is_an_error() -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema([("nothing", pa.null())])) as writer:
        writer.write_batch(pa.record_batch([pa.nulls(5000)], ["nothing"]))

    with pytest.raises(DataError, match="5000 rows that hold nothing"):
        list(tables.arrow(io.BytesIO(sink.getvalue()), "x.arrow"))


def test_an_arrow_file_of_fewer_rows_than_none_is_an_error() -> None:
    """Found by the fuzzer: `len` of such a batch is a SystemError."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, pa.schema([("n", pa.int8())])) as writer:
        writer.write_batch(pa.record_batch([pa.array([1] * 258, pa.int8())], ["n"]))
    whole = sink.getvalue()
    data = whole.replace(np.int64(258).tobytes(), np.int64(-5).tobytes())
    assert data != whole

    with pytest.raises(DataError, match="cannot be read as Arrow: a batch of -5 rows"):
        list(tables.arrow(io.BytesIO(data), "x.arrow"))


def test_a_column_of_a_type_that_pyarrow_does_not_know_is_an_error() -> None:
    """An interval of months: the union member Interval (11) of Arrow's flatbuffers, found by the fuzzer."""
    with pytest.raises(DataError, match="cannot be read as Arrow: pyarrow cannot hold a column of type number 21"):
        list(tables.arrow(io.BytesIO(base64.b85decode(MONTHS)), "x.arrow"))


@pytest.mark.parametrize("make", [lambda rows: ipc(rows, stream=True), parquet])
def test_a_column_whose_name_is_not_utf_8_is_an_error(tmp_path: Path, make: Callable[[list[Row]], bytes]) -> None:
    name = "a.parquet" if make is parquet else "a.arrow"
    (tmp_path / name).write_bytes(make([{"text": "one", "n@me": 1}]).replace(b"n@me", b"n\xf2me"))

    with pytest.raises(DataError, match="cannot be read as"):
        ingest(tmp_path / "run", tmp_path / name)


def test_text_in_an_arrow_file_that_is_not_utf_8_rejects_its_row(tmp_path: Path) -> None:
    whole = ipc([{"text": "good"}, {"text": "b@d"}], stream=False)
    (tmp_path / "a.arrow").write_bytes(whole.replace(b"b@d", b"b\xffd"))

    _, space = ingest(tmp_path / "run", tmp_path / "a.arrow")

    assert [row["text"] for row in table(space, "examples")] == ["good"]
    assert reasons(space) == ["invalid-utf8"]


@pytest.mark.parametrize("kind", [pa.duration("s"), pa.timestamp("s"), pa.date64()])
def test_a_time_beyond_what_can_be_told_rejects_its_row(kind: pa.DataType) -> None:
    times = pa.array([0, 2**62, 0], pa.int64()).view(kind)

    first, beyond, last = tables.json_rows(pa.record_batch([times, pa.array("abc")], ["when", "text"]))

    assert isinstance(beyond, Fault)
    assert beyond.reason.startswith("wrong-type: ")
    assert [isinstance(each, bytes) for each in (first, last)] == [True, True]


def test_a_column_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), tmp_path / "a.parquet")

    with pytest.raises(DataError, match="has the column 'text' twice"):
        ingest(tmp_path / "run", tmp_path / "a.parquet")


def test_a_file_without_an_ending_must_look_like_something() -> None:
    with pytest.raises(DataError, match="x does not begin like JSON, Parquet or Arrow"):
        list(formats.sniff(io.BytesIO(b"name,age\n"), "x", Settings()))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_rows_or_an_error_with_its_fix(data: bytes) -> None:
    for read in formats.FORMATS.values():
        try:
            rows = [row for block in read(io.BytesIO(data), "x", Settings()) for row in block]
        except DataError as error:
            rows = [] if error.fix else [None]  # type: ignore[list-item]
        assert all(isinstance(row, bytes | Fault) for row in rows)
