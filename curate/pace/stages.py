"""Which stage each example is new in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.turns import nth_of_group
from curate.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def open_skills(
    skills: Sequence[str],
    requires: Mapping[str, Sequence[str]],
    earliest: Sequence[int],
    latest: int,
    most: int | None = None,
    named: Mapping[str, int] | None = None,
) -> NDArray[np.int64]:
    """The stage that opens each skill: one after the last of its prerequisites, from its *earliest* to *latest*.

    A chain that is longer than the stages ends in the latest. With *most*, no stage opens more skills than that: those
    that are ready earlier come first. A skill that a module has *named* opens with it, and may do so beside what it
    requires. `SettingsError` where skills do not all fit, or a module comes before what its skills require. Shape
    (skills,).
    """
    depth: dict[str, int] = {}
    for skill in skills:
        _deepest(skill, requires, depth)
    opened: dict[str, int] = {}
    held = [0] * (max([latest, *earliest]) + 1)
    given = named or {}
    begins = dict(zip(skills, earliest, strict=True))
    for skill in sorted(skills, key=lambda each: depth[each]):
        after = {other: opened[other] for other in requires.get(skill, ()) if other in opened}
        if skill in given:
            stage = _with_its_module(skill, given[skill], after)
            fits = most is None or held[stage] < most
        else:
            begin = max(begins[skill], min(max([0, *(at + 1 for at in after.values())]), latest))
            free = (number for number in range(begin, max(latest, begin) + 1) if most is None or held[number] < most)
            stage = next(free, -1)
            fits = stage >= 0
        if not fits:
            raise SettingsError(
                f"{len(skills)} skills do not fit into {latest - min(earliest) + 1} stages that open {most} each",
                fix="raise --stages or [pace] max_new_skills",
            )
        opened[skill] = stage
        held[stage] += 1
    return np.array([opened[skill] for skill in skills], dtype=np.int64)


def _with_its_module(skill: str, stage: int, after: Mapping[str, int]) -> int:
    late = [other for other, at in after.items() if at > stage]
    if late:
        raise SettingsError(
            f"stage {stage} opens the skill {skill!r}, and {late[0]!r}, which it requires, opens in stage "
            f"{after[late[0]]}",
            fix=f"put the module that opens {late[0]!r} before the one that opens {skill!r}",
        )
    return stage


def _deepest(skill: str, requires: Mapping[str, Sequence[str]], found: dict[str, int]) -> int:
    """How many skills must come before this one, one after the other."""
    if skill not in found:
        found[skill] = 1 + max((_deepest(other, requires, found) for other in requires.get(skill, ())), default=-1)
    return found[skill]


def of_tiers(tiers: int, stages: int) -> NDArray[np.int64]:
    """The stage that opens each tier, shape (tiers,): spread evenly over *stages* stages."""
    return np.arange(tiers, dtype=np.int64) * stages // tiers


def opened_by(
    goals: Sequence[tuple[Sequence[int] | None, Sequence[int] | None]], tiers: int, skills: int
) -> NDArray[np.int64]:
    """The first stage that opens each pair of tier and skill; as many as there are *goals* where none does.

    Each goal is the tiers and the skills (codes) that it opens, None for all. Shape (tiers, skills).
    """
    first = np.full((tiers, skills), len(goals), np.int64)
    for number in reversed(range(len(goals))):
        at_tiers, at_skills = goals[number]
        rows = slice(None) if at_tiers is None else np.asarray(at_tiers, np.int64)
        columns = np.arange(skills) if at_skills is None else np.asarray(at_skills, np.int64)
        block = first[rows]
        block[:, columns] = number
        first[rows] = block
    return first


def kept_back(tier: NDArray[np.int8], luck: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """The rows that are kept for the mixed last stage: the *share* of each tier with the lowest luck. Shapes (n,)."""
    kept = np.zeros(len(tier), np.bool_)
    for number in range(int(tier.max(initial=-1)) + 1) if share > 0 else ():
        inside = np.flatnonzero(tier == number)
        count = round(share * len(inside))
        if count:
            kept[inside[np.argpartition(luck[inside], count - 1)[:count]]] = True
    return kept


def representative(
    skill: NDArray[np.int32], tier: NDArray[np.int8], rank: NDArray[np.int64], share: float
) -> NDArray[np.bool_]:
    """The *share* of each skill's rows, at least one, that show it best: of the lowest tier, by *rank*. Shapes (n,)."""
    order = np.lexsort((rank, tier, skill))
    wanted = quotas(skill, int(skill.max(initial=0)) + 1, share)
    shown = np.zeros(len(skill), np.bool_)
    shown[order[nth_of_group(skill[order]) < wanted[skill[order]]]] = True
    return shown


