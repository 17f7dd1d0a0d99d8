"""Floors: every group that was met has its share of a stage, and no row is given again too often for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from curate.verify.findings import Check, check

if TYPE_CHECKING:
    from curate.verify.order import Placed


def floors(placed: Placed) -> list[Check]:
    """Claims about the rows that stages give again; none where no stage has a floor."""
    plan = placed.plan
    if plan.most_visits is None:
        return []
    rows = placed.rows.join(placed.columns.rename({"id": "base"}), on="base", how="left", maintain_order="left")
    offenders, groups = [], 0
    for stage in plan.stages:
        here = rows.filter(pl.col("stage") == stage.stage)
        met = pl.concat([rows.filter((pl.col("role") == "new") & (pl.col("stage") <= stage.stage)), here])
        for column, floor in stage.floor_goal.items():
            name = "skill" if column == "skill" else f"by {column}"
            held = dict(here[name].drop_nulls().value_counts().iter_rows())
            known = set(met[name].drop_nulls())
            short = {word for word in known if held.get(word, 0) < floor * len(here) - 1e-9}
            groups += len(known)
            if short != set(stage.below_floor.get(column, ())):
                offenders.append(f"{stage.name} holds less than {floor:.1%} of {column} {', '.join(sorted(short))}")
    visits = rows.filter((pl.col("because") != "pass") & (pl.col("role") != "augmented")).with_columns(
        visit=pl.int_range(pl.len()).over("id") + 1
    )
    again = visits.filter(pl.col("because") == "floor")
    often = again.filter(pl.col("visit") > plan.most_visits)
    return [
        check(
            "every group that was met holds its floor, but for those that the plan names",
            offenders,
            f"{groups} groups in {len(plan.stages)} stages",
        ),
        check(
            "no row is given again for a floor more often than the plan allows",
            [f"{row_id} at place {place}" for row_id, place in often.select("id", "order").iter_rows()],
            f"{len(again)} rows given again, each at most {plan.most_visits} times in all",
        ),
    ]
