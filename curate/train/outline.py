"""What a training would do, before it is begun: stages, steps, learning rates, gates and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from curate.protocol import Frozen
from curate.train import rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.core.manifest import Schedule, ScheduledStage
    from curate.core.plan import Gate
    from curate.train.settings import Settings


class StageOutline(Frozen):
    """One stage as it would be trained, no row put in by a gate."""

    stage: int
    rows: int
    tokens: int = Field(description="Of all its rows, counted with the tokenizer of the schedule.")
    steps: int
    first_rate: float
    last_rate: float
    gate: str = Field(description="What must hold before the next stage opens, in words.")


class Outline(Frozen):
    """What `curate train --dry-run` prints."""

    model: str
    trainer: str
    adapter: str
    adaptive: str
    rows: int
    tokens: int
    steps: int
    seconds: int = Field(description="From the time of one micro-batch; probes and checkpoints are not in it.")
    looks: int = Field(description="Probes that gates ask for where they put no row in and end no stage early.")
    look_seconds: float = Field(description="Most time of one of them, from the time of a few rows.")
    stages: tuple[StageOutline, ...]


@dataclass(frozen=True)
class Pace:
    """How long a token takes forward and backward, and a probe; ``look_seconds`` is 0 where none can be made."""

    seconds_per_token: float
    look_seconds: float


def outlined(settings: Settings, schedule: Schedule, gates: Sequence[Gate], pace: Pace) -> Outline:
    """The outline of a training at this pace; no gate means that none is looked at."""
    stages = [
        _stage(settings, schedule, stage, gates[number] if gates else None)
        for number, stage in enumerate(schedule.stages)
    ]
    steps = sum(stage.steps for stage in stages)
    most = settings.max_steps
    every = settings.gate_every
    looks = sum(1 if every is None else -(-stage.steps // every) for stage in stages) if gates else 0
    share = 1.0 if most is None or most >= steps else most / steps
    return Outline(
        model=settings.model,
        trainer=settings.trainer,
        adapter=settings.adapter,
        adaptive=settings.adaptive,
        rows=schedule.rows,
        tokens=schedule.tokens,
        steps=steps if most is None else min(steps, most),
        seconds=round(schedule.tokens * share * pace.seconds_per_token),
        looks=round(looks * share) if pace.look_seconds else 0,
        look_seconds=round(pace.look_seconds, 1) if looks else 0.0,
        stages=tuple(stages),
    )


def _stage(settings: Settings, schedule: Schedule, stage: ScheduledStage, gate: Gate | None) -> StageOutline:
    steps = -(-stage.rows // settings.step_rows)

    def rate(rows: int) -> float:
        done = (stage.first_order + rows) / max(schedule.rows, 1)
        of_stage = rows / max(stage.rows, 1)
        share = rates.share(settings.shape, stage.learning, done, of_stage, settings.final, settings.warm_up)
        return settings.learning_rate * share

    return StageOutline(
        stage=stage.stage,
        rows=stage.rows,
        tokens=stage.tokens,
        steps=steps,
        first_rate=rate(min(settings.step_rows, stage.rows)),
        last_rate=rate(stage.rows),
        gate=in_words(gate),
    )


def in_words(gate: Gate | None) -> str:
    """What a gate asks, in words."""
    if gate is None:
        return "none: all rows of the plan"
    said = []
    if gate.score is not None:
        said.append(f"accuracy from {gate.score:g}")
    if gate.gain is not None:
        said.append(f"loss falls by less than {gate.gain:g} in {gate.window_steps} steps")
    ends = " or ".join(said) or "all rows"
    return ends if gate.drop is None else f"{ends}; review where an earlier tier falls by more than {gate.drop:g}"
