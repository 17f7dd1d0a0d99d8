"""How the corpus is divided, as the recipe says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curate.protocol import Frozen


class Settings(Frozen):
    """How hard each example is, how many tiers there are, and what is held out."""

    stages: int = Field(default=5, ge=1, le=100, description="Number of stages; the last one is mixed.")
    tiers: int | None = Field(
        default=None, ge=1, le=100, description="Number of tiers; by default one less than stages."
    )
    skills: str = Field(
        default="source",
        description="Where skills come from: skills.toml, column:NAME (one of yours), source, or discover[:COUNT].",
    )
    domain: str | None = Field(
        default=None,
        description="Column inside which rows are ranked against each other; by default language and kind.",
    )
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="Scores that make the difficulty, by alias or alias.field; negative turns one round.",
    )
    labels: str | None = Field(
        default=None,
        description="Column that says how hard some rows or all are; the weights of the scores are fitted to it.",
    )
    order: tuple[str, ...] = Field(
        default=(), description="The words of a column of labels, lowest first; numbers need no order."
    )
    missing: Literal["error", "hardest", "unused"] = Field(
        default="error", description="What becomes of an example that no score could be given."
    )
    cut: Literal["quantile", "natural"] = Field(
        default="quantile", description="Tiers of equal size, or cut where difficulty has its natural breaks."
    )
    thresholds: tuple[float, ...] = Field(
        default=(), description="Highest difficulty of each tier but the last, instead of a cut by us."
    )
    label: str | None = Field(
        default=None, description="Column whose values are the tiers, lowest first, instead of a cut by difficulty."
    )
    within: str | None = Field(
        default=None,
        description="Cut tiers inside each group, so that none sinks into the last: skill, source, language or column.",
    )
    margin: float = Field(
        default=0.25,
        ge=0,
        description="A row goes one tier up if this many times its uncertainty reaches past the tier's border.",
    )
    cap: dict[str, float] = Field(
        default_factory=dict,
        description="Largest share of one value by column (skill, source, language or yours); the rest stays unused.",
    )
    floor: dict[str, float] = Field(
        default_factory=dict,
        description="Smallest share of each value by column; so many rows of the larger ones stay unused.",
    )
    remove: tuple[Literal["duplicate", "contaminated", "quarantined"], ...] = Field(
        default=("duplicate", "contaminated"),
        description="What mining proposes and tier acts on: duplicate, contaminated, quarantined (rare and broken).",
    )
    holdout: float = Field(default=0.05, ge=0, lt=1, description="Share of examples that is held out of training.")
    holdout_similarity: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="No training row is nearer to a held-out one than this cosine; 1 looks at duplicates alone.",
    )
    holdout_domain: tuple[str, ...] = Field(
        default=(), description="Hold out all rows of a domain, as COLUMN=VALUE; source=lessons.jsonl, for example."
    )

    @property
    def tiers_by(self) -> str:
        """What the tiers are, in words for the dataset card."""
        if self.label is not None:
            return f"the values of the column `{self.label}`, lowest first"
        kind = "given thresholds" if self.thresholds else "natural breaks" if self.cut == "natural" else "quantiles"
        inside = "" if self.within is None else f", cut inside each {self.within}"
        return f"{kind} of that difficulty{inside}"

    @property
    def tier_count(self) -> int:
        """How many tiers are cut."""
        if self.thresholds and self.tiers is None:
            return len(self.thresholds) + 1
        return self.tiers if self.tiers is not None else max(self.stages - 1, 1)
