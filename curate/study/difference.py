"""What `curate diff` tells: the shapes of what changed between two editions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from curate.protocol import Frozen


class Standing(Frozen):
    """Where one row stands in one edition."""

    fate: str
    skill: str | None
    tier: int | None
    difficulty: float | None
    stage: int | None = Field(description="The stage in which it is new; None where it is new in none.")


class Moved(Frozen):
    """One row that is not where it was."""

    id: str
    what: Literal["added", "removed", "fate", "skill", "tier", "stage"] = Field(
        description="The first of these that changed: what changed after it follows from it as a rule."
    )
    before: Standing | None = Field(description="None for a row that was added.")
    after: Standing | None = Field(description="None for a row that was removed.")
    because: tuple[str, ...]


class Flow(Frozen):
    """How many rows went from one place to another; None is outside, such as no tier."""

    before: int | None
    after: int | None
    rows: int


class StageSize(Frozen):
    """One stage in both editions; None where an edition has no such stage."""

    stage: int
    rows: tuple[int | None, int | None]
    tokens: tuple[int | None, int | None]


class Changed(Frozen):
    """One key of the recipe whose value changed; None where an edition does not know it."""

    key: str
    before: JsonValue
    after: JsonValue


class FindingChange(Frozen):
    """One finding of the audit that came, went or changed its severity; None where an edition has it not."""

    kind: str
    about: str = Field(description="The column and value that it is about, where it is about any.")
    before: str | None
    after: str | None
    says: str = Field(description="In the words of the later edition that has it.")


class Difference(Frozen):
    """What changed from one edition to another."""

    examples: tuple[int, int] = Field(description="How many there are in each.")
    fates: dict[str, tuple[int, int]]
    counts: dict[str, int] = Field(description="Rows by what changed first; `same` for those that stayed.")
    tiers: tuple[Flow, ...] = Field(description="Of rows that both editions have, where the tier changed.")
    stages: tuple[Flow, ...] = Field(description="The same for the stage in which a row is new.")
    sizes: tuple[StageSize, ...]
    moved: tuple[Moved, ...] = Field(description="By what changed, then by id.")
    recipe: tuple[Changed, ...]
    audit: tuple[FindingChange, ...]
    skipped: tuple[str, ...] = Field(description="What could not be compared, and why.")
