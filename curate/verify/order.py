"""The order: complete, staged, reviewed after it was taught, and interleaved as promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curate.verify.findings import Check, check

if TYPE_CHECKING:
    from curate.core.plan import Plan

BLOCK = 64
_OFF = 2.0
_ROLES = ("new", "review", "repeat", "augmented")


@dataclass(frozen=True)
class Placed:
    """The order with all that its rows are: what claims about it are checked against.

    ``rows``: order, stage, tier, id, role, because, and of each row, or of its parent where it is varied, ``base``
    (its id), ``cut`` (tier), ``fate``, ``skill``; its own ``tokens``; ``edge``: whether mining calls it rare and good.
    ``columns``: the columns that floors name, beside the skill, as a table of id and ``by COLUMN``.
    """

    rows: pl.DataFrame
    plan: Plan
    columns: pl.DataFrame

    def of(self, stage: int) -> pl.DataFrame:
        """The rows of one stage."""
        return self.rows.filter(pl.col("stage") == stage)


def placed(
    order: pl.DataFrame,
    tiers: pl.DataFrame,
    skills: pl.DataFrame,
    tokens: pl.DataFrame,
    edges: pl.DataFrame,
    augmented: pl.DataFrame,
    plan: Plan,
    columns: pl.DataFrame,
) -> Placed:
    """The order joined with the tables that say what its rows are.

    tokens (id, tokens) holds examples and varied rows, edges (id, kind) the proposals of mining, augmented (id,
    parent, how) the varied rows, columns (id, by COLUMN) those of examples that floors name.
    """
    good = edges.filter(pl.col("kind") == "rare_good").select("id", edge=pl.lit(value=True)).unique()
    rows = (
        order.join(augmented.select("id", "parent"), on="id", how="left", maintain_order="left")
        .with_columns(base=pl.coalesce("parent", "id"))
        .join(tiers.select(base="id", cut="tier", fate="fate"), on="base", how="left", maintain_order="left")
        .join(skills.select(base="id", skill="skill"), on="base", how="left", maintain_order="left")
        .join(tokens.select("id", "tokens"), on="id", how="left", maintain_order="left")
        .join(good, on="id", how="left", maintain_order="left")
        .with_columns(pl.col("edge").fill_null(value=False))
    )
    return Placed(rows, plan, columns)


def order(placed: Placed) -> list[Check]:
    """Claims about the order as a whole."""
    rows, plan = placed.rows, placed.plan
    place = rows["order"].to_numpy()
    stage = rows["stage"].to_numpy()
    gaps = np.flatnonzero(place != np.arange(len(place)))
    falls = np.flatnonzero(np.diff(stage) < 0)
    moved = rows.filter(pl.col("tier") != pl.col("cut"))
    first = rows.filter(pl.col("role") == "new").select(base="id", taught="order")
    again = rows.filter((pl.col("role") != "new") & (pl.col("fate") != "learnt"))
    early = again.join(first, on="base", how="left")
    early = early.filter(pl.col("taught").is_null() | (pl.col("taught") >= pl.col("order")))
    return [
        check("places run from 0 without a gap", [f"place {place[at]} at row {at}" for at in gaps], f"{len(rows)}"),
        check("stages never go back", [f"after place {at}" for at in falls], f"{len(plan.stages)} stages"),
        check("every row has the tier that was cut for it", _ids(moved), f"{len(rows)} rows"),
        check(
            "a row is reviewed, repeated or varied only after it was new", _ids(early), f"{len(rows) - len(first)} rows"
        ),
        _sizes(placed),
        _window(placed),
        *([_prerequisites(placed)] if plan.prerequisites else []),
        *([_interleaving(placed)] if any(stage.interleaved for stage in plan.stages) else []),
        *([_intervals(placed)] if any(stage.reviewing == "spaced" for stage in plan.stages[1:]) else []),
        *([_budgets(placed)] if any(stage.budget is not None for stage in plan.stages) else []),
        *([_edges(placed)] if plan.edges_from is not None else []),
    ]


def _sizes(placed: Placed) -> Check:
    """Every stage holds what the plan says, and the share of review that was planned for it to a row."""
    offenders = []
    for stage in placed.plan.stages:
        rows = placed.of(stage.stage)
        counts = {role: int((rows["role"] == role).sum()) for role in _ROLES}
        planned = dict(zip(_ROLES, (stage.new, stage.review, stage.repeat, stage.augmented), strict=True))
        tokens = int(rows["tokens"].sum() or 0)
        if counts != planned:
            offenders.append(f"{stage.name} holds {counts}, the plan says {planned}")
        elif tokens != stage.tokens:
            offenders.append(f"{stage.name} holds {tokens} tokens, the plan says {stage.tokens}")
        elif stage.reviewing == "spaced" and stage.review > stage.review_goal * (stage.new + stage.review) + 1:
            offenders.append(f"{stage.name} reviews {stage.review} rows, more than {stage.review_goal:.0%}")
    return check(
        "every stage holds the rows and tokens that the plan says", offenders, f"review share {placed.plan.review:.0%}"
    )


def _window(placed: Placed) -> Check:
    """No row comes again within the window of the plan."""
    gaps = placed.rows.sort("id", "order").with_columns(pl.col("order").diff().over("id").alias("gap"))
    window = max(placed.plan.window, placed.plan.window_goal)
    near = gaps.filter(pl.col("gap") < window)
    return check("no row comes again within the window of the plan", _ids(near), f"{window} rows")


def _prerequisites(placed: Placed) -> Check:
    """No row is new before the stage that opens its skill, and no skill opens before those that it requires.

    The plan names the skills that open in one stage with what they require; a broad beginning is exempt.
    """
    plan = placed.plan
    opens = {skill: stage.stage for stage in plan.stages for skill in stage.opens_skills}
    offenders = [
        f"{skill} opens in stage {opens[skill]}, {other}, which it requires, in stage {opens[other]}"
        for skill, needed in plan.requires.items()
        for other in needed
        if skill in opens
        and other in opens
        and opens[other] >= opens[skill] + (1 if other in plan.together.get(skill, ()) else 0)
    ]
    opening = pl.DataFrame(
        {"skill": list(opens), "opened": list(opens.values())}, schema={"skill": pl.String, "opened": pl.Int64}
    )
    broad = [stage.stage for stage in plan.stages if stage.broad]
    new = placed.rows.filter((pl.col("role") == "new") & ~pl.col("stage").is_in(broad))
    early = new.join(opening, on="skill", how="left").filter(
        pl.col("opened").is_null() | (pl.col("stage") < pl.col("opened"))
    )
    return check("a skill opens only after its prerequisites", [*offenders, *_ids(early)], f"{len(opens)} skills")


def _interleaving(placed: Placed) -> Check:
    """Any aligned block of 64 rows of one pass holds its stage's share of each skill within two rows."""
    offenders, blocks = [], 0
    for stage in placed.plan.stages:
        if not stage.interleaved:
            continue
        code = placed.of(stage.stage)["skill"].cast(pl.Categorical).to_physical().to_numpy()
        length = len(code) // max(placed.plan.passes, 1)
        for start in range(0, len(code), max(length, 1)):
            off = worst_block(code[start : start + length])
            blocks += length // BLOCK
            if off >= _OFF:
                offenders.append(f"{stage.name} has a block that is off by {off:.2f} rows")
    return check("any aligned block of 64 rows holds each skill's share within two rows", offenders, f"{blocks} blocks")


