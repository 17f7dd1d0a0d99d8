"""The visits of training, as a scorer that needs ``signals`` is shown them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Visits:
    """All visits of all rows, those of one row together, by seed and then in order; arrays of shape (visits,)."""

    row: NDArray[np.int64]
    seed: NDArray[np.int64]
    numbers: dict[str, NDArray[np.float64]]


def read_visits(column: pa.ChunkedArray, names: Sequence[str]) -> Visits:
    """The visits in a column of lists, with the numbers of these names; NaN where one is not known."""
    lists = column.combine_chunks()
    flat = lists.flatten()
    row = np.repeat(np.arange(len(lists)), lists.value_lengths().fill_null(0).to_numpy().astype(np.int64))
    seed, visit = (flat.field(name).to_numpy(zero_copy_only=False).astype(np.int64) for name in ("seed", "visit"))
    order = np.lexsort((visit, seed, row))
    numbers = {name: flat.field(name).to_numpy(zero_copy_only=False).astype(np.float64)[order] for name in names}
    return Visits(row[order], seed[order], numbers)


def places(visits: Visits) -> NDArray[np.int64]:
    """Which visit of its row in its training each one is, from 0. Shape (visits,)."""
    begins = np.ones(len(visits.row), dtype=bool)
    begins[1:] = (visits.row[1:] != visits.row[:-1]) | (visits.seed[1:] != visits.seed[:-1])
    starts = np.flatnonzero(begins)
    found: NDArray[np.int64] = np.arange(len(begins)) - np.repeat(starts, np.diff(np.append(starts, len(begins))))
    return found
