"""Stages open in order: tiers one after the other, skills after their prerequisites."""

from __future__ import annotations

import numpy as np
import pytest

from curate.errors import SettingsError
from curate.pace.review import Reviewer, budget
from curate.pace.sequence import Pieces, interleaved, straight
from curate.pace.stages import (
    cut_sequence,
    drip,
    keep_budgets,
    kept_back,
    of_tiers,
    open_skills,
    opened_by,
    representative,
)

NONE = np.empty(0, np.int64)


def pieces(new: list[int], review: tuple[int, ...] = ()) -> Pieces:
    return Pieces(np.array(new), np.array(review, np.int64), NONE, NONE, NONE, np.empty(0))


def test_a_skill_opens_one_stage_after_its_last_prerequisite() -> None:
    requires = {"b": ["a"], "c": ["a", "b"]}

    assert open_skills(["a", "b", "c"], requires, [0] * 3, 3).tolist() == [0, 1, 2]


def test_a_chain_longer_than_the_stages_ends_in_the_last_stage_that_teaches() -> None:
    requires = {"b": ["a"], "c": ["b"], "d": ["c"]}

    assert open_skills(["a", "b", "c", "d"], requires, [0] * 4, 1).tolist() == [0, 1, 1, 1]


def test_each_tier_has_its_stage_before_the_mixed_one() -> None:
    assert of_tiers(tiers=4, stages=4).tolist() == [0, 1, 2, 3]
    assert of_tiers(tiers=2, stages=4).tolist() == [0, 2]
    assert of_tiers(tiers=4, stages=1).tolist() == [0, 0, 0, 0]


def test_a_pair_of_tier_and_skill_is_opened_by_the_first_goal_that_names_both() -> None:
    opened = opened_by([((0,), (0,)), ((0, 1), (1,)), ((1,), None)], tiers=3, skills=3)

    assert opened.tolist() == [[0, 1, 3], [2, 1, 2], [3, 3, 3]]


def test_the_last_stage_keeps_back_its_share_of_each_tier() -> None:
    tier = np.repeat(np.array([0, 1, 2], np.int8), 40)
    luck = np.random.default_rng(0).random(120)

    kept = kept_back(tier, luck, 0.1)

    assert [kept[tier == number].sum() for number in range(3)] == [4, 4, 4]
    assert all(luck[kept & (tier == number)].max() < luck[~kept & (tier == number)].min() for number in range(3))


def test_review_is_the_share_of_the_whole_stage() -> None:
    assert budget(new=850, share=0.15) == 150
    assert budget(new=10, share=0.0) == 0


def test_review_takes_only_rows_of_earlier_stages_and_each_once() -> None:
    stage = np.array([0, 0, 1, 1, 2], np.int16)
    reviewer = Reviewer(stage, np.linspace(0, 1, 5))

    chosen, due = reviewer.choose(stage=1, rows=10)

    assert sorted(chosen.tolist()) == [0, 1]
    assert due.all()


def test_a_row_is_due_after_1_2_4_8_and_16_stages_and_early_visits_do_not_put_that_off() -> None:
    reviewer = Reviewer(np.array([0], np.int16), np.array([0.5]))

    due = [stage for stage in range(1, 40) if reviewer.choose(stage, rows=1)[1].all()]

    assert due == [1, 3, 7, 15, 31]


def test_where_too_few_are_due_those_come_early_that_were_not_seen_for_longest() -> None:
    reviewer = Reviewer(np.array([0, 0], np.int16), np.array([0.0, 1.0]))
    reviewer.choose(1, rows=2)

    early = [reviewer.choose(2, rows=1), reviewer.choose(2, rows=1)]

    assert [(rows.tolist(), due.tolist()) for rows, due in early] == [([0], [False]), ([1], [False])]


def test_rows_that_are_due_come_before_rows_that_are_not() -> None:
    stage = np.array([0, 0], np.int16)
    reviewer = Reviewer(stage, np.array([0.1, 0.9]))
    first, _ = reviewer.choose(stage=1, rows=1)

    second, _ = reviewer.choose(stage=2, rows=1)

    assert first.tolist() == [0]
    assert second.tolist() == [1]


def test_rows_keep_the_order_given_inside_each_skill() -> None:
    skill = np.array([0, 0, 1, 1], np.int32)

    stage = pieces([1, 0, 3, 2])
    order = stage.rows[interleaved(stage, skill)]

    assert [row for row in order if skill[row] == 0] == [1, 0]
    assert [row for row in order if skill[row] == 1] == [3, 2]


def test_review_is_spread_evenly_between_new_rows() -> None:
    stage = pieces(list(range(6)), (6, 7))
    places = straight(stage)

    assert stage.role[places].tolist() == [0, 0, 1, 0, 0, 0, 1, 0]
    assert stage.rows[places][stage.role[places] == 0].tolist() == list(range(6))


def test_no_stage_opens_more_skills_than_asked() -> None:
    opens = open_skills(list("abcdef"), {"f": ["a"]}, [0] * 6, 2, most=2)

    assert np.bincount(opens).tolist() == [2, 2, 2]
    assert opens[5] > opens[0]


def test_skills_that_do_not_fit_are_refused_with_the_numbers() -> None:
    with pytest.raises(SettingsError, match="6 skills do not fit into 2 stages that open 2 each"):
        open_skills(list("abcdef"), {}, [0] * 6, 1, most=2)


