"""Matched pairs: units whose rows mean the same and differ by group; which side is ranked harder, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from curate.audit import intervals
from curate.audit.shares import binomial
from curate.audit.sums import added, over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from curate.audit.groups import Groups

MOST_SIDES = 8
"""Pairs are formed among this many of the largest groups."""

LEAST_PAIRS = 10


@dataclass(frozen=True)
class Matched:
    """Two groups over the units that hold both: how much harder the first is ranked, and how often."""

    first: str
    second: str
    pairs: int
    gap: float
    """Mean difficulty of the first less that of the second."""
    gap_low: float
    gap_high: float
    harder: int
    easier: int
    p: float
    """Exact sign test (ties left out)."""
    causes: dict[str, float] = field(default_factory=dict)
    """By score: its part in the gap. They add up to it."""


def match(
    groups: Groups,
    unit: NDArray[np.int64],
    difficulty: NDArray[np.float64],
    confidence: float,
    parts: Mapping[str, NDArray[np.float64]] | None = None,
) -> list[Matched]:
    """All pairs of groups that enough units hold rows of both of; rows of several groups are left out.

    The interval is that of the mean of the differences, by the normal curve. *parts* are what each score gives to the
    difficulty, shape (rows,) each.
    """
    mean = _means(groups, unit, difficulty, ~np.isnan(difficulty))
    by_score = {name: _means(groups, unit, part, ~np.isnan(difficulty)) for name, part in (parts or {}).items()}
    held = []
    for first, second in combinations(range(mean.shape[1]), 2):
        gap = mean[:, first] - mean[:, second]
        both = ~np.isnan(gap)
        gap = gap[both]
        if len(gap) < LEAST_PAIRS:
            continue
        half = intervals.quantile(confidence) * gap.std(ddof=1) / np.sqrt(len(gap))
        harder, easier = int((gap > 0).sum()), int((gap < 0).sum())
        p = binomial(np.array(float(harder)), np.array(float(harder + easier)), np.array(0.5))
        held.append(
            Matched(
                groups.labels[first],
                groups.labels[second],
                len(gap),
                float(gap.mean()),
                float(gap.mean() - half),
                float(gap.mean() + half),
                harder,
                easier,
                float(p),
                {name: float((part[both, first] - part[both, second]).mean()) for name, part in by_score.items()},
            )
        )
    return held


def alone(groups: Groups, unit: NDArray[np.int64]) -> int:
    """How many rows of a group have no row of another group in their unit. *unit* has shape (rows,)."""
    cells = np.unique(unit[groups.row] * len(groups.labels) + groups.group)
    sides = np.bincount(cells // max(len(groups.labels), 1), minlength=int(unit.max(initial=-1)) + 1)
    return int((sides[unit] < 2).sum())


def _means(
    groups: Groups, unit: NDArray[np.int64], values: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean value of each unit's rows of each group, NaN where it has none. Shape (units, sides)."""
    several = np.bincount(groups.row, minlength=len(values)) > 1
    kept = known[groups.row] & (groups.group < MOST_SIDES) & ~several[groups.row]
    row, group = groups.row[kept], groups.group[kept]
    sides = min(len(groups.labels), MOST_SIDES)
    units = int(unit.max(initial=-1)) + 1
    cell = unit[row] * sides + group
    size = added(cell, np.ones(len(cell)), units * sides)
    return over(added(cell, values[row], units * sides), size).reshape(units, sides)
