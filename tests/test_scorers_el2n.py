"""Early errors: means by hand, early visits only, and what is missing says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from curate.core.contract import check
from curate.core.schemas import VISITS
from curate.protocol import Scores, Status
from scorers.el2n import El2n, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

Numbers = tuple[int, float | None, float | None]
"""Seed, error norm and gradient norm of one visit."""


def score(*rows: Sequence[Numbers], visits: int = 3) -> Scores:
    """Score rows that are given by their visits."""
    told = [
        [
            {"seed": seed, "visit": number, "error_norm": error, "gradient_norm": gradient}
            for number, (seed, error, gradient) in enumerate(row)
        ]
        for row in rows
    ]
    scores = El2n(Settings(visits=visits)).score(pa.table({"signals": pa.array(told, VISITS)}))
    check("el2n", El2n.gives, scores, len(rows))
    return scores


def test_both_scores_are_means_over_all_trainings() -> None:
    values = score([(0, 0.2, 1.0), (0, 0.4, 3.0), (1, 0.9, 5.0)], [(0, 1.0, 8.0)]).values

    assert values["el2n"] == pytest.approx([0.5, 1.0])
    assert values["grand"] == pytest.approx([3.0, 8.0])


def test_only_the_first_visits_of_each_training_count() -> None:
    late = [(0, 0.2, 1.0), (0, 9.0, 9.0), (1, 0.4, 3.0), (1, 9.0, 9.0)]

    values = score(late, visits=1).values

    assert values["el2n"] == pytest.approx([0.3])
    assert values["grand"] == pytest.approx([2.0])


def test_a_training_that_wrote_no_gradients_has_its_errors() -> None:
    scores = score([(0, 0.5, None)], [(0, None, None)], [])

    assert scores.values["el2n"][0] == 0.5
    assert [scores.reasons[row].status for row in (1, 2)] == [Status.NOT_APPLICABLE] * 2
    assert "wrote no error_norm" in scores.reasons[1].text
    assert "curate train" in scores.reasons[2].text