def _intervals(placed: Placed) -> Check:
    """The k-th time that a row is due is 2^k stages or more after the time before; the plan counts the early ones."""
    plan = placed.plan
    spaced = [stage.stage for stage in plan.stages if stage.reviewing == "spaced"]
    visits = placed.rows.filter(
        (pl.col("role") == "new") | ((pl.col("because") == "due") & (pl.col("role") == "review"))
    ).sort("id", "order")
    visits = visits.with_columns(
        times=pl.int_range(pl.len()).over("id") - 1, after=pl.col("stage").cast(pl.Int32).diff().over("id")
    ).filter(pl.col("times") >= 0)
    soon = visits.filter(pl.col("stage").is_in(spaced) & (pl.col("after") < pl.lit(2).pow(pl.col("times"))))
    offenders = _ids(soon)
    for stage in plan.stages:
        came = int((placed.of(stage.stage)["because"] == "early").sum())
        if came != stage.early:
            offenders.append(f"{stage.name} has {came} rows that came early, the plan says {stage.early}")
    early = sum(stage.early for stage in plan.stages)
    return check(
        "review comes back after 1, 2, 4 .. stages", offenders, f"{len(visits)} reviews when due, {early} early"
    )


def _budgets(placed: Placed) -> Check:
    """The new rows of a stage hold its tokens within one percent or one row, and less only where none had to wait."""
    new = placed.rows.filter(pl.col("role") == "new")
    held = dict(new.group_by("stage").agg(pl.col("tokens").sum()).iter_rows())
    waited = set(new.filter(pl.col("because") == "budget")["stage"])
    longest = float(new["tokens"].cast(pl.Float64).max() or 0)  # type: ignore[arg-type]
    offenders = []
    for stage in placed.plan.stages[:-1]:
        if stage.budget is not None:
            off, allowed = held.get(stage.stage, 0) - stage.budget, max(0.01 * stage.budget, longest)
            if off > allowed or (off < -allowed and stage.stage + 1 in waited):
                offenders.append(f"{stage.name} has {stage.budget + off:.0f} tokens of new rows of {stage.budget:.0f}")
    counted = sum(stage.budget is not None for stage in placed.plan.stages[:-1])
    return check("every budget of tokens holds within one percent or one row", offenders, f"{counted} budgets")


