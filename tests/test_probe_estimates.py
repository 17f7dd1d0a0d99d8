"""Intervals: known cases exactly, and as often right as they claim where groups hold many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.probe import estimates
from curate.probe.estimates import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sums(above: object, below: object = None, group: object = None) -> Sums:
    numbers: NDArray[np.float64] = np.asarray(above, np.float64)
    return Sums(
        numbers,
        np.ones(len(numbers)) if below is None else np.asarray(below, np.float64),
        np.arange(len(numbers)) if group is None else np.asarray(group, np.int64),
    )


def test_a_mean_of_rows_that_stand_alone_has_the_classic_interval() -> None:
    from scipy import stats

    values = np.array([2.0, 3.5, 1.0, 4.0, 2.5])

    found = estimates.mean(sums(values))

    expected = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((2.6, *expected))
    assert (found.rows, found.groups) == (5, 5)


def test_rows_of_one_group_count_once() -> None:
    once = estimates.mean(sums([2.0, 3.5, 1.0]))
    thrice = estimates.mean(sums([2.0, 3.5, 1.0] * 3, group=[0, 1, 2] * 3))

    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))
    assert (thrice.rows, thrice.groups) == (9, 3)


def test_the_variance_of_a_ratio_is_cochrans() -> None:
    from scipy import stats

    above, below = np.array([4.0, 9.0, 2.0, 7.0]), np.array([2.0, 3.0, 2.0, 5.0])
    ratio = 22 / 12
    variance = 4 / 3 * sum((a - ratio * b) ** 2 for a, b in zip(above, below, strict=True)) / 12**2

    found = estimates.mean(sums(above, below))

    assert found.value == pytest.approx(ratio)
    assert found.high == pytest.approx(ratio + stats.t.ppf(0.975, 3) * variance**0.5)


def test_one_group_has_a_value_and_no_interval() -> None:
    found = estimates.share(sums([1, 0], group=[5, 5]))

    assert (found.value, found.low, found.high, found.groups) == (0.5, None, None, 1)


def test_a_share_where_all_groups_agree_has_wilsons_interval() -> None:
    from scipy import stats

    found = estimates.share(sums(np.ones(20)))

    expected = stats.binomtest(20, 20).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_share_of_none_or_all_lies_in_its_interval() -> None:
    none, every = (estimates.share(sums(np.full(3, each))) for each in (0.0, 1.0))

    assert (none.low, every.high) == (0.0, 1.0)


def test_a_change_on_the_same_rows_is_surer_than_two_figures() -> None:
    dice = np.random.default_rng(0)
    hard = dice.normal(3, 1, 40)
    then, now = sums(hard), sums(hard - 0.1 + dice.normal(0, 0.01, 40))

    found = estimates.difference(now, then)

    assert found.high is not None
    assert found.high < 0
    assert estimates.mean(now).high > estimates.mean(then).low  # type: ignore[operator]


def test_a_change_of_shares_is_bonett_and_prices() -> None:
    from scipy import stats

    then = sums([1] * 9 + [0] * 11)
    now = sums([1] * 6 + [0] * 3 + [1] * 7 + [0] * 4)
    up, down = 8 / 22, 4 / 22
    half = stats.t.ppf(0.975, 19) * ((up + down - (up - down) ** 2) / 21) ** 0.5

    found = estimates.difference_of_shares(now, then)

    assert found.value == pytest.approx(4 / 20)
    assert (found.low, found.high) == pytest.approx((up - down - half, up - down + half))


def test_nothing_changed_in_a_few_rows_proves_little() -> None:
    found = estimates.difference_of_shares(sums(np.ones(5)), sums(np.ones(5)))

    assert found.value == 0
    assert found.low is not None
    assert found.low < -0.3


def test_weights_of_the_rows_themselves_give_the_plain_mean() -> None:
    values, cell = np.array([1.0, 2.0, 4.0, 8.0, 3.0]), np.array([0, 0, 1, 1, 1])

    found = estimates.weighted(sums(values), cell, np.array([0.4, 0.6]))

    assert found.value == pytest.approx(values.mean())


def test_a_weighted_mean_adds_up_the_variances_of_its_cells() -> None:
    from scipy import stats

    values, cell = np.array([1.0, 2.0, 4.0, 8.0, 3.0]), np.array([0, 0, 1, 1, 1])
    variance = 0.25 * values[:2].var(ddof=1) / 2 + 0.25 * values[2:].var(ddof=1) / 3

    found = estimates.weighted(sums(values), cell, np.array([0.5, 0.5]))

    assert found.high == pytest.approx(found.value + stats.t.ppf(0.975, 3) * variance**0.5)


@pytest.mark.parametrize(("groups", "rows", "share"), [(20, 5, 0.9), (50, 30, 0.6), (100, 1, 0.97)])
def test_intervals_of_shares_hold_as_often_as_they_say(groups: int, rows: int, share: float) -> None:
    dice, held = np.random.default_rng(1), 0
    for _ in range(300):
        sizes = dice.integers(1, rows + 1, groups)
        right = dice.binomial(sizes, dice.beta(share * 4, (1 - share) * 4, groups) if rows > 1 else share)
        found = estimates.share(sums(right, sizes))
        held += found.low <= share <= found.high  # type: ignore[operator]

    assert 0.92 <= held / 300 <= 1
