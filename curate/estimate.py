"""What scoring would cost: the first rows are really scored in a temporary folder, and the rest is extrapolated."""

from __future__ import annotations

import time
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from curate.ingest.step import Report as IngestReport
from curate.ingest.step import count_rows
from curate.pipeline import Pipeline, settle
from curate.protocol import Frozen
from curate.score.step import Report as ScoreReport
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from curate.recipe import Recipe

SAMPLE_ROWS = 32


class Estimate(Frozen):
    """Rows that were counted, and tokens and seconds extrapolated from the first of them."""

    rows: int
    tokens: int
    sampled_rows: int
    seconds_at_most: int
    scorers: tuple[str, ...]


def of(recipe: Recipe) -> Estimate:
    """Rows, tokens and seconds of scoring by this recipe; nothing is written to a run folder."""
    rows = count_rows(recipe.sources, recipe.ingest)
    sample = recipe.model_copy(update={"ingest": recipe.ingest.model_copy(update={"limit": SAMPLE_ROWS})})
    settled = settle(sample)
    with TemporaryDirectory() as folder:
        pipeline = Pipeline(Workspace(folder), settled)
        pipeline.build("ingest")
        seconds = 0.0
        for step in pipeline.steps("score")[1:]:
            began = time.perf_counter()
            pipeline.build(step)
            seconds += time.perf_counter() - began
        scored, taken = pipeline.report("score"), pipeline.report("ingest")
    if not isinstance(scored, ScoreReport) or not isinstance(taken, IngestReport):
        raise TypeError("the steps gave other reports")
    scale = rows / max(taken.rows, 1)
    return Estimate(
        rows=rows,
        tokens=round(scored.tokens * scale),
        sampled_rows=taken.rows,
        seconds_at_most=round(seconds * scale),
        scorers=tuple(each.alias for each in scored.scorers),
    )
