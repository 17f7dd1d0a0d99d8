"""No training row lies too close to a held-out one, and as little as possible is lost for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.core.chance import draw
from curate.core.ids import digest
from curate.errors import SettingsError
from curate.tier.clusters import Ties, among, distinct, listed_pairs, measured_pairs, tie
from curate.tier.holdout import check_loss, hold_out, near

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRS = st.lists(st.tuples(st.integers(0, 199), st.integers(0, 199)), max_size=150)


def luck_of(count: int) -> NDArray[np.float64]:
    return draw([digest(number) for number in range(count)], 0, "tier", "holdout")


def tied(rows: int, pairs: list[tuple[int, int]], twins: list[tuple[int, int]] | None = None) -> Ties:
    made = (np.array(each or [], np.int64).reshape(-1, 2) for each in (pairs, twins))
    return tie(rows, *(distinct(each) for each in made))


@settings(deadline=None)  # the first call imports scipy
@given(PAIRS, PAIRS, st.floats(0, 0.4), st.integers(1, 5))
def test_no_pair_and_no_group_of_twins_straddles_the_hold_out(
    pairs: list[tuple[int, int]], twins: list[tuple[int, int]], share: float, strata: int
) -> None:
    ties, stratum = tied(200, pairs, twins), np.arange(200) % strata

    held = hold_out(luck_of(200), stratum, share, None, ties)
    trained = ~held & ~near(held, np.ones(200, bool), ties)

    assert not (held[ties.pairs[:, 0]] & trained[ties.pairs[:, 1]]).any()
    assert not (held[ties.pairs[:, 1]] & trained[ties.pairs[:, 0]]).any()
    assert not set(ties.twin[held]) & set(ties.twin[trained])


@settings(deadline=None)  # the first call imports scipy
@given(PAIRS, st.floats(0, 0.4), st.integers(1, 5))
def test_every_stratum_still_holds_out_its_share(pairs: list[tuple[int, int]], share: float, strata: int) -> None:
    stratum = np.arange(200) % strata

    held = hold_out(luck_of(200), stratum, share, None, tied(200, pairs))

    assert all(held[stratum == each].sum() >= int(share * (stratum == each).sum() + 1e-9) for each in range(strata))


def test_small_clusters_go_whole_and_cost_no_training_row() -> None:
    pairs = [(3 * number + at, 3 * number + at + 1) for number in range(300) for at in (0, 1)]
    ties = tied(900, pairs)

    held = hold_out(luck_of(900), np.zeros(900, int), 0.1, None, ties)

    assert near(held, np.ones(900, bool), ties).sum() == 0
    assert 90 <= held.sum() <= 130


def test_a_cluster_larger_than_the_hold_out_is_left_in_training_where_others_suffice() -> None:
    ties = tied(1000, [(0, other) for other in range(1, 400)])

    held = hold_out(luck_of(1000), np.zeros(1000, int), 0.05, None, ties)

    assert held[:400].sum() == 0
    assert held.sum() == 50


def test_where_no_other_rows_are_left_the_neighbours_of_held_out_ones_leave_and_are_counted() -> None:
    ties = tied(100, [(number, number + 1) for number in range(99)])

    held = hold_out(luck_of(100), np.zeros(100, int), 0.05, None, ties)
    lost = near(held, np.ones(100, bool), ties)

    beside = {int(at) + step for at in np.flatnonzero(held) for step in (-1, 1)} - set(np.flatnonzero(held).tolist())
    assert held.sum() == 5
    assert set(np.flatnonzero(lost).tolist()) == beside & set(range(100))


def test_what_was_held_out_stays_and_a_new_row_near_it_is_not_trained_on() -> None:
    before = np.array([True, False, False])
    ties = tied(3, [(0, 2)])

    held = hold_out(np.array([0.9, 0.8, 0.7]), np.zeros(3, int), 0.01, before, ties)

    assert held.tolist() == [True, False, False]
    assert near(held, np.ones(3, bool), ties).tolist() == [False, False, True]


def test_a_corpus_of_one_mould_is_refused_with_the_numbers() -> None:
    with pytest.raises(SettingsError, match=r"26 of 100 examples could not be trained on.*nearer than 0\.9"):
        check_loss(26, 100, 0.9)


def test_ties_among_some_rows_keep_who_is_tied_to_whom() -> None:
    ties = tied(5, [(0, 4), (1, 2)], [(3, 4)])

    some = among(ties, np.array([True, False, True, True, True]))

    assert some.pairs.tolist() == [[0, 3]]
    assert some.twin[2] == some.twin[3] != some.twin[0]
    assert some.cluster[0] == some.cluster[2] == some.cluster[3] != some.cluster[1]


def test_lists_that_were_cut_short_are_measured_against_all() -> None:
    chance = np.random.default_rng(0)
    middle = chance.normal(size=(4, 16))
    vectors = (np.repeat(middle, 25, axis=0) + 0.2 * chance.normal(size=(100, 16))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors @ vectors.T - 2 * np.eye(100, dtype=np.float32)
    nearest = np.argsort(-cosine, axis=1)[:, :5]

    pairs, short = listed_pairs(nearest, np.take_along_axis(cosine, nearest, 1), 0, 0.9)
    parts = (vectors[:30], vectors[30:])
    found = distinct(np.concatenate([pairs, measured_pairs(short, lambda: parts, 0.9)]))

    assert found.tolist() == np.argwhere(np.triu(cosine >= 0.9)).tolist()
    assert len(distinct(pairs)) < len(found)
