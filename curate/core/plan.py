"""The plan of a curriculum: how difficulty was made, where tiers are cut, and what each stage holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from curate.protocol import Frozen, ScoreField


class ScoreSource(Frozen):
    """One scorer's sidecar parts: its alias, their folder, and the fields they hold."""

    alias: str
    folder: str
    fields: tuple[ScoreField, ...]


class Ingredient(Frozen):
    """One score's part in the difficulty: a negative weight means that a rising value is easier."""

    score: str = Field(description="alias.field")
    weights: dict[str, float] = Field(description="Weight by kind of domain: text, task, chat, code.")

    @field_validator("weights")
    @classmethod
    def _with_tasks(cls, weights: dict[str, float]) -> dict[str, float]:
        """Plans of editions that knew no tasks took them for prose."""
        return weights if "task" in weights else {**weights, "task": weights.get("text", 0.0)}


class Knots(Frozen):
    """The empirical distribution of one score in one domain: raw values and the ranks in (0, 1) that they map to."""

    score: str
    domain: str
    rows: int
    values: tuple[float, ...]
    ranks: tuple[float, ...]


class Calibration(Frozen):
    """How well a difficulty orders the rows of one kind as their labels do: Spearman's correlation, the mean of folds.

    Weights that were fitted are judged on folds that took no part in fitting them. None where a fold's labels or
    scores are all the same.
    """

    kind: str
    rows: int = Field(description="Labelled rows of this kind.")
    folds: int
    fitted: float | None = Field(description="With weights fitted to the labels; None where there are too few.")
    deviation: float | None = Field(description="Standard deviation of that between folds.")
    declared: float | None = Field(description="With the weights that the scorers declare, or the recipe gives.")
    length: float | None = Field(description="With the number of tokens alone.")
    random: float | None = Field(description="With a hash of the id.")
    given_length: float | None = Field(description="Partial correlation of what is used, with length held constant.")
    uses: str = Field(description="fitted, where that is better than declared; else declared.")


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
    """One stage: its goals, what it opens and what it holds."""

    stage: int
    name: str
    module: str = Field(default="", description="Name of the module that the stage was made from.")
    why: str = Field(default="", description="Why the stage is there, in the words of the recipe.")
    policy: str = Field(default="tiered", description="The policy by which its new rows are ordered.")
    broad: bool = Field(default=False, description="Whether it shows rows of every skill before it narrows.")
    mixed: bool
    interleaved: bool = Field(
        default=True, description="Whether any aligned block of 64 rows of a pass holds each skill's share."
    )
    tiers: tuple[int, ...] = Field(description="Tiers whose rows are new here.")
    opens_tiers: tuple[int, ...] = Field(default=(), description="Tiers that are open from here on.")
    names_skills: tuple[str, ...] = Field(
        default=(), description="Skills that its module names, of which alone it takes edge cases; none means all."
    )
    opens_skills: tuple[str, ...]
    rows: int
    new: int
    review: int
    repeat: int
    augmented: int = 0
    early: int = Field(default=0, description="Review rows that came before they were due, as no more were due.")
    edges: int = Field(default=0, description="Rare and good rows that are new here.")
    variations: dict[str, int] = Field(default={}, description="Varied rows by kind.")
    tokens: int
    new_tokens: int = 0
    budget: float | None = Field(default=None, description="Tokens that its new rows should hold; None for all open.")
    reviewing: Literal["spaced", "all", "none"] = Field(default="spaced", description="How rows met before come again.")
    review_goal: float = Field(default=0.0, description="Share of review among its new and review rows.")
    edges_goal: float = Field(default=0.0, description="Largest share of edge cases among its new rows.")
    vary_goal: dict[str, float] = Field(default={}, description="Largest share of varied to new rows by kind.")
    floor_goal: dict[str, float] = Field(
        default={}, description="Smallest share of its rows, by column, of each value that was met."
    )
    below_floor: dict[str, tuple[str, ...]] = Field(
        default={}, description="Values by column that fall short of that, as none of their rows may come again."
    )
    learning: LearningRate = Field(default=LearningRate())
    gate: Gate = Field(default=Gate())
    difficulty: float | None = Field(description="Mean difficulty of all rows; None for an empty stage.")
    skills: dict[str, int]


class Length(Frozen):
    """What a trainer that cuts rows at a length does to one tier. Lengths and limits are in tokens."""

    limit: int
    tier: int
    rows: int = Field(description="Training rows of the tier, each counted once.")
    truncated: int = Field(description="Rows that are longer, of which a part is cut off.")
    dropped: int = Field(description="Of these, rows of whose answer nothing is left, so nothing is learnt from them.")


class Plan(Frozen):
    """What `plan.json` holds."""

    seed: int
    policy: str
    review: float
    passes: int
    mixed: float
    window: int = Field(description="No row comes again within this many rows.")
    window_goal: int = Field(default=0, description="Rows within which none was to come again.")
    most_visits: int | None = Field(
        default=None, description="How often a row comes at most where a floor gives it again; None without floors."
    )
    prerequisites: bool = Field(default=True, description="Whether a skill opens only after those that it requires.")
    requires: dict[str, tuple[str, ...]] = Field(default={}, description="The skills that each skill requires.")
    together: dict[str, tuple[str, ...]] = Field(
        default={}, description="Skills that open in one stage with skills that they require, for want of stages."
    )
    edges_from: int | None = Field(default=None, description="The first stage in which rare and good rows are new.")
    augmented_parts: int = Field(default=0, description="Files of varied rows.")
    how: tuple[str, ...] = Field(default=(), description="How the policy made the order, in sentences for the card.")
    skipped: tuple[str, ...] = Field(description="What was left out, and why.")
    ingredients: tuple[Ingredient, ...]
    calibration: tuple[Calibration, ...] = Field(default=(), description="Where labels were given, by kind of domain.")
    tiers: tuple[Tier, ...]
    tiers_by: str = Field(default="quantiles of that difficulty", description="What the tiers are, in words.")
    choices: tuple[str, ...] = Field(
        default=(), description="What was decided before stages were planned, and the rows that it came to, in words."
    )
    margin: float = Field(
        default=0.0, description="How many times its uncertainty may bring a row past the border of its tier."
    )
    stages: tuple[Stage, ...]
    lengths: tuple[Length, ...] = Field(default=(), description="What is lost by tier at usual length limits.")
    fates: dict[str, int]
    knots: tuple[Knots, ...]
