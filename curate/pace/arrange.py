"""From tiers, skills and difficulty to stages and one training order: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from curate.core.vary import KINDS
from curate.errors import SettingsError
from curate.pace import goals as goals_of
from curate.pace import policies, prototypes, review, stages, variations
from curate.pace.because import code
from curate.pace.goals import RETRIEVAL
from curate.pace.repeats import repeats
from curate.pace.sequence import REPEAT, Pieces, interleaved, straight
from curate.pace.variations import Variations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.pace.goals import Goal
    from curate.pace.prototypes import Nearby
    from curate.pace.settings import Settings

    Dice = Callable[[str], np.random.Generator]

KNOWN = -1
"""The stage of a row that was taught before the first."""


@dataclass(frozen=True)
class Groups:
    """A column: its distinct values, and each row's as a place in them, -1 where it has none. Shape (n,)."""

    words: Sequence[str]
    code: NDArray[np.int32]

    @property
    def count(self) -> int:
        """How many of the values some row has."""
        return len(np.unique(self.code[self.code >= 0]))


@dataclass(frozen=True)
class Rows:
    """The training rows: what the order depends on. Arrays of shape (n,); *skill* is a code into *skills*.

    *typical* rises with how representative a row is; None where that is not known. *edge* marks rare and good rows.
    *known* marks rows that an earlier edition taught, which are never new here and come as review alone; *again* says
    in how many stages a row comes once more, from its own on. Both None where no revision asks for it. *near* holds
    each row's neighbours where a broad beginning looks for rows that stand for others. *columns* holds those, beside
    the skill, that a floor names.
    """

    tier: NDArray[np.int8]
    difficulty: NDArray[np.float32]
    skill: NDArray[np.int32]
    tokens: NDArray[np.int64]
    luck: NDArray[np.float64]
    skills: Sequence[str]
    typical: NDArray[np.float32] | None = None
    edge: NDArray[np.bool_] | None = None
    known: NDArray[np.bool_] | None = None
    again: NDArray[np.int8] | None = None
    near: Nearby | None = None
    columns: Mapping[str, Groups] = field(default_factory=dict)

    def grouped(self, column: str) -> Groups:
        """The groups of a column that a floor names."""
        return Groups(self.skills, self.skill) if column == "skill" else self.columns[column]

    def with_varied(self, made: Variations) -> Rows:
        """The rows with the varied ones after them: these share all with their base but tokens and luck."""
        if not len(made.base):
            return self
        return replace(
            self,
            tier=np.concatenate([self.tier, self.tier[made.base]]),
            difficulty=np.concatenate([self.difficulty, self.difficulty[made.base]]),
            skill=np.concatenate([self.skill, self.skill[made.base]]),
            tokens=np.concatenate([self.tokens, made.tokens]),
            luck=np.concatenate([self.luck, made.luck]),
            columns={
                name: replace(each, code=np.concatenate([each.code, each.code[made.base]]))
                for name, each in self.columns.items()
            },
        )


@dataclass(frozen=True)
class Frame:
    """How many tiers there are, and which skill needs which."""

    tiers: int
    requires: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Course:
    """In which stage each row is new and why, its place among the new rows, and the stage that opens each skill.

    A row that is known from an earlier edition has stage `KNOWN`.
    """

    new_in: NDArray[np.int16]
    because: NDArray[np.int8]
    rank: NDArray[np.int64]
    opens: NDArray[np.int64]


@dataclass(frozen=True)
class Laid:
    """One stage as it is trained: positions of rows, their roles, and why each stands there.

    Positions from the number of rows on are variations. *gap* is the smallest distance between two visits of a row.
    """

    stage: int
    order: NDArray[np.int64]
    role: NDArray[np.int8]
    because: NDArray[np.int8]
    gap: int | None


def course(rows: Rows, goals: Sequence[Goal], frame: Frame, settings: Settings, dice: Dice) -> Course:
    """Decide for each row when it is new: by tiers and skills, or by one sequence where the policy goes by one."""
    rising = policies.ascending(rows.difficulty, rows.luck)
    if any(goal.module for goal in goals) or policies.traits(settings.policy).by_tier:
        return _by_goals(rows, goals, frame, settings, _inverse(rising))
    _refuse_unread(settings)
    pace = policies.Pace(settings.pacing, settings.start, settings.full_at)
    order = policies.sequence(settings.policy, rising, rows.skill, rows.luck, dice("policy"), pace)
    known = _known(rows)
    new_in = stages.cut_sequence(order, np.where(known, 0, rows.tokens), [goal.budget or 1.0 for goal in goals])
    opens = np.full(len(rows.skills), len(goals), np.int64)
    np.minimum.at(opens, rows.skill, new_in)
    new_in[known] = KNOWN
    return Course(new_in, np.full(len(new_in), code("sequence"), np.int8), _inverse(order), opens)