def easier_half(skill: NDArray[np.int32], tier: NDArray[np.int8], able: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The rows whose tier is at most the middle one of the *able* rows of their skill. Shapes (n,)."""
    place = np.flatnonzero(able)
    order = place[np.lexsort((tier[place], skill[place]))]
    codes, first, counts = np.unique(skill[order], return_index=True, return_counts=True)
    middle = np.full(int(skill.max(initial=0)) + 1, -1, np.int64)
    middle[codes] = tier[order[first + (counts - 1) // 2]]
    return tier <= middle[skill]


def quotas(skill: NDArray[np.int32], skills: int, share: float) -> NDArray[np.int64]:
    """How many rows are the *share* of each skill's, at least one. Shape (skills,)."""
    counts = np.bincount(skill, minlength=skills)
    return np.where(counts > 0, np.maximum(np.round(share * counts), 1), 0).astype(np.int64)


def drip(
    stage: NDArray[np.int16],
    edge: NDArray[np.bool_],
    luck: NDArray[np.float64],
    shares: Sequence[float],
    skill: NDArray[np.int32],
    takes: NDArray[np.bool_],
) -> NDArray[np.int16]:
    """The stages again, with the *edge* cases spread evenly over the stages that take some of their skill.

    *shares* holds the largest share of edge cases among the new rows of each stage, 0 where it takes none, and *takes*
    the skills of which it does, shape (stages, skills). No row comes before its own stage; those for which there is no
    room are new in the last stage that takes their skill. Rows with a stage below 0 are new nowhere. Shapes (n,).
    """
    resort = np.where(takes.any(axis=0), len(takes) - 1 - np.argmax(takes[::-1], axis=0), len(takes) - 1)
    last, most = len(shares) - 1, int(edge.sum())
    others = np.bincount(stage[~edge & (stage >= 0)], minlength=last + 1).tolist()
    room = np.array([most if share == 1 else share / (1 - share) * n for share, n in zip(shares, others, strict=True)])
    waiting = np.flatnonzero(edge)
    waiting = waiting[np.argsort(luck[waiting], kind="stable")]
    moved = stage.copy()
    for number in range(last):
        share = min(1.0, len(waiting) / room[number:].sum()) if room[number] > 0 else 0.0
        ready = (stage[waiting] <= number) & takes[number][skill[waiting]]
        chosen = waiting[ready][: int(share * room[number])]
        moved[chosen] = number
        waiting = waiting[~np.isin(waiting, chosen)]
    moved[waiting] = np.maximum(stage[waiting], resort[skill[waiting]])
    return moved


def cut_sequence(order: NDArray[np.int64], tokens: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.int16]:
    """The stage of each row where one sequence is cut into stages that hold *shares* of its tokens, to half a row.

    *order* holds the rows in sequence and *tokens* their lengths; shapes (n,).
    """
    reached = np.cumsum(tokens[order])
    goals = np.cumsum(np.asarray(shares, np.float64))[:-1] / sum(shares) * (reached[-1] if len(reached) else 0)
    stage = np.empty(len(order), np.int16)
    stage[order] = np.searchsorted(_nearest(reached, goals), np.arange(len(order)), side="right")
    return stage


def keep_budgets(
    stage: NDArray[np.int16], rank: NDArray[np.int64], tokens: NDArray[np.int64], budgets: Sequence[float]
) -> NDArray[np.int16]:
    """The stages again, with rows put off until no stage holds more than its tokens, to half a row.

    *budgets* holds the tokens of each stage, infinity where it takes all that is open. Rows are never moved forward,
    since their tier or skill would not be open yet; so a stage holds less where fewer rows are open. The lowest *rank*
    stays, the rest waits; the last stage takes all. Rows with a stage below 0 are new nowhere. Shapes (n,).
    """
    moved = np.where(stage < 0, stage, len(budgets) - 1).astype(np.int16)
    waiting = np.zeros(0, np.int64)
    for number in range(len(budgets) - 1):
        opened = np.flatnonzero(stage == number)
        waiting = np.concatenate([waiting, opened[np.argsort(rank[opened], kind="stable")]])
        kept = len(waiting)
        if np.isfinite(budgets[number]):
            kept = int(_nearest(np.cumsum(tokens[waiting]), np.array([budgets[number]]))[0])
        moved[waiting[:kept]] = number
        waiting = waiting[kept:]
    return moved


def _nearest(reached: NDArray[np.int64], goals: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many rows come nearest to each goal, where *reached* is the running sum of their tokens."""
    full = np.concatenate(([0], reached))
    after = np.clip(np.searchsorted(full, goals), 0, len(full) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(goals - full[before] < full[after] - goals, before, after).astype(np.int64)
