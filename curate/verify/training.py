"""The order that a training realised, against the plan that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from curate.verify.findings import Check, check

if TYPE_CHECKING:
    from collections.abc import Iterator


def realised(realised: pl.DataFrame, planned: pl.DataFrame, signals: pl.DataFrame, *, follows: bool) -> Iterator[Check]:
    """Claims about the rows that a training took (the table of `core.schemas.REALISED`), in their order.

    *planned* is the order table; where the training *follows* the plan, rows of a stage come from its first on, none
    left out, until the stage ends. Rows that a gate put in are no part of that.
    """
    rows = realised.sort("order")
    known = rows.join(
        planned.select(pl.col("order").alias("place"), "id", pl.col("tier").alias("cut_tier")), on="place", how="left"
    )
    strangers = known.filter(
        (pl.col("id") != pl.col("curate_id")) | pl.col("id").is_null() | (pl.col("tier") != pl.col("cut_tier"))
    )
    yield check("training took rows of the dataset only", _named(strangers), f"{len(rows)} rows taken")
    backwards = rows.filter((pl.col("step").diff() < 0) | (pl.col("stage").diff() < 0))
    gaps = rows.with_row_index("at").filter(pl.col("order") != pl.col("at")).select(rows.columns)
    yield check(
        "steps and stages of training never go back",
        _named(pl.concat([backwards, gaps])),
        f"{rows['step'].n_unique()} steps",
    )
    own = rows.filter(pl.col("how").is_null())
    twice = own.filter(pl.col("role") == "new").filter(pl.col("place").is_duplicated())
    yield check("training taught each new row at most once", _named(twice), f"{len(own)} rows of the plan")
    if follows:
        firsts = planned.group_by("stage").agg(pl.col("order").min().alias("first"))
        placed = own.join(firsts, on="stage", how="left").with_columns(
            (pl.col("place") - pl.col("first") - pl.int_range(pl.len()).over("stage")).alias("off")
        )
        off = placed.filter((pl.col("off") != 0) | pl.col("first").is_null())
        yield check(
            "training took the rows of each stage in the plan's order", _named(off), f"{len(own)} rows of the plan"
        )
    alone = signals.join(rows, on=["curate_id", "step"], how="anti").with_columns(pl.col("step").alias("order"))
    yield check("every signal is of a row that was taken in its step", _named(alone), f"{len(signals)} signals")


def _named(rows: pl.DataFrame) -> list[str]:
    return [f"{row_id} at {place}" for row_id, place in rows.select("curate_id", "order").iter_rows()]
