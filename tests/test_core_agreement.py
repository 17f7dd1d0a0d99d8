"""Rank correlations are those of scipy and of residuals; a fitted blend is judged on rows it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from curate.core.agreement import by_fold, cross_validated, fit, folds, mid_ranks, spearman, spearman_given


def test_mid_ranks_are_rankdata_at_half_steps() -> None:
    from scipy.stats import rankdata

    values = np.random.default_rng(0).integers(0, 9, 200).astype(float)

    assert mid_ranks(values) == pytest.approx((rankdata(values) - 0.5) / 200)
    assert np.isnan(mid_ranks(np.array([1.0, np.nan]))).tolist() == [False, True]


def test_spearman_is_scipys_over_the_rows_that_have_both() -> None:
    from scipy.stats import spearmanr

    chance = np.random.default_rng(0)
    one, other = chance.integers(0, 20, 300).astype(float), chance.integers(0, 20, 300).astype(float)
    gap = one.copy()
    gap[:50] = np.nan

    assert spearman(gap, one + other) == pytest.approx(spearmanr(one[50:], (one + other)[50:]).statistic)


def test_a_constant_has_no_correlation() -> None:
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
    assert np.isnan(spearman_given(np.arange(5.0), np.ones(5), np.arange(5.0)))


def test_a_partial_correlation_is_that_of_the_residuals() -> None:
    from scipy.stats import rankdata

    chance = np.random.default_rng(1)
    control = chance.normal(size=500)
    one, other = control + chance.normal(size=500), control + chance.normal(size=500)
    first, second, third = (rankdata(values) for values in (one, other, control))
    left = [values - np.polyval(np.polyfit(third, values, 1), third) for values in (first, second)]

    assert spearman_given(one, other, control) == pytest.approx(np.corrcoef(left[0], left[1])[0, 1])


def test_what_follows_the_control_has_no_partial_correlation() -> None:
    control = np.arange(30.0)

    assert np.isnan(spearman_given(control * 2, control, control))


def planted(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks of three scores, of which a label follows the first, turns against the second and ignores the third."""
    chance = np.random.default_rng(seed)
    scores = chance.random((3, rows))
    label = 2 * scores[0] - scores[1] + 0.1 * chance.normal(size=rows)
    return scores, label, folds(np.arange(rows), 5, chance)


def test_fitted_weights_are_those_that_made_the_label() -> None:
    weights = fit(*planted(2000))

    assert weights == pytest.approx([2 / 3, -1 / 3, 0], abs=0.02)


def test_a_missing_rank_spoils_no_fit() -> None:
    scores, label, fold = planted(2000)
    scores[2, ::2] = np.nan

    assert fit(scores, label, fold) == pytest.approx([2 / 3, -1 / 3, 0], abs=0.02)


def test_a_label_that_nothing_explains_is_not_explained_out_of_fold() -> None:
    chance = np.random.default_rng(3)
    scores, label, fold = chance.random((20, 60)), chance.random(60), folds(np.arange(60), 5, chance)

    seen = spearman(fit(scores, label, fold) @ scores, label)
    unseen = np.mean(by_fold(cross_validated(scores, label, fold), label, fold))

    assert seen > 0.4
    assert abs(unseen) < 0.3


def test_rows_of_one_unit_share_a_fold_and_folds_are_of_a_size() -> None:
    units = np.arange(300) // 3

    fold = folds(units, 5, np.random.default_rng(0))

    assert all(len(set(fold[units == each])) == 1 for each in range(100))
    assert np.bincount(fold).tolist() == [60] * 5
