"""A column of the examples by the name that a user gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.core import views
from curate.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.store.workspace import Workspace

OURS = ("source", "language")
"""Columns that every example has, beside the user's own."""


def strings(space: Workspace, name: str, use: str) -> pa.ChunkedArray:
    """A column of all examples as strings: ``skill``, ``source``, ``language`` or one of the user's.

    A name that no example has is a mistake, not a corpus without values: `SettingsError` tells what *use* it was for.
    """
    if name == "skill":
        return space.read_table("skills.parquet", ["skill"]).column("skill")
    if name in OURS:
        return space.read_all("examples", [name]).column(name)
    known: set[str] = set()
    values = []
    for table in space.read_parts("examples", ["user"]):
        known |= set(views.user_names(table))
        values.append(views.as_text(views.user_column(table, name)))
    if name not in known:
        raise SettingsError(f"{use} the column {name!r}, which no example has", fix=did_you_mean(name, known))
    return pa.chunked_array(values, pa.string())


def codes(values: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct values in their order, and each row's as a place in them, -1 where it has none. Shape (n,)."""
    encoded = values.combine_chunks().dictionary_encode()
    words = encoded.dictionary.to_pylist()
    place = np.empty(len(words) + 1, np.int32)
    place[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words), dtype=np.int32)
    place[-1] = -1
    return sorted(words), place[encoded.indices.fill_null(len(words)).to_numpy()]
