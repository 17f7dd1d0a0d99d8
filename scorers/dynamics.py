"""Training dynamics: how an example behaved each time that training came by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.protocol import Reason, Rising, ScoreField, Scorer, Scores, Status
from scorers.visits import places, read_visits

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from scorers.visits import Visits

_NEVER_SEEN = Reason(Status.NOT_APPLICABLE, "no training has visited this row; `curate train` writes the signals")


class Dynamics(Scorer):
    """Statistics over the visits to a row, from the signals that training wrote.

    Each visit has the probability of the gold answer (``gold_prob``) and the margin: gold logit less largest other.
    ``confidence`` = mean probability, ``variability`` = its standard deviation over all visits (the population's, as
    in Swayamdipta et al. 2020, arXiv 2009.10795, section 2), ``correctness`` = share of visits with a margin above 0.
    ``forgettings`` = visits that are wrong after one that was right (Toneva et al. 2019, arXiv 1812.05159);
    ``never_right`` is 1 where no visit was right, kept apart because papers count those as infinitely forgotten in
    different ways. ``area_under_margin`` = mean margin (Pleiss et al. 2020, arXiv 2001.10528; of logits, never of
    probabilities): low for wrong labels. ``hardness`` = 1 - confidence.

    Several trainings (seeds) count together, but nothing is forgotten from one to the next. A row with one visit has
    no variability, and one that no training visited twice no forgettings.
    """

    name = "dynamics"
    version = "1"
    about = "confidence, variability, forgetting and margin over the visits of training"
    source = "Swayamdipta et al. 2020 (2009.10795); Toneva et al. 2019 (1812.05159); Pleiss et al. 2020 (2001.10528)"
    needs = ("signals",)
    gives = (
        ScoreField(
            name="hardness",
            rising=Rising.HARDER,
            unit="probability",
            low=0,
            high=1,
            about="1 - confidence",
            headline=True,
        ),
        ScoreField(
            name="confidence",
            rising=Rising.NEUTRAL,
            unit="probability",
            low=0,
            high=1,
            about="mean probability of the gold answer; falls with difficulty",
        ),
        ScoreField(
            name="variability",
            rising=Rising.NEUTRAL,
            unit="probability",
            low=0,
            high=0.5,
            about="its standard deviation; high for ambiguous rows",
        ),
        ScoreField(
            name="correctness",
            rising=Rising.NEUTRAL,
            unit="share",
            low=0,
            high=1,
            about="share of visits that are right",
        ),
        ScoreField(
            name="forgettings", rising=Rising.HARDER, unit="times", low=0, about="how often a right answer turned wrong"
        ),
        ScoreField(
            name="never_right", rising=Rising.RISKIER, unit="0 or 1", low=0, high=1, about="whether no visit was right"
        ),
        ScoreField(
            name="area_under_margin", rising=Rising.BETTER, unit="logits", about="mean margin; low for wrong labels"
        ),
    )

    def score(self, batch: pa.Table) -> Scores:
        """A row without visits is not applicable. Shapes (n,)."""
        rows = len(batch)
        visits = read_visits(batch.column("signals"), ("gold_prob", "margin"))
        times = np.bincount(visits.row, minlength=rows)
        seen = times > 0
        values = {name: array.astype(np.float32) for name, array in summarise(visits, times).items()}
        for array in values.values():
            array[~seen] = np.nan
        return Scores(values, {int(row): _NEVER_SEEN for row in np.flatnonzero(~seen)})


def summarise(visits: Visits, times: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """The fields of `Dynamics`; *times* is how often each row was visited, shape (n,)."""
    rows, row = len(times), visits.row
    gold, margin = visits.numbers["gold_prob"], visits.numbers["margin"]
    divisor = np.maximum(times, 1)
    is_right, again = margin > 0, places(visits) > 0
    confidence = np.clip(np.bincount(row, gold, rows) / divisor, 0, 1)
    squares = np.bincount(row, (gold - confidence[row]) ** 2, rows)
    forgot = again[1:] & is_right[:-1] & ~is_right[1:]
    right = np.bincount(row, is_right, rows)
    forgettings = np.bincount(row[1:][forgot], minlength=rows).astype(np.float64)
    forgettings[np.bincount(row[again], minlength=rows) == 0] = np.nan
    return {
        "hardness": 1 - confidence,
        "confidence": confidence,
        "variability": np.where(times < 2, np.nan, np.minimum(np.sqrt(squares / divisor), 0.5)),
        "correctness": right / divisor,
        "forgettings": forgettings,
        "never_right": (right == 0).astype(np.float64),
        "area_under_margin": np.bincount(row, margin, rows) / divisor,
    }
