"""Why a stage does badly: rules from figures to causes, the most certain evidence first. Pure, with thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from curate.study.evidence import Evidence

Cause = Literal[
    "divergence", "missing-prerequisite", "duplicates", "noise", "shift", "too-few-rows", "skill-mix", "jump",
    "low-rate", "underfitting",
]  # fmt: skip
KIND: dict[Cause, Literal["data", "task design", "optimisation"]] = {
    "divergence": "optimisation",
    "missing-prerequisite": "task design",
    "duplicates": "data",
    "noise": "data",
    "shift": "data",
    "too-few-rows": "data",
    "skill-mix": "task design",
    "jump": "task design",
    "low-rate": "optimisation",
    "underfitting": "optimisation",
}
PROPOSAL: dict[Cause, str] = {
    "divergence": "lower [train] learning_rate to a third, and begin again from the checkpoint before the stage",
    "missing-prerequisite": "add rows of the required skill, or open it earlier: [[pace.module]] skills",
    "duplicates": 'let tier act on what mine finds: [tier] remove = ["duplicate"], or lower the thresholds of [mine]',
    "noise": "take the suspects out: `curate revise` quarantines them; look at them first (`curate explain RUN ID`)",
    "shift": "add rows like the held-out ones (`curate score --target`), or hold out rows like the stage's own",
    "too-few-rows": "add rows (`curate revise --add`), vary them ([pace] vary), or train fewer [pace] passes",
    "skill-mix": "raise the rare skill's share: [pace] floor = { skill = ... }, or that of [tier]",
    "jump": "put more stages between: --stages, or a [[pace.module]] of the tiers between",
    "low-rate": "raise [train] learning_rate by three",
    "underfitting": "train with more capacity: [train] lora_rank, adapter = none, or a larger model",
}


class Settings(Frozen):
    """From where on a figure speaks for a cause. Set on planted faults of seeds 0 to 9 (docs/study.md)."""

    peak: float = Field(default=6.0, gt=1, description="Loss of a fifth over that of the first step: divergence.")
    mastery: float = Field(default=0.5, ge=0, le=1, description="Share right of a required skill below which it lacks.")
    copies: float = Field(default=0.3, gt=0, le=1, description="Share of rows that repeat others.")
    shift: float = Field(default=0.45, gt=0, le=1, description="Distance of held-out rows beyond chance.")
    contradicted: float = Field(
        default=0.075,
        gt=0,
        le=1,
        description="Share of rows wrong at every visit with the model sure of another answer.",
    )
    gap: float = Field(default=8.0, gt=1, description="Held-out loss over that of rows at their last visit.")
    revisits: float = Field(default=6.0, gt=0, description="Visits a row without which a gap is not of too few rows.")
    least_share: float = Field(default=0.3, gt=0, le=1, description="Share of the rarest skill against an even one.")
    rare_loss: float = Field(default=2.0, gt=1, description="Its held-out loss over that of other skills.")
    jump: float = Field(default=0.3, gt=0, le=1, description="Rise of the mean difficulty from the stage before.")
    wrong: float = Field(default=0.03, gt=0, le=1, description="Share of rows wrong at the end of a stage in trouble.")
    fall: float = Field(default=0.5, gt=0, lt=1, description="Fall of the loss up to which little was learnt.")
    still_falling: float = Field(default=0.055, gt=0, lt=1, description="Fall at the last visit that is not at rest.")


class Suspicion(Frozen):
    """One cause that the evidence speaks for."""

    cause: Cause
    kind: Literal["data", "task design", "optimisation"]
    because: str = Field(description="The figures, with the thresholds that they passed.")
    proposal: str


class Diagnosis(Frozen):
    """One stage: the likeliest cause, and all that the evidence speaks for; none where all is well."""

    stage: int
    cause: Cause | None
    suspicions: tuple[Suspicion, ...]


def diagnose(evidence: Evidence, limits: Settings) -> Diagnosis:
    """The causes whose rules hold, in the order in which one explains away the next.

    A diverging loss makes every other figure meaningless; what is missing, repeated or wrong in the data shows in the
    data itself; what is then left of a high loss is put down to the design of the stage, and last to its optimisation.
    """
    found = [cause for cause, rule in _RULES.items() if rule(evidence, limits)]
    suspicions = tuple(
        Suspicion(cause=cause, kind=KIND[cause], because=_because(cause, evidence, limits), proposal=PROPOSAL[cause])
        for cause in found
    )
    return Diagnosis(stage=evidence.stage, cause=found[0] if found else None, suspicions=suspicions)


def _slow(evidence: Evidence, limits: Settings) -> bool:
    return evidence.wrong >= limits.wrong and evidence.fall <= limits.fall


def _above(value: float | None, limit: float) -> bool:
    return value is not None and value >= limit


_RULES: dict[Cause, Callable[[Evidence, Settings], bool]] = {
    "divergence": lambda seen, at: seen.peak >= at.peak,
    "missing-prerequisite": lambda seen, at: seen.mastery is not None and seen.mastery < at.mastery,
    "duplicates": lambda seen, at: seen.copies >= at.copies,
    "shift": lambda seen, at: seen.shift >= at.shift,
    "noise": lambda seen, at: seen.contradicted >= at.contradicted,
    "skill-mix": lambda seen, at: seen.least_share <= at.least_share and _above(seen.rare_loss, at.rare_loss),
    "too-few-rows": lambda seen, at: _above(seen.gap, at.gap) and seen.revisits >= at.revisits,
    "jump": lambda seen, at: _above(seen.jump, at.jump) and seen.wrong >= at.wrong,
    "low-rate": lambda seen, at: _slow(seen, at) and seen.still_falling >= at.still_falling,
    "underfitting": lambda seen, at: _slow(seen, at) and seen.still_falling < at.still_falling,
}


def _because(cause: Cause, seen: Evidence, at: Settings) -> str:
    return "; ".join(_figures(cause, seen, at))


def _figures(cause: Cause, seen: Evidence, at: Settings) -> Iterator[str]:
    match cause:
        case "divergence":
            yield f"the loss rose to {seen.peak:.1f} times that of the first step (from {at.peak:g})"
        case "missing-prerequisite":
            yield f"of a required skill {seen.mastery:.0%} of rows were right before the stage (below {at.mastery:.0%})"
        case "duplicates":
            yield f"{seen.copies:.0%} of {seen.rows} rows repeat another row of the stage (from {at.copies:.0%})"
        case "noise":
            yield (
                f"to {seen.contradicted:.0%} of {seen.rows} rows the model is sure of another answer at every visit "
                f"(from {at.contradicted:.1%})"
            )
        case "shift":
            yield f"held-out rows lie {seen.shift:.2f} beyond chance from the stage's (from {at.shift:g})"
        case "too-few-rows":
            yield f"held-out loss is {seen.gap or 0:.1f} times that of rows met before (from {at.gap:g})"
            yield f"{seen.rows} rows were visited {seen.revisits:.1f} times each (from {at.revisits:g})"
        case "skill-mix":
            yield f"the rarest skill has {seen.least_share:.0%} of an even share (up to {at.least_share:.0%})"
            yield f"its held-out loss is {seen.rare_loss or 0:.1f} times that of the others (from {at.rare_loss:g})"
        case "jump":
            yield f"mean difficulty rose by {seen.jump or 0:.2f} (from {at.jump:g})"
            yield f"{seen.wrong:.0%} of the rows are wrong at the end (from {at.wrong:.0%})"
        case _:
            yield f"{seen.wrong:.0%} of the rows are wrong at the end (from {at.wrong:.0%})"
            yield f"the loss fell by {seen.fall:.0%} (up to {at.fall:.0%})"
            yield f"and by {seen.still_falling:.1%} at the last visit (at rest below {at.still_falling:.1%})"
