"""Every arm is brought to the same tokens and updates, and trials become verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import SettingsError
from curate.study import arms, judge
from curate.study.ablation import Trial
from curate.study.judge import Held

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(st.lists(st.integers(1, 40), min_size=3, max_size=60), st.floats(0.2, 3.0), st.integers(1, 3))
def test_each_stage_keeps_its_share_of_the_tokens_to_half_a_row(lengths: list[int], share: float, stages: int) -> None:
    tokens = np.array(lengths)
    stage = np.arange(len(tokens)) * stages // len(tokens)
    budget = round(share * int(tokens.sum()))

    places = arms.fill(stage, tokens, budget)

    longest = max(lengths)
    assert abs(int(tokens[places].sum()) - budget) <= longest / 2 + 0.5
    assert (np.diff(stage[places]) >= 0).all()
    for number in range(stages):
        held = int(tokens[places][stage[places] == number].sum())
        owed = budget * int(tokens[stage == number].sum()) / int(tokens.sum())
        assert abs(held - owed) <= longest + 0.5


def test_a_stage_that_is_too_short_begins_again_from_its_start() -> None:
    places = arms.fill(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 1]), 8)

    assert places.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]


@given(st.lists(st.integers(1, 40), min_size=8, max_size=80), st.integers(1, 8))
def test_updates_are_as_many_as_asked_and_of_equal_tokens_to_a_row(lengths: list[int], count: int) -> None:
    tokens = np.array(lengths)

    cut = arms.updates(tokens, count)

    assert len(cut) == count
    assert np.concatenate(cut).tolist() == list(range(len(tokens)))
    if len(tokens) >= 4 * count * max(lengths) / min(lengths):
        sizes = [int(tokens[each].sum()) for each in cut]
        assert max(sizes) - min(sizes) <= 2 * max(lengths)


def test_more_updates_than_rows_are_refused() -> None:
    with pytest.raises(SettingsError, match="3 rows cannot make 4 updates"):
        arms.updates(np.ones(3, np.int64), 4)


def test_a_stage_left_out_takes_its_rows_with_it_from_later_reviews() -> None:
    stage, row = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 2, 0, 3, 2, 1])

    assert arms.without(stage, row, 1).tolist() == [True, True, False, False, True, False, True]


def test_an_unknown_arm_is_refused_with_the_nearest() -> None:
    assert arms.chosen(["anti"], []) == ("random", "curriculum", "anti")
    assert arms.chosen([], ["sums"])[-1] == "without:sums"
    with pytest.raises(SettingsError, match="did you mean 'warm-up'"):
        arms.chosen(["warmup"], [])


HELD = Held(
    ids=list("abcdef"),
    tier=np.array([0, 0, 0, 1, 1, 1]),
    skill=np.array(["x", "x", "x", "y", "y", "y"]),
    tokens=np.array([1, 1, 2, 1, 1, 2]),
    tunes=np.array([True, False, False, True, False, False]),
)


def trial(arm: str, seed: int, *lines: Sequence[float], rate: float = 1.0) -> Trial:
    steps = tuple(range(1, len(lines) + 1))
    return Trial(
        arm=arm, rate=rate, seed=seed, steps=steps, tokens=9, updates=3, nll=tuple(tuple(line) for line in lines)
    )


def test_loss_is_nats_a_token_over_the_rows_that_tuned_nothing() -> None:
    found = judge.loss(trial("random", 0, [9, 1, 3, 9, 2, 0]), HELD, ~HELD.tunes)

    assert found.tolist() == [(1 + 3 + 2 + 0) / 6]


def test_the_rate_is_chosen_on_the_tuning_rows_alone() -> None:
    trials = [
        trial("random", 0, [1, 9, 9, 1, 9, 9], rate=0.1),
        trial("random", 0, [2, 0, 0, 2, 0, 0], rate=0.2),
        trial("random", 0, [3, 0, 0, 3, 0, 0], rate=0.3),
    ]

    assert judge.best_rate(trials, HELD) == (0.1, {"0.1": 1.0, "0.2": 2.0, "0.3": 3.0})


def test_an_arm_is_told_with_steps_to_target_and_what_it_forgot() -> None:
    lines = ([9, 4, 8, 9, 4, 8], [9, 1, 2, 9, 1, 2], [9, 2, 4, 9, 0, 0])
    found = judge.arm("random", [trial("random", seed, *lines) for seed in (0, 1)], (1.0, {}), HELD, target=1.0)

    assert found.losses == (1.0, 1.0)
    assert found.steps_to_target == 2
    assert found.tiers == {"0": 2.0, "1": 0.0}
    assert found.forgetting == {"0": 1.0, "1": 0.0}


def test_contrasts_are_paired_by_seed_and_all_but_the_primary_corrected() -> None:
    base = [trial("random", seed, [0, 1 + seed, 1, 0, 1, 1]) for seed in range(4)]
    finals = {
        "random": base,
        "curriculum": [trial("curriculum", seed, [0, seed + seed / 100, 1, 0, 1, 1]) for seed in range(4)],
        "anti": [trial("anti", seed, [0, 2 + seed + seed / 100, 1, 0, 1, 1]) for seed in range(4)],
        "without:x": [trial("without:x", seed, [0, 1 + seed + seed / 50, 1, 0, 1, 1]) for seed in range(4)],
    }
    found = {each.arm: each for each in judge.contrasts(finals, HELD, margin=0.01)}

    assert found["curriculum"].primary
    assert found["curriculum"].p == found["curriculum"].loss.p
    assert found["anti"].p == pytest.approx(2 * min(found["anti"].loss.p, found["without:x"].loss.p))
    assert (found["curriculum"].verdict, found["anti"].verdict) == ("benefit", "harm")
    assert found["without:x"].against == "curriculum"
    assert found["without:x"].loss.mean > 0
    assert found["curriculum"].loss.mean == pytest.approx((-1 + 0.015) / 6)
    assert found["curriculum"].skills["y"].mean == 0
