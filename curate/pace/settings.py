"""How a curriculum is paced, as the recipe says it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from curate.core.plan import Gate
from curate.core.vary import Kind
from curate.pace.module import First, Module, Share
from curate.pace.pacing import Pacing
from curate.pace.policies import Policy
from curate.protocol import Frozen


class Learning(Frozen):
    """The learning rate through the whole curriculum: warmed up in the first stage, lowered in the last."""

    warm_up: float = Field(default=0.03, ge=0, lt=1, description="Share of the first stage in which it rises from 0.")
    decay: Literal["constant", "linear", "cosine"] = Field(
        default="linear", description="How it goes down in the last stage; before that it is constant."
    )
    end: float = Field(
        default=0.3, ge=0, le=1, description="Share of the peak at the very end; near 0 the last rows count little."
    )


class Settings(Frozen):
    """How the curriculum is paced."""

    policy: Policy = Field(default="tiered", description="How tiers and difficulty become stages and an order.")
    review: float = Field(default=0.15, ge=0, le=0.5, description="Share of review rows in every stage but the first.")
    mixed: float = Field(
        default=0.1, ge=0, le=1, description="Share of each tier that is kept back for the last stage."
    )
    edges: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Largest share of edge cases (rare and good) among the new rows of a stage, from the middle on; "
        "0 treats them as any row.",
    )
    opening: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of each skill's rows in a broad first stage, before the curriculum narrows: of the easier "
        "half of every skill those that stand for most of it; without vectors, the easiest and most representative.",
    )
    vary: dict[Kind, float] = Field(
        default_factory=dict,
        description="Varied rows by kind, as a share of the new rows of each stage before the middle: case, spacing, "
        "typos, punctuation, template, options, clarify, distractor; without-hints of each stage that reviews.",
    )
    passes: int = Field(default=1, ge=1, le=100, description="How often each stage is gone through.")
    first: First = Field(
        default="auto",
        description="Which new rows of a skill come first in a stage: random, easy, or representative (asks for "
        "density). By default representative where there is a density, else random, if the policy goes by tiers; "
        "other policies say themselves.",
    )
    max_new_skills: int | None = Field(
        default=None, ge=1, description="Most skills that one stage opens; by default as many as are ready."
    )
    shares: tuple[float, ...] = Field(
        default=(), description="Share of the new tokens that each stage holds; by default as tiers and skills fall."
    )
    floor: dict[str, Share] = Field(
        default_factory=dict,
        description="Smallest share, in every stage, of each value that was met, by column (skill, source, language or "
        "yours), by giving its rows again.",
    )
    most_visits: int = Field(default=4, ge=1, description="How often one row comes at most, to reach a floor.")
    window: int = Field(default=0, ge=0, description="No row comes again within this many rows.")
    pacing: Pacing = Field(
        default="root", description="How the pool opens, for the policies paced, anti, warm-up and random-paced."
    )
    start: float = Field(default=0.01, gt=0, le=1, description="Share of the rows that is open at the beginning.")
    full_at: float | None = Field(
        default=None,
        gt=0,
        le=2,
        description="Share of the training after which all rows are open; by default 1, for warm-up 0.25.",
    )
    learning: Learning = Field(default_factory=Learning, description="The contract on the learning rate.")
    gate: Gate = Field(
        default_factory=Gate, description="What must hold before the next stage opens; nothing if empty."
    )
    module: tuple[Module, ...] = Field(
        default=(), description="The stages one by one, instead of a number of stages: [[pace.module]]."
    )
    reuse: str | None = Field(
        default=None, description="Take the modules of another recipe, run folder or file of [[module]] tables."
    )
    modules: tuple[str, ...] = Field(
        default=(), description="Names of the modules to use, in this order; by default all that are not off."
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        for where, table in (("pace", self.vary), *((each.name, each.vary or {}) for each in self.module)):
            if any(share < 0 for share in table.values()) or sum(table.values()) > 1:
                raise ValueError(f"the shares of varied rows of {where} must each be 0 or more and at most 1 together")
        return self
