"""What earlier steps tell the writer, for manifest, card and Croissant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Origin:
    """One thing that the dataset was made from: a file of the input, or the edition before."""

    name: str
    sha256: str
    rows: int
    size_bytes: int | None = None
    license: str | None = None


@dataclass(frozen=True)
class Told:
    """What earlier steps counted and found."""

    input_rows: int
    examples: int
    copies: int
    rejected: int
    records: Mapping[str, int]
    tokenizer: str
    why: Mapping[str, str]
    sources: tuple[Origin, ...] = ()
    parent: Origin | None = None
    rejected_by_reason: Mapping[str, int] | None = None
    repairs: Mapping[str, int] | None = None
    tools: tuple[str, ...] = ()
    """Scorers and models that annotated the rows, in words."""
    sinking: tuple[str, ...] = ()
    """Groups most of whose rows are in the last tier, in sentences."""
