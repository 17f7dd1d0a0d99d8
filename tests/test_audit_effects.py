"""Cliff's delta: against scipy, by hand, within strata, and the coverage of its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.audit import intervals
from curate.audit.effects import compare, crude, ordered, within
from curate.audit.exchange import Members

if TYPE_CHECKING:
    from numpy.typing import NDArray


def members(belongs: list[bool]) -> Members:
    held = np.flatnonzero(belongs)
    return Members(held, np.zeros(len(held), np.int64), np.ones(len(held)), 1)


def test_midranks_are_those_of_scipy_inside_each_stratum() -> None:
    from scipy.stats import rankdata

    chance = np.random.default_rng(1)
    values, strata = chance.integers(0, 9, 60).astype(float), chance.integers(0, 3, 60)

    ranks = ordered(values, strata).ranks

    for each in range(3):
        assert ranks[strata == each].tolist() == rankdata(values[strata == each]).tolist()


def test_delta_by_hand() -> None:
    # 5 against 1 2 and 4 against 1 2 win, 2 against 1 wins and ties with 2: 5 wins, 0 losses, 1 tie of 6 pairs
    delta, _ = crude(np.array([5.0, 4.0, 2.0, 1.0, 2.0]), members([True, True, True, False, False]))

    assert np.isclose(delta[0], 5 / 6)


def test_delta_and_p_are_those_of_the_rank_sum_test() -> None:
    from scipy.stats import mannwhitneyu

    chance = np.random.default_rng(2)
    values, belongs = chance.integers(0, 30, 400).astype(float), chance.random(400) < 0.3
    values[belongs] += 3
    test = mannwhitneyu(values[belongs], values[~belongs], use_continuity=False)

    held = compare(values, members(belongs.tolist()), np.zeros(400, np.int64), 0.95)

    assert np.isclose(held.delta[0], 2 * test.statistic / (belongs.sum() * (~belongs).sum()) - 1)
    assert np.isclose(held.p[0], test.pvalue, rtol=0.1)
    assert np.isclose(held.given[0], held.delta[0])


def test_strata_take_away_what_they_explain() -> None:
    chance = np.random.default_rng(3)
    strata = chance.integers(0, 2, 2000)
    belongs = chance.random(2000) < np.where(strata == 1, 0.6, 0.2)
    values = strata * 5 + chance.normal(size=2000)

    held = compare(values, members(belongs.tolist()), strata, 0.95)

    assert held.delta[0] > 0.3
    assert abs(held.given[0]) < 0.08
    assert held.p[0] > 0.01


def test_a_value_beats_those_of_the_other_side_of_its_stratum_that_are_smaller() -> None:
    chance = np.random.default_rng(4)
    values, strata = chance.integers(0, 9, 200).astype(np.float64), chance.integers(0, 4, 200)
    belongs = chance.random(200) < 0.3

    held = ordered(values, strata).beaten(belongs)

    others = (belongs[:, None] != belongs) & (strata[:, None] == strata)
    smaller, equal = values[:, None] > values, values[:, None] == values
    assert held.tolist() == ((smaller + equal / 2) * others).sum(axis=1).tolist()


def test_too_few_units_are_not_compared() -> None:
    given, _, p = within(
        ordered(np.arange(6.0), np.zeros(6, np.int64)), members([True, True, False, False, False, False])
    )

    assert np.isnan(given[0])
    assert np.isnan(p[0])


def deltas(values: NDArray[np.float64], belongs: NDArray[np.bool_], strata: NDArray[np.int64]) -> list[float]:
    """Both ends of the interval within strata."""
    held = members(belongs.tolist())
    given, size, _ = within(ordered(values, strata), held)
    low, high = intervals.of_delta(given, size, 0.95)
    return [float(low[0]), float(high[0])]


@pytest.mark.parametrize(
    ("strata", "size", "ours", "shift"),
    [(1, 120, 40, 0.0), (1, 120, 40, 1.0), (6, 20, 5, 0.0), (6, 20, 5, 1.0), (20, 8, 2, 2.0)],
)
def test_intervals_of_delta_cover_at_least_as_often_as_they_say(
    strata: int, size: int, ours: int, shift: float
) -> None:
    from scipy.stats import norm

    chance = np.random.default_rng(strata * size)
    truth = 2 * norm.cdf(shift / np.sqrt(2)) - 1
    belongs = np.tile(np.arange(size) < ours, strata)
    codes = np.repeat(np.arange(strata), size)
    ends = np.array(
        [deltas(chance.normal(size=strata * size) + codes + shift * belongs, belongs, codes) for _ in range(1000)]
    )

    assert 0.93 <= ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() <= 0.985


def test_sides_that_do_not_overlap_are_not_certain() -> None:
    values = np.arange(20.0)

    delta, size = crude(values, members((values >= 14).tolist()))
    low, high = intervals.of_delta(delta, size, 0.95)

    # six against fourteen: as sure as six of six
    assert (delta[0], size[0]) == (1.0, 6.0)
    assert low[0] == pytest.approx(2 * 6 / (6 + 1.959964**2) - 1)
    assert high[0] == pytest.approx(1.0)
