"""Similarity to a target set: how close an example is to the rows that the model is to be good at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.protocol import Reason, Rising, ScoreField, Scorer, Scores, Status

if TYPE_CHECKING:
    import pyarrow as pa

_EMPTY = Reason(Status.NOT_APPLICABLE, "the target set holds no example")


class Target(Scorer):
    """Mean cosine similarity to the nearest rows of the target set (``--target``), for domain adaptation.

    similarity = (1/k) sum_j cos(x, t_j) over the k nearest target rows (as many as ``[embed] neighbours``), in the
    space of the sentence encoder: selection by nearness of representations (Ivison et al. 2025, arXiv 2503.01807,
    whose RDS+ takes states of the language model instead). A few neighbours and not the whole set, so that a target
    of several kinds of rows is served by rows near any one of them (Xia et al. 2024, LESS, arXiv 2402.04333, takes the
    maximum over its subtasks for that reason). ``nearest`` close to 1 may be a row of the target set itself: where it
    is a benchmark, give it to ``curate mine --against`` as well.
    """

    name = "target"
    version = "1"
    about = "how close the example is to the rows of a target set"
    source = "Ivison et al. 2025 (2503.01807); Xia et al. 2024 (2402.04333)"
    cost = "encoder"
    needs = ("target_similarity",)
    gives = (
        ScoreField(
            name="similarity",
            rising=Rising.BETTER,
            unit="cosine",
            low=-1,
            high=1,
            about="mean similarity to the nearest target rows",
            headline=True,
        ),
        ScoreField(
            name="nearest",
            rising=Rising.BETTER,
            unit="cosine",
            low=-1,
            high=1,
            about="similarity to the nearest target row",
        ),
    )

    def score(self, batch: pa.Table) -> Scores:
        """Needs a list of cosines per row, nearest first. Shapes (n,)."""
        column = batch.column("target_similarity").combine_chunks()
        flat = column.flatten().to_numpy().astype(np.float64)
        sizes = column.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        starts = np.cumsum(sizes) - sizes
        known = np.flatnonzero(sizes)
        values = {field.name: np.full(len(batch), np.nan, np.float32) for field in self.gives}
        if len(known):
            values["similarity"][known] = np.add.reduceat(flat, starts[known]) / sizes[known]
            values["nearest"][known] = flat[starts[known]]
        return Scores(values, {int(row): _EMPTY for row in np.flatnonzero(sizes == 0)})
