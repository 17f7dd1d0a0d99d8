"""Proposals: what every kind of finding hands to a table of mine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import pyarrow as pa

from curate.core import schemas

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ids(Sequence[str]):
    """Ids as a sequence that makes a string only of those that are asked for: few are, of many."""

    def __init__(self, ids: pa.ChunkedArray) -> None:
        self._ids = ids.combine_chunks()

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        found = self._ids[place]
        named: str | Sequence[str] = found.to_pylist() if isinstance(place, slice) else found.as_py()
        return named


@dataclass(frozen=True)
class Proposal:
    """One finding about the example at place ``row``: its kind, how strong, why in words, and who explains it.

    ``partners`` are ids of examples; in contamination they name rows of the benchmark (``SOURCE:ROW``).
    """

    row: int
    kind: str
    strength: float
    because: str
    partners: tuple[str, ...]


def table(proposals: Iterable[Proposal], ids: Sequence[str]) -> pa.Table:
    """Proposals as a table, in order of the examples, then of kind."""
    rows = sorted(proposals, key=lambda one: (one.row, one.kind, one.partners))
    return pa.table(
        {
            "id": pa.array([ids[one.row] for one in rows], pa.string()),
            "kind": pa.array([one.kind for one in rows], pa.string()),
            "strength": pa.array([one.strength for one in rows], pa.float32()),
            "because": pa.array([one.because for one in rows], pa.string()),
            "partners": pa.array([one.partners for one in rows], pa.list_(pa.string())),
        },
        schema=schemas.MINED,
    )
