"""Difficulty is a mean of ranks, and tiers are cut where equal values stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.agreement import blend
from curate.core.plan import Ingredient, ScoreSource
from curate.core.views import KINDS
from curate.errors import SettingsError
from curate.protocol import Rising, ScoreField
from curate.tier.cut import borders, cut, place
from curate.tier.difficulty import ingredients, knots, rank, telling

HARD = ScoreField(name="hard", rising=Rising.HARDER, unit="nats", about="", headline=True, weights={"code": 2.0})
OTHER = ScoreField(name="other", rising=Rising.NEUTRAL, unit="nats", about="")
SOURCES = [ScoreSource(alias="a", folder="", fields=(HARD, OTHER)), ScoreSource(alias="b", folder="", fields=(OTHER,))]


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_equal_difficulties_share_a_tier() -> None:
    assert cut(floats(0.1, 0.5, 0.5, 0.5, 0.9), tiers=2).tolist() == [0, 0, 0, 0, 1]


def test_different_difficulties_make_tiers_of_equal_size() -> None:
    values = np.random.default_rng(0).permutation(100).astype(np.float32)

    assert np.bincount(cut(values, tiers=4)).tolist() == [25, 25, 25, 25]


def test_beside_many_rows_of_one_difficulty_no_tier_is_a_few_rows() -> None:
    values = np.repeat(floats(0.0, 0.2, 0.3, 0.5, 0.6, 0.7, 0.9), [1, 1835, 1, 617, 383, 421, 837])

    assert np.bincount(cut(values, tiers=4)).tolist() == [1836, 618, 804, 837]
    assert np.bincount(cut(values, tiers=5)).tolist() == [1836, 618, 383, 421, 837]
    assert (np.bincount(cut(values, tiers=7)) > 0).all()


def test_one_difficulty_for_all_makes_one_tier_between_borders_that_are_numbers() -> None:
    values = floats(0.5, 0.5, 0.5)

    assert len(set(cut(values, tiers=3).tolist())) == 1
    assert np.isfinite(borders(values, tiers=3)).all()
    assert np.isfinite(borders(floats(), tiers=3)).all()


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=200), st.integers(1, 8))
def test_harder_rows_never_have_a_lower_tier(values: list[float], tiers: int) -> None:
    difficulty = np.array(values, dtype=np.float32)

    tier = cut(difficulty, tiers)

    assert tier.min() >= 0
    assert tier.max() < tiers
    assert (np.diff(tier[np.argsort(difficulty, kind="stable")]) >= 0).all()


def test_new_rows_are_placed_by_the_borders_that_were_cut() -> None:
    upper = borders(floats(0.1, 0.2, 0.3, 0.4), tiers=2)

    assert place(floats(0.2, 0.25, 5.0), upper).tolist() == [0, 1, 1]


def test_ranks_are_mid_ranks_between_nought_and_one() -> None:
    values = floats(10, 20, 20, 40)

    assert rank(values, knots("s", "d", values)).tolist() == [0.125, 0.5, 0.5, 0.875]


def test_a_missing_score_has_no_rank() -> None:
    values = floats(1, np.nan, 2)

    assert np.isnan(rank(values, knots("s", "d", values))).tolist() == [False, True, False]


def test_many_values_are_thinned_to_knots_that_keep_ranks_within_a_thousandth() -> None:
    values = np.random.default_rng(1).normal(size=50_000).astype(np.float32)
    table = knots("s", "d", values)

    exact = (np.argsort(np.argsort(values)) + 0.5) / len(values)

    assert len(table.values) <= 1024
    assert np.abs(rank(values, table) - exact).max() < 0.001


def test_a_blend_is_the_weighted_mean_of_ranks() -> None:
    ranks = np.array([[0.0, 1.0], [1.0, 1.0]])

    difficulty, uncertainty = blend(ranks, np.array([[1.0, 1.0], [3.0, 3.0]]))

    assert difficulty.tolist() == [0.75, 1.0]
    assert uncertainty.tolist() == pytest.approx([np.sqrt(0.25 * 0.75), 0.0])


def test_a_missing_rank_leaves_the_weight_to_the_others() -> None:
    difficulty, uncertainty = blend(np.array([[0.2], [np.nan]]), np.ones((2, 1)))

    assert difficulty.tolist() == pytest.approx([0.2])
    assert np.isnan(uncertainty[0])


def test_a_row_without_ranks_has_no_difficulty() -> None:
    assert np.isnan(blend(np.array([[np.nan]]), np.ones((1, 1)))[0][0])


def test_a_negative_weight_turns_the_direction_round() -> None:
    assert blend(np.array([[0.2]]), np.array([[-1.0]]))[0].tolist() == pytest.approx([0.8])


def test_headlines_that_rise_harder_make_the_default_difficulty() -> None:
    (only,) = ingredients(SOURCES, {})

    assert only.score == "a.hard"
    assert only.weights == {"text": 1.0, "task": 1.0, "chat": 1.0, "code": 2.0}


@pytest.mark.parametrize(("declared", "task"), [({"chat": 3.0}, 3.0), ({"chat": 3.0, "task": 0.5}, 0.5)])
def test_a_task_weighs_as_a_chat_unless_the_scorer_says_otherwise(declared: dict[str, float], task: float) -> None:
    field = ScoreField(name="x", rising=Rising.HARDER, unit="", about="", headline=True, weights=declared)

    (only,) = ingredients([ScoreSource(alias="a", folder="", fields=(field,))], {})

    assert (only.weights["task"], only.weights["text"]) == (task, 1.0)


def test_a_plan_that_knew_no_tasks_goes_on_taking_them_for_prose() -> None:
    held = Ingredient.model_validate({"score": "a.hard", "weights": {"text": 2.0, "chat": 1.0, "code": 0.0}})

    assert held.weights == {"text": 2.0, "task": 2.0, "chat": 1.0, "code": 0.0}


def test_a_control_takes_part_only_where_nothing_else_does() -> None:
    control = ScoreField(name="long", rising=Rising.HARDER, unit="", about="", headline=True, weights={"text": 0.0})
    only = ScoreSource(alias="length", folder="", fields=(control,))

    both = {one.score: one.weights for one in ingredients([*SOURCES, only], {})}

    assert both["a.hard"] == {"text": 1.0, "task": 1.0, "chat": 1.0, "code": 2.0}
    assert both["length.long"] == {"text": 1.0, "task": 1.0, "chat": 1.0, "code": 0.0}
    assert [one.weights for one in ingredients([only], {})] == [dict.fromkeys(KINDS, 1.0)]


def test_a_score_that_is_the_same_for_all_rows_of_a_kind_has_no_weight_there() -> None:
    control = ScoreField(name="long", rising=Rising.HARDER, unit="", about="", headline=True, weights={"text": 0.0})
    sources = [*SOURCES, ScoreSource(alias="length", folder="", fields=(control,))]
    scores = {"a.hard": floats(1, 1, np.nan, 3, 4), "length.long": floats(1, 2, 3, 4, 4)}

    told = telling(scores, np.array([2, 2, 2, 3, 3], np.int8))

    assert told == {"text": None, "task": None, "chat": ["length.long"], "code": ["a.hard"]}
    assert {one.score: one.weights for one in ingredients(sources, {}, told)} == {
        "a.hard": {"text": 1.0, "task": 1.0, "chat": 0.0, "code": 2.0},
        "length.long": {"text": 1.0, "task": 1.0, "chat": 1.0, "code": 0.0},
    }


def counts(**weights: float) -> ScoreField:
    """A field that is no headline and rises harder."""
    return ScoreField(name="count", rising=Rising.HARDER, unit="", about="", weights=weights)


def test_what_is_no_headline_takes_part_where_its_scorer_gives_it_a_weight() -> None:
    hard = ScoreField(name="hard", rising=Rising.HARDER, unit="", about="", headline=True, weights={"task": 2.0})
    source = ScoreSource(alias="a", folder="", fields=(hard, counts(task=0.5)))

    made = {one.score: one.weights for one in ingredients([source], {})}

    assert made["a.count"] == {"text": 0.0, "task": 0.5, "chat": 0.0, "code": 0.0}
    assert made["a.hard"] == {"text": 1.0, "task": 2.0, "chat": 1.0, "code": 1.0}


def test_where_no_headline_weighs_all_headlines_do_and_what_has_a_weight_with_them() -> None:
    control = ScoreField(name="long", rising=Rising.HARDER, unit="", about="", headline=True, weights={"text": 0.0})
    source = ScoreSource(alias="a", folder="", fields=(control, counts(task=0.5)))

    made = {one.score: one.weights for one in ingredients([source], {})}

    assert made["a.long"] == dict.fromkeys(KINDS, 1.0)
    assert made["a.count"] == {"text": 0.0, "task": 1.0, "chat": 0.0, "code": 0.0}


def test_a_score_with_a_weight_is_the_difficulty_where_the_headlines_tell_nothing() -> None:
    control = ScoreField(name="long", rising=Rising.HARDER, unit="", about="", headline=True, weights={"text": 0.0})
    source = ScoreSource(alias="a", folder="", fields=(control, counts(task=0.5)))
    scores = {"a.long": floats(4, 4), "a.count": floats(1, 2)}

    made = ingredients([source], {}, telling(scores, np.array([1, 1], np.int8)))

    assert {one.score: one.weights["task"] for one in made} == {"a.long": 0.0, "a.count": 1.0}


def test_weights_name_scores_by_alias_or_by_field() -> None:
    chosen = ingredients(SOURCES, {"a": 1.0, "b.other": -2.0})

    assert [(one.score, one.weights["chat"]) for one in chosen] == [("a.hard", 1.0), ("b.other", -2.0)]


def test_an_unknown_score_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"did you mean 'a\.hard'"):
        ingredients(SOURCES, {"a.hart": 1.0})
