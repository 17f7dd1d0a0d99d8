"""Confident learning by hand, held-out scores that have not seen their row, and edge signals by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curate.mine import coherence, local, noise, paraphrase
from curate.mine.tokens import strings
from tests.test_embed import unit


def test_the_confident_joint_counts_by_hand() -> None:
    chance = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.4, 0.6]])

    joint = noise.confident_joint(chance, np.array([0, 0, 0, 1, 1]))

    assert joint.tolist() == [[2, 1], [0, 1]]


def test_planted_errors_of_labels_are_the_most_suspicious() -> None:
    rng = np.random.default_rng(0)
    true = np.arange(400) % 4
    vectors = (unit(4, 32)[true] + 0.15 * rng.normal(size=(400, 32))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    label = true.copy()
    label[:20] = (label[:20] + 1) % 4
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -1)
    nearest = np.argsort(-cosine, axis=1)[:, :10]

    _, doubt = noise.suspicion(vectors, nearest, np.take_along_axis(cosine, nearest, 1), label, 4)

    assert set(np.argsort(-doubt)[:20].tolist()) == set(range(20))


def test_widening_gives_the_true_neighbours_where_all_are_reached() -> None:
    vectors = unit(30, 8)
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(-cosine, axis=1)

    places, found = local.widen([vectors], order[:, :25].astype(np.int64), 20)

    assert (places == order[:, :20]).all()
    assert found == pytest.approx(np.take_along_axis(cosine, order[:, :20], 1), abs=1e-6)


def test_shrinking_keeps_strong_axes_and_their_order() -> None:
    vectors = np.array([[0.8, 0.6, 0, 0], [0.8, -0.6, 0, 0], [0.96, 0, 0.28, 0], [0.96, 0, -0.28, 0]], np.float32)

    made = local.shrunk(vectors)

    first, second = (vectors**2).sum(axis=0)[:2]
    kept = np.array([first / (first + 1), second / (second + 1)])  # the mean of the four axes is 1
    expected = vectors[:, :2] * kept
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.abs(made) == pytest.approx(np.abs(expected), abs=1e-6)
    assert made @ made.T == pytest.approx(expected @ expected.T, abs=1e-6)


def test_cosines_are_the_mean_over_the_spaces() -> None:
    one, other = unit(30, 8), unit(30, 4)
    both = (one @ one.T + other @ other.T) / 2
    np.fill_diagonal(both, -np.inf)
    order = np.argsort(-both, axis=1)

    places, found = local.widen([one, other], order[:, :25].astype(np.int64), 20)

    assert (places == order[:, :20]).all()
    assert found == pytest.approx(np.take_along_axis(both, order[:, :20], 1), abs=1e-6)


def test_a_row_alone_is_rarer_than_rows_in_a_crowd() -> None:
    neighbours = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])
    cosine = np.array([[0.9, 0.9], [0.9, 0.9], [0.9, 0.9], [0.2, 0.2]], np.float32)

    assert local.rarity(neighbours, cosine) == pytest.approx([0.1, 0.1, 0.1, 1.5])


def test_an_answer_that_belongs_elsewhere_shares_no_rare_words() -> None:
    prompts = [f"Tell me what animal{row} eats and where animal{row} lives in winter" for row in range(20)]
    answers = [f"In winter animal{row} lives in caves and eats roots of plant{row} there" for row in range(20)]
    answers[3], answers[4] = "Paris", answers[5]

    found = coherence.coherence(strings(prompts), strings(answers))

    assert np.isnan(found[3])
    assert found[4] < np.nanmin(np.delete(found, 4))


def test_a_paraphrase_has_the_same_numbers() -> None:
    def encode(texts: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.ones((2, 1), np.float32)

    known = np.ones((1, 1), np.float32)

    hits = paraphrase.compare(["add 2 and 3 please", "add 2 and 4"], ["what is 2 plus 3"], known, encode, 0.9)

    assert [(hit.row, hit.kind) for hit in hits] == [(0, "paraphrase")]


def test_ranks_are_shared_by_equals_and_missing_ones_left_out() -> None:
    one = np.array([5, 1, 1, np.nan, np.nan], np.float32)
    other = np.array([0, 2, 1, 3, np.nan], np.float32)

    found = local.mean_rank([one, other], 5)

    assert found[:4] == pytest.approx([0.5, (0.25 + 2 / 3) / 2, (0.25 + 1 / 3) / 2, 1])
    assert np.isnan(found[4])