def _edges(placed: Placed) -> Check:
    """No rare and good row is new before the stage from which they are, nor where a module is about other skills.

    Those of a skill for which there is no room are new in the last stage that is about it, wherever that is; those that
    a budget puts off are new in the next.
    """
    plan, begin = placed.plan, placed.plan.edges_from or 0
    named = {stage.stage: stage.names_skills for stage in plan.stages if not stage.broad}
    edge = placed.rows.filter((pl.col("role") == "new") & pl.col("edge"))
    last = {
        skill: max((at for at, names in named.items() if not names or skill in names), default=plan.stages[-1].stage)
        for skill in edge["skill"].unique()
    }
    resort = pl.DataFrame(
        {"skill": list(last), "resort": list(last.values())}, schema={"skill": pl.String, "resort": pl.Int64}
    )
    edge = edge.join(resort, on="skill", how="left").filter(pl.col("stage") < pl.col("resort"))
    offenders = _ids(edge.filter(pl.col("stage") < begin))
    for stage in plan.stages:
        here = edge.filter((pl.col("stage") == stage.stage) & (pl.col("because") == "edge"))
        if stage.names_skills:
            offenders += _ids(here.filter(~pl.col("skill").is_in(stage.names_skills)))
        if stage.stage >= begin and len(here) > stage.edges_goal * stage.new + 1:
            offenders.append(
                f"{stage.name} has {len(here)} edge cases, more than {stage.edges_goal:.0%} of {stage.new}"
            )
    return check("edge cases are new from the middle on, within their share", offenders, f"{len(edge)} from {begin} on")


def worst_block(code: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> float:
    """How far the worst whole block of 64 is from the proportional share of any group, in rows. Shape (n,) in."""
    whole = len(code) // BLOCK * BLOCK
    if not whole:
        return 0.0
    groups, codes, counts = np.unique(code, return_inverse=True, return_counts=True)
    share = counts * (BLOCK / len(code))
    block = np.repeat(np.arange(whole // BLOCK), BLOCK)
    cells, held = np.unique(block * len(groups) + codes[:whole], return_counts=True)
    present = np.abs(held - share[cells % len(groups)]).max()
    absent = len(cells) < len(groups) * (whole // BLOCK)
    seen = np.bincount(cells % len(groups), minlength=len(groups))
    missing = share[seen < whole // BLOCK].max(initial=0.0) if absent else 0.0
    return float(max(present, missing))


def _ids(rows: pl.DataFrame) -> list[str]:
    return [f"{row_id} at place {place}" for row_id, place in rows.select("id", "order").iter_rows()]
