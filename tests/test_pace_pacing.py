"""Pacing functions give the values that the published formulas give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.pace.pacing import DEEPSPEED, WU, competence, fixed_discrete, fixed_linear, fixed_root, pool


def shares(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def steps(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def test_root_competence_has_the_values_of_platanios_formula() -> None:
    by_hand = [0.01, math.sqrt(0.25 * 0.9999 + 0.0001), math.sqrt(0.5 * 0.9999 + 0.0001), 1.0, 1.0]

    assert competence(shares(0, 0.25, 0.5, 1, 2)).tolist() == pytest.approx(by_hand)
    assert competence(shares(0.5)).tolist() == pytest.approx([0.7071421])


def test_competence_of_power_one_is_linear() -> None:
    assert competence(shares(0, 0.5), start=0.2, power=1).tolist() == pytest.approx([0.2, 0.6])


@pytest.mark.parametrize(
    ("pacing", "half"),
    [
        ("linear", 0.1 + 0.9 * 0.5),
        ("quadratic", 0.1 + 0.9 * 0.25),
        ("square-root", 0.1 + 0.9 * 0.70710678),
        ("step", 0.1),
        ("exponential", 0.1 + 0.9 * (math.exp(5) - 1) / (math.exp(10) - 1)),
        ("logarithmic", 0.1 + 0.9 * (1 + 0.1 * math.log(0.5 + math.exp(-10)))),
    ],
)
def test_each_of_wus_functions_has_its_value_half_way(pacing: str, half: float) -> None:
    found = pool(pacing, shares(0, 0.4, 0.8, 1.0), start=0.1, full_at=0.8)  # type: ignore[arg-type]

    assert found.tolist() == pytest.approx([0.1, half, 1.0, 1.0], abs=1e-6)


@given(st.sampled_from([*WU, *DEEPSPEED, "root"]), st.floats(0.0025, 1), st.floats(0.05, 1.6))
def test_a_pool_never_shrinks_and_stays_a_share(pacing: str, start: float, full_at: float) -> None:
    found = pool(pacing, np.linspace(0, 1, 101), start, full_at)  # type: ignore[arg-type]

    assert (np.diff(found) >= -1e-12).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_root_and_square_root_are_different_rules() -> None:
    quarter = shares(0.25)

    assert pool("root", quarter, start=0.5)[0] == pytest.approx(math.sqrt(0.25 * 0.75 + 0.25))
    assert pool("square-root", quarter, start=0.5)[0] == pytest.approx(0.75)


def test_deepspeeds_root_schedule_is_floored_to_its_quantum() -> None:
    found = fixed_root(steps(0, 2500, 5000, 10000, 20000), total=10000, lowest=8, highest=1024, quantum=8)

    assert found.tolist() == [8, 512, 720, 1024, 1024]  # floor(516.0), floor(726.42) down to multiples of 8


def test_deepspeeds_linear_schedule_is_the_root_of_degree_one() -> None:
    assert fixed_linear(steps(0, 50, 100), total=100, lowest=16, highest=128, quantum=16).tolist() == [16, 64, 128]


def test_a_start_off_the_quantum_is_raised_not_lowered() -> None:
    assert fixed_root(steps(0), total=10, lowest=10, highest=64, quantum=8).tolist() == [16]


def test_deepspeeds_discrete_schedule_holds_each_difficulty_through_its_last_step() -> None:
    assert fixed_discrete(steps(0, 5, 6, 10, 11), [1, 2, 3], [5, 10]).tolist() == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("pacing", "percent"),
    [
        ("fixed-linear", [10, 32, 55, 100, 100]),  # floor(.25 * 90 + 10), floor(.5 * 90 + 10)
        ("fixed-root", [10, 55, 73, 100, 100]),  # floor(.5 * 90 + 10), floor(.70711 * 90 + 10)
        ("fixed-discrete", [20, 40, 60, 100, 100]),
    ],
)
def test_deepspeeds_schedules_open_a_percentile_of_the_rows(pacing: str, percent: list[int]) -> None:
    found = pool(pacing, shares(0, 0.2, 0.4, 0.8, 1.0), start=0.1, full_at=0.8)  # type: ignore[arg-type]

    assert (100 * found).round().astype(int).tolist() == percent
