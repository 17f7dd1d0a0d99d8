"""Why a row is where it is: which score, which threshold and which rule, in sentences with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.core.plan import Knots, Plan, Stage

_FATES = {
    "train": "it is trained on",
    "holdout": "it is held out for evaluation: chosen by a hash of its id and the seed inside its skill and tier",
    "near_holdout": "it is left out, as it is too near to a held-out row",
    "duplicate": "it is left out as a duplicate",
    "contaminated": "it is left out, as it leaks a benchmark",
    "quarantined": "it is left out as rare and broken, or as suspected noise",
    "learnt": "it comes as review alone, since an earlier edition taught it",
    "unused": "it is left out: it has no difficulty, its group is over its cap, or it waits for room in the budget",
}


def ranks(plan: Plan, scores: Mapping[str, float | str | None], domain: str | None) -> dict[str, tuple[float, Knots]]:
    """The rank of each score that makes the difficulty, read off the distribution that the plan holds."""
    frozen = {knots.score: knots for knots in plan.knots if knots.domain == domain}
    found = {}
    for one in plan.ingredients:
        value, knots = scores.get(one.score), frozen.get(one.score)
        if isinstance(value, float | int) and knots is not None and knots.values:
            found[one.score] = (float(np.interp(value, knots.values, knots.ranks)), knots)
    return found


def of_difficulty(
    plan: Plan,
    scores: Mapping[str, float | str | None],
    ranked: Mapping[str, tuple[float, Knots]],
    kind: str | None,
    difficulty: float | None,
) -> list[str]:
    """How the scores make the difficulty."""
    said, total, weighed = [], 0.0, 0.0
    for one in plan.ingredients:
        weight = one.weights.get(kind or "", 0.0)
        if one.score in ranked and weight:
            rank, knots = ranked[one.score]
            total += (rank if weight > 0 else 1 - rank) * abs(weight)
            weighed += abs(weight)
            value = scores[one.score]
            said.append(f"{one.score} of {value:.4g} has rank {rank:.3f} in {knots.domain}, weight {weight:g}")
    if difficulty is not None:
        same = weighed > 0 and abs(total / weighed - difficulty) < 1e-3
        said.append(f"difficulty {difficulty:.3f}" + (" is the weighted mean of these ranks" if same else ""))
    return said


def of_tier(plan: Plan, tier: int | None, difficulty: float | None, uncertainty: float | None) -> list[str]:
    """Between which thresholds the row lies, and how far the scores disagree about it."""
    found = next((each for each in plan.tiers if each.tier == tier), None)
    if found is None or difficulty is None:
        return []
    said = [
        f"tier {tier} holds difficulties from {found.lowest:.3f} to {found.upper:.3f} ({plan.tiers_by}; "
        f"{found.rows} rows)"
    ]
    if plan.margin and uncertainty is not None:
        said.append(
            f"the scores disagree by {uncertainty:.3f}: where {plan.margin:g} times that reaches past the border, it "
            "goes one tier up"
        )
    return said


def of_fate(fate: str, partner: str | None) -> str:
    """What became of the row."""
    return _FATES.get(fate, f"its fate is {fate}") + (f" (see {partner})" if partner else "")


def of_place(plan: Plan, stage: int, because: str, skill: str | None, tier: int | None) -> str:
    """The rule that put one visit of the row into its stage."""
    here = plan.stages[stage]
    match because:
        case "tier":
            return f"new in {_named(here)}: from here on tier {tier} is open{_for(here, skill)}"
        case "skill":
            return f"new in {_named(here)}: from here on its skill {skill} is open{_after(plan, skill)}"
        case "mixed":
            return f"new in {_named(here)}: among the {plan.mixed:.0%} of tier {tier} kept back for it by a seeded draw"
        case "edge" if plan.edges_from is not None and stage < plan.edges_from:
            return f"new in {_named(here)}: rare and good, and no stage from {plan.edges_from} on is about {skill}"
        case "edge":
            return (
                f"new in {_named(here)}: rare and good, and such rows are new from stage {plan.edges_from} on, at most "
                f"{here.edges_goal:.0%} of a stage"
            )
        case "budget":
            return f"new in {_named(here)}: it was open before and had to wait, as the budget of tokens was full"
        case "opening":
            return f"new in {_named(here)}: among the easiest and most representative of its skill {skill}"
        case "rest":
            return f"new in {_named(here)}: no module opens its tier {tier} and skill {skill}, so the last one takes it"
        case "sequence":
            return f"new in {_named(here)}: its place in the sequence of the policy {plan.policy!r}"
        case "due":
            return f"reviewed in {_named(here)}: due, as reviews come 1, 2, 4 .. stages after the visit before"
        case "early":
            return (
                f"reviewed in {_named(here)}: before it was due, as fewer rows were due than the review share asks for"
            )
        case "all":
            return f"reviewed in {_named(here)}: the policy goes through all earlier rows again"
        case "floor":
            return f"repeated in {_named(here)}: its {_floors(here, skill)} would hold less than the floor of the stage"
        case "revision":
            return f"repeated in {_named(here)}: the revision of this edition gives it again"
        case "pass":
            return f"repeated in {_named(here)}: a further pass of {plan.passes}"
        case _:
            share = here.vary_goal.get(because, 0.0)
            return f"varied in {_named(here)}: {because}, which up to {share:.1%} of its new rows are"


def _named(stage: Stage) -> str:
    return stage.name + (f" ({stage.module})" if stage.module else "")


def _floors(stage: Stage, skill: str | None) -> str:
    """The columns that have a floor in a stage, any of which may have asked for a row."""
    return " or ".join(f"skill {skill}" if column == "skill" else column for column in stage.floor_goal)


def _for(stage: Stage, skill: str | None) -> str:
    return f" for its skill {skill}" if stage.module and skill else ""


def _after(plan: Plan, skill: str | None) -> str:
    opened = {name: stage.name for stage in plan.stages for name in stage.opens_skills}
    needed: Sequence[str] = plan.requires.get(skill or "", ())
    told = ", ".join(f"{other} (open from {opened[other]})" for other in needed if other in opened)
    return f", after {told}" if told else ""
