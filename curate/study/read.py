"""From the tables of a run to what diagnosis looks at. Tables in, tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from curate.study.evidence import StageData

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.core.measured import Rows


def probe_rows(rows: Rows) -> pl.DataFrame:
    """The plain rows of a probe: id, skill, tier, loss (nats an answer token), and whether the model fails.

    It fails where the answer that it wrote is wrong, or the option that it chose, or, where neither was asked, where
    any token of the answer is not its own first choice.
    """
    columns = {
        name: list(getattr(rows, name)) for name in ("parent", "family", "skill", "tier", "nll", "tokens", "hits")
    }
    frame = pl.DataFrame(
        {**columns, "chose": list(rows.chose_right), "matched": list(rows.matched)},
        schema_overrides={"nll": pl.Float64, "chose": pl.Boolean, "matched": pl.Boolean},
    )
    right = pl.coalesce("matched", "chose", pl.col("hits") == pl.col("tokens"))
    plain = frame.filter((pl.col("family") == "plain") & pl.col("nll").is_not_null())
    return plain.select(
        "skill", pl.col("tier").cast(pl.Int64), id="parent", loss=pl.col("nll") / pl.col("tokens"), fails=~right
    )


def stages(
    signals: pl.DataFrame,
    realised: pl.DataFrame,
    about: pl.DataFrame,
    duplicates: pl.DataFrame,
    requires: Mapping[str, Sequence[str]],
    probed: Mapping[int, pl.DataFrame],
) -> list[StageData]:
    """What is known of each stage that a training went through.

    ``about``: id, fate, skill, tier, difficulty, tokens of every example; ``duplicates``: id, partners as mine proposed
    them; ``probed``: by stage the `probe_rows` after it. Rows that a stage reviews are of other stages, and left out.
    """
    steps = realised.select("step", "stage").unique()
    visits = signals.join(steps, on="step", how="inner").rename({"curate_id": "id"}).sort("step", "id")
    taught = realised.filter(pl.col("role") != "review").select("stage", id="curate_id").unique()
    held = about.filter(pl.col("fate") == "holdout").select("id", "skill", "difficulty", "tokens")
    made: list[StageData] = []
    before: float | None = None
    for number in sorted(taught["stage"].unique().to_list()):
        rows = about.join(taught.filter(pl.col("stage") == number), on="id", how="semi")
        inside = visits.filter(pl.col("stage") == number).join(rows, on="id", how="semi")
        if not len(inside):
            continue
        names = rows["skill"].unique().to_list()
        losses = probed.get(number, pl.DataFrame(schema={"id": pl.String, "loss": pl.Float64}))
        made.append(
            StageData(
                stage=number,
                visits=inside.select("id", "seed", "visit", "step", "loss", "margin", "gold_prob"),
                rows=rows.with_columns(copy=_copies(rows, duplicates)),
                held=held.filter(pl.col("skill").is_in(names)).join(losses.select("id", "loss"), on="id", how="left"),
                before=before,
                mastery=_mastery(visits, about, names, requires, int(inside["step"].min() or 0)),  # type: ignore[arg-type]
            )
        )
        before = float(rows["difficulty"].cast(pl.Float64).to_numpy().mean())
    return made


def _copies(rows: pl.DataFrame, duplicates: pl.DataFrame) -> pl.Series:
    """Which rows repeat another row of the stage."""
    pairs = duplicates.select("id", partner="partners").explode("partner").drop_nulls()
    pairs = pairs.filter(pl.col("id") != pl.col("partner")).join(rows.select(partner="id"), on="partner", how="semi")
    return rows.select(pl.col("id").is_in(pairs["id"].unique().to_list())).to_series()


def _mastery(
    visits: pl.DataFrame, about: pl.DataFrame, names: Sequence[str], requires: Mapping[str, Sequence[str]], begin: int
) -> dict[str, float]:
    """For each skill that these require, the share of its rows right at their last visit before a step.

    0 for a skill that was never taught; one that is first taught in this very stage is left out.
    """
    needed = sorted({skill for name in names for skill in requires.get(name, ())})
    earlier = visits.filter(pl.col("step") < begin).join(about.select("id", "skill"), on="id")
    last = earlier.group_by("id").agg(pl.col("margin").last(), pl.col("skill").last())
    right = dict(last.group_by("skill").agg((pl.col("margin") > 0).mean()).iter_rows())
    return {skill: float(right.get(skill, 0.0)) for skill in needed if skill in right or skill not in names}