def _by_goals(rows: Rows, goals: Sequence[Goal], frame: Frame, settings: Settings, rank: NDArray[np.int64]) -> Course:
    """By what each goal opens, what its skills require, and how much it may hold."""
    goals_of.check(goals, rows.skills, frame.tiers)
    last = len(goals) - 1
    first = stages.opened_by([_opened(goal, rows.skills) for goal in goals], frame.tiers, len(rows.skills))
    opens = stages.open_skills(
        rows.skills,
        frame.requires,
        np.minimum(first.min(axis=0), last).tolist(),
        max(last - 1, 0) if goals[last].mixed else last,
        settings.max_new_skills,
        dict(goals_of.named(goals)),
    )
    by_tier, by_skill = first[rows.tier, rows.skill], opens[rows.skill]
    new_in = np.minimum(np.maximum(by_tier, by_skill), last).astype(np.int16)
    because = np.where(by_skill > by_tier, code("skill"), code("tier")).astype(np.int8)
    because[by_tier > last] = code("rest")
    if goals[last].mixed:
        kept = stages.kept_back(rows.tier, rows.luck, settings.mixed)
        new_in[kept], because[kept] = last, code("mixed")
    known = _known(rows)
    new_in[known] = KNOWN
    if rows.edge is not None and any(goal.edges for goal in goals):
        takes = np.array([[goal.takes(skill) for skill in rows.skills] for goal in goals])
        edge, shares = rows.edge & ~known, [goal.edges for goal in goals]
        new_in = stages.drip(new_in, edge, rows.luck, shares, rows.skill, takes)
        because[rows.edge] = code("edge")
    if goals[0].broad:
        shown = _shown(rows, goals[0], rank)
        new_in[shown], because[shown] = 0, code("opening")
    budgets = _budgets(goals, int(rows.tokens.sum()))
    if np.isfinite(budgets).any():
        before = new_in
        new_in = stages.keep_budgets(new_in, rank, rows.tokens, budgets)
        because[new_in != before] = code("budget")
    return Course(new_in, because, rank, opens)


def _opened(goal: Goal, skills: Sequence[str]) -> tuple[Sequence[int] | None, Sequence[int] | None]:
    if goal.broad:
        return (), ()
    place = {skill: at for at, skill in enumerate(skills)}
    return goal.tiers, None if goal.skills is None else [place[skill] for skill in goal.skills]


def _budgets(goals: Sequence[Goal], tokens: int) -> list[float]:
    """The tokens of each goal; infinity where it takes all that is open."""
    return [
        float("inf") if goal.budget is None else goal.budget * tokens if goal.budget <= 1 else goal.budget
        for goal in goals
    ]


