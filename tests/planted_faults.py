"""A small learner that goes through a curriculum for real, with one fault planted in the stage that is looked at.

A softmax regression on Gaussian features is trained by plain gradient descent, row by row. Its weights are a part that
all skills share and one of each skill, and the truth of a skill is the truth of the one it requires plus something of
its own: a skill whose prerequisite was taught is half known. A row is harder the nearer it lies to the border between
two answers. Losses, margins and probabilities are those that the learner really had at each visit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curate.study.evidence import Evidence, StageData, figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAULTS = (
    "none", "divergence", "missing-prerequisite", "duplicates", "noise", "shift", "too-few-rows", "skill-mix", "jump",
    "low-rate", "underfitting",
)  # fmt: skip
ANSWERS, FEATURES, STEP = 4, 12, 8
NEEDS = {1: 0, 2: 0}
"""Skills 1 and 2, which the second stage teaches, require skill 0, which the first one does."""


@dataclass(frozen=True)
class World:
    """How the stage that is looked at is made."""

    rows: int = 240
    passes: int = 4
    rate: float = 0.25
    wrong: float = 0.0
    copies: float = 0.0
    hardest: float = 0.55
    rare: float = 0.5
    taught: bool = True
    other: bool = False
    capacity: int = FEATURES


def world(fault: str, dice: np.random.Generator) -> World:
    """A healthy world, or one with a fault of a size drawn at random."""
    healthy = World(
        rows=int(dice.integers(180, 320)), rate=float(dice.uniform(0.2, 0.35)), hardest=float(dice.uniform(0.5, 0.6)),
        rare=float(dice.uniform(0.38, 0.5)), wrong=float(dice.uniform(0, 0.02)), copies=float(dice.uniform(0, 0.08)),
    )  # fmt: skip
    match fault:
        case "divergence":
            return replace(healthy, rate=float(dice.uniform(12, 40)))
        case "missing-prerequisite":
            return replace(healthy, taught=False)
        case "duplicates":
            return replace(healthy, copies=float(dice.uniform(0.4, 0.8)))
        case "noise":
            return replace(healthy, wrong=float(dice.uniform(0.2, 0.35)))
        case "shift":
            return replace(healthy, other=True)
        case "too-few-rows":
            return replace(healthy, rows=int(dice.integers(14, 26)), passes=int(dice.integers(15, 25)))
        case "skill-mix":
            return replace(healthy, rare=float(dice.uniform(0.02, 0.05)))
        case "jump":
            return replace(healthy, hardest=1.0)
        case "low-rate":
            return replace(healthy, rate=healthy.rate / float(dice.uniform(20, 60)))
        case "underfitting":
            return replace(healthy, capacity=int(dice.integers(1, 3)))
        case _:
            return healthy


class Learner:
    """Softmax regression with weights that all skills share and weights of each."""

    def __init__(self, skills: int) -> None:
        self.shared = np.zeros((ANSWERS, FEATURES))
        self.own = np.zeros((skills, ANSWERS, FEATURES))

    def see(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Loss and margin of each row, shape (n,), and the probability of each answer, shape (n, answers)."""
        logits = np.clip(np.einsum("naf,nf->na", self.shared + self.own[rows.skill], rows.x), -500, 500)
        chance = np.exp(logits - logits.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        own = np.arange(len(rows.answer))
        gold = logits[own, rows.answer]
        logits[own, rows.answer] = -np.inf
        loss = -np.log(np.maximum(chance[own, rows.answer], 1e-12))
        return loss, gold - logits.max(axis=1), chance

    def learn(self, rows: Rows, chance: NDArray[np.float64], rate: float, capacity: int) -> None:
        """One step down the gradient of the summed loss; only the first *capacity* features can be learnt from."""
        error = chance.copy()
        error[np.arange(len(rows.answer)), rows.answer] -= 1
        steps = 0.5 * rate * np.einsum("na,nf->naf", error, np.where(np.arange(FEATURES) < capacity, rows.x, 0))
        self.shared -= steps.sum(axis=0)
        np.subtract.at(self.own, rows.skill, steps)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as arrays: features, answer, difficulty, skill and tokens."""

    x: NDArray[np.float64]
    answer: NDArray[np.int64]
    difficulty: NDArray[np.float64]
    skill: NDArray[np.int64]
    tokens: NDArray[np.int64]

    def take(self, at: NDArray[np.int64]) -> Rows:
        """Some of the rows."""
        return Rows(self.x[at], self.answer[at], self.difficulty[at], self.skill[at], self.tokens[at])


def evidence(fault: str, seed: int) -> Evidence:
    """The figures of the second stage of a curriculum in which *fault* was planted."""
    return figures(stage(fault, seed))


def stage(fault: str, seed: int) -> StageData:
    """The second stage of a curriculum in which *fault* was planted, as a training would have left it."""
    dice = np.random.default_rng([seed, FAULTS.index(fault)])
    made = world(fault, dice)
    base = dice.normal(size=(ANSWERS, FEATURES))
    truth = np.stack([base, *(base + 0.6 * dice.normal(size=base.shape) for _ in NEEDS)])
    learner = Learner(len(truth))
    mastery, before = {"0": 0.0}, 0.25
    if made.taught:
        first = _rows(dice, truth, np.zeros(240, np.int64), 0.0, 0.5)
        seen = _train(learner, first, World(), dice)
        last = seen.group_by("id", maintain_order=True).last()
        mastery = {"0": float((last["margin"].to_numpy() > 0).mean())}
        before = float(first.difficulty.mean())
    lowest, hardest = (0.6, 1.0) if fault == "jump" else (0.15, made.hardest)
    rows = _rows(dice, truth, _mixed(dice, made), lowest, hardest)
    copies = dice.random(made.rows) < made.copies
    source = dice.integers(0, max(made.rows // 10, 2), made.rows)
    rows = rows.take(np.where(copies, source, np.arange(made.rows)))
    wrong = dice.random(made.rows) < made.wrong
    answer = np.where(wrong, (rows.answer + dice.integers(1, ANSWERS, made.rows)) % ANSWERS, rows.answer)
    visits = _train(learner, replace(rows, answer=answer), made, dice)
    held = _rows(dice, truth, np.tile([1, 2], 40), *((0.55, 1.0) if made.other else (lowest, hardest)))
    found = dice.random(made.rows) < 0.95
    return StageData(
        stage=1,
        visits=visits,
        rows=_table(rows).with_columns(
            pl.Series("id", [str(at) for at in range(made.rows)]), pl.Series("copy", copies & found), tier=1
        ),
        held=_table(held).with_columns(pl.Series("loss", learner.see(held)[0])),
        before=before,
        mastery=mastery,
    )


def _mixed(dice: np.random.Generator, made: World) -> NDArray[np.int64]:
    """Skills 1 and 2 in the world's shares, each at least twice."""
    skills = np.where(dice.random(made.rows) < made.rare, 1, 2)
    skills[:4] = (1, 2, 1, 2)
    return skills


def _rows(
    dice: np.random.Generator, truth: NDArray[np.float64], skill: NDArray[np.int64], lowest: float, hardest: float
) -> Rows:
    """Rows of given skills whose difficulty, which rises as a row nears a border, lies between two bounds."""
    x, difficulty = np.zeros((len(skill), FEATURES)), np.full(len(skill), -1.0)
    while (missing := np.flatnonzero((difficulty < lowest) | (difficulty > hardest))).size:
        x[missing] = dice.normal(size=(len(missing), FEATURES))
        logits = np.sort(np.einsum("naf,nf->na", truth[skill[missing]], x[missing]), axis=1)
        difficulty[missing] = np.exp(-(logits[:, -1] - logits[:, -2]) / 2.5)
    answer = np.argmax(np.einsum("naf,nf->na", truth[skill], x), axis=1)
    tokens = (20 + 40 * difficulty).astype(np.int64) + dice.integers(0, 10, len(skill))
    return Rows(x, answer, difficulty, skill, tokens)


def _train(learner: Learner, rows: Rows, made: World, dice: np.random.Generator) -> pl.DataFrame:
    """Go through the rows as often as the world says, in steps of 8; one line for each visit."""
    lines = []
    for visit in range(made.passes):
        order = dice.permutation(len(rows.answer))
        for start in range(0, len(order), STEP):
            at = order[start : start + STEP]
            inside = rows.take(at)
            loss, margin, chance = learner.see(inside)
            gold = chance[np.arange(len(at)), inside.answer]
            lines += [
                (str(row), 0, visit, visit * len(order) // STEP + start // STEP, *each)
                for row, *each in zip(at.tolist(), loss.tolist(), margin.tolist(), gold.tolist(), strict=True)
            ]
            learner.learn(inside, chance, made.rate, made.capacity)
    return pl.DataFrame(lines, schema=["id", "seed", "visit", "step", "loss", "margin", "gold_prob"], orient="row")


def _table(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame({"skill": rows.skill.astype(str), "difficulty": rows.difficulty, "tokens": rows.tokens})
