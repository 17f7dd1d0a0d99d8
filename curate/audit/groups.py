"""Groups of rows: by a column of the examples, by their skills, or by any table of (row, label) pairs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.corpus import code
from curate.audit.exchange import Members

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.audit.corpus import Coded

OTHER = "(other)"
MOST_GROUPS = 40
QUARTERS = 4


@dataclass(frozen=True)
class Groups:
    """A grouping: pairs of a row and a group, so that a row may belong to several groups, or to none."""

    column: str
    labels: tuple[str, ...]
    row: NDArray[np.int64]
    group: NDArray[np.int64]
    folded: int = 0

    def counts(self) -> NDArray[np.int64]:
        """Rows of each group. Shape (groups,)."""
        return np.bincount(self.group, minlength=len(self.labels))

    def members(self, unit: NDArray[np.int64]) -> Members:
        """The same by unit: a unit belongs to a group by the share of its rows that do."""
        size = np.bincount(unit).astype(np.float64)
        cell = unit[self.row] * len(self.labels) + self.group
        cells, count = np.unique(cell, return_counts=True)
        units, groups = np.divmod(cells, max(len(self.labels), 1))
        return Members(units, groups, count / size[units], len(self.labels))

    def first(self, rows: int) -> NDArray[np.int64]:
        """The first group of each of *rows* rows, -1 where it belongs to none. Shape (rows,)."""
        held = np.full(rows, len(self.labels), np.int64)
        np.minimum.at(held, self.row, self.group)
        return np.where(held == len(self.labels), -1, held)

    def among(self, rows: NDArray[np.int64]) -> Members:
        """The members among some rows, which rise; the units are their places."""
        at = np.searchsorted(rows, self.row)
        kept = (at < len(rows)) & (rows[np.minimum(at, len(rows) - 1)] == self.row) if len(rows) else at < 0
        return Members(at[kept], self.group[kept], np.ones(int(kept.sum())), len(self.labels))


def by_label(column: str, coded: Coded, row: NDArray[np.int64] | None = None) -> Groups:
    """Groups by label, largest first; *row* names the row of each label where a row may have several.

    Beyond the 40 largest, groups are put together as ``(other)``.
    """
    counts = np.bincount(coded.codes, minlength=len(coded.labels))
    order = np.lexsort((np.arange(len(counts)), -counts))
    order = order[counts[order] > 0]
    kept, folded = order[:MOST_GROUPS], max(len(order) - MOST_GROUPS, 0)
    place = np.full(len(counts), len(kept), np.int64)
    place[kept] = np.arange(len(kept))
    labels = tuple(coded.labels[each] for each in kept) + ((OTHER,) if folded else ())
    group = place[coded.codes]
    if row is None:
        return Groups(column, labels, np.arange(len(group), dtype=np.int64), group, folded)
    pairs = np.sort(row * max(len(labels), 1) + group)
    fresh = np.ones(len(pairs), np.bool_)
    fresh[1:] = np.diff(pairs) > 0
    return Groups(column, labels, *np.divmod(pairs[fresh], max(len(labels), 1)), folded)


def by_values(column: str, values: pa.ChunkedArray) -> Groups:
    """Groups by the values of a column: a list puts a row into several groups, many numbers are cut into quarters."""
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        flat = values.combine_chunks()
        return by_label(column, code(pc.list_flatten(flat)), np.asarray(pc.list_parent_indices(flat), np.int64))
    if (pa.types.is_floating(kind) or pa.types.is_integer(kind)) and pc.count_distinct(values).as_py() > MOST_GROUPS:
        return by_label(column, code(_quarters(values.cast(pa.float64()).to_numpy())))
    return by_label(column, code(values))


def _quarters(values: NDArray[np.float64]) -> pa.Array:
    """Labels that say in which quarter of the values a value lies; equal values share a quarter."""
    known = ~np.isnan(values)
    edges = np.quantile(values[known], np.linspace(0, 1, QUARTERS + 1), method="inverted_cdf")
    at = np.searchsorted(edges[1:-1], np.where(known, values, edges[0]))
    names = np.array([f"{low:g} to {high:g}" for low, high in pairwise(edges)], dtype=object)
    return pa.array(names[at], pa.string(), mask=~known)
