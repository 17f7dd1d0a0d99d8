"""Variations are deterministic, keep the answer, and leave code, mathematics and form alone."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.vary import KINDS, Kind, Turns, vary

if TYPE_CHECKING:
    from pathlib import Path

CHAT: Turns = (
    ("user", "Please explain to my younger brother why the sky looks blue during the day. He is curious!"),
    ("assistant", "Blue light is scattered most."),
)
QUIZ = "Which city is the capital of France?\nA) Berlin\nB) Madrid\nC) Paris\nD) Rome"
NOISE: tuple[Kind, ...] = ("case", "spacing", "typos", "punctuation")


def asked(prompt: str, answer: str = "Yes.") -> Turns:
    return ("user", prompt), ("assistant", answer)


def must(kind: Kind, turns: Turns, name: str = "row") -> Turns:
    varied = vary(kind, turns, 0, name)
    assert varied is not None
    return varied


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_and_id_give_the_same_variation(kind: Kind) -> None:
    assert vary(kind, CHAT, 7, "a") == vary(kind, CHAT, 7, "a")


def test_other_ids_give_other_typos() -> None:
    assert len({vary("typos", CHAT, 0, str(number)) for number in range(20)}) > 5


@pytest.mark.parametrize("kind", [*NOISE, "template", "distractor"])
def test_the_answer_stays_and_the_prompt_changes(kind: Kind) -> None:
    varied = must(kind, CHAT)

    assert varied[-1] == CHAT[-1]
    assert varied[0][1] != CHAT[0][1]


def test_case_spacing_and_punctuation_keep_every_letter() -> None:
    letters = re.sub(r"\W", "", CHAT[0][1]).lower()

    for kind in ("case", "spacing", "punctuation"):
        assert re.sub(r"\W", "", must(kind, CHAT)[0][1]).lower() == letters


@pytest.mark.parametrize("name", [str(number) for number in range(30)])
def test_a_typo_is_a_small_slip_inside_a_word(name: str) -> None:
    before, after = CHAT[0][1].split(), must("typos", CHAT, name)[0][1].split()

    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    ((old, new),) = changed
    assert (old[0], abs(len(old) - len(new)) <= 1) == (new[0], True)


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize(
    "prompt",
    [
        "def add(a, b):\n    return a + b\n\nprint(add(1, 2))\nx = 3",
        'from typing import List\n\n\ndef longest(strings: List[str]) -> str:\n    """Return the longest of all."""',
        "What does this piece of code print when somebody runs it on their machine at home?\n\nprint(first(all))",
        "The figure below shows a square, and you are asked for its area. [asy]draw(A to B)[/asy]",
        "Solve $x^2 - 4 = 0$.",
        "12 + 30 * 4 = ?",
        "Correct the spelling of this sentence, please: I has a dog",
        "Translate into French, my friend: The house is big",
        "How many letters are there in the word strawberry, would you say?",
    ],
)
def test_no_noise_where_it_would_change_the_task(kind: Kind, prompt: str) -> None:
    assert vary(kind, asked(prompt), 0, "row") is None


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e"])
def test_code_formulas_numbers_and_quotes_inside_prose_stay(kind: Kind, name: str) -> None:
    kept = ["`Sum_All(Xs)`", "$A + B$", "3.50", '"Stay Just So."', "https://example.org/A", "snake_Case"]
    prompt = " ".join(f"Somebody mentioned {each} yesterday while talking about gardening." for each in kept)

    varied = vary(kind, asked(prompt), 0, name)

    assert varied is not None
    assert all(each in varied[0][1] for each in kept)


@given(st.text(alphabet="abc XY1+=`$.\n", min_size=1, max_size=60), st.sampled_from(KINDS))
def test_a_variation_is_never_a_copy_and_ends_with_an_answer(prompt: str, kind: Kind) -> None:
    turns = asked(prompt)

    varied = vary(kind, turns, 0, "row")

    assert varied != turns
    assert varied is None or varied[-1][0] == "assistant"


@pytest.mark.parametrize(
    "answer", ["C", "C)", "(C)", "C) Paris", "The answer is C.", "The correct option is C, on the Seine."]
)
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_the_letter_of_the_answer_moves_with_its_option(answer: str, name: str) -> None:
    prompt, reply = must("options", asked(QUIZ, answer), name)

    (letter,) = re.findall(r"\b[A-D]\b", reply[1])
    assert f"{letter}) Paris" in prompt[1]
    assert {line[3:] for line in prompt[1].splitlines()[1:]} == {"Berlin", "Madrid", "Paris", "Rome"}
    assert reply[1].replace(letter, "C") == answer


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (QUIZ, "A city on the Seine"),
        (QUIZ, "C, not A"),
        (QUIZ, "The answer is C, the third."),
        (QUIZ, "Paris"),
        (QUIZ.replace("Rome", "None of the above"), "C"),
        (QUIZ.replace("Rome", "Both A and B"), "C"),
        (QUIZ.replace("Which", "If B is wrong, which"), "C"),
        ("Which?\nA) one\nC) two", "A"),
    ],
)
def test_options_stay_where_their_letters_are_spoken_of(prompt: str, answer: str) -> None:
    assert vary("options", asked(prompt, answer), 0, "row") is None


@pytest.mark.real
def test_shuffled_options_of_flan_keep_the_right_answer(real: Path) -> None:
    line = re.compile(r"^(?:- )?\(([A-H])\) (.*)$", re.MULTILINE)
    shuffled = 0
    with gzip.open(real / "flan_cot" / "flan_cot.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            varied = vary("options", asked(row["input"], row["target"]), 0, row["id"])
            if varied is not None:
                before, after = dict(line.findall(row["input"])), dict(line.findall(varied[0][1]))
                shuffled += 1
                assert before[row["target"].strip("()")].strip() == after[varied[1][1].strip("()")].strip()
                assert before != after
    assert shuffled > 900


@pytest.mark.real
def test_no_program_of_humaneval_is_varied_in_any_way(real: Path) -> None:
    rows = (real / "humaneval" / "humaneval.jsonl").read_text(encoding="utf-8").splitlines()

    varied = [vary(kind, asked(json.loads(row)["prompt"]), 0, row[:20]) for row in rows for kind in KINDS]

    assert varied.count(None) == len(varied)


def test_an_incomplete_instruction_is_asked_about_and_then_completed() -> None:
    varied = must("clarify", asked("Summarise the following text:\n\nThe sea was calm.\n\nIt rained.", "Calm, rain."))

    assert [role for role, _ in varied] == ["user", "assistant", "user", "assistant"]
    assert varied[0][1] == "Summarise the following text"
    assert varied[1][1].endswith("?")
    assert varied[2:] == (("user", "The sea was calm.\n\nIt rained."), ("assistant", "Calm, rain."))


def test_an_instruction_that_refers_to_nothing_is_not_taken_apart() -> None:
    assert vary("clarify", asked("I am Anna.\n\nWho are you?"), 0, "row") is None


def test_the_retrieval_form_withholds_hints_and_keeps_the_question() -> None:
    varied = must("without-hints", asked("What is 1/2 + 1/3?\n\nHint: find a common denominator.", "5/6"))

    assert varied == asked("What is 1/2 + 1/3?", "5/6")


def test_a_docstring_is_not_taken_apart() -> None:
    prompt = (
        'def closest(word):\n    """Find the closest vowel in this text:\n\n    Example:\n    closest(1) == 2\n    """'
    )

    assert vary("without-hints", asked(prompt), 0, "row") is None
    assert vary("clarify", asked(prompt), 0, "row") is None


def test_a_prompt_of_hints_alone_is_left_alone() -> None:
    assert vary("without-hints", asked("Hint: it is a number."), 0, "row") is None


def test_a_distractor_brings_no_number_into_a_sum() -> None:
    for number in range(20):
        varied = must("distractor", asked("What is 3 plus 4?", "7"), str(number))
        aside = varied[0][1].removesuffix("What is 3 plus 4?")
        assert aside
        assert not re.search(r"\d|\b(?:two|three|once|twice|half)\b", aside)


def test_system_and_later_turns_stay() -> None:
    turns = (("system", "Be kind."), *CHAT, ("user", "And at night?"), ("assistant", "Dark."))

    varied = must("template", turns)

    assert (varied[0], *varied[2:]) == (turns[0], *turns[2:])


def test_plain_text_has_no_variations() -> None:
    assert vary("typos", (("text", "Once upon a time there was a house."),), 0, "row") is None
