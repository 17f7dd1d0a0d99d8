"""What is measured of one stage of training before a cause is named: tables in, figures out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from pydantic import Field

from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PIECES = 5
"""A stage's visits are looked at in so many pieces of equal length, from its beginning to its end."""


@dataclass(frozen=True, eq=False)
class StageData:
    """One stage of a training.

    ``visits`` in the order of training: id, seed, visit, step, loss, margin, gold_prob; those of earlier stages are
    left out, but ``visit`` is counted over the whole training. ``rows``: those that the stage visited: id, skill, tier,
    difficulty, tokens, copy (whether another row of the stage says the same). ``held``: held-out rows of its skills:
    skill, difficulty, tokens, loss (nats a token after the stage; null where it was not probed). ``before``: mean
    difficulty of the rows of the stage before; None for the first one. ``mastery``: for each skill that its skills
    require, the share of rows that were right at their last visit before it; 0 for a skill that was never taught.
    """

    stage: int
    visits: pl.DataFrame
    rows: pl.DataFrame
    held: pl.DataFrame
    before: float | None
    mastery: Mapping[str, float]


class Evidence(Frozen):
    """The figures that causes are decided by; None where something that a figure needs was not measured."""

    stage: int
    rows: int = Field(description="Distinct rows that the stage visited.")
    visits: int
    first_loss: float = Field(description="Mean loss of the first fifth of its visits.")
    last_loss: float = Field(description="The same of the last fifth.")
    fall: float = Field(description="1 - last / first.")
    still_falling: float = Field(
        description="Relative fall from a row's last visit but one to its last; of the last fifth where rows came once."
    )
    peak: float = Field(description="The highest mean loss of a fifth over that of the first step.")
    wrong: float = Field(description="Share of rows wrong at their last visit.")
    contradicted: float = Field(
        description="Share of rows wrong at every visit, to which the model is sure of another answer."
    )
    copies: float = Field(description="Share of rows that repeat another row of the stage.")
    shift: float = Field(description="Largest Kolmogorov-Smirnov distance of held-out from stage rows, of difficulty "
                         "and length within a skill.")  # fmt: skip
    gap: float | None = Field(description="Held-out loss over the loss of rows at their last visit.")
    revisits: float = Field(description="Visits a row.")
    mastery: float | None = Field(description="The lowest share right of a skill that is required; None without any.")
    jump: float | None = Field(description="Mean difficulty less that of the stage before.")
    least_share: float = Field(description="Share of the rarest skill times the number of skills.")
    rare_loss: float | None = Field(description="Held-out loss of the rarest skill over that of the others.")


def figures(data: StageData) -> Evidence:
    """The figures of a stage."""
    loss = _pieces(data.visits["loss"].to_numpy().astype(np.float64))
    last = data.visits.group_by("id", maintain_order=True).last()
    rows = data.rows.join(last.select("id", last_loss="loss", last_margin="margin"), on="id", how="inner")
    wrong = (rows["last_margin"] <= 0).to_numpy()
    held = data.held.filter(pl.col("loss").is_not_null())
    last_seen = float(np.nan_to_num(rows["last_loss"].to_numpy()).mean()) if len(rows) else 0.0
    least, rare = _rarest(rows, held)
    return Evidence(
        stage=data.stage,
        rows=len(rows),
        visits=len(data.visits),
        first_loss=loss[0],
        last_loss=loss[-1],
        fall=1 - loss[-1] / max(loss[0], 1e-9),
        still_falling=_still_falling(data.visits, loss),
        peak=max(loss) / max(_begin(data.visits), 1e-9),
        wrong=float(wrong.mean()) if len(rows) else 0.0,
        contradicted=_contradicted(data.visits),
        copies=float(rows["copy"].mean() or 0.0),  # type: ignore[arg-type]
        shift=_shift(rows, data.held),
        gap=_ratio(held["loss"].to_numpy(), last_seen),
        revisits=len(data.visits) / max(len(rows), 1),
        mastery=min(data.mastery.values(), default=None),
        jump=None if data.before is None else float(rows["difficulty"].to_numpy().mean()) - data.before,
        least_share=least,
        rare_loss=rare,
    )


