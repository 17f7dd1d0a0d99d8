"""Rows that stand for others: the greedy choice against all choices, quotas, and a hundred thousand rows."""

from __future__ import annotations

from itertools import combinations
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.pace.prototypes import Nearby, chosen
from curate.pace.stages import easier_half, quotas

Array = np.ndarray[Any, Any]


def neighbourhood(vectors: Array, count: int) -> tuple[Nearby, Array]:
    """The nearest rows of each, and the similarity that facility location sees: of neighbours, either way, above 0."""
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -2)
    place = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
    listed = np.take_along_axis(cosine, place, 1)
    seen = np.zeros_like(cosine)
    np.put_along_axis(seen, place, np.maximum(listed, 0), 1)
    seen = np.maximum(seen, seen.T)
    np.fill_diagonal(seen, 1)
    return Nearby(place.astype(np.int64), listed.astype(np.float32)), seen


def unit(rng: np.random.Generator, rows: int, width: int = 3) -> Array:
    made = rng.normal(size=(rows, width))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


def worth(seen: Array, rows: Array) -> float:
    return float(seen[:, rows].max(axis=1).sum()) if rows.any() else 0.0


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 1000), count=st.integers(1, 4))
def test_the_choice_is_the_greedy_one_and_near_the_best_of_all(seed: int, count: int) -> None:
    near, seen = neighbourhood(unit(np.random.default_rng(seed), 10), 4)
    one = np.zeros(10, np.int32)
    all_able, rank = np.ones(10, np.bool_), np.arange(10)

    found = chosen(near, one, all_able, np.array([count]), rank)

    best = max(worth(seen, np.isin(rank, some)) for some in combinations(range(10), count))
    greedy = np.zeros(10, np.bool_)
    for _ in range(count):
        gains = [-1.0 if greedy[row] else worth(seen, greedy | (rank == row)) for row in range(10)]
        greedy[int(np.argmax(gains))] = True
    assert found.sum() == count
    assert worth(seen, found) == pytest.approx(worth(seen, greedy), rel=1e-5)
    assert worth(seen, found) >= (1 - 1 / np.e) * best


def test_each_group_gets_its_own_and_only_able_rows_are_taken() -> None:
    rng = np.random.default_rng(0)
    near, _ = neighbourhood(unit(rng, 60), 8)
    group = np.repeat([0, 1, 2], [30, 25, 5]).astype(np.int32)
    able = rng.random(60) < 0.6
    wanted = np.array([4, 3, 9])

    found = chosen(near, group, able, wanted, np.arange(60))

    assert not found[~able].any()
    assert np.bincount(group[found], minlength=3).tolist() == [4, 3, able[55:].sum()]


def test_a_row_of_each_cluster_comes_before_a_second_of_one() -> None:
    rng = np.random.default_rng(1)
    centres = np.eye(4).repeat([12, 10, 8, 6], axis=0)
    vectors = centres + 0.05 * rng.normal(size=centres.shape)
    near, _ = neighbourhood(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 12)

    found = chosen(near, np.zeros(36, np.int32), np.ones(36, np.bool_), np.array([4]), np.arange(36))

    assert set(centres[found].argmax(axis=1).tolist()) == {0, 1, 2, 3}


def test_rows_that_do_not_train_are_no_neighbours() -> None:
    near = Nearby(np.array([[-1, 1], [0, -1], [-1, -1]]), np.full((3, 2), 0.9, np.float32))

    found = chosen(near, np.zeros(3, np.int32), np.ones(3, np.bool_), np.array([2]), np.array([2, 1, 0]))

    assert found.tolist() == [False, True, True]


def test_a_hundred_thousand_rows_take_seconds() -> None:
    rng, rows = np.random.default_rng(2), 100_000
    near = Nearby(rng.integers(0, rows, (rows, 20)), rng.random((rows, 20), np.float32))
    group = rng.integers(0, 50, rows).astype(np.int32)
    begun = perf_counter()

    found = chosen(near, group, np.ones(rows, np.bool_), quotas(group, 50, 0.05), rng.permutation(rows))

    assert found.sum() == quotas(group, 50, 0.05).sum()
    assert perf_counter() - begun < 120


def test_the_easier_half_goes_by_the_middle_tier_of_each_skill() -> None:
    skill = np.array([0, 0, 0, 0, 1, 1], np.int32)
    tier = np.array([0, 1, 2, 3, 3, 3], np.int8)

    assert easier_half(skill, tier, np.ones(6, np.bool_)).tolist() == [True, True, False, False, True, True]
    assert easier_half(skill, tier, np.array([0, 0, 1, 1, 0, 1], np.bool_))[:4].tolist() == [True, True, True, False]


def test_a_skill_without_rows_wants_none() -> None:
    assert quotas(np.array([0, 0, 2], np.int32), 3, 0.1).tolist() == [1, 0, 1]
