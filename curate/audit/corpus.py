"""The corpus and its training order as arrays, rows in the order of their ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import views
from curate.errors import IntegrityError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROLES = ("new", "review", "repeat", "augmented")


@dataclass(frozen=True)
class Coded:
    """Labels as numbers: ``labels[codes[i]]`` is the label of row i. Labels are sorted."""

    codes: NDArray[np.int64]
    labels: tuple[str, ...]

    def holds(self, label: str) -> NDArray[np.bool_]:
        """Which rows have this label."""
        wanted = self.labels.index(label) if label in self.labels else -1
        return np.isin(self.codes, wanted)


@dataclass(frozen=True)
class Ids:
    """The ids of all examples: ``rising``, and the permutation ``order`` that brings the rows of the parts there."""

    rising: pa.Array
    order: pa.Array

    def __len__(self) -> int:
        """How many there are."""
        return len(self.order)

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Where each row of the parts stands among the rising ids. Shape (rows,)."""
        place = np.empty(len(self), np.int64)
        place[np.asarray(self.order, np.int64)] = np.arange(len(self))
        return place

    def sort(self, coded: Coded) -> Coded:
        """Labels of the rows of the parts, brought into the order of the rising ids."""
        return Coded(coded.codes[np.asarray(self.order, np.int64)], coded.labels)

    def places(self, wanted: pa.Array | pa.ChunkedArray, name: str) -> NDArray[np.int64]:
        """Where each of *wanted* stands among the rising ids; an id that is not there is an `IntegrityError`.

        Most tables of a run hold the ids as the parts do: that is seen in a fraction of the time of a search.
        """
        flat = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
        if not len(flat):
            return np.empty(0, np.int64)
        if len(flat) == len(self) and flat.take(self.order).equals(self.rising):
            return self.ranks
        found = pc.index_in(flat, value_set=self.rising)
        if found.null_count:
            raise IntegrityError(
                f"{found.null_count} ids of {name} belong to no example",
                fix="`curate verify` shows which; give the command that made it again",
            )
        return np.asarray(found, np.int64)


@dataclass(frozen=True)
class Corpus:
    """All examples. Numbers that are not known are NaN, a tier that is not known is -1. Shape (rows,) each."""

    ids: pa.Array
    fate: Coded
    tier: NDArray[np.int64]
    difficulty: NDArray[np.float64]
    tokens: NDArray[np.float64]
    skill: Coded
    unit: NDArray[np.int64]
    """Rows of one unit are no independent evidence: duplicates of each other, or turns of one conversation."""

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.tier)

    @property
    def trained(self) -> NDArray[np.bool_]:
        """Which rows are trained."""
        return self.fate.holds("train")


@dataclass(frozen=True)
class Visits:
    """The training order: the row, stage and role (a place in `ROLES`) of each visit. Shape (visits,) each."""

    row: NDArray[np.int64]
    stage: NDArray[np.int64]
    role: NDArray[np.int64]

    @property
    def stages(self) -> int:
        """How many stages there are; empty ones count where a later one is not empty."""
        return int(self.stage.max()) + 1 if len(self.stage) else 0

    @property
    def new(self) -> NDArray[np.bool_]:
        """Which visits are the first of their row."""
        return self.have("new")

    def have(self, *roles: str) -> NDArray[np.bool_]:
        """Which visits have one of these roles."""
        return np.isin(self.role, [ROLES.index(role) for role in roles])


def code(values: pa.Array | pa.ChunkedArray) -> Coded:
    """Strings as codes; a missing one reads ``(none)``."""
    flat = pc.fill_null(views.as_text(values), "(none)")
    flat = flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
    encoded = flat.dictionary_encode()
    labels = np.array(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels))
    return Coded(rank[np.asarray(encoded.indices, np.int64)], tuple(labels[order].tolist()))


def numbers(rows: int, places: NDArray[np.int64], values: pa.ChunkedArray) -> NDArray[np.float64]:
    """A column of numbers in the order of the corpus; NaN where a row has none. Shape (rows,)."""
    spread = np.full(rows, np.nan)
    spread[places] = values.cast(pa.float64()).to_numpy()
    return spread


def main_skill(rows: int, places: NDArray[np.int64], skills: pa.Table) -> Coded:
    """Each row's skill of greatest weight; of equal ones the first by name."""
    coded = code(skills.column("skill"))
    order = np.lexsort((coded.codes, -skills.column("weight").to_numpy(), places))
    first = np.ones(len(order), np.bool_)
    first[1:] = np.diff(places[order]) > 0
    chosen = order[first]
    if len(chosen) == rows:
        return Coded(coded.codes[chosen], coded.labels)
    names = np.full(rows, "(none)", dtype=object)
    names[places[chosen]] = np.array(coded.labels, dtype=object)[coded.codes[chosen]]
    return code(pa.array(names, pa.string()))


def units(rows: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers the connected parts of the graph whose edges are (first[i], second[i]): rows of one unit share one."""
    if not len(first):
        return np.arange(rows, dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(rows, rows))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def units_by(base: NDArray[np.int64], coded: Coded) -> NDArray[np.int64]:
    """Units joined further: rows that share a label (a conversation, a pair) become one; ``(none)`` joins nothing."""
    links = []
    for codes, kept in ((coded.codes, np.flatnonzero(~coded.holds("(none)"))), (base, np.arange(len(base)))):
        order = kept[np.argsort(codes[kept], kind="stable")]
        alike = np.flatnonzero(np.diff(codes[order]) == 0)
        links.append((order[alike], order[alike + 1]))
    return units(len(base), np.concatenate([one for one, _ in links]), np.concatenate([other for _, other in links]))
