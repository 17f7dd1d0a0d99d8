"""Adaptive policies and learning rates give their published values, and move rows without losing any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.plan import LearningRate
from curate.train import adapt, rates
from curate.train.conduct import Conductor, Rules
from curate.train.course import Seen
from tests.test_train_gates import course


def test_leitner_boxes_rise_when_right_and_fall_to_the_first_when_wrong() -> None:
    box = np.array([0, 1, 3, 7, 2], np.int8)

    moved = adapt.promote(box, np.array([0, 1, 2, 3]), np.array([True, True, False, True]))

    assert moved.tolist() == [1, 2, 0, 7, 2]


def test_box_k_is_due_in_every_second_to_the_k_th_session() -> None:
    box, met = np.array([0, 1, 2, 3], np.int8), np.ones(4, bool)

    assert [np.flatnonzero(adapt.due(box, met, session)).tolist() for session in (1, 2, 3, 4, 8)] == [
        [0],
        [0, 1],
        [0],
        [0, 1, 2],
        [0, 1, 2, 3],
    ]


def test_leitner_fills_its_slots_with_what_is_due_then_with_the_lowest_boxes() -> None:
    box = np.array([0, 2, 1, 0, 1], np.int8)
    met = np.array([True, True, True, True, False])
    last = np.array([9, 1, 2, 3, -1])

    assert adapt.leitner(3, box, met, last, session=1).tolist() == [2, 3, 0]


def test_skill_it_weights_are_the_exponential_of_the_losses_that_a_skill_can_lower() -> None:
    graph = adapt.skill_graph(["a", "b"], {"b": ["a"]})
    weights = adapt.skill_weights(graph, np.array([1.0, 2.0]), eta=0.5)

    assert graph.tolist() == [[1.0, 0.5], [0.0, 1.0]]
    assert weights == pytest.approx(np.exp([1.0, 1.0]) / (2 * math.e))


def test_the_next_window_holds_each_skills_share_in_the_plans_order() -> None:
    remaining = np.arange(100, 112)
    skill = np.array([0, 1] * 6)

    moved = adapt.by_weights(remaining, skill, np.array([0.75, 0.25]), window=8)

    assert sorted(moved[:8].tolist()) == [100, 101, 102, 103, 104, 106, 108, 110]
    assert [row for row in moved[:8] if row % 2 == 0] == [100, 102, 104, 106, 108, 110]


@given(
    skill=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    weights=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    window=st.integers(1, 50),
)
def test_no_weights_lose_or_repeat_a_row(skill: list[int], weights: list[float], window: int) -> None:
    moved = adapt.by_weights(np.arange(len(skill)), np.array(skill), np.array(weights), window)

    assert sorted(moved.tolist()) == list(range(len(skill)))


def test_self_paced_puts_off_what_is_too_hard_and_lets_in_what_nobody_knows() -> None:
    moved = adapt.self_paced(np.arange(4), np.array([2.0, 0.5, np.nan, 1.0]), threshold=1.0)

    assert moved.tolist() == [1, 2, 0, 3]


def test_a_row_is_expected_to_lose_what_it_lost_else_what_its_group_does() -> None:
    last, groups = np.array([0.25, np.nan, np.nan]), np.array([3.0, np.nan])

    expected = adapt.expected_loss(np.array([0, 1, 2]), np.array([0, 0, 1]), last, groups)

    assert expected[:2].tolist() == [0.25, 3.0]
    assert math.isnan(expected[2])


@pytest.mark.parametrize("adaptive", ["leitner", "skill-it", "self-paced"])
def test_every_new_row_is_still_taught_once(adaptive: adapt.Adaptive) -> None:
    held = course()
    rules = Rules(step_rows=8, adaptive=adaptive, window_steps=2)
    graph = adapt.skill_graph(held.skills, {"words": ("sums",)})
    conductor = Conductor(held, rules, graph)
    dice = np.random.default_rng(0)
    places: list[int] = []
    from curate.train.gates import Reading

    while True:
        while conductor.at_milestone():
            conductor.settle(Reading())
        step = conductor.next_step()
        if step is None:
            break
        places += step.places.tolist()
        loss = dice.random(len(step.places)) + held.skill[step.places]
        conductor.heard(Seen(step.places, loss, dice.normal(size=len(loss))), float(loss.mean()), 10 * len(step.places))

    assert sorted(places) == list(range(120))
    assert (places == list(range(120))) == (adaptive == "leitner")  # no review rows are planned here


@pytest.mark.parametrize(
    ("shape", "done", "of_stage", "share"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("wsd", 0.8, 0.3, 1.0),
        ("wsd", 0.9, 0.3, 0.75),
        ("wsd", 1.0, 1.0, 0.5),
        ("cosine", 0.5, 0.0, 1.0),
        ("cosine", 0.5, 0.5, 0.75),
        ("cosine", 0.5, 1.0, 0.5),
        ("cyclical", 0.5, 0.0, 0.5),
        ("cyclical", 0.5, 0.5, 1.0),
        ("cyclical", 0.5, 0.75, 0.75),
    ],
)
def test_each_shape_has_its_values(shape: rates.Shape, done: float, of_stage: float, share: float) -> None:
    assert rates.overall(shape, done, of_stage, final=0.5, warm_up=0.0) == pytest.approx(share)


def test_the_warm_up_rises_in_a_line() -> None:
    shares = [rates.overall("wsd", done, 0.0, 0.5, warm_up=0.1) for done in (0.025, 0.05, 0.1, 0.2)]

    assert shares == pytest.approx([0.25, 0.5, 1.0, 1.0])


def test_a_stages_contract_is_kept() -> None:
    falling = LearningRate(shape="cosine", start=0.8, end=0.4, warm_up=0.2)

    shares = [rates.contracted(falling, done) for done in (0.1, 0.2, 0.6, 1.0)]

    assert shares == pytest.approx([0.4, 0.8, 0.6, 0.4])
    assert rates.contracted(LearningRate(shape="linear", end=0.5), 0.5) == pytest.approx(0.75)
    assert rates.final_share("schedule", 0.5, falling) == pytest.approx(0.4)
    assert rates.final_share("wsd", 0.5, falling) == pytest.approx(0.5)