def _shown(rows: Rows, goal: Goal, rank: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The rows of a broad beginning; no edge case is among them.

    Where neighbours are known: of the easier half of each skill those that stand for most of it. Else the easiest.
    """
    best = rank if rows.typical is None else _inverse(np.lexsort((rank, -rows.typical)))
    able = ~_known(rows) if rows.edge is None else ~rows.edge & ~_known(rows)
    if goal.skills is not None:
        able &= np.isin(rows.skill, [rows.skills.index(skill) for skill in goal.skills])
    if rows.near is not None:
        able &= stages.easier_half(rows.skill, rows.tier, able)
        wanted = stages.quotas(rows.skill, len(rows.skills), goal.broad)
        return prototypes.chosen(rows.near, rows.skill, able, wanted, best)
    place = np.flatnonzero(able)
    shown = np.zeros(len(rank), np.bool_)
    shown[place[stages.representative(rows.skill[place], rows.tier[place], best[place], goal.broad)]] = True
    return shown


def _known(rows: Rows) -> NDArray[np.bool_]:
    return np.zeros(len(rows.tier), np.bool_) if rows.known is None else rows.known


def lay(
    rows: Rows,
    plan: Course,
    goals: Sequence[Goal],
    settings: Settings,
    luck: NDArray[np.float64],
    dice: Dice,
    made: Variations | None = None,
) -> Iterator[Laid]:
    """The stages one after the other, each in training order, with review chosen by *luck*."""
    varied = made or Variations.none()
    count = len(rows.tier)
    full = rows.with_varied(varied)
    reviewer = review.Reviewer(plan.new_in, luck)
    seen = np.full(len(full.tier), -1, np.int64)
    visits = np.zeros(count, np.int32)
    left = np.ones(len(varied.base), np.bool_)
    start = 0
    for number, goal in enumerate(goals):
        new = _in_order(np.flatnonzero(plan.new_in == number), rows, plan.rank, goal, settings, dice)
        free = seen[:count] <= start - settings.window if settings.window else np.ones(count, np.bool_)
        again, due = _again(reviewer, goal, number, len(new), free)
        oldest = np.argsort(seen[again], kind="stable")
        again, due = again[oldest], due[oldest]
        used = variations.taken(goal, number, varied, left, plan.new_in, len(new))
        used = np.concatenate([used, _recalled(reviewer, goal, number, len(new), free, again, varied, left)])
        left[used] = False
        more = _more(rows, plan, goal, settings, number, np.concatenate([new, again, varied.base[used]]), free, visits)
        floor = np.full(len(more), code("floor"), np.int8)
        asked = _asked(rows, plan, settings, number, np.concatenate([again, more]), free)
        more, rule = np.concatenate([more, asked]), np.concatenate([floor, np.full(len(asked), code("revision"))])
        oldest = np.argsort(seen[more], kind="stable")
        more, rule = more[oldest], rule[oldest]
        pieces = Pieces(
            new,
            again,
            more,
            count + used,
            np.concatenate([more, varied.base[used]]),
            np.modf(full.luck[np.r_[more, count + used]] * 2**16)[0],  # other digits than those that chose the rows
        )
        places = interleaved(pieces, full.skill) if goal.interleaved else straight(pieces)
        order, role = pieces.rows[places], pieces.role[places]
        because = np.concatenate(
            [
                plan.because[new],
                np.where(due, code("due"), code("early"))
                if goal.reviewing != "all"
                else np.full(len(again), code("all")),
                rule,
                varied.kind[used] + code(KINDS[0]),
            ]
        )[places].astype(np.int8)
        for visited in (new, again, more):
            visits[visited] += 1
        twice = np.tile(order, min(settings.passes, 2)) if len(more) else order[:0]
        gaps = [_gap(order, seen, start, settings.passes), _gap_inside(twice)]
        _check_passes(number, len(order), settings)
        seen[order] = start + len(order) * (settings.passes - 1) + np.arange(len(order))
        start += len(order) * settings.passes
        yield Laid(
            number,
            np.tile(order, settings.passes),
            _further(role, settings.passes, REPEAT),
            _further(because, settings.passes, code("pass")),
            min((gap for gap in gaps if gap is not None), default=None),
        )


def _again(
    reviewer: review.Reviewer, goal: Goal, number: int, new: int, free: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The rows that the stage reviews, and which of them are due."""
    if goal.reviewing == "none":
        return np.zeros(0, np.int64), np.zeros(0, np.bool_)
    rows = len(free) if goal.reviewing == "all" else review.budget(new, goal.review)
    return reviewer.choose(number, rows, free)


def _recalled(
    reviewer: review.Reviewer,
    goal: Goal,
    number: int,
    new: int,
    free: NDArray[np.bool_],
    again: NDArray[np.int64],
    varied: Variations,
    left: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The variations that are retrieval forms of rows met before: chosen as review is, beside it."""
    count = variations.wanted(goal, new).get(RETRIEVAL, 0)
    ready = np.flatnonzero(left & (varied.kind == KINDS.index(RETRIEVAL)))
    if not count or not number or not len(ready):
        return np.zeros(0, np.int64)
    known = np.full(len(free), -1, np.int64)
    known[varied.base[ready]] = ready
    known[again] = -1
    chosen, _ = reviewer.choose(number, count, free & (known >= 0))
    return known[chosen]


def _more(
    rows: Rows,
    plan: Course,
    goal: Goal,
    settings: Settings,
    number: int,
    held: NDArray[np.int64],
    free: NDArray[np.bool_],
    visits: NDArray[np.int32],
) -> NDArray[np.int64]:
    """The rows that the stage repeats so that all groups that were met have their floor; *held* it has anyway."""
    if not goal.floor:
        return np.zeros(0, np.int64)
    met = (plan.new_in < number) & free
    met[held] = False
    here = plan.new_in == number
    if not settings.window:
        met |= here
    visited = visits + here
    groups = {column: rows.grouped(column).code for column in goal.floor}
    return repeats(goal.floor, groups, held, met & (visited < settings.most_visits), visited, rows.luck)


def _asked(
    rows: Rows,
    plan: Course,
    settings: Settings,
    number: int,
    held: NDArray[np.int64],
    free: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The rows that a revision wants once more in this stage, but for those that it *held* comes back to anyway.

    A row comes again in as many stages as it is asked for, from its own on, or from the next where a window keeps it.
    """
    if rows.again is None:
        return np.zeros(0, np.int64)
    first = plan.new_in.astype(np.int64) + (1 if settings.window else 0)
    wanted = (plan.new_in != KNOWN) & (first <= number) & (number < first + rows.again) & free
    wanted[held] = False
    return np.flatnonzero(wanted)


def _in_order(
    new: NDArray[np.int64], rows: Rows, rank: NDArray[np.int64], goal: Goal, settings: Settings, dice: Dice
) -> NDArray[np.int64]:
    """The new rows of one stage: by luck where it is mixed, else as its policy and what comes first say."""
    by_luck = new[np.argsort(rows.luck[new], kind="stable")]
    if goal.mixed:
        return by_luck
    by_rank = new[np.argsort(rank[new], kind="stable")]
    if goal.module and not policies.traits(goal.policy).by_tier:
        pace = policies.Pace(settings.pacing, settings.start, settings.full_at)
        rising = np.arange(len(by_rank))
        chance = dice(f"policy of {goal.module}")
        return by_rank[policies.sequence(goal.policy, rising, rows.skill[by_rank], rows.luck[by_rank], chance, pace)]
    if goal.first == "random":
        return by_luck
    if goal.first == "representative" and rows.typical is not None:
        return by_rank[np.argsort(-rows.typical[by_rank], kind="stable")]
    return by_rank


def _gap(order: NDArray[np.int64], seen: NDArray[np.int64], start: int, passes: int) -> int | None:
    """The smallest distance, in rows, from a row of this stage to its visit before; None where none comes again."""
    before = seen[order]
    again = np.flatnonzero(before >= 0)
    gaps = [int((start + again - before[again]).min())] if len(again) else []
    return min([*gaps, len(order)] if passes > 1 and len(order) else gaps, default=None)


def _gap_inside(order: NDArray[np.int64]) -> int | None:
    """The smallest distance between two visits of one row inside a stage; None where none comes twice."""
    by_row = np.argsort(order, kind="stable")
    near = np.diff(by_row)[np.diff(order[by_row]) == 0]
    return int(near.min()) if len(near) else None


def _check_passes(number: int, rows: int, settings: Settings) -> None:
    if settings.passes > 1 and 0 < rows < settings.window:
        raise SettingsError(
            f"stage {number} has {rows} rows and would repeat them within a window of {settings.window}",
            fix="lower [pace] window, plan fewer stages, or go through each once with --passes 1",
        )


def _further(once: NDArray[np.int8], passes: int, later: int) -> NDArray[np.int8]:
    """The codes of a stage that is gone through *passes* times: every later pass has the code *later*."""
    return np.concatenate([once, np.full(len(once) * (passes - 1), later, np.int8)])


def _inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each row in *order*."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


def _refuse_unread(settings: Settings) -> None:
    """A setting that the policy would not read is a mistake, not a wish to be passed over."""
    unread = [] if settings.max_new_skills is None else ["max_new_skills"]
    if settings.first in {"random", "representative"} and settings.policy != "interleaved":
        unread.append("first")
    if settings.opening:
        unread.append("opening")
    if unread:
        raise SettingsError(
            f"the policy {settings.policy!r} goes by one sequence of rows and does not read {' and '.join(unread)}",
            fix=f"take {' and '.join(unread)} out of [pace], or use the policy 'tiered'",
        )
