"""What `curate revise` says and goes by: its thresholds, the verdicts of people, and the report of an edition."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curate.protocol import Frozen

Verdict = Literal["wrong", "right", "learnt", "too-early", "too-late"]


class Settings(Frozen):
    """From where on evidence moves a row or a skill."""

    learnt: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Probability at the last visit from which a row that was never forgotten is learnt.",
    )
    noise: float = Field(
        default=3.5,
        gt=0,
        description="Robust deviations above its peers' loss from which a row that was never right is called noise.",
    )
    least_visits: int = Field(
        default=2, ge=2, description="Visits without which nothing is called noise or stagnating."
    )
    least_rows: int = Field(default=8, ge=2, description="Rows of a skill in a tier that make it known how it goes.")
    stagnant: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Relative fall of the loss from first to last visit below which a skill that is mostly wrong "
        "stagnates.",
    )
    budget: float = Field(default=1.0, gt=0, description="Tokens of the edition, as a share of those of its parent.")


class Feedback(Frozen):
    """One line of a feedback file."""

    id: str
    verdict: Verdict = Field(
        description="wrong: quarantine it; right: never quarantine it; learnt: review alone; too-early and too-late: "
        "one tier up, one tier down."
    )
    note: str = ""


class SkillMove(Frozen):
    """A skill that stagnates in one tier, and what it is given."""

    skill: str
    tier: int
    rows: int
    fall: float | None = Field(
        description="Relative fall of the loss from first to last visit; None if a gate said it."
    )
    right: float | None = Field(description="Share of its rows that were right at the last visit.")
    given: Literal["easier", "more"] = Field(
        description="easier: its rows come one tier later and easier ones again; more: its own rows come again."
    )
    because: str


class Revision(Frozen):
    """What `study/revision.json` holds: how an edition came from its parent."""

    parent: str
    parent_dataset: str = Field(description="SHA-256 of the parent's manifest.")
    evidence: dict[str, int] = Field(description="Visits of training, decisions of gates, lines of feedback, new rows.")
    moves: dict[str, int] = Field(description="Rows by what moved them.")
    skills: tuple[SkillMove, ...]
    budget: int = Field(description="Tokens that the edition may hold.")
    tokens: int = Field(description="Tokens that it holds.")
    parent_tokens: int
    changed: bool = Field(description="Whether anything moved; else the edition is its parent, byte by byte.")
    notes: tuple[str, ...]
