"""What each stage came to, for the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.plan import Length, Stage
from curate.core.vary import KINDS
from curate.pace.because import code
from curate.pace.repeats import least
from curate.pace.sequence import AUGMENTED, NEW, REPEAT, REVIEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.pace.arrange import Course, Laid, Rows
    from curate.pace.goals import Goal


def stage(laid: Laid, goal: Goal, rows: Rows, course: Course) -> Stage:
    """One stage with its goals and what it holds. *rows* has the varied rows after the others."""
    order, role = laid.order, laid.role
    new = order[role == NEW]
    counts = np.bincount(rows.skill[order], minlength=len(rows.skills))
    kinds = np.bincount(laid.because[role == AUGMENTED], minlength=code(KINDS[-1]) + 1)[code(KINDS[0]) :]
    whole = int(rows.tokens[: len(course.new_in)].sum())
    return Stage(
        stage=laid.stage,
        name=f"stage-{laid.stage:02d}",
        module=goal.module,
        why=goal.why,
        policy=goal.policy,
        broad=goal.broad > 0,
        mixed=goal.mixed,
        interleaved=goal.interleaved,
        tiers=tuple(int(tier) for tier in np.unique(rows.tier[new])),
        opens_tiers=tuple(goal.tiers or ()),
        names_skills=goal.skills or (),
        opens_skills=tuple(name for name, at in zip(rows.skills, course.opens, strict=True) if at == laid.stage),
        rows=len(order),
        new=len(new),
        review=int((role == REVIEW).sum()),
        repeat=int((role == REPEAT).sum()),
        augmented=int((role == AUGMENTED).sum()),
        early=int((laid.because == code("early")).sum()),
        edges=int((laid.because == code("edge")).sum()),
        variations={kind: int(count) for kind, count in zip(KINDS, kinds, strict=True) if count},
        tokens=int(rows.tokens[order].sum()),
        new_tokens=int(rows.tokens[new].sum()),
        budget=None if goal.budget is None else goal.budget * whole if goal.budget <= 1 else goal.budget,
        reviewing=goal.reviewing,
        review_goal=goal.review,
        edges_goal=goal.edges,
        vary_goal=dict(goal.vary),
        floor_goal=dict(goal.floor),
        below_floor=_below(laid, goal, rows, course),
        learning=goal.learning,
        gate=goal.gate,
        difficulty=float(rows.difficulty[order].mean(dtype=np.float64)) if len(order) else None,
        skills={name: int(count) for name, count in zip(rows.skills, counts, strict=True) if count},
    )


def _below(laid: Laid, goal: Goal, rows: Rows, course: Course) -> dict[str, tuple[str, ...]]:
    """The groups that were met and hold less than their floor, by column."""
    found = {}
    for column, floor in goal.floor.items():
        groups = rows.grouped(column)
        held = np.bincount(groups.code[laid.order] + 1, minlength=len(groups.words) + 1)[1:]
        taught = groups.code[: len(course.new_in)][(course.new_in >= 0) & (course.new_in <= laid.stage)]
        met = np.bincount(taught + 1, minlength=len(groups.words) + 1)[1:] + held > 0
        short = met & (held < least(floor, len(laid.order)))
        if short.any():
            found[column] = tuple(groups.words[at] for at in np.flatnonzero(short).tolist())
    return found


def review_share(goals: Sequence[Goal], described: Sequence[Stage]) -> float:
    """The share of review over all stages that have some: as planned, or what it comes to where all rows come again."""
    if any(goal.reviewing == "all" for goal in goals):
        later = described[1:]
        return sum(each.review for each in later) / max(sum(each.new + each.review for each in later), 1)
    shares = [goal.review for goal in goals if goal.reviewing == "spaced"]
    return sum(shares) / max(len(shares), 1)


def lengths(
    tier: NDArray[np.int8], tokens: NDArray[np.int64], prompt_tokens: NDArray[np.int64], limits: Sequence[int]
) -> tuple[Length, ...]:
    """For each limit and tier, how many training rows a trainer truncates, and how many lose all of their answer.

    A row is dropped where its prompt alone reaches the limit: nothing that is learnt from is left, and trainers take
    such rows out. Shapes (n,).
    """
    held = np.bincount(tier)
    return tuple(
        Length(limit=limit, tier=number, rows=int(held[number]), truncated=int(cut[number]), dropped=int(gone[number]))
        for limit in limits
        for cut, gone in [
            (
                np.bincount(tier[tokens > limit], minlength=len(held)),
                np.bincount(tier[(tokens > limit) & (prompt_tokens >= limit)], minlength=len(held)),
            )
        ]
        for number in np.flatnonzero(held).tolist()
    )
