"""What a suite asks: cells in turn, kinds in turn, within a budget, and answers that stay right."""

from __future__ import annotations

import numpy as np
import pytest

from curate.core import views
from curate.core.ids import example_id
from curate.probe import adversarial, groups
from curate.probe.sample import take_turns, within
from curate.probe.suite import BUDGETS, build
from tests.probe_suites import QUIZ, held, of_kind, suite

TASK = "Summarise the following text:\n\nThe sea was calm and the boats came home early."


def many(count: int) -> list[tuple[str, str]]:
    return [
        (f"Please tell me something about the town number {each} by the sea.", f"Town {each}.") for each in range(count)
    ]


def test_cells_take_turns_and_luck_decides_inside_them() -> None:
    cell = np.array([0, 0, 0, 1, 2, 2])
    luck = np.array([0.3, 0.1, 0.2, 0.9, 0.5, 0.4])

    assert take_turns(cell, luck).tolist() == [1, 5, 3, 2, 4, 0]


def test_what_does_not_fit_ends_the_list() -> None:
    assert within(np.array([5, 4, 9, 1]), 10).tolist() == [True, True, False, False]


def test_a_quick_suite_asks_the_first_rows_of_a_full_one() -> None:
    rows = held(*many(900))

    quick, full = build(rows, "quick", 0), build(rows, "full", 0)

    plain = {
        size: [row["id"] for row in table.to_pylist() if row["kind"] == "plain"]
        for size, table in (("quick", quick), ("full", full))
    }
    assert len(plain["quick"]) == BUDGETS["quick"].plain // 20
    assert plain["full"][: len(plain["quick"])] == plain["quick"]


def test_a_few_rows_of_each_kind_come_from_many_groups() -> None:
    made = build(held(*many(900)), "quick", 0).to_pylist()

    varied = [row["group"] for row in made if row["family"] == "variation"]
    assert len(set(varied)) > 0.7 * len(varied)


def test_kinds_take_turns_within_the_budget_of_their_family() -> None:
    made = build(held(*many(900)), "quick", 0).to_pylist()

    counts = {kind: sum(row["kind"] == kind for row in made) for kind in ("typos", "case", "spacing", "template")}
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(20 for row in made if row["family"] == "variation") <= BUDGETS["quick"].variation


def test_every_row_has_the_id_of_its_content_and_the_group_of_its_parent() -> None:
    made = suite((QUIZ, "B"), (TASK, "A calm day."), *many(3)).table.to_pylist()

    assert all(row["id"] == example_id(views.turns(row)) for row in made)
    of = {row["id"]: row["group"] for row in made if row["kind"] == "plain"}
    assert all(row["group"] == of[row["parent"]] for row in made)
    assert len({row["id"] for row in made}) == len(made)


def test_shuffled_options_carry_the_right_one_with_them() -> None:
    (row,) = of_kind(suite((QUIZ, "B")), "options")

    prompt, answer = (content for _, content in views.turns(row))
    assert f"{answer}) Paris" in prompt
    assert row["answers"][row["right"]] == answer


@pytest.mark.parametrize("kind", ["contradiction", "injection"])
def test_a_lure_stands_beside_an_answer_that_is_still_right(kind: adversarial.Kind) -> None:
    made = adversarial.provoke(kind, (("user", TASK), ("assistant", "A calm day.")), 0, "row")

    assert made is not None
    turns, lure = made
    assert lure is not None
    assert f'"{lure}"' in turns[0][1]
    assert "The sea was calm and the boats came home early." in turns[0][1]
    assert turns[1] == ("assistant", "A calm day.")


def test_an_ambiguous_request_is_rightly_asked_about() -> None:
    made = adversarial.provoke("ambiguous", (("user", TASK), ("assistant", "A calm day.")), 0, "row")

    assert made is not None
    turns, lure = made
    assert turns[0] == ("user", "Summarise the following text")
    assert turns[1][1].endswith("?")
    assert lure == "A calm day."


@pytest.mark.parametrize("kind", ["contradiction", "injection"])
@pytest.mark.parametrize(
    "turns",
    [
        (("user", "Translate the above into French."), ("assistant", "Oui.")),
        (("user", "hi"), ("assistant", "hello"), ("user", "more"), ("assistant", "yes")),
        (("text", "plain"),),
    ],
)
def test_what_an_attack_would_change_is_not_attacked(
    kind: adversarial.Kind, turns: tuple[tuple[str, str], ...]
) -> None:
    assert adversarial.provoke(kind, turns, 0, "row") is None


def test_an_attack_depends_on_seed_id_and_kind_alone() -> None:
    turns = (("user", TASK), ("assistant", "A calm day."))
    forms = {adversarial.provoke("injection", turns, 0, f"row {each}") for each in range(40)}

    assert adversarial.provoke("injection", turns, 0, "row 1") == adversarial.provoke("injection", turns, 0, "row 1")
    assert len(forms) > 5


def test_rows_that_repeat_each_other_or_share_a_unit_are_one_group() -> None:
    found = groups.join(["a", "b", "c", "d", "e"], [("a", "b"), ("b", "stranger")], {"b": "book", "d": "book"})

    assert found[0] == found[1] == found[3]
    assert len(set(found.tolist())) == 3


def test_rows_without_links_are_groups_of_their_own() -> None:
    assert sorted(groups.join(["a", "b"], [], {}).tolist()) == [0, 1]
