"""A module: one stage of a curriculum as people write it, with its goals and the reason why it is there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curate.core.plan import Gate, LearningRate
from curate.core.vary import Kind
from curate.pace.policies import Policy
from curate.protocol import Frozen

First = Literal["auto", "random", "easy", "representative"]
Leading = Literal["random", "easy", "representative"]
"""What `First` comes to, once it is known whether rows have a density."""

Share = Annotated[float, Field(ge=0, le=0.5)]


class Module(Frozen):
    """One stage of the curriculum. What it opens stays open; what is None is as `[pace]` says for all."""

    name: str = Field(min_length=1, description="What the module is called.")
    why: str = Field(default="", description="Why it is there; copied to the dataset card.")
    verdict: str = Field(
        default="",
        description="Written by `curate ablate`: what leaving it out did; it goes with a module that is reused.",
    )
    off: bool = Field(default=False, description="Left out, as if it were not there.")
    skills: tuple[str, ...] = Field(default=(), description="Skills that it opens; none means all.")
    tiers: tuple[int, ...] = Field(default=(), description="Tiers that it opens, from 0; none means all.")
    broad: bool = Field(
        default=False,
        description="A broad beginning: the easiest and most representative rows of every skill that it names, whatever"
        " these require; budget is their share.",
    )
    mixed: bool = Field(default=False, description="The last module: shuffled, with a share of each tier kept back.")
    policy: Policy | None = Field(default=None, description="How its new rows are ordered.")
    budget: float | None = Field(
        default=None,
        gt=0,
        description="Tokens of its new rows: up to 1 a share of all, else a number; the rest waits for the next.",
    )
    review: float | None = Field(default=None, ge=0, le=0.5, description="Share of review rows.")
    edges: float | None = Field(default=None, ge=0, le=1, description="Largest share of edge cases among its new rows.")
    vary: dict[Kind, float] | None = Field(default=None, description="Varied rows by kind, as a share of its new rows.")
    floor: dict[str, Share] | None = Field(
        default=None, description="Smallest share of each value that was met, by column, by giving its rows again."
    )
    first: First | None = Field(default=None, description="Which new rows of a skill come first.")
    learning: LearningRate | None = Field(default=None, description="The contract on the learning rate.")
    gate: Gate | None = Field(default=None, description="What must hold before the next module opens.")


class Modules(Frozen):
    """A file of modules: the list `[[module]]`."""

    module: tuple[Module, ...]
