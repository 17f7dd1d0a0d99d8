"""Planted copies are found, and texts that only look alike stay."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.mine import duplicates, groups, near, tokens

if TYPE_CHECKING:
    from curate.mine.protect import Protection

ALL: tuple[Protection, ...] = ("identity", "names", "numbers", "negation")
STEM = (
    "the old mill beside the water was bought by a baker who wanted to grind his own flour and sell warm bread to "
    "people who walked along the canal on sunday mornings in spring with their dogs"
)


def find(texts: list[str], protect: tuple[Protection, ...] = ALL, answers: list[str] | None = None) -> duplicates.Found:
    full, said = tokens.strings(texts), tokens.strings(answers or texts)
    limits = duplicates.Limits(0.75, 0.04, 0.6, protect)

    def read(rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[pa.Array, pa.Array]:
        return full.take(pa.array(rows)), said.take(pa.array(rows))

    return duplicates.find(duplicates.trace([full], 0)[0], np.arange(len(texts)), None, read, limits)


@pytest.mark.parametrize(
    "copy",
    [
        STEM.upper(),
        STEM.replace(" ", "  \n"),
        STEM.replace("flour", "flour,") + "!",
        STEM.replace("warm", "fresh"),
        STEM + " or three friends",
    ],
)
def test_a_copy_with_small_changes_leaves_for_its_original(copy: str) -> None:
    assert find([STEM, copy]).keeper.tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("baker", "she"),
        ("baker", "immigrant"),
        ("old", "90"),
        ("was bought", "was not bought"),
    ],
)
def test_texts_that_differ_in_a_protected_term_both_stay(one: str, other: str) -> None:
    terms = {"baker": "he", "old": "80"}
    first, second = STEM.replace(one, terms.get(one, one), 1), STEM.replace(one, other, 1)
    found = find([first, second])

    assert found.keeper.tolist() == [-1, -1]
    assert found.apart.tolist() == [[0, 1]]


def test_without_protection_twins_are_merged() -> None:
    assert find([STEM.replace("baker", "he"), STEM.replace("baker", "she")], ()).keeper.tolist() == [-1, 0]


def test_one_word_of_a_short_text_is_its_meaning() -> None:
    assert find(["which fish lives in the sea near norway", "which bird lives in the sea near norway"]).keeper.max() < 0


def test_a_shared_passage_with_another_answer_is_no_duplicate() -> None:
    assert find([STEM + " yes", STEM + " flour"], answers=["yes", "flour"]).keeper.tolist() == [-1, -1]


def test_signs_that_change_a_sum_are_words() -> None:
    assert find(["what is 5 + 3", "what is 5 - 3", "what is 5 * 3", "What is 5 + 3?"]).keeper.tolist() == [
        -1,
        -1,
        -1,
        0,
    ]


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    text = "今天天气很好我们一起去公园散步然后在湖边喝茶看书直到太阳下山才慢慢走回家去吃晚饭"

    assert find([text, text + "。", text + "吧", "昨天下雨所以我们整天待在家里"]).keeper.tolist() == [-1, 0, 0, -1]


def test_nobody_leaves_for_a_row_that_leaves_and_chains_do_not_carry() -> None:
    pairs = np.array([[0, 1], [1, 2], [2, 3]])

    keeper, _ = groups.settle(pairs, np.ones(3, np.float32), np.arange(4))

    assert keeper.tolist() == [-1, 0, -1, 2]


def test_jaccard_equals_that_of_sets() -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices("abcdefgh", k=rng.randint(0, 12))) for _ in range(40)]
    made = tokens.tokenise(tokens.strings(texts))
    runs, starts = tokens.shingles(made, 1)
    rows = np.array([[one, other] for one in range(40) for other in range(one)])
    wanted = [
        len(a & b) / max(len(a | b), 1)
        for one, other in rows.tolist()
        for a, b in [(set(texts[one].split()), set(texts[other].split()))]
    ]
    found = near.jaccard(runs, starts, rows[:, 0], rows[:, 1])
    several = made.counts[rows].min(axis=1) >= 1

    assert found[several] == pytest.approx(np.array(wanted)[several])
