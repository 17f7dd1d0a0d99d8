"""Rank correlations are those of scipy and of residuals; a fitted blend is judged on rows it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from curate.core.agreement import (
    by_fold,
    concordance,
    cross_validated,
    fit,
    folds,
    mid_ranks,
    spearman,
    spearman_given,
)


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
    weights = fit(*planted(2000), np.zeros(3))

    assert weights == pytest.approx([2 / 3, -1 / 3, 0], abs=0.02)


def test_a_missing_rank_spoils_no_fit() -> None:
    scores, label, fold = planted(2000)
    scores[2, ::2] = np.nan

    assert fit(scores, label, fold, np.zeros(3)) == pytest.approx([2 / 3, -1 / 3, 0], abs=0.02)


def test_a_label_that_nothing_explains_is_not_explained_out_of_fold() -> None:
    chance = np.random.default_rng(3)
    scores, label, fold = chance.random((20, 60)), chance.random(60), folds(np.arange(60), 5, chance)

    seen = spearman(fit(scores, label, fold, np.zeros(20)) @ scores, label)
    unseen = np.mean(by_fold(cross_validated(scores, label, fold, np.zeros(20)), label, fold))

    assert seen > 0.4
    assert abs(unseen) < 0.3


@pytest.mark.parametrize("prior", [(1.0, 1.0, 0.0), (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0)])
def test_with_many_labels_the_prior_weights_do_not_matter(prior: tuple[float, float, float]) -> None:
    assert fit(*planted(2000), np.array(prior)) == pytest.approx([2 / 3, -1 / 3, 0], abs=0.02)


def test_with_few_labels_good_prior_weights_help_on_rows_unseen() -> None:
    prior, gains = np.eye(20)[0], []
    for seed in range(20):
        chance = np.random.default_rng(seed)
        scores, fold = chance.random((20, 60)), folds(np.arange(60), 5, chance)
        label = scores[0] + 0.5 * chance.normal(size=60)
        both = (cross_validated(scores, label, fold, each) for each in (prior, np.zeros(20)))
        with_prior, without = (np.mean(by_fold(one, label, fold)) for one in both)
        gains.append(with_prior - without)

    assert np.mean(gains) > 0.1


def test_rows_of_one_unit_share_a_fold_and_folds_are_of_a_size() -> None:
    units = np.arange(300) // 3

    fold = folds(units, 5, np.random.default_rng(0))

    assert all(len(set(fold[units == each])) == 1 for each in range(100))
    assert np.bincount(fold).tolist() == [60] * 5


def test_rows_of_several_domains_are_ranked_inside_their_own() -> None:
    values = np.array([5.0, 1.0, 300.0, 100.0, np.nan, 200.0])
    domain = np.array([7, 7, 2, 2, 2, 2])

    assert mid_ranks(values, domain) == pytest.approx([3 / 4, 1 / 4, 5 / 6, 1 / 6, np.nan, 3 / 6], nan_ok=True)
    assert spearman(values, -values, domain) == pytest.approx(-1)
    assert spearman(values, np.array([9.0, 1.0, 3.0, 1.0, 1.0, 2.0]), domain) == pytest.approx(1)


def test_a_domain_of_one_kind_is_no_domain() -> None:
    chance = np.random.default_rng(0)
    one, other, control = chance.integers(0, 9, (3, 100)).astype(float)

    same = np.zeros(100, np.int64)

    assert spearman(one, other, same) == pytest.approx(spearman(one, other))
    assert spearman_given(one, other, control, same) == pytest.approx(spearman_given(one, other, control))


def test_concordance_is_one_for_one_order_and_follows_the_mean_of_all_correlations() -> None:
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(4, 50))
    pairs = [spearman(scores[i], scores[j]) for i in range(4) for j in range(i)]

    assert concordance(np.array([scores[0], np.exp(scores[0])])) == pytest.approx(1)
    assert concordance(np.array([scores[0], -scores[0]])) == pytest.approx(0)
    assert concordance(scores) == pytest.approx((1 + 3 * np.mean(pairs)) / 4)  # Kendall and Babington Smith 1939
    assert np.isnan(concordance(scores[:1]))


def test_concordance_with_ties_is_the_published_one() -> None:
    ranks = [  # Siegel and Castellan 1988, ties corrected: W = 12 S / (m^2 (n^3 - n) - m sum T)
        [1.0, 4.5, 2.0, 4.5, 3.0, 7.5, 6.0, 9.0, 7.5, 10.0],
        [2.5, 1.0, 2.5, 4.5, 4.5, 8.0, 9.0, 6.5, 10.0, 6.5],
        [2.0, 1.0, 4.5, 4.5, 4.5, 4.5, 8.0, 8.0, 8.0, 10.0],
    ]

    assert concordance(np.array(ranks)) == pytest.approx(0.828, abs=5e-4)
