"""Training dynamics: values by hand, the bounds of the theory, and the published map of WinoGrande."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.contract import check
from curate.core.schemas import VISITS
from curate.protocol import Status
from scorers.dynamics import Dynamics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from curate.protocol import Scores


def score(*rows: Sequence[tuple[float, float]] | None) -> Scores:
    """Score rows that are given by the (gold_prob, margin) of their visits."""
    visits = [
        None if row is None else [{"seed": 0, "visit": n, "gold_prob": p, "margin": m} for n, (p, m) in enumerate(row)]
        for row in rows
    ]
    scores = Dynamics().score(pa.table({"signals": pa.array(visits, VISITS)}))
    check("dynamics", Dynamics.gives, scores, len(rows))
    return scores


def visit(seed: int, number: int, margin: float) -> dict[str, float]:
    return {"seed": seed, "visit": number, "gold_prob": 0.5, "margin": margin}


def test_the_values_equal_those_by_hand() -> None:
    values = score([(0.2, -1.0), (0.6, 1.0), (0.4, -0.5), (0.8, 2.0)]).values

    assert {name: float(array[0]) for name, array in values.items()} == pytest.approx(
        {
            "hardness": 0.5,
            "confidence": 0.5,
            "variability": 0.05**0.5,
            "correctness": 0.5,
            "forgettings": 1,
            "never_right": 0,
            "area_under_margin": 0.375,
        }
    )


def test_rows_do_not_touch_each_other() -> None:
    values = score([(0.9, 1.0), (0.9, 1.0)], [(0.1, -1.0), (0.1, -1.0)]).values

    assert values["forgettings"].tolist() == [0, 0]
    assert values["never_right"].tolist() == [0, 1]
    assert values["variability"].tolist() == [0, 0]


def test_visits_count_in_their_order_and_not_in_that_of_the_file() -> None:
    visits = [visit(0, 2, -1.0), visit(0, 1, 1.0)]

    scores = Dynamics().score(pa.table({"signals": pa.array([visits], VISITS)}))

    assert scores.values["forgettings"].tolist() == [1]


def test_nothing_is_forgotten_from_one_training_to_the_next() -> None:
    visits = [visit(0, 0, -1.0), visit(0, 1, 1.0), visit(1, 0, -1.0), visit(1, 1, 1.0)]

    scores = Dynamics().score(pa.table({"signals": pa.array([visits, visits[1:3]], VISITS)}))

    assert scores.values["forgettings"][0] == 0
    assert np.isnan(scores.values["forgettings"][1])
    assert scores.values["correctness"].tolist() == [0.5, 0.5]


def test_a_row_that_no_training_visited_is_not_applicable() -> None:
    scores = score(None, [], [(0.5, 1.0), (0.5, 1.0)])

    assert {row: reason.status for row, reason in scores.reasons.items()} == dict.fromkeys(
        (0, 1), Status.NOT_APPLICABLE
    )


def test_one_visit_tells_nothing_of_change() -> None:
    values = score([(0.5, 1.0)]).values

    assert np.isnan(values["variability"][0])
    assert np.isnan(values["forgettings"][0])
    assert values["confidence"].tolist() == [0.5]


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8), min_size=1, max_size=5))
def test_variability_is_bounded_by_confidence(probabilities: list[list[float]]) -> None:
    values = score(*([(p, p - 0.5) for p in row] for row in probabilities)).values

    confidence, variability = values["confidence"].astype(np.float64), values["variability"].astype(np.float64)
    assert (variability**2 <= confidence * (1 - confidence) + 1e-6).all()


def test_an_empty_batch_has_no_scores() -> None:
    assert {len(array) for array in score().values.values()} == {0}


def six_visits(confidence: float, variability: float) -> list[tuple[float, float]] | None:
    """Six probabilities, of two values, with that mean and that standard deviation; None where none lie in [0, 1]."""
    for few in range(1, 6):
        low = confidence - variability * ((6 - few) / few) ** 0.5
        high = confidence + variability * (few / (6 - few)) ** 0.5
        if low >= 0 and high <= 1:
            return [(low, low - 0.5)] * few + [(high, high - 0.5)] * (6 - few)
    return None


@pytest.mark.real
def test_the_points_of_the_published_map_come_out_of_six_visits(real: Path) -> None:
    packed = real / "cartography_winogrande" / "winogrande_roberta_map.tsv.gz"
    lines = [line.split("\t") for line in gzip.decompress(packed.read_bytes()).decode().splitlines()[1:]]
    points = [(float(line[2]), float(line[3])) for line in lines][::10]
    rows = [six_visits(*point) for point in points]
    known = [row is not None for row in rows]

    values = score(*(row for row in rows if row is not None)).values

    assert np.mean(known) > 0.99
    assert values["confidence"] == pytest.approx(np.array(points)[known, 0], abs=1e-6)
    assert values["variability"] == pytest.approx(np.array(points)[known, 1], abs=1e-6)
