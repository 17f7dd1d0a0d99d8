"""Interleaving keeps every row, every group's own order, and every block's shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.pace.interleave import BLOCK, even, interleave
from curate.verify.order import worst_block


def zipf(groups: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    weights = 1 / np.arange(1, groups + 1)
    counts = np.maximum((weights / weights.sum() * rows).astype(int), 1)
    return np.repeat(np.arange(groups, dtype=np.int32), counts)


@given(st.lists(st.integers(0, 12), max_size=700))
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_and_each_group_keeps_its_order(codes: list[int]) -> None:
    group = np.array(codes, dtype=np.int32)

    order = interleave(group)

    assert sorted(order.tolist()) == list(range(len(codes)))
    for code in set(codes):
        places = order[group[order] == code]
        assert (np.diff(places) > 0).all()


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_block_is_within_two_rows_of_the_shares(counts: list[int]) -> None:
    group = np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    assert worst_block(group[interleave(group)].astype(np.uint32)) < 2


@pytest.mark.parametrize("rows", [5_000, 40_001])
def test_150_skills_of_a_zipf_law_are_within_two_rows(rows: int) -> None:
    group = zipf(150, rows)

    assert worst_block(group[interleave(group)].astype(np.uint32)) < 2


def test_one_big_skill_and_200_rare_ones_are_within_two_rows() -> None:
    group = np.concatenate([np.zeros(3_000, np.int32), np.arange(1, 201, dtype=np.int32)])

    mixed = group[interleave(group)]

    assert worst_block(mixed.astype(np.uint32)) < 2
    rare = np.add.reduceat(mixed > 0, np.arange(0, len(mixed), BLOCK))
    assert rare.max() <= 8


def test_sorted_rows_are_far_off_so_the_measure_can_fail() -> None:
    assert worst_block(np.repeat(np.array([0, 1], np.uint32), 64)) == 32


def test_a_large_table_is_divided_piece_by_piece_with_the_same_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    group = zipf(50, 20_000)
    monkeypatch.setattr("curate.pace.interleave._MOST_CELLS", 1_000)

    order = interleave(group)

    assert sorted(order.tolist()) == list(range(len(group)))
    assert worst_block(group[order].astype(np.uint32)) < 2


def test_no_rows_have_an_order_of_no_rows() -> None:
    assert interleave(np.empty(0, np.int32)).tolist() == []


def test_each_kind_is_spread_evenly_through_its_group() -> None:
    group = np.array([1, 0, 0, 0, 0, 1], np.int32)
    kind = np.array([0, 0, 0, 1, 0, 1], np.int8)

    assert even(group, kind).tolist() == pytest.approx([1 / 2, 1 / 6, 3 / 6, 1 / 2, 5 / 6, 1 / 2])
