"""From settings and modules to the goals of each stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from curate.core.plan import Gate, LearningRate
from curate.errors import SettingsError, did_you_mean
from curate.pace import policies, stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from curate.core.vary import Kind
    from curate.pace.module import First, Leading, Module
    from curate.pace.policies import Policy
    from curate.pace.settings import Settings

Reviewing = Literal["spaced", "all", "none"]

RETRIEVAL: Kind = "without-hints"
"""The one variation that is made of rows met before: a review without the hints, context or steps it first had."""


@dataclass(frozen=True)
class Goal:
    """What one stage is for. *skills* and *tiers* open here and stay open; None opens all of them."""

    module: str
    policy: Policy
    why: str = ""
    skills: tuple[str, ...] | None = None
    tiers: tuple[int, ...] | None = None
    broad: float = 0.0
    """Share of each skill's rows that a broad beginning shows; 0 for any other stage."""
    mixed: bool = False
    budget: float | None = None
    """Tokens of its new rows: up to 1 a share of all, else a number."""
    reviewing: Reviewing = "none"
    review: float = 0.0
    edges: float = 0.0
    vary: Mapping[Kind, float] = field(default_factory=dict)
    floor: Mapping[str, float] = field(default_factory=dict)
    """Smallest share of each group that was met, by column."""
    first: Leading = "easy"
    """Which of its new rows come first, skill by skill."""
    learning: LearningRate = field(default_factory=LearningRate)
    gate: Gate = field(default_factory=Gate)

    def takes(self, skill: str) -> bool:
        """Whether edge cases of a skill belong here: a module that names skills is about these alone."""
        return not self.broad and (self.skills is None or skill in self.skills)

    @property
    def interleaved(self) -> bool:
        """Whether any aligned block of 64 of its rows holds each skill's share."""
        return policies.traits(self.policy).interleaved


def by_number(settings: Settings, count: int, tiers: int, *, density: bool) -> tuple[Goal, ...]:
    """The goals of *count* stages that the settings describe as a whole; *density* says whether rows have one.

    A policy that goes by tiers opens them one after the other, the last stage being mixed where the policy has one;
    any other policy cuts one sequence, whose stages open nothing by themselves.
    """
    traits = policies.traits(settings.policy)
    first = 1 if settings.opening and traits.by_tier else 0
    if first and count < 2:
        raise SettingsError("a broad opening stage needs another stage after it", fix="give --stages 3 or more")
    last = count - 1 if traits.mixed and count > first + 1 else count
    opened = stages.of_tiers(tiers, last - first) + first
    shares = _shares(settings, count)
    made = []
    for number in range(count):
        mixed = number == last
        here = tuple(range(tiers)) if mixed else tuple(int(at) for at in (opened == number).nonzero()[0])
        made.append(
            Goal(
                module="",
                policy=settings.policy,
                tiers=here if traits.by_tier else None,
                broad=settings.opening if number < first else 0.0,
                mixed=mixed,
                budget=shares[number] if shares else None,
                reviewing=traits.review if number else "none",
                review=settings.review if number and traits.review == "spaced" else 0.0,
                edges=settings.edges if traits.by_tier and from_the_middle(number, count) else 0.0,
                vary=_varied(settings.vary, number, count),
                floor=settings.floor,
                first=_first(settings.first, settings.policy, density=density),
                gate=settings.gate,
            )
        )
    return _paced(made, settings)


def by_module(settings: Settings, modules: Sequence[Module], *, density: bool) -> tuple[Goal, ...]:
    """The goals of the modules that are on, in their order; what a module leaves open is as the settings say."""
    if settings.shares or settings.opening:
        raise SettingsError(
            "[pace] shares and opening describe stages by number, and modules are named",
            fix="give each module a budget, and broad = true to the first, instead",
        )
    count = len(modules)
    made = []
    for number, module in enumerate(modules):
        policy = module.policy or settings.policy
        traits = policies.traits(policy)
        reviewing: Reviewing = "all" if traits.review == "all" else "none" if policy == "one-pass" else "spaced"
        if not number:
            reviewing = "none"
        _check_place(module, number, count)
        made.append(
            Goal(
                module=module.name,
                policy=policy,
                why=module.why,
                skills=module.skills or None,
                tiers=module.tiers or None,
                broad=(module.budget or 0.0) if module.broad else 0.0,
                mixed=module.mixed,
                budget=None if module.broad else module.budget,
                reviewing=reviewing,
                review=_else(module.review, settings.review) if reviewing == "spaced" else 0.0,
                edges=_else(module.edges, settings.edges if from_the_middle(number, count) else 0.0),
                vary=_varied(settings.vary, number, count) if module.vary is None else module.vary,
                floor=settings.floor if module.floor is None else module.floor,
                first=_first(module.first or settings.first, policy, density=density),
                gate=module.gate or settings.gate,
            )
        )
    return tuple(
        goal if module.learning is None else replace(goal, learning=module.learning)
        for goal, module in zip(_paced(made, settings), modules, strict=True)
    )


