"""The probe suite: made of held-out rows alone, and none of its rows is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from curate.verify.findings import Check, check

if TYPE_CHECKING:
    from collections.abc import Sequence


def suite(asked: pl.DataFrame, tiers: pl.DataFrame, trained: pl.DataFrame, altered: Sequence[str]) -> list[Check]:
    """Claims about the probe rows (id, parent) against the fates (id, fate) and the ids that training sees (id).

    *altered* are probe rows whose content does not have their id; *trained* names varied rows by their own id.
    """
    held = tiers.filter(pl.col("fate") == "holdout")
    return [
        check("every probe row's content has its id", list(altered), f"{len(asked)} recomputed"),
        check(
            "every probe row was made of a held-out row",
            asked.join(held, left_on="parent", right_on="id", how="anti")["id"].to_list(),
            f"{asked['parent'].n_unique()} held-out rows are asked",
        ),
        check(
            "no probe row is trained on, nor the row that it was made of",
            asked.join(trained, on="id", how="semi")["id"].to_list()
            + asked.join(trained, left_on="parent", right_on="id", how="semi")["id"].to_list(),
            f"{len(asked)} probe rows, {trained['id'].n_unique()} rows that training sees",
        ),
    ]
