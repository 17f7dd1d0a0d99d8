"""Gates: what to do at a milestone, from what was measured there and before; figures in, a decision and its reason out.

No paper gives universal thresholds, so each one is a setting, and with none set the plan is followed as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from curate.core.measured import Measured, Result
    from curate.core.plan import Gate

Action = Literal["go-on", "advance", "review", "reframe", "stop"]
Cell = tuple[str | None, int | None]


class Decision(Frozen):
    """One line of `decisions.jsonl`: what was done at a step, and why."""

    step: int
    stage: int
    action: Literal["start", "go-on", "advance", "review", "reframe", "stop", "resume", "checkpoint", "average"]
    reason: str
    figures: dict[str, float] = Field(default={}, description="What was measured, by name.")


@dataclass(frozen=True)
class Reading:
    """What a milestone measured.

    ``accuracy`` and ``loss`` by (skill, tier), None standing for all; ``gain`` is the relative gain of the smoothed
    training loss over the gate's window, None while the stage is younger than that.
    """

    accuracy: Mapping[Cell, float] = field(default_factory=dict)
    loss: Mapping[Cell, float] = field(default_factory=dict)
    gain: float | None = None
    ece: float | None = None


@dataclass(frozen=True)
class Stand:
    """Where training stands at a milestone: its stage, what that teaches, and whether rows are left in it."""

    stage: int
    last: bool
    skills: tuple[str, ...]
    tiers: tuple[int, ...]
    earlier_tiers: tuple[int, ...]
    rows_left: bool


@dataclass
class Record:
    """What gates remember of earlier milestones; plain values, so that it is saved with a checkpoint."""

    best_accuracy: dict[str, float] = field(default_factory=dict)
    """By tier, as text, and of all rows together."""
    best_loss: float | None = None
    idle: int = 0
    """Milestones in a row at which nothing got better."""
    reviewed: list[int] = field(default_factory=list)
    """Tiers that were put in again in the running stage; each is tested again once."""
    reframed: list[str] = field(default_factory=list)
    """Skills that were reframed in the running stage."""


@dataclass(frozen=True)
class Verdict:
    """What to do, why, and with which tier or skill."""

    action: Action
    reason: str
    tier: int | None = None
    skill: str | None = None


ALL = "all"
LEAST_GAIN = 0.001
"""A relative fall of the probe's loss that counts as getting better."""


def decide(gate: Gate, reading: Reading, stand: Stand, record: Record, patience: int | None) -> Verdict:
    """What to do at a milestone. Given the same figures and record, the same verdict; *record* is brought up to date.

    In this order: stop where *patience* milestones in a row brought nothing better; review where an earlier tier's
    accuracy fell by more than the gate's ``drop`` below its best, once a stage; advance where the ``score`` is met;
    where the loss has come to rest, reframe the weakest skill if the score is not met, else advance; advance when the
    stage's rows are used up. To advance from the last stage is to stop.
    """
    slipped = _slipped(gate, reading, stand, record)
    _remember(reading, stand, record)
    if patience is not None and record.idle >= patience:
        return Verdict("stop", f"nothing got better at {record.idle} milestones in a row")
    if slipped is not None:
        tier, fall = slipped
        if tier not in record.reviewed:
            record.reviewed.append(tier)
            return Verdict("review", f"accuracy on tier {tier} fell by {fall:.3f}, more than {gate.drop:.3f}", tier)
    return _of_stage(gate, reading, stand, record)


def target(reading: Reading, skills: tuple[str, ...]) -> float | None:
    """The mean accuracy over the stage's skills that the probe has rows of; None where it has none."""
    known = [reading.accuracy[skill, None] for skill in skills if (skill, None) in reading.accuracy]
    return sum(known) / len(known) if known else reading.accuracy.get((None, None))


