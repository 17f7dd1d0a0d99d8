"""Tiers by natural break, threshold, label and inside groups; caps between groups."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.tier.assign import by_difficulty, by_label, steady
from curate.tier.balance import capped, floored, sample, sinking
from curate.tier.breaks import natural
from curate.tier.cut import place
from curate.tier.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def tiers_of(difficulty: Floats, settings: Settings) -> NDArray[np.int8]:
    whole = np.zeros(len(difficulty), np.int32)
    return by_difficulty(difficulty, np.zeros_like(difficulty), whole, settings, {})[0]


def spread(values: list[float], cuts: tuple[int, ...]) -> float:
    parts = np.split(np.sort(np.array(values, np.float64)), cuts)
    return float(sum(((part - part.mean()) ** 2).sum() for part in parts if len(part)))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 4))
def test_natural_breaks_are_the_best_of_all_divisions(values: list[int], tiers: int) -> None:
    difficulty = np.array(values, np.float32)

    tier = place(difficulty, natural(difficulty, tiers))

    found = sum(
        ((part - part.mean()) ** 2).sum() for each in set(tier.tolist()) if len(part := difficulty[tier == each])
    )
    ways = combinations_with_replacement(range(len(values) + 1), tiers - 1)
    assert found == pytest.approx(min(spread([float(value) for value in values], cuts) for cuts in ways), abs=1e-3)


def test_natural_breaks_find_three_clusters_of_unequal_size() -> None:
    random = np.random.default_rng(0)
    difficulty = np.concatenate([random.normal(at, 0.01, rows) for at, rows in ((0.1, 5000), (0.5, 50), (0.9, 500))])

    upper = natural(difficulty.astype(np.float32), 3)

    assert np.bincount(place(difficulty.astype(np.float32), upper)).tolist() == [5000, 50, 500]


def test_one_difficulty_for_all_has_one_natural_tier() -> None:
    assert place(floats(0.5, 0.5), natural(floats(0.5, 0.5), 3)).tolist() == [0, 0]


def test_thresholds_are_the_highest_difficulty_of_their_tier() -> None:
    settings = Settings(thresholds=(0.2, 0.6))

    tier = tiers_of(floats(0.1, 0.2, 0.3, 0.6, 0.7), settings)

    assert settings.tier_count == 3
    assert tier.tolist() == [0, 0, 1, 1, 2]


def test_thresholds_that_fall_are_refused() -> None:
    with pytest.raises(SettingsError, match="do not rise"):
        tiers_of(floats(0.1), Settings(thresholds=(0.6, 0.2)))


def test_each_group_has_rows_in_every_tier_when_tiers_are_cut_inside_groups() -> None:
    difficulty = np.concatenate([np.linspace(0, 0.4, 20), np.linspace(0.6, 1, 20)]).astype(np.float32)
    group = np.repeat(np.array([0, 1], np.int32), 20)

    tier, _ = by_difficulty(difficulty, np.zeros(40, np.float32), group, Settings(tiers=4), {})

    assert [np.bincount(tier[group == each]).tolist() for each in (0, 1)] == [[5, 5, 5, 5], [5, 5, 5, 5]]


def test_an_unstable_row_at_a_border_goes_one_tier_up() -> None:
    difficulty, upper = floats(0.29, 0.29, 0.1), floats(0.3, 0.35)
    uncertainty = floats(0.0, 0.5, 0.1)

    tier = steady(place(difficulty, upper), difficulty, uncertainty, upper, margin=1.0)

    assert tier.tolist() == [0, 1, 0]


def test_labels_make_tiers_in_the_order_of_their_numbers() -> None:
    code = np.array([0, 1, 2, 1], np.int32)

    tier, labels = by_label("level", ["10", "9", "2"], code, Settings(tiers=3))

    assert tier.tolist() == [2, 1, 0, 1]
    assert list(labels) == [2, 9, 10]


def test_labels_that_are_frozen_keep_their_tiers_and_others_find_a_place_among_them() -> None:
    words, code = ["0", "1", "1.5", "2", "7"], np.arange(5, dtype=np.int32)

    tier, labels = by_label("level", words, code, Settings(tiers=4), frozen=(1, 2, 5))

    assert tier.tolist() == [0, 0, 1, 1, 3]
    assert list(labels) == [1, 2, 5, 7]
    with pytest.raises(SettingsError, match="give --tiers 4"):
        by_label("level", words, code, Settings(tiers=3), frozen=(1, 2, 5))


def test_words_make_tiers_in_the_order_that_is_given() -> None:
    code, settings = np.array([0, 1, 2], np.int32), Settings(tiers=3, order=("easy", "medium", "hard"))

    assert by_label("level", ["easy", "hard", "medium"], code, settings)[0].tolist() == [0, 2, 1]


def test_words_without_an_order_are_refused_since_the_alphabet_is_none() -> None:
    with pytest.raises(SettingsError, match=r"'easy', 'hard', 'medium'\) are not numbers"):
        by_label("level", ["easy", "hard", "medium"], np.array([0, 1, 2], np.int32), Settings(tiers=3))


def test_more_labels_than_tiers_are_refused_with_the_option() -> None:
    with pytest.raises(SettingsError, match="give --tiers 3"):
        by_label("level", ["1", "2", "3"], np.array([0], np.int32), Settings(tiers=2))


def test_a_row_without_a_label_is_refused() -> None:
    with pytest.raises(SettingsError, match="1 of 2 examples have no value in 'level'"):
        by_label("level", ["1", "nan"], np.array([0, -1], np.int32), Settings(tiers=2))
    with pytest.raises(SettingsError, match="1 of 2 examples have no value in 'level'"):
        by_label("level", ["1", "nan"], np.array([0, 1], np.int32), Settings(tiers=2))


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8).filter(any), st.floats(0.1, 1))
def test_no_group_holds_more_than_the_cap_to_a_row_and_no_more_is_lost_than_must_be(
    counts: list[int], cap: float
) -> None:
    groups = np.array(counts)
    if cap * (groups > 0).sum() < 1 - 1e-9:  # to rounding
        with pytest.raises(SettingsError, match="there are only"):
            capped(groups, cap)
        return

    kept = capped(groups, cap)

    assert (kept <= groups).all()
    assert kept.max() <= cap * kept.sum() + len(counts)
    cut = kept < groups
    assert (kept[cut] >= cap * kept.sum() - 1).all()


def test_capping_keeps_the_luckiest_rows() -> None:
    group = np.array([0, 0, 0, 1])

    assert sample(group, np.array([1, 1]), np.array([0.9, 0.1, 0.5, 0.99])).tolist() == [False, True, False, True]


def test_frozen_borders_put_equal_difficulties_into_their_old_tier() -> None:
    settings, whole = Settings(tiers=2), np.zeros(6, np.int32)
    _, first = by_difficulty(floats(0.1, 0.2, 0.3, 0.4), floats(0, 0, 0, 0), whole[:4], settings, {})

    grown, _ = by_difficulty(floats(0.1, 0.2, 0.3, 0.4, 0.9, 0.95), np.zeros(6, np.float32), whole, settings, first)

    assert grown.tolist() == [0, 0, 1, 1, 1, 1]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=8).filter(any), st.floats(0.01, 0.5))
def test_every_group_holds_the_floor_and_no_more_is_lost_than_must_be(counts: list[int], floor: float) -> None:
    groups = np.array(counts)
    try:
        kept = floored(groups, floor)
    except SettingsError:
        smallest, present = groups[groups > 0].min(), (groups > 0).sum()
        assert (
            floor * present > 1
            or np.minimum(groups, smallest).sum() * 2 <= groups.sum()
            or (smallest / floor < groups.sum() / 2 + present)
        )
        return

    present = groups > 0
    assert (kept <= groups).all()
    assert kept[present].min() >= floor * kept.sum() - 1e-6
    level = kept.max() + 1
    if (kept < groups).any():
        assert floor * np.minimum(groups, level).sum() > groups[present].min()


def test_a_floor_that_would_cost_most_rows_is_refused_with_one_that_would_not() -> None:
    with pytest.raises(SettingsError, match=r"only 40 of 1002 rows could stay\n  fix: lower the floor to 0\.0040"):
        floored(np.array([1000, 2]), 0.05)


def test_a_group_that_sinks_into_the_last_tier_is_told_of() -> None:
    code = np.repeat([0, 1], [100, 40]).astype(np.int32)
    tier = np.concatenate([np.arange(100) % 4, np.full(40, 3)]).astype(np.int8)

    told = sinking("skill", ["sums", "poems"], code, tier, 4)

    assert [line.split(";")[0] for line in told] == [
        "40 of the 40 rows of skill 'poems' are in the last tier, of all rows 46%"
    ]
