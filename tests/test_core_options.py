"""Multiple choices are recognised where they are plain, and nowhere else."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from curate.core.options import Choice, choice

if TYPE_CHECKING:
    from pathlib import Path

QUIZ = "Which city lies on the Seine?\nA) Berlin\nB) Paris\nC) Rome"
LIST = "Where do you keep sugar?\nOptions:\n- container\n- kitchen\n- coffee"


@pytest.mark.parametrize(
    ("prompt", "answer", "expected"),
    [
        (QUIZ, "B", Choice(("A", "B", "C"), 1)),
        (QUIZ, "(B)", Choice(("(A)", "(B)", "(C)"), 1)),
        (QUIZ, "B) Paris.", Choice(("A) Berlin.", "B) Paris.", "C) Rome."), 1)),
        (QUIZ, "The answer is B.", Choice(("The answer is A.", "The answer is B.", "The answer is C."), 1)),
        (LIST, "kitchen", Choice(("container", "kitchen", "coffee"), 1)),
        (LIST, "Coffee.", Choice(("container.", "kitchen.", "Coffee."), 2)),
        ("Is it?", "Yes.", Choice(("Yes.", "No."), 0)),
        ("Is it?", "FALSE", Choice(("FALSE", "TRUE"), 0)),
    ],
)
def test_a_choice_is_told_from_its_prompt_and_answer(prompt: str, answer: str, expected: Choice) -> None:
    assert choice(prompt, answer) == expected


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (QUIZ, "Paris, since it is on the Seine"),
        (QUIZ, "D"),
        (QUIZ, "B, not A"),
        (QUIZ.replace("B)", "D)"), "A"),
        (LIST, "cupboard"),
        (LIST.replace("kitchen", "coffee"), "coffee"),
        ("Is it?", "Yes, it is."),
        ("What?", "A dog"),
    ],
)
def test_what_is_not_plainly_a_choice_is_none(prompt: str, answer: str) -> None:
    assert choice(prompt, answer) is None


@pytest.mark.real
def test_nearly_all_questions_of_five_flan_tasks_are_choices(real: Path) -> None:
    found: Counter[tuple[str, bool]] = Counter()
    with gzip.open(real / "flan_cot" / "flan_cot.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            found[row["task"], choice(row["input"], row["target"]) is not None] += 1

    assert {task: found[task, True] for task in ("aqua", "creak", "ecqa", "qasc", "strategyqa")} == {
        "aqua": 899,
        "creak": 900,
        "ecqa": 889,
        "qasc": 900,
        "strategyqa": 900,
    }
