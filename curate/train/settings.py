"""What `[train]` of the recipe says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curate.protocol import Device, Frozen, LanguageModelName
from curate.train.adapt import Adaptive
from curate.train.loop import Kind
from curate.train.rates import Shape


class Settings(Frozen):
    """How a model is trained on the dataset."""

    model: LanguageModelName = Field(
        default="auto", description="Model to train: auto, ORG/NAME[@REVISION], a folder, a .gguf file."
    )
    trainer: Kind = Field(default="transformers", description="Whose trainer goes through the stages.")
    adapter: Literal["lora", "none"] = Field(
        default="lora", description="lora: low-rank matrices beside all linear layers; none: all weights."
    )
    lora_rank: int = Field(default=16, ge=1, description="Rank of those matrices; their scale is twice that.")
    learning_rate: float = Field(default=2e-4, gt=0, description="The peak, of which contracts and shape are shares.")
    shape: Shape = Field(
        default="schedule",
        description="schedule: the rates that the plan sets for each stage; the others instead of it.",
    )
    final: float = Field(
        default=0.5, ge=0, le=1, description="Share of the peak at the end of wsd, cosine and cyclical."
    )
    warm_up: float = Field(default=0.03, ge=0, lt=1, description="Share of training through which these rise at first.")
    batch_rows: int = Field(default=8, ge=1, description="Rows that go through the model at once.")
    accumulation: int = Field(default=1, ge=1, description="Such batches that make up one step.")
    max_tokens: int = Field(
        default=1024, ge=2, description="Tokens from which a row is cut; the report counts by tier."
    )
    max_steps: int | None = Field(default=None, ge=1, description="Most optimiser steps of the whole training.")
    stage_tokens: tuple[int, ...] = Field(default=(), description="Most tokens of each stage, one number a stage.")
    gradient_checkpointing: bool = Field(default=False, description="Compute activations twice to save memory.")
    gates: bool = Field(
        default=True, description="Whether the schedule's gates are looked at; else the plan is followed."
    )
    score: float | None = Field(
        default=None, ge=0, le=1, description="Probe accuracy from which any stage may end, where its gate names none."
    )
    gain: float | None = Field(
        default=None, gt=0, lt=1, description="Relative fall of the loss below which any stage may end; the same."
    )
    gain_steps: int = Field(default=50, ge=2, description="Steps over which that fall is taken, where our gain counts.")
    drop: float | None = Field(
        default=None, gt=0, lt=1, description="Fall of an earlier tier's accuracy that calls for review; the same."
    )
    gate_every: int | None = Field(
        default=None,
        ge=1,
        description="Steps between two looks at a gate; at the end of each stage only where not given.",
    )
    block_rows: int = Field(default=64, ge=1, description="Most rows of one review or reframing.")
    patience: int | None = Field(
        default=None, ge=1, description="Looks in a row without anything better after which training stops."
    )
    adaptive: Adaptive = Field(
        default="plan",
        description="plan, or by live losses: leitner review, skill-it weights, self-paced threshold.",
    )
    window_steps: int = Field(default=16, ge=1, description="Steps after which an adaptive policy looks again.")
    checkpoint_every: int | None = Field(
        default=50, ge=1, description="Steps between two checkpoints; one more after each stage."
    )
    average: int = Field(default=1, ge=1, description="How many of the last checkpoints the final weights average.")
    seed: int = Field(default=0, ge=0, description="Decides adapters' first weights and dropout.")
    device: Device = Field(default="auto", description="auto, cpu, cuda, cuda:1 .., mps")

    @property
    def step_rows(self) -> int:
        """Rows of one optimiser step."""
        return self.batch_rows * self.accumulation
