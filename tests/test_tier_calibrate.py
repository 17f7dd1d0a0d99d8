"""Weights are fitted where labels suffice, judged on folds left out, and used only where they do better."""

from __future__ import annotations

import numpy as np
import pytest

from curate.core.plan import Ingredient
from curate.core.views import KINDS
from curate.errors import SettingsError
from curate.tier.calibrate import Labelled, calibrate


def chance() -> np.random.Generator:
    return np.random.default_rng(0)


def labelled(label: np.ndarray, ranks: np.ndarray, kind: str = "chat") -> Labelled:
    rows = len(label)
    luck = np.random.default_rng(9).random(rows)
    return Labelled(ranks, label, np.full(rows, KINDS.index(kind), np.int8), np.arange(rows), ranks[-1], luck)


def ingredients(*weights: float) -> list[Ingredient]:
    return [Ingredient(score=f"s{at}", weights=dict.fromkeys(KINDS, one)) for at, one in enumerate(weights)]


def test_a_label_turns_the_weights_to_the_score_that_follows_it() -> None:
    ranks = chance().random((3, 400))

    chosen, (told,) = calibrate(ingredients(1, 0, 1), labelled(ranks[1] ** 2, ranks), "level", chance())

    assert told.uses == "fitted"
    assert told.fitted is not None
    assert told.fitted > 0.99
    assert told.declared is not None
    assert abs(told.declared) < 0.15
    assert told.random is not None
    assert abs(told.random) < 0.15
    assert {one.score: round(one.weights["chat"], 1) for one in chosen}["s1"] == 1.0
    assert {one.score: one.weights["text"] for one in chosen} == {"s0": 1, "s1": 0, "s2": 1}


def test_declared_weights_stay_where_the_fit_is_no_better() -> None:
    ranks = chance().random((2, 60))

    chosen, (told,) = calibrate(ingredients(1, 0), labelled(ranks[0], ranks), "level", chance())

    assert told.uses == "declared"
    assert [one.score for one in chosen] == ["s0"]


def test_only_labelled_rows_count_and_too_few_are_refused() -> None:
    ranks, label = chance().random((2, 300)), np.full(300, np.nan)
    label[:49] = ranks[0][:49]

    with pytest.raises(SettingsError, match="only 49 examples of a kind have a label in 'level'"):
        calibrate(ingredients(1, 1), labelled(label, ranks), "level", chance())


def test_a_label_of_another_kind_leaves_the_declared_weights_of_this_one() -> None:
    ranks = chance().random((2, 100))

    chosen, told = calibrate(ingredients(0, 1), labelled(ranks[0], ranks, kind="code"), "level", chance())

    assert [one.kind for one in told] == ["code"]
    assert next(one for one in chosen if one.score == "s1").weights["text"] == 1
