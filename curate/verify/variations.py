"""Varied rows: made of training rows alone, within their share, and none that says what an example says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from curate.verify.findings import Check, check

if TYPE_CHECKING:
    from curate.core.plan import Plan


def variations(augmented: pl.DataFrame, order: pl.DataFrame, tiers: pl.DataFrame, plan: Plan) -> list[Check]:
    """Claims about the varied rows (id, parent, how) against the order, the fates and the shares of the plan."""
    if not len(augmented) and not (order["role"] == "augmented").any():
        return []
    used = order.filter(pl.col("role") == "augmented").join(augmented, on="id", how="left")
    trained = tiers.filter(pl.col("fate").is_in(["train", "learnt"])).select(parent="id")
    counts = {(stage, kind): held for stage, kind, held in used.group_by("stage", "how").len().iter_rows()}
    offenders = [
        f"stage {stage.stage} has {held} rows varied by {kind}, more than {share:.1%} of {stage.new}"
        for stage in plan.stages
        for (number, kind), held in counts.items()
        if number == stage.stage and held > (share := stage.vary_goal.get(kind, 0.0)) * stage.new
    ]
    return [
        check(
            "every varied row is in the order once, and no example is one",
            _ids(augmented.join(order, on="id", how="anti"))
            + _ids(used.filter(pl.col("id").is_duplicated() | pl.col("parent").is_null()))
            + _ids(augmented.join(tiers, on="id", how="semi")),
            f"{len(augmented)} varied rows",
        ),
        check(
            "every varied row was made of a training row",
            _ids(augmented.join(trained, on="parent", how="anti")),
            f"{augmented['parent'].n_unique()} rows were varied",
        ),
        check("varied rows keep within their shares", sorted(offenders), f"{len(counts)} kinds and stages"),
    ]


def _ids(rows: pl.DataFrame) -> list[str]:
    return rows["id"].to_list()
