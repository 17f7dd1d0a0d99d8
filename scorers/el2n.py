"""Errors early in training: how far the model's prediction was from the answer, and how much it would change for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from curate.protocol import Frozen, Reason, Rising, ScoreField, Scorer, Scores, Status
from scorers.visits import places, read_visits

if TYPE_CHECKING:
    import pyarrow as pa

_NEVER_SEEN = Reason(Status.NOT_APPLICABLE, "no training has visited this row; `curate train` writes the signals")
_NOT_WRITTEN = Reason(Status.NOT_APPLICABLE, "the training that visited this row wrote no error_norm")
_COLUMNS = {"el2n": "error_norm", "grand": "gradient_norm"}


class Settings(Frozen):
    """Which visits count."""

    visits: int = Field(
        default=3, ge=1, description="Visits of each training that count, the first ones: late errors tell little."
    )


class El2n(Scorer):
    """Error norm and last-layer gradient norm, means over the early visits of all trainings.

    With p the model's probabilities and y the one-hot answer, ``el2n`` = E ||p - y||_2, and ``grand`` = E ||gradient
    of the loss with respect to the output layer||, for a single token ||p - y|| ||h|| with h the state before that
    layer (Paul et al. 2021, "Deep Learning on a Data Diet", arXiv 2107.07075, section 2).
    `curate.models.signals` makes both, token by token, while a model trains. Averages over three trainings (seeds)
    or more are far better than one. The highest scores of all are often wrong labels: look at
    ``dynamics.area_under_margin`` beside them.
    """

    name = "el2n"
    version = "1"
    about = "errors and last-layer gradients early in training (EL2N, GraNd)"
    source = "Paul et al. 2021 (arXiv 2107.07075)"
    needs = ("signals",)
    gives = (
        ScoreField(
            name="el2n",
            rising=Rising.HARDER,
            unit="probability",
            low=0,
            high=1.5,
            about="mean norm of predicted less true probabilities; at most the root of 2",
            headline=True,
        ),
        ScoreField(
            name="grand",
            rising=Rising.HARDER,
            unit="nats per unit of weight",
            low=0,
            about="mean norm of the gradient of the output layer",
        ),
    )
    settings: ClassVar[type[Frozen]] = Settings
    options: Settings

    def score(self, batch: pa.Table) -> Scores:
        """A row without visits, or whose visits have no norms, is not applicable. Shapes (n,)."""
        rows = len(batch)
        visits = read_visits(batch.column("signals"), tuple(_COLUMNS.values()))
        early = places(visits) < self.options.visits
        values = {}
        for name, column in _COLUMNS.items():
            known = early & np.isfinite(visits.numbers[column])
            times = np.bincount(visits.row[known], minlength=rows)
            total = np.bincount(visits.row[known], visits.numbers[column][known], rows)
            values[name] = np.where(times > 0, total / np.maximum(times, 1), np.nan).astype(np.float32)
        seen = np.bincount(visits.row, minlength=rows) > 0
        lacking = np.flatnonzero(np.isnan(values["el2n"]) & np.isnan(values["grand"]))
        return Scores(values, {int(row): _NOT_WRITTEN if seen[row] else _NEVER_SEEN for row in lacking})
