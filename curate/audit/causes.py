"""Which score makes a group harder: each score's part of the difficulty, row by row, and the gap it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.audit.corpus import Coded
    from curate.audit.groups import Groups
    from curate.core.plan import Knots, Plan


TOLERANCE = 1e-4
"""How far the parts of a row may be from its difficulty (a float32) before they are no explanation of it."""


def explains(part: NDArray[np.float64], difficulty: NDArray[np.float64]) -> bool:
    """Whether the parts of each row add up to its difficulty."""
    known = ~np.isnan(difficulty)
    return bool(np.abs(part.sum(axis=0) - difficulty)[known].max(initial=0.0) <= TOLERANCE)


def ranks(values: NDArray[np.float64], domain: Coded, knots: Sequence[Knots], score: str) -> NDArray[np.float64]:
    """The rank of each value in its domain, read from the plan's tables. Shape (rows,); NaN where there is none."""
    held = np.full(len(values), np.nan)
    for table in knots:
        inside = domain.holds(table.domain)
        if table.score == score and table.values:
            held[inside] = np.interp(values[inside], table.values, table.ranks)
    held[np.isnan(values)] = np.nan
    return held


def parts(held: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each score's part of the difficulty: its weight among those that count for the row, times its rank.

    *held* are the ranks and *weights* their weights, both of shape (scores, rows); a negative weight takes 1 - rank.
    The parts of a row add up to its difficulty. Same shape out.
    """
    turned = np.where(weights < 0, 1.0 - held, held)
    counted = np.where(np.isnan(held), 0.0, np.abs(weights))
    total = counted.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        part: NDArray[np.float64] = np.where(counted > 0, turned * counted / total, 0.0)
    return part


def of_rows(plan: Plan, scores: Mapping[str, NDArray[np.float64]], domain: Coded, kind: Coded) -> NDArray[np.float64]:
    """Each score's part of each row's difficulty, shape (ingredients, rows); a score that is missing gives nothing.

    *domain* says whose tables give the ranks, *kind* whose weights count (text, task, chat, code).
    """
    none = np.full(len(domain.codes), np.nan)
    held = np.stack([ranks(scores.get(one.score, none), domain, plan.knots, one.score) for one in plan.ingredients])
    weights = np.array([[one.weights.get(name, 0.0) for name in kind.labels] for one in plan.ingredients])[
        :, kind.codes
    ]
    return parts(held, weights)


def gaps(
    groups: Groups, difficulty: NDArray[np.float64], names: Sequence[str], part: NDArray[np.float64]
) -> list[dict[str, float]]:
    """For each group, by score: mean part inside the group less mean part outside. They add up to the gap of means."""
    known = ~np.isnan(difficulty)
    total, rows = part[:, known].sum(axis=1), int(known.sum())
    held: list[dict[str, float]] = []
    for group in range(len(groups.labels)):
        mine = groups.row[groups.group == group]
        mine = mine[known[mine]]
        inside = part[:, mine].sum(axis=1)
        rest = rows - len(mine)
        if not len(mine) or not rest:
            held.append({})
            continue
        gap = inside / len(mine) - (total - inside) / rest
        held.append({name: float(value) for name, value in zip(names, gap, strict=True)})
    return held
