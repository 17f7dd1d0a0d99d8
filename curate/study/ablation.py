"""What `curate ablate` goes by and says: its settings, its budget, and the verdict."""

from __future__ import annotations

from pydantic import Field

from curate.protocol import Frozen
from curate.study.statistics import Interval, Word


class Settings(Frozen):
    """What is compared, and how surely."""

    arms: tuple[str, ...] = Field(
        default=(),
        description="random, random-paced, curriculum, no-review, anti, warm-up, length, merged, without:MODULE; "
        "all but merged.",
    )
    seeds: int = Field(default=8, ge=2, description="Paired seeds of every arm.")
    budget: float = Field(default=1.0, gt=0, description="Tokens of every arm, as a share of those of the plan.")
    factors: tuple[float, ...] = Field(
        default=(1 / 3, 1.0, 3.0), min_length=1, description="Multiples of [train] learning_rate that each arm tries."
    )
    tuning_seeds: int = Field(default=2, ge=1, description="Other seeds, on which each arm finds its learning rate.")
    fresh: bool = Field(
        default=False, description="Begin with random weights, drawn by the seed, of the model's shape."
    )
    looks: int = Field(default=10, ge=2, description="How often the held-out rows are asked on the way.")
    margin: float = Field(
        default=0.01, gt=0, lt=1, description="Share of random's loss within which a difference is none to care for."
    )


class Budget(Frozen):
    """What an ablation costs."""

    arms: tuple[str, ...]
    tokens: int = Field(description="Tokens that every training of every arm goes through.")
    updates: int = Field(description="Updates of each.")
    trainings: int = Field(description="All of them, for rates and for the verdict.")
    done: int = Field(description="Trainings that stand already.")
    held_rows: tuple[int, int] = Field(description="Held-out rows that tune, and that the verdict is on.")
    seconds: int = Field(description="About how long the rest takes, from one update that is really computed.")


class Trial(Frozen):
    """What one training came to: loss of every held-out row at every look, in nats of its whole answer."""

    arm: str
    rate: float
    seed: int
    steps: tuple[int, ...]
    tokens: int
    updates: int
    nll: tuple[tuple[float, ...], ...] = Field(description="Look by look, the held-out rows in their order.")


class ArmResult(Frozen):
    """One arm over its seeds, on the rows that tuned nothing. Losses in nats an answer token."""

    name: str
    about: str
    rate: float
    at_edge: bool = Field(description="Whether the best rate is the lowest or highest that was tried.")
    tuning: dict[str, float] = Field(description="Mean loss on the tuning rows by rate.")
    losses: tuple[float, ...] = Field(description="Final loss by seed.")
    mean: float
    tiers: dict[str, float]
    skills: dict[str, float]
    steps_to_target: float | None = Field(
        description="Median over seeds of the first look at which the loss is down to random's final mean; None where "
        "fewer than half get there."
    )
    forgetting: dict[str, float] = Field(description="By tier, the final loss less the lowest on the way.")


class Contrast(Frozen):
    """One arm against another, paired by seed; below 0 is better."""

    arm: str
    against: str = Field(description="random, or curriculum where the arm leaves a module of it out.")
    primary: bool = Field(description="Fixed beforehand; all others are corrected for being several.")
    loss: Interval
    relative: float = Field(description="The difference as a share of the loss of that other arm.")
    p: float = Field(description="After Holm's correction, where it is not the primary one.")
    verdict: Word
    says: str
    tiers: dict[str, Interval] = Field(description="By tier, not corrected: to look at, not to claim.")
    skills: dict[str, Interval]


class Ablation(Frozen):
    """What `study/ablation.json` holds."""

    model: str
    settings: Settings
    budget: Budget
    verdict: Word
    says: str = Field(description="The primary contrast in a sentence.")
    arms: tuple[ArmResult, ...]
    contrasts: tuple[Contrast, ...]
    notes: tuple[str, ...]
