"""Calibration: a case by hand, the bins, and intervals that hold where a model is calibrated and where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.probe.calibration import Observations, bins, calibrate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def seen(confidence: object, right: object) -> Observations:
    sure: NDArray[np.float64] = np.asarray(confidence, np.float64)
    return Observations(sure, np.asarray(right, np.bool_), np.arange(len(sure)))


def test_a_case_by_hand() -> None:
    found = calibrate("choice", seen([0.9] * 20 + [0.6] * 20, [1] * 15 + [0] * 5 + [1] * 16 + [0] * 4), 0)

    assert [bar.confidence for bar in found.bins] == pytest.approx([0.6, 0.9])
    assert [bar.accuracy.value for bar in found.bins] == pytest.approx([0.8, 0.75])
    assert [bar.observations for bar in found.bins] == [20, 20]
    assert found.ece.value == pytest.approx((0.2 * 20 + 0.15 * 20) / 40)
    assert found.brier.value == pytest.approx((15 * 0.01 + 5 * 0.81 + 16 * 0.16 + 4 * 0.36) / 40)
    assert found.confidence == pytest.approx(0.75)


def test_bins_hold_equally_many_and_never_part_equals() -> None:
    spread = np.bincount(bins(np.random.default_rng(0).random(1000)))
    tied = bins(np.repeat([0.25, 0.5, 1.0], [10, 500, 10]))

    assert spread.tolist() == [100] * 10
    assert len(np.unique(tied)) == 2
    assert len(np.unique(tied[10:510])) == 1


def test_few_guesses_make_one_bin() -> None:
    assert set(bins(np.linspace(0, 1, 20)).tolist()) == {0}


def test_the_same_seed_gives_the_same_interval() -> None:
    dice = np.random.default_rng(0)
    guesses = seen(dice.random(200), dice.random(200) < 0.5)

    assert calibrate("token", guesses, 3) == calibrate("token", guesses, 3)
    assert calibrate("token", guesses, 3) != calibrate("token", guesses, 4)


@pytest.mark.parametrize(
    ("truth", "error"), [(lambda sure: sure, 0.0), (lambda sure: sure * 0.85, 0.1)], ids=["calibrated", "too sure"]
)
def test_the_interval_of_the_error_holds_as_often_as_it_says(
    truth: Callable[[NDArray[np.float64]], NDArray[np.float64]], error: float
) -> None:
    dice, held = np.random.default_rng(2), 0
    for _ in range(80):
        sure = dice.beta(3, 1.5, 200)
        ece = calibrate("token", seen(sure, dice.random(200) < truth(sure)), 0).ece
        held += ece.low <= error <= ece.high  # type: ignore[operator]

    assert held / 80 >= 0.92
