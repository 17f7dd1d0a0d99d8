"""The signals of training, found by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core.schemas import SIGNALS, VISITS
from curate.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OPTIONAL = ("seed", "step", "tokens", "loss", "error_norm", "gradient_norm")
"""Columns that signals from elsewhere may lack; seed is then 0, the rest null."""


class Signals:
    """All visits of all rows, sorted by id, seed and number of the visit."""

    def __init__(self, table: pa.Table) -> None:
        keys = _keys(table.column("curate_id"))
        order = np.lexsort((table.column("visit").to_numpy(), table.column("seed").to_numpy(), keys))
        self._keys = keys[order]
        self._visits = table.drop_columns(["curate_id"]).take(pa.array(order)).combine_chunks()

    def of(self, ids: pa.ChunkedArray) -> pa.ListArray:
        """The visits of each id, none for one that no training came by. Shape (n,), of type `VISITS`."""
        asked = _keys(ids)
        first = np.searchsorted(self._keys, asked, "left")
        counts = np.searchsorted(self._keys, asked, "right") - first
        ends = np.cumsum(counts)
        places = np.arange(int(counts.sum())) + np.repeat(first - (ends - counts), counts)
        taken = self._visits.take(pa.array(places)).combine_chunks()
        columns = [_chunk(taken.column(name)) for name in taken.column_names]
        visits = pa.StructArray.from_arrays(columns, fields=list(VISITS.value_type))
        return pa.ListArray.from_arrays(np.concatenate([[0], ends]).astype(np.int32), visits)


def conform(table: pa.Table, name: str) -> pa.Table:
    """The table with the columns of `SIGNALS`, whoever wrote it; `DataError` where it cannot be that."""
    lacking = [column for column in SIGNALS.names if column not in (*table.column_names, *OPTIONAL)]
    if lacking:
        raise DataError(
            f"{name} has no column {lacking[0]!r}, which signals of training must have",
            fix=did_you_mean(lacking[0], table.column_names),
        )
    columns = [
        table.column(field.name)
        if field.name in table.column_names
        else pa.array(np.zeros(len(table), np.int64))
        if field.name == "seed"
        else pa.nulls(len(table), field.type)
        for field in SIGNALS
    ]
    try:
        made = pa.Table.from_arrays(columns, names=SIGNALS.names).cast(SIGNALS)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{name} is no table of signals: {error}", fix=f"its columns should be {SIGNALS}") from error
    for column in (field for field in SIGNALS.names if field not in OPTIONAL):
        known = made.column(column).is_valid()
        if pa.types.is_floating(SIGNALS.field(column).type):
            known = pc.and_kleene(known, pc.is_finite(made.column(column)))
        missing = len(made) - pc.sum(known).as_py() if len(made) else 0
        if missing:
            raise DataError(f"{name} has {missing} visits without a finite {column!r}", fix="leave such visits out")
    return made


def _keys(ids: pa.ChunkedArray) -> NDArray[np.bytes_]:
    """The ids as 16 bytes each, which sort and compare fast."""
    strings: Sequence[str] = ids.to_pylist()
    try:
        return np.frombuffer(bytes.fromhex("".join(strings)), dtype="S16")
    except ValueError as error:
        raise DataError(
            "signals of training name a row by what is no id", fix="write the column curate_id of the dataset"
        ) from error


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
