"""The plan of a curriculum: how difficulty was made, where tiers are cut, and what each stage holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curate.protocol import Frozen, ScoreField


class ScoreSource(Frozen):
    """One scorer's sidecar parts: its alias, their folder, and the fields they hold."""

    alias: str
    folder: str
    fields: tuple[ScoreField, ...]


class Ingredient(Frozen):
    """One score's part in the difficulty: a negative weight means that a rising value is easier."""

    score: str = Field(description="alias.field")
    weights: dict[str, float] = Field(description="Weight by kind of domain: text, chat, code.")


class Knots(Frozen):
    """The empirical distribution of one score in one domain: raw values and the ranks in (0, 1) that they map to."""

    score: str
    domain: str
    rows: int
    values: tuple[float, ...]
    ranks: tuple[float, ...]


class Tier(Frozen):
    """One tier: rows with a difficulty up to and including ``upper``."""

    tier: int
    rows: int
    lowest: float
    upper: float


class LearningRate(Frozen):
    """The learning rate through one stage, in shares of the peak that the trainer is given.

    Constant and mild decay only follow Luo et al. 2026 (arXiv 2511.18903): a rate that falls to nothing while the
    order rises takes the hardest rows' effect away.
    """

    shape: Literal["constant", "linear", "cosine"] = Field(
        default="constant", description="How the rate goes from start to end."
    )
    start: float = Field(default=1.0, ge=0, le=1, description="Share of the peak at the beginning, after the warm-up.")
    end: float = Field(default=1.0, ge=0, le=1, description="Share of the peak at the end.")
    warm_up: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the stage's tokens through which the rate rises from 0 to start."
    )


class Gate(Frozen):
    """What must hold before the next stage opens; what is None is not asked. A stage ends with its last row anyway."""

    score: float | None = Field(
        default=None, ge=0, le=1, description="Probe accuracy on the stage's skills from which it may end."
    )
    gain: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Relative gain of the smoothed loss below which nothing more is learnt and the stage may end.",
    )
    window_steps: int = Field(default=50, ge=1, description="Optimiser steps over which that gain is taken.")
    drop: float | None = Field(
        default=None, gt=0, le=1, description="Fall of an earlier stage's accuracy from which review is put in first."
    )


class Stage(Frozen):
    """One stage: what it opens and what it holds."""

    stage: int
    name: str
    mixed: bool
    tiers: tuple[int, ...] = Field(description="Tiers whose rows are new here.")
    opens_skills: tuple[str, ...]
    rows: int
    new: int
    review: int
    repeat: int
    tokens: int
    difficulty: float | None = Field(description="Mean difficulty of all rows; None for an empty stage.")
    skills: dict[str, int]


class Plan(Frozen):
    """What `plan.json` holds."""

    seed: int
    policy: str
    review: float
    passes: int
    mixed: float
    window: int = Field(description="No row comes again within this many rows.")
    interleaved: bool = Field(
        default=True, description="Whether any aligned block of 64 rows of a pass holds each skill's share."
    )
    prerequisites: bool = Field(default=True, description="Whether a skill opens only after those that it requires.")
    requires: dict[str, tuple[str, ...]] = Field(default={}, description="The skills that each skill requires.")
    how: tuple[str, ...] = Field(default=(), description="How the policy made the order, in sentences for the card.")
    skipped: tuple[str, ...] = Field(description="What was left out, and why.")
    ingredients: tuple[Ingredient, ...]
    tiers: tuple[Tier, ...]
    tiers_by: str = Field(default="quantiles of that difficulty", description="What the tiers are, in words.")
    stages: tuple[Stage, ...]
    fates: dict[str, int]
    knots: tuple[Knots, ...]
