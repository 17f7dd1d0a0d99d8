"""What the visits of training say of each row: where it lies on the map of the data, and whether it was forgotten."""

from __future__ import annotations

import polars as pl

COLUMNS = (
    "visits", "confidence", "variability", "correctness", "margin", "forgettings", "first_loss", "last_loss",
    "last_prob", "last_right",
)  # fmt: skip


def by_row(signals: pl.DataFrame) -> pl.DataFrame:
    """One line for each row that training visited, from the table of signals (`core.schemas.SIGNALS`).

    ``confidence`` and ``variability`` are mean and standard deviation (the population's) of the gold answer's
    probability, ``correctness`` the share of visits with a margin above 0 (Swayamdipta et al. 2020, arXiv 2009.10795);
    ``margin`` is the mean margin (Pleiss et al. 2020, arXiv 2001.10528); ``forgettings`` counts visits that are wrong
    after one that was right (Toneva et al. 2019, arXiv 1812.05159), never from one seed to the next. Losses are in
    nats a token; the last visit is that of the highest seed.
    """
    right = pl.col("margin") > 0
    known = signals.sort("curate_id", "seed", "visit").with_columns(
        forgot=(~right & right.shift(1).over("curate_id", "seed")).fill_null(value=False)
    )
    return (
        known.group_by("curate_id", maintain_order=True)
        .agg(
            visits=pl.len().cast(pl.Int64),
            confidence=pl.col("gold_prob").cast(pl.Float64).mean(),
            variability=pl.col("gold_prob").cast(pl.Float64).std(ddof=0),
            correctness=right.mean(),
            forgettings=pl.col("forgot").sum().cast(pl.Int64),
            first_loss=pl.col("loss").cast(pl.Float64).first(),
            last_loss=pl.col("loss").cast(pl.Float64).last(),
            last_prob=pl.col("gold_prob").cast(pl.Float64).last(),
            last_right=right.last(),
            margin=pl.col("margin").cast(pl.Float64).mean(),
        )
        .rename({"curate_id": "id"})
        .select("id", *COLUMNS)
    )


def strangeness(rows: pl.DataFrame) -> pl.Series:
    """How far the last loss of each row lies above that of its peers of the same skill and tier, in robust deviations.

    The deviation is 1.4826 times the median of |x - median| (Rousseeuw and Croux 1993), and no less than a tenth of a
    nat, below which losses of learnt rows do not differ. Null for rows without visits. *rows* has skill, tier
    and last_loss.
    """
    group = ("skill", "tier")
    above = rows.select(*group, above=pl.col("last_loss") - pl.col("last_loss").median().over(*group))
    spread = 1.4826 * pl.col("above").abs().median().over(*group)
    return above.select(pl.col("above") / pl.max_horizontal(spread, 0.1)).to_series()
