"""Seeds assign rows by similarity or by a classifier whose confidence is right; without skills clusters are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.tag import classify, discover, similar

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def clouds(groups: int, rows: int, noise: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors in 32 dimensions round as many directions as there are groups."""
    chance = np.random.default_rng(seed)
    middle = chance.normal(size=(groups, 32))
    owner = np.repeat(np.arange(groups), rows)
    return unit(middle[owner] + noise * chance.normal(size=(groups * rows, 32))), owner


def test_a_row_goes_to_the_nearest_mean_seed() -> None:
    seeds = unit(np.array([[1.0, 0.2], [1.0, -0.2], [0.0, 1.0]]))

    middle = similar.centroids(seeds, np.array([0, 0, 1]))
    place, cosine = similar.nearest(unit(np.array([[1.0, 0.1], [0.1, 1.0]])), middle, 0.3, 0.02)

    assert middle[0].tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert place.tolist() == [0, 1]
    assert cosine[0] == pytest.approx(1 / np.sqrt(1.01), abs=1e-6)


def test_a_row_that_is_far_from_all_or_between_two_is_left_out() -> None:
    middle = unit(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    rows = unit(np.array([[0.2, 0.0, 1.0], [1.0, 0.99, 0.0], [1.0, 0.5, 0.0]]))

    assert similar.nearest(rows, middle, 0.3, 0.02)[0].tolist() == [-1, -1, 0]


def test_the_threshold_is_what_the_seeds_reach_when_they_are_left_out() -> None:
    seeds = unit(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 1.0]]))

    assert similar.threshold(seeds, np.array([0, 0, 1, 1, 2])) == pytest.approx(0.8)
    assert similar.threshold(seeds[:2], np.array([0, 1])) == similar.ALONE


def test_seeds_that_point_opposite_ways_are_near_nothing() -> None:
    middle = similar.centroids(unit(np.array([[1.0, 0.0], [-1.0, 0.0]])), np.array([0, 0]))

    assert similar.nearest(unit(np.array([[1.0, 0.0]])), middle, 0.1, 0.0)[0].tolist() == [-1]


def test_a_single_skill_needs_no_margin() -> None:
    middle = unit(np.array([[1.0, 0.0]]))

    assert similar.nearest(unit(np.array([[1.0, 0.1], [0.0, 1.0]])), middle, 0.3, 0.5)[0].tolist() == [0, -1]


def test_the_classifier_beats_the_nearest_mean_and_its_confidence_is_right() -> None:
    vectors, owner = clouds(20, 110, noise=0.7)
    vectors = unit(np.hstack([vectors, np.random.default_rng(1).normal(size=(len(owner), 3))]))  # says nothing, loudly
    seeds = np.arange(len(owner)) % 110 < 10

    place, share = classify.fit(vectors[seeds], owner[seeds]).predict(vectors[~seeds])
    right = place == owner[~seeds]
    mean, _ = similar.nearest(vectors[~seeds], similar.centroids(vectors[seeds], owner[seeds]), -1, 0)

    assert right.mean() > (mean == owner[~seeds]).mean() + 0.02
    assert expected_error(share, right) < 0.05


def expected_error(share: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((share * 15).astype(int), 14)
    return float(sum(abs(share[bins == each].sum() - right[bins == each].sum()) for each in range(15)) / len(right))


def test_two_skills_have_a_probability_each() -> None:
    vectors, owner = clouds(2, 40, noise=0.3)

    place, share = classify.fit(vectors, owner).predict(vectors)

    assert place.tolist() == owner.tolist()
    assert share.min() > 0.5


@pytest.mark.parametrize(("owner", "enough"), [([0] * 5 + [1] * 5, True), ([0] * 9 + [1] * 4, False), ([0] * 9, False)])
def test_a_classifier_takes_two_skills_of_five_seeds(owner: list[int], *, enough: bool) -> None:
    assert classify.suffices(np.array(owner)) is enough


def test_as_many_clusters_are_found_as_there_are() -> None:
    vectors, owner = clouds(6, 60, noise=0.3)

    middle = discover.cluster(vectors, None, seed=0)
    place, _ = similar.nearest(vectors, middle, -1, 0)

    assert len(middle) == 6
    assert all(len(set(place[owner == each])) == 1 for each in range(6))


def test_the_number_of_clusters_may_be_given() -> None:
    assert discover.cluster(clouds(6, 30, noise=0.3)[0], 4, seed=0).shape == (4, 32)


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (5, 1), (20, 1), (39, 1), (50, 2)])
def test_a_handful_of_rows_is_one_cluster(rows: int, count: int) -> None:
    middle = discover.cluster(clouds(2, 30, noise=0.3)[0][:rows], None, seed=0)

    assert middle.shape == (count, 32)
    assert np.linalg.norm(middle, axis=1) == pytest.approx(1, abs=1e-5)


def test_rows_that_are_all_alike_are_still_placed() -> None:
    vectors = np.repeat(unit(np.ones((1, 8))), 6, axis=0)

    place, cosine = similar.nearest(vectors, discover.cluster(vectors, 3, seed=0), -1, 0)

    assert len(set(place.tolist())) == 1
    assert cosine == pytest.approx(1, abs=1e-3)


def test_clusters_are_named_by_the_words_that_tell_them_apart() -> None:
    texts = [["add two fractions please", "fractions with thirds please"], ["rhyme about autumn please", "autumn poem"]]

    named = discover.names(texts, [[0, 0], [1, 1]], 2)

    assert [name.split("-")[0] for name in named] == ["fractions", "autumn"]


def test_no_two_clusters_share_a_name() -> None:
    named = discover.names([["one two three four", "one two three five", "1 2"]], [[0, 1, 2]], 3)

    assert len(set(named)) == 3
    assert named[2] == "other"
