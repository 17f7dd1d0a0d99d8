"""What an ablation needs of the rest of the house: rows, orders, and trainings; and one trial made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.study import arms
from curate.study.ablation import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.study.judge import Held


@dataclass(frozen=True, eq=False)
class Ordered:
    """One order: the place of each row among the training rows, and its stage. Shapes (n,)."""

    row: NDArray[np.int64]
    stage: NDArray[np.int64]


Updates = list["NDArray[np.int64]"]


@dataclass(frozen=True, eq=False)
class Lab:
    """The training rows by their tokens, shape (rows,), the held-out ones, and what the rest of the house can do.

    ``order`` gives an arm's order under a seed; ``stages`` the stage of each module. ``train`` takes updates (places of
    training rows), a rate, a seed and the updates after which to look, and gives nats of the held-out rows, shape
    (looks, held rows); ``merge`` the same for adapters trained on the updates of each stage, looked at once.
    ``seconds`` is about how long one training of so many tokens and looks takes.
    """

    model: str
    digest: str
    adapter: str
    step_rows: int
    tokens: NDArray[np.int64]
    held: Held
    stages: Mapping[str, int]
    order: Callable[[str, int], Ordered]
    train: Callable[[Updates, float, int, Sequence[int]], NDArray[np.float64]]
    merge: Callable[[Sequence[Updates], float, int], NDArray[np.float64]]
    seconds: Callable[[int, int], float]


def size(lab: Lab, budget: float) -> tuple[int, int]:
    """The tokens and updates of every training: a share of those that the curriculum's order holds."""
    tokens = round(budget * int(lab.tokens[lab.order(arms.PRIMARY, 0).row].sum()))
    return tokens, max(round(tokens / (float(lab.tokens.mean()) * lab.step_rows)), 1)


def trial(lab: Lab, arm: str, rate: float, seed: int, budget: tuple[int, int], times: int) -> Trial:
    """One training of an arm: its order brought to the budget, cut into updates, and looked at on the way."""
    tokens, count = budget
    sequence = lab.order(arms.PRIMARY if arm.startswith(arms.WITHOUT) or arm == arms.MERGED else arm, seed)
    row, stage = sequence.row, sequence.stage
    if arm.startswith(arms.WITHOUT):
        kept = arms.without(stage, row, lab.stages[arm.removeprefix(arms.WITHOUT)])
        row, stage = row[kept], stage[kept]
    places = arms.fill(stage, lab.tokens[row], tokens)
    row, stage = row[places], stage[places]
    steps = arms.looks(count, times)
    if arm == arms.MERGED:
        parts = [row[stage == number] for number in np.unique(stage)]
        counts = np.maximum(np.diff(np.round(np.cumsum([0, *map(len, parts)]) / len(row) * count)), 1).astype(int)
        cut = [
            [part[each] for each in arms.updates(lab.tokens[part], int(one))]
            for part, one in zip(parts, counts, strict=True)
        ]
        nll, steps, made = lab.merge(cut, rate, seed), [count], sum(map(len, cut))
    else:
        cut_once = [row[each] for each in arms.updates(lab.tokens[row], count)]
        nll, made = lab.train(cut_once, rate, seed, steps), len(cut_once)
    return Trial(
        arm=arm,
        rate=rate,
        seed=seed,
        steps=tuple(steps),
        tokens=int(lab.tokens[row].sum()),
        updates=made,
        nll=tuple(tuple(line) for line in np.nan_to_num(nll, nan=_LOST, posinf=_LOST).tolist()),
    )


_LOST = 1e9
"""Nats of a row that a training that diverged can no longer measure: JSON has no infinity."""