def _pieces(loss: NDArray[np.float64]) -> list[float]:
    """The mean loss of each fifth."""
    parts = [part for part in np.array_split(_bounded(loss), PIECES) if len(part)]
    means = [float(part.mean()) for part in parts] or [0.0]
    return means + means[-1:] * (PIECES - len(means))


_HUGE = 1e6
SURE = 0.1
"""A mean probability of the given answer below which the model is sure of another one."""
LEAST = 8
"""Visits, or rows with several, that make up a figure."""


def _bounded(loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """A loss that is no number counts as a very large one, and is cut off at that."""
    return np.clip(np.nan_to_num(loss, nan=_HUGE), 0, _HUGE)


def _begin(visits: pl.DataFrame) -> float:
    """The mean loss of the stage's first step, which nothing of the stage has touched yet, or of its first visits."""
    first = visits.filter(pl.col("step") == visits["step"].min())
    loss = (first if len(first) >= LEAST else visits.head(LEAST))["loss"].to_numpy().astype(np.float64)
    return float(_bounded(loss).mean()) if len(loss) else 0.0


def _still_falling(visits: pl.DataFrame, loss: list[float]) -> float:
    """How much of its loss a row lost between its last two visits, row by row; else how much the last fifth did."""
    pairs = visits.filter(pl.len().over("id") > 1).group_by("id", maintain_order=True).agg(pl.col("loss").tail(2))
    if len(pairs) < LEAST:
        return 1 - loss[-1] / max(loss[-2], 1e-9)
    before, after = (_bounded(pairs["loss"].list.get(at).to_numpy()) for at in (0, 1))
    return float(1 - after.mean() / max(before.mean(), 1e-9))


def _contradicted(visits: pl.DataFrame) -> float:
    by_row = visits.group_by("id").agg(right=(pl.col("margin") > 0).any(), sure=pl.col("gold_prob").mean() < SURE)
    return float(by_row.select((~pl.col("right") & pl.col("sure")).mean()).item() or 0.0)


def _shift(rows: pl.DataFrame, held: pl.DataFrame) -> float:
    """How far the held-out rows of a skill are from those of the stage, in the worst of skill and figure.

    Weighed down to what chance makes of small samples: the distance beyond 1.36 sqrt(1/n + 1/m), the 5 % bound of the
    two-sample test (Smirnov 1948), is what counts.
    """
    worst = 0.0
    for (skill,), inside in rows.group_by("skill"):
        other = held.filter(pl.col("skill") == skill)
        for name in ("difficulty", "tokens"):
            one, two = (np.sort(frame[name].to_numpy().astype(np.float64)) for frame in (inside, other))
            if len(one) and len(two):
                chance = 1.36 * np.sqrt(1 / len(one) + 1 / len(two))
                worst = max(worst, _ks(one, two) - chance)
    return worst


def _ks(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """The largest distance of two empirical distributions, from sorted values."""
    at = np.concatenate([one, two])
    return float(
        np.abs(np.searchsorted(one, at, "right") / len(one) - np.searchsorted(two, at, "right") / len(two)).max()
    )


def _rarest(rows: pl.DataFrame, held: pl.DataFrame) -> tuple[float, float | None]:
    """The share of the rarest skill as a multiple of an even one, and its held-out loss over that of the others."""
    counts = rows["skill"].value_counts().sort("count", "skill")
    if len(counts) < 2:
        return 1.0, None
    rare = counts["skill"][0]
    share = counts["count"][0] / len(rows) * len(counts)
    own, rest = (held.filter(test)["loss"].to_numpy() for test in (pl.col("skill") == rare, pl.col("skill") != rare))
    return float(share), _ratio(own, float(rest.mean())) if len(rest) else None


def _ratio(above: NDArray[np.float64], below: float) -> float | None:
    return float(_bounded(above).mean()) / max(below, 1e-3) if len(above) else None
