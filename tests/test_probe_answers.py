"""Which answers can be checked when a model writes its own, and which of those are right."""

from __future__ import annotations

from fractions import Fraction

import pytest

from curate.probe.answers import agrees, stated, task

QUIZ = "Which?\nA) Berlin\nB) Paris\nC) Rome"


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("71", 71),
        ("$1,250.50", Fraction("1250.5")),
        ("150 cm.", 150),
        ("\u22123", -3),
        ("3/4", Fraction(3, 4)),
        ("He pays 5 * 3 = 15.\n#### 15", 15),
        ("So it is \\boxed{42}.", 42),
        ("16 x 24 = 384 and 384 - 17 = 367 cartons.", 367),
        ("0", 0),
    ],
)
def test_a_result_is_read(answer: str, number: object) -> None:
    assert stated(answer) == number


@pytest.mark.parametrize("answer", ["In 1969 they landed on the moon.", "so the 25 litre pot is needed", "no number"])
def test_a_number_in_passing_is_no_result(answer: str) -> None:
    assert stated(answer) is None


@pytest.mark.parametrize(
    ("answer", "choices", "how"),
    [
        ("B", ("A", "B", "C"), "choice"),
        ("71 euros.", None, "number"),
        ("The river Seine", None, "exact"),
        ("It was a long day, and nobody in the house had slept.", None, "free"),
        ("one\ntwo", None, "free"),
        ("!!", None, "free"),
    ],
)
def test_each_answer_is_checked_as_its_kind_asks(answer: str, choices: tuple[str, ...] | None, how: str) -> None:
    assert task(answer, choices) == how


@pytest.mark.parametrize(
    ("generated", "right"),
    [
        ("B", True),
        ("(B) Paris", True),
        ("The answer is B.", True),
        ("Paris", True),
        ("B: it lies on the Seine", True),
        ("A", False),
        ("A city", False),
        ("Bordeaux", False),
        ("", False),
    ],
)
def test_an_option_is_named_by_letter_or_by_its_words(generated: str, right: bool) -> None:
    assert agrees("choice", "B) Paris", generated, QUIZ, ("A) Berlin", "B) Paris", "C) Rome")) is right


@pytest.mark.parametrize(
    ("generated", "right"), [("Yes.", True), ("yes, they do", True), ("No", False), ("maybe", False)]
)
def test_a_verdict_is_heard_at_the_beginning(generated: str, right: bool) -> None:
    assert agrees("choice", "yes", generated, "Do they?", ("yes", "no")) is right


@pytest.mark.parametrize(
    ("generated", "right"),
    [
        ("367", True),
        ("There are 384 - 17 = 367 cartons", True),
        ("first 384, then 367.0 left", True),
        ("368", False),
        ("none", False),
        ("367 of 400", False),
    ],
)
def test_a_number_is_the_stated_result_else_the_last(generated: str, right: bool) -> None:
    assert agrees("number", "384 - 17 = 367 cartons.", generated, "How many?", None) is right


def test_words_are_the_same_without_case_articles_and_marks() -> None:
    assert agrees("exact", "The River Seine.", "river  seine", "Which?", None)
    assert not agrees("exact", "The River Seine.", "the Loire", "Which?", None)
