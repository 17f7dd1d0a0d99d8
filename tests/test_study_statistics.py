"""Student's interval and Holm's correction against the libraries that everybody uses, and what they mean in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.study.statistics import Interval, holm, paired, says, word


@pytest.mark.parametrize("count", [2, 5, 8, 30])
def test_the_paired_interval_is_that_of_scipy(count: int) -> None:
    from scipy import stats

    dice = np.random.default_rng(count)
    one, other = dice.normal(1.0, 0.2, count), dice.normal(0.9, 0.3, count)
    known = stats.ttest_rel(one, other)
    bounds = known.confidence_interval(0.95)

    found = paired(one - other)

    assert found.p == pytest.approx(known.pvalue, rel=1e-10)
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), rel=1e-10)
    assert found.pairs == count


@pytest.mark.parametrize(
    ("values", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.001, 0.6, 0.02, 0.02, 0.9], [0.005, 1.0, 0.08, 0.08, 1.0]),
        ([], []),
    ],
)
def test_holm_is_that_of_statsmodels(values: list[float], adjusted: list[float]) -> None:
    """The numbers are those of `statsmodels.stats.multitest.multipletests(values, method="holm")`."""
    assert holm(values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_makes_a_value_smaller_and_keeps_their_order(values: list[float]) -> None:
    adjusted = holm(values)

    assert all(one >= value for one, value in zip(adjusted, values, strict=True))
    assert max(adjusted) <= 1
    ranked = [adjusted[at] for at in np.argsort(values, kind="stable")]
    assert ranked == sorted(ranked)


def test_equal_differences_have_no_deviation() -> None:
    assert paired(np.zeros(4)) == Interval(mean=0.0, low=0.0, high=0.0, p=1.0, pairs=4)
    assert paired(np.full(4, 0.5)).p == 0.0


def interval(low: float, high: float) -> Interval:
    return Interval(mean=(low + high) / 2, low=low, high=high, p=0.04, pairs=8)


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict"),
    [
        (-0.30, -0.10, 0.001, "benefit"),
        (0.10, 0.30, 0.001, "harm"),
        (-0.009, 0.008, 0.9, "no benefit"),
        (-0.009, -0.001, 0.001, "no benefit"),
        (-0.30, 0.10, 0.4, "undecided"),
        (-0.30, -0.01, 0.08, "undecided"),
    ],
)
def test_the_verdict_in_words(low: float, high: float, p: float, verdict: str) -> None:
    assert word(interval(low, high), p, margin=0.01) == verdict


def test_the_sentence_has_the_numbers() -> None:
    told = says("curriculum", "benefit", interval(-0.3, -0.1), 2.0, "random")

    assert told == "curriculum does better than random (-0.2000 nats a token, -10.0 % [-15.0, -5.0]; 8 paired seeds)"
