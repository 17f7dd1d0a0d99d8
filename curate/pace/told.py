"""Says in sentences how the order was made and what could not be kept, for the plan and the dataset card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.pace import policies
from curate.pace.because import code
from curate.pace.review import budget
from curate.pace.variations import wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import Stage
    from curate.pace.arrange import Course, Rows
    from curate.pace.goals import Goal
    from curate.pace.settings import Settings

_WORDS: dict[policies.Policy, str] = {
    "tiered": "Stages open one tier after the other; a skill opens only after its prerequisites.",
    "cumulative": "Each stage opens one more tier and goes through all earlier ones again (baby steps).",
    "one-pass": "Stages open one tier after the other, each row once and without review.",
    "interleaved": "Difficulty rises through all stages while skills alternate at every height (Lee et al. 2023).",
    "paced": "Rows are drawn at random from the easiest ones, of each skill in proportion, and the pool grows.",
    "anti": "Rows are drawn at random from the hardest ones, of each skill in proportion, and the pool grows.",
    "warm-up": "The first part is paced from easy to hard, the rest is random (Zhang et al. 2025).",
    "folding": "Sorted by difficulty, every fifth row is taken, five times over (DELT folding).",
    "zigzag": "Sorted by difficulty and folded into five layers, every second one reversed.",
    "str": "Sorted by difficulty and folded round the border of two halves (STR).",
    "saw": "Sorted by difficulty with a zigzag round the borders of three thirds (SAW).",
    "jitter": "Sorted by difficulty and shuffled inside windows of 64 rows.",
    "random": "Rows come in random order: the control of every curriculum.",
    "random-paced": "Rows are drawn at random from a growing pool of a random ranking: the control of pacing.",
}


def how(settings: Settings, goals: Sequence[Goal], tiers: int) -> tuple[str, ...]:
    """What the policy did and what the settings added to it."""
    by_module = any(goal.module for goal in goals)
    by_tier = by_module or policies.traits(settings.policy).by_tier
    said = [_MODULES if by_module else _WORDS[settings.policy]]
    if by_module:
        said += [f"`{goal.module}`: {_WORDS[goal.policy]}" for goal in goals if goal.policy != "tiered"]
    if goals[0].broad:
        said.append(
            f"The first stage is broad: the easiest and most representative {goals[0].broad:.0%} of every skill's "
            "rows, whatever the skill requires."
        )
    if goals[-1].mixed:
        said.append(f"The last stage is mixed and keeps back {settings.mixed:.0%} of each of the {tiers} tiers.")
    if not by_tier:
        said.append("One sequence of all rows is cut into stages by tokens; tiers and prerequisites do not decide.")
    said += list(_reviewed(goals))
    edges = [number for number, goal in enumerate(goals) if goal.edges]
    if edges:
        most = max(goal.edges for goal in goals)
        said.append(f"Rare and good rows are new from stage {edges[0]} on, at most {most:.0%} of a stage's new rows.")
    if any(goal.interleaved for goal in goals):
        said.append(
            "Inside a stage skills are interleaved: any aligned block of 64 rows holds each skill's share within "
            "two rows."
        )
    if any(goal.first == "representative" for goal in goals):
        said.append("Inside a stage the rows in the densest neighbourhoods come first, atypical ones later.")
    if any(goal.first == "random" and not goal.mixed for goal in goals):
        said.append("Inside a stage the rows of each skill come at random, whatever their difficulty.")
    if settings.max_new_skills is not None and by_tier:
        said.append(f"No stage opens more than {settings.max_new_skills} skills.")
    if settings.window:
        said.append(f"No row comes again within {settings.window} rows.")
    said += [
        f"Stage {number} holds at least {share:.1%} of each {column} that was met, by giving its rows again, each at "
        f"most {settings.most_visits} times."
        for number, goal in enumerate(goals)
        for column, share in goal.floor.items()
    ]
    said += [
        f"Stage {number} varies rows: {', '.join(f'{kind} up to {share:.1%}' for kind, share in goal.vary.items())} of "
        "its new rows."
        for number, goal in enumerate(goals)
        if goal.vary
    ]
    return tuple(said)


_MODULES = (
    "Modules open their tiers and skills one after the other; what is open stays open, and a skill opens only after "
    "its prerequisites."
)


def _reviewed(goals: Sequence[Goal]) -> Iterator[str]:
    shares = [goal.review for goal in goals if goal.reviewing == "spaced"]
    if shares:
        low, high = min(shares), max(shares)
        share = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
        every = "every stage but the first" if len(shares) == len(goals) - 1 else f"{len(shares)} stages"
        yield f"{share} of {every} are rows of earlier stages, due again after 1, 2, 4 .. stages."


_SHOWN = 5
"""Values of a column that are named; of more the number is told."""


def shortfalls(goals: Sequence[Goal], described: Sequence[Stage], course: Course, rows: Rows) -> tuple[str, ...]:
    """What a stage was to hold and could not: tokens, edge cases, varied rows, floors; rows that no module opens."""
    return (
        *_tokens(described),
        *_review(goals, described),
        *_edges(goals, described),
        *_variations(goals, described),
        *_floors(described),
        *_left(course, rows),
    )


def _tokens(described: Sequence[Stage]) -> Iterator[str]:
    for stage in described:
        if stage.budget is None:
            continue
        if stage.new_tokens < 0.99 * stage.budget:
            yield (
                f"part of {stage.name}: its new rows hold {stage.new_tokens:,} of {stage.budget:,.0f} tokens, and no "
                "more rows were open"
            )
        if stage is described[-1] and stage.new_tokens > 1.01 * stage.budget:
            yield (
                f"the budget of {stage.name}: as the last one it takes all rows that are left, {stage.new_tokens:,} "
                f"instead of {stage.budget:,.0f} tokens"
            )
    yield from (
        f"{stage.name}: it has no new row; give --tiers {len(described)} or fewer stages"
        for stage in described
        if not stage.new
    )


def _review(goals: Sequence[Goal], described: Sequence[Stage]) -> Iterator[str]:
    for goal, stage in zip(goals, described, strict=True):
        wanted_rows = budget(stage.new, goal.review)
        if goal.reviewing == "spaced" and stage.review < wanted_rows:
            yield (
                f"part of the review in {stage.name}: {stage.review} of {wanted_rows} rows, as no more were met before"
            )


def _edges(goals: Sequence[Goal], described: Sequence[Stage]) -> Iterator[str]:
    for goal, stage in zip(goals, described, strict=True):
        if stage.edges > goal.edges * stage.new + 1:
            yield (
                f"the share of edge cases in {stage.name}: it takes the {stage.edges} that are left, "
                f"{stage.edges / stage.new:.1%} of its new rows instead of {goal.edges:.0%}"
            )


def _variations(goals: Sequence[Goal], described: Sequence[Stage]) -> Iterator[str]:
    for goal, stage in zip(goals, described, strict=True):
        for kind, count in wanted(goal, stage.new).items():
            held = stage.variations.get(kind, 0)
            if held < count:
                yield f"part of {kind} in {stage.name}: {held} of {count} rows, as no more could be varied so"


def _floors(described: Sequence[Stage]) -> Iterator[str]:
    for stage in described:
        for column, values in stage.below_floor.items():
            more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
            shown = ", ".join(map(repr, values[:_SHOWN])) + more
            yield (
                f"the floor of {stage.floor_goal[column]:.1%} in {stage.name} for {column} {shown}, as none of their "
                "rows may come again"
            )


def _left(course: Course, rows: Rows) -> Iterator[str]:
    left = course.because == code("rest")
    for skill in np.unique(rows.skill[left]).tolist():
        count = int((left & (rows.skill == skill)).sum())
        yield f"a module for {count} rows of the skill {rows.skills[skill]}: they are new in the last stage"


def together(
    skills: Sequence[str], opens: NDArray[np.int64], requires: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """The skills that open in one stage with some that they require."""
    stage = dict(zip(skills, opens.tolist(), strict=True))
    found = {
        skill: tuple(other for other in requires.get(skill, ()) if stage.get(other) == stage[skill]) for skill in skills
    }
    return {skill: beside for skill, beside in found.items() if beside}


def squeezed(beside: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What to say of skills that open together with what they require."""
    return tuple(
        f"a stage between {skill} and {', '.join(others)}, which it requires: both open together; raise --stages to "
        "part them"
        for skill, others in beside.items()
    )
