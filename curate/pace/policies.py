"""The static policies: in which stage each row is new, and in which order the new rows of a stage come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from curate.pace import draws, pacing, permutations
from curate.pace.interleave import spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Policy = Literal[
    "tiered",
    "cumulative",
    "one-pass",
    "interleaved",
    "paced",
    "anti",
    "warm-up",
    "folding",
    "zigzag",
    "str",
    "saw",
    "jitter",
    "random",
    "random-paced",
]

WARM_UP = 0.25
"""The share of training that is paced before rows come at random (Zhang et al. 2025, arXiv 2506.11300: .2 to .3)."""
JITTER_ROWS = 64


@dataclass(frozen=True)
class Traits:
    """What a policy promises, and so what can be checked of it.

    ``by_tier``: tiers become stages, skills open after their prerequisites, and the last stage is mixed. Otherwise
    one sequence of all rows is cut into stages. ``interleaved``: any aligned block of 64 rows of a stage holds each
    skill's share. ``review``: ``spaced`` is the share of the settings, ``all`` is every row met before, ``none`` none.
    """

    by_tier: bool = False
    mixed: bool = False
    interleaved: bool = False
    review: Literal["spaced", "all", "none"] = "none"


TRAITS: dict[Policy, Traits] = {
    "tiered": Traits(by_tier=True, mixed=True, interleaved=True, review="spaced"),
    "cumulative": Traits(by_tier=True, interleaved=True, review="all"),
    "one-pass": Traits(by_tier=True, interleaved=True),
    "interleaved": Traits(interleaved=True, review="spaced"),
    "paced": Traits(review="spaced"),
    "anti": Traits(review="spaced"),
}
"""Of the policies that promise anything; the others give one exact order of all rows, each once."""


def traits(policy: Policy) -> Traits:
    """What *policy* promises."""
    return TRAITS.get(policy, Traits())


@dataclass(frozen=True)
class Pace:
    """How a pool opens: the function, the share at the start, and the share of training after which all is open."""

    pacing: pacing.Pacing = "root"
    start: float = 0.01
    full_at: float | None = None

    def opening(self, full_at: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """The pool as a function of the share that is done; *full_at* where the settings name none."""
        reached = full_at if self.full_at is None else self.full_at
        return lambda done: pacing.pool(self.pacing, done, self.start, reached)


def ascending(difficulty: NDArray[np.float32], luck: NDArray[np.float64]) -> NDArray[np.int64]:
    """All rows, easiest first; equal difficulties (none below 0) by luck. Shape (n,)."""
    key = (difficulty.astype(np.float32).view(np.uint32).astype(np.uint64) << np.uint64(32)) | (luck * 2**32).astype(
        np.uint64
    )
    order = np.argsort(key)
    # One key sorts faster than two; both are sorted by where rows share difficulty and the first digits of their luck.
    return np.lexsort((luck, difficulty)) if (np.diff(key[order]) == 0).any() else order


def balanced(rising: NDArray[np.int64], skill: NDArray[np.int32]) -> NDArray[np.int64]:
    """Rows that rise in difficulty with every skill present in proportion at any height.

    The j-th of c rows of a skill stands at (j + 1/2) / c. For skills of equal size this takes the k-th easiest of each
    together, as Wu et al. 2021 balance classes and CORGI (Lee et al. 2023) interleaves subjects. Shapes (n,).
    """
    return rising[spread(skill[rising])]


def sequence(
    policy: Policy,
    rising: NDArray[np.int64],
    skill: NDArray[np.int32],
    luck: NDArray[np.float64],
    chance: np.random.Generator,
    pace: Pace,
) -> NDArray[np.int64]:
    """All rows in the order of a policy that goes by no tiers, each once. *rising* is `ascending`; shapes (n,)."""
    rows = len(rising)
    match policy:
        case "random":
            return np.argsort(luck, kind="stable")
        case "random-paced":
            return np.argsort(luck, kind="stable")[draws.paced(rows, pace.opening(1.0), chance)]
        case "paced":
            return balanced(rising, skill)[draws.paced(rows, pace.opening(1.0), chance)]
        case "anti":
            return balanced(rising[::-1], skill)[draws.paced(rows, pace.opening(1.0), chance)]
        case "warm-up":
            return balanced(rising, skill)[draws.paced(rows, pace.opening(WARM_UP), chance)]
        case "jitter":
            return rising[permutations.jitter(rows, JITTER_ROWS, chance)]
        case "folding" | "zigzag" | "str" | "saw":
            return rising[_EXACT[policy](rows)]
        case _:
            return balanced(rising, skill)


_EXACT: dict[str, Callable[[int], NDArray[np.int64]]] = {
    "folding": permutations.folding,
    "zigzag": permutations.zigzag,
    "str": permutations.stair,
    "saw": permutations.saw,
}