def test_cutting_a_sequence_by_tokens_comes_nearest_to_the_shares() -> None:
    tokens = np.array([10, 10, 10, 30, 30, 10])

    assert cut_sequence(np.arange(6), tokens, (0.5, 0.5)).tolist() == [0, 0, 0, 0, 1, 1]


def test_rows_that_a_budget_cannot_hold_wait_for_the_next_stage() -> None:
    stage = np.array([0, 0, 0, 1], np.int16)
    tokens = np.array([10, 10, 10, 10])

    moved = keep_budgets(stage, np.arange(4), tokens, (20, 10, 10))

    assert moved.tolist() == [0, 0, 1, 2]


def test_rows_are_not_drawn_forward_to_fill_a_budget() -> None:
    stage = np.array([0, 1, 1, 1], np.int16)

    assert keep_budgets(stage, np.arange(4), np.full(4, 10), (30, 10)).tolist() == [0, 1, 1, 1]


def test_rows_that_are_not_free_are_not_reviewed() -> None:
    reviewer = Reviewer(np.array([0, 0, 1], np.int16), np.linspace(0, 1, 3))

    assert reviewer.choose(1, rows=5, free=np.array([False, True, True]))[0].tolist() == [1]


def test_a_row_that_comes_again_in_its_own_stage_comes_after_it_was_new() -> None:
    new, luck = np.random.default_rng(0).permutation(200), np.random.default_rng(1)
    base = luck.choice(200, 60, replace=False)
    stage = Pieces(new, NONE, base[:20], np.arange(200, 240), base, luck.random(60))
    skill = np.concatenate([np.arange(200) % 3, base[20:] % 3]).astype(np.int32)

    order = stage.rows[interleaved(stage, skill)].tolist()

    first = {row: order.index(row) for row in range(200)}
    assert all(order.index(200 + at) > first[row] for at, row in enumerate(base[20:].tolist()))
    assert all(order.count(row) == 2 for row in base[:20].tolist())


def test_a_named_skill_opens_with_its_module_beside_what_it_requires_but_not_before() -> None:
    requires = {"b": ["a"]}

    assert open_skills(["a", "b", "c"], requires, [0] * 3, 2, named={"a": 1, "b": 1}).tolist() == [1, 1, 0]
    with pytest.raises(
        SettingsError, match="stage 0 opens the skill 'b', and 'a', which it requires, opens in stage 1"
    ):
        open_skills(["a", "b"], requires, [0] * 2, 2, named={"a": 1, "b": 0})


def test_a_broad_beginning_shows_each_skill_by_its_best_rows_of_the_lowest_tier() -> None:
    skill = np.array([0, 0, 0, 0, 1, 1], np.int32)
    tier = np.array([1, 0, 0, 0, 2, 1], np.int8)
    rank = np.array([0, 3, 1, 2, 4, 5])

    shown = representative(skill, tier, rank, 0.5)

    assert np.flatnonzero(shown).tolist() == [2, 3, 5]


def test_edge_cases_are_spread_over_the_stages_that_take_them_and_none_comes_before_its_own() -> None:
    stage = np.repeat(np.arange(4, dtype=np.int16), 110)
    edge = np.tile(np.arange(110) < 10, 4)

    luck = np.random.default_rng(0).random(440)

    moved = drip(stage, edge, luck, [0.0, 0.0, 0.5, 0.5], np.zeros(440, np.int32), np.ones((4, 1), np.bool_))

    assert (moved[~edge] == stage[~edge]).all()
    assert (moved[edge] >= stage[edge]).all()
    assert np.bincount(moved[edge], minlength=4).tolist() == [0, 0, 20, 20]


def test_edge_cases_without_room_wait_for_the_last_stage() -> None:
    stage = np.zeros(100, np.int16)
    stage[50:] = 1

    edge, skill = np.arange(100) % 2 == 0, np.zeros(100, np.int32)
    moved = drip(stage, edge, np.arange(100.0), [0.0, 0.1, 0.1], skill, np.ones((3, 1), np.bool_))

    assert np.bincount(moved[::2], minlength=3).tolist() == [0, 2, 48]


def test_edge_cases_come_in_stages_about_their_skill_alone_and_the_last_of_these_takes_all() -> None:
    skill = np.repeat(np.arange(3, dtype=np.int32), 100)
    edge = np.tile(np.arange(100) % 2 == 0, 3)
    takes = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]], np.bool_)

    moved = drip(np.zeros(300, np.int16), edge, np.arange(300.0), [0.0, 0.1, 0.1, 0.0], skill, takes)

    held = [np.bincount(moved[edge & (skill == each)], minlength=4).tolist() for each in range(3)]
    assert held[0] == [0, 0, 0, 50]
    assert held[1] == [0, 0, 50, 0]
    assert held[2] == [0, 0, 0, 50]  # no stage is about it


def test_only_stages_with_a_budget_put_rows_off() -> None:
    stage = np.array([0, 0, 0, 1, 1], np.int16)

    moved = keep_budgets(stage, np.arange(5), np.full(5, 10), (10, np.inf, 5))

    assert moved.tolist() == [0, 1, 1, 1, 1]