def from_the_middle(number: int, count: int) -> bool:
    """Whether a stage is in the second half, where edge cases are new; of one stage there is none."""
    return number >= max(count // 2, 1)


def check(goals: Sequence[Goal], skills: Sequence[str], tiers: int) -> None:
    """Raise `SettingsError` where a module names a skill or a tier that no training row has."""
    for goal in goals:
        for skill in goal.skills or ():
            if skill not in skills:
                raise SettingsError(
                    f"the module {goal.module!r} opens the skill {skill!r}, which no training row has",
                    fix=did_you_mean(skill, skills),
                )
        for tier in goal.tiers or ():
            if not 0 <= tier < tiers:
                raise SettingsError(
                    f"the module {goal.module!r} opens tier {tier}, and tiers are 0 to {tiers - 1}",
                    fix=f"name one of them, or cut more with --tiers {tier + 1}",
                )


def _check_place(module: Module, number: int, count: int) -> None:
    if module.broad and (number or count == 1 or module.budget is None or module.budget > 1 or module.tiers):
        raise SettingsError(
            f"the module {module.name!r} is broad, so it must be the first of several, name no tiers, and have a "
            "budget of at most 1: its share of each skill's rows",
            fix=f"move {module.name!r} to the front with budget = 0.05, or take broad away",
        )
    if module.mixed and (number < count - 1 or module.broad):
        raise SettingsError(
            f"the module {module.name!r} is mixed, and only the last one can be", fix=f"move {module.name!r} to the end"
        )


def _paced(goals: Sequence[Goal], settings: Settings) -> tuple[Goal, ...]:
    """The goals with their learning rates: warmed up in the first stage, lowered in the last."""
    learning, last = settings.learning, len(goals) - 1
    return tuple(
        replace(
            goal,
            learning=LearningRate(
                shape=learning.decay if number == last else "constant",
                end=learning.end if number == last and learning.decay != "constant" else 1.0,
                warm_up=learning.warm_up if number == 0 else 0.0,
            ),
        )
        for number, goal in enumerate(goals)
    )


def _varied(shares: Mapping[Kind, float], number: int, count: int) -> dict[Kind, float]:
    """Variations come early, in the stages before the middle; the retrieval form wherever there is review."""
    early = number < max(count // 2, 1)
    return {kind: share for kind, share in shares.items() if (number > 0 if kind == RETRIEVAL else early) and share}


def _first(first: First, policy: Policy, *, density: bool) -> Leading:
    if first == "representative" and not density:
        raise SettingsError(
            "representative rows are to come first, and no score says which they are",
            fix="score with --scorers density beside the others, or set [pace] first = 'random'",
        )
    if first != "auto":
        return first
    if not policies.traits(policy).by_tier:
        return "easy"
    return "representative" if density else "random"


def _shares(settings: Settings, count: int) -> tuple[float, ...]:
    shares = settings.shares
    if shares and (len(shares) != count or min(shares) <= 0):
        raise SettingsError(
            f"[pace] shares has {len(shares)} numbers for {count} stages, and each must be above 0",
            fix="give one share for each stage, or none",
        )
    return tuple(share / sum(shares) for share in shares)


def _else(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def named(goals: Sequence[Goal]) -> Iterator[tuple[str, int]]:
    """Each skill that a module opens by name, with the first such stage; a broad beginning opens none."""
    seen: set[str] = set()
    for number, goal in enumerate(goals):
        for skill in () if goal.broad else goal.skills or ():
            if skill not in seen:
                seen.add(skill)
                yield skill, number