def read(measured: Measured, gain: float | None) -> Reading:
    """The figures of a probe that gates look at."""
    accuracy = {(cell.skill, cell.tier): accuracy_of(cell.result) for cell in measured.cells}
    loss = {(cell.skill, cell.tier): cell.result.loss.value for cell in measured.cells}
    of_tokens = next((each for each in measured.calibration if each.kind == "token"), None)
    return Reading(accuracy, loss, gain, None if of_tokens is None else of_tokens.ece.value)


def accuracy_of(result: Result) -> float:
    """How often the model is right, by the most telling measure there is: generated answers, choices, else tokens."""
    for estimate in (result.match, result.choice_accuracy):
        if estimate is not None:
            return estimate.value
    return result.token_accuracy.value


def _of_stage(gate: Gate, reading: Reading, stand: Stand, record: Record) -> Verdict:
    reached = target(reading, stand.skills)
    met = gate.score is not None and reached is not None and reached >= gate.score
    if met:
        return _onward(stand, f"accuracy {reached:.3f} meets the score of {gate.score:.3f}")
    rests = gate.gain is not None and reading.gain is not None and reading.gain < gate.gain
    if rests and gate.score is None:
        return _onward(stand, f"the loss has come to rest: it fell by {reading.gain:.4f}, less than {gate.gain:.4f}")
    if gate.score is not None and reached is not None and (rests or not stand.rows_left):
        weakest = _weakest(reading, stand.skills, record)
        if weakest is not None:
            record.reframed.append(weakest)
            why = "the loss has come to rest" if rests else "the stage's rows are used up"
            return Verdict("reframe", f"{why} and accuracy {reached:.3f} is below {gate.score:.3f}", None, weakest)
        if rests:
            return _onward(stand, f"accuracy stays at {reached:.3f}, below {gate.score:.3f}, and the loss is at rest")
    if not stand.rows_left:
        short = "" if gate.score is None or reached is None else f"; accuracy {reached:.3f} is below {gate.score:.3f}"
        return _onward(stand, f"its rows are used up{short}")
    return Verdict("go-on", "the stage has rows left")


def _onward(stand: Stand, why: str) -> Verdict:
    return Verdict("stop", f"{why}, in the last stage") if stand.last else Verdict("advance", why)


def _slipped(gate: Gate, reading: Reading, stand: Stand, record: Record) -> tuple[int, float] | None:
    """The earlier tier that fell most, and by how much, where that is more than the gate allows."""
    if gate.drop is None:
        return None
    falls = [
        (record.best_accuracy[str(tier)] - reading.accuracy[None, tier], -tier)
        for tier in stand.earlier_tiers
        if str(tier) in record.best_accuracy and (None, tier) in reading.accuracy
    ]
    worst = max(falls, default=None)
    return None if worst is None or worst[0] <= gate.drop else (-worst[1], worst[0])


def _remember(reading: Reading, stand: Stand, record: Record) -> None:
    """Note the best of each tier, and whether the whole got better in loss or accuracy."""
    loss, accuracy = reading.loss.get((None, None)), reading.accuracy.get((None, None))
    if loss is None or accuracy is None:
        return
    lower = record.best_loss is None or loss < record.best_loss * (1.0 - LEAST_GAIN)
    righter = accuracy > record.best_accuracy.get(ALL, -1.0)
    record.idle = 0 if lower or righter else record.idle + 1
    record.best_loss = loss if record.best_loss is None else min(record.best_loss, loss)
    tiers = {ALL: accuracy} | {
        str(tier): reading.accuracy[None, tier]
        for tier in (*stand.earlier_tiers, *stand.tiers)
        if (None, tier) in reading.accuracy
    }
    for tier, reached in tiers.items():
        record.best_accuracy[tier] = max(reached, record.best_accuracy.get(tier, 0.0))


def _weakest(reading: Reading, skills: tuple[str, ...], record: Record) -> str | None:
    """The skill of the stage with the lowest accuracy that was not reframed yet in this stage."""
    known = [
        (reading.accuracy[skill, None], skill)
        for skill in skills
        if (skill, None) in reading.accuracy and skill not in record.reframed
    ]
    return min(known)[1] if known else None
