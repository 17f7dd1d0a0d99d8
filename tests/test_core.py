"""Ids, chance and views depend on content and purpose alone."""

from __future__ import annotations

import gzip
import json
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.core import views
from curate.core.chance import chance, draw, words_of
from curate.core.ids import digest, example_id
from curate.core.turns import nth_of_group

if TYPE_CHECKING:
    from pathlib import Path

CHAT = {"record": "messages", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
PAIR = {"record": "prompt-completion", "prompt": "hi", "completion": "ho"}
TEXT = {"record": "text", "text": "just text"}


def test_one_conversation_has_one_id_in_either_form() -> None:
    assert example_id(views.turns(CHAT)) == example_id(views.turns(PAIR))


def test_the_id_is_blake2b_over_length_prefixed_role_and_content() -> None:
    data = b"".join(len(each).to_bytes(8, "little") + each.encode() for each in ("user", "a"))

    assert example_id([("user", "a")]) == blake2b(data, digest_size=16).hexdigest()


def test_moving_a_border_between_turns_changes_the_id() -> None:
    assert example_id([("user", "ab"), ("user", "c")]) != example_id([("user", "a"), ("user", "bc")])


def test_a_lone_surrogate_still_has_an_id() -> None:
    assert len(example_id([("user", "\ud800")])) == 32


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_draws_are_uniform_and_stay_with_their_id() -> None:
    ids = [example_id([("user", str(number))]) for number in range(20_000)]

    numbers = draw(ids, 0, "tier", "holdout")

    assert abs(numbers.mean() - 0.5) < 0.01
    assert abs((numbers < 0.05).mean() - 0.05) < 0.005
    assert draw(ids[7:9], 0, "tier", "holdout").tolist() == numbers[7:9].tolist()
    assert draw(pa.chunked_array([ids[7:9]]), 0, "tier", "holdout").tolist() == numbers[7:9].tolist()


def test_another_purpose_or_seed_draws_other_numbers() -> None:
    ids = [example_id([("user", str(number))]) for number in range(2_000)]
    first = draw(ids, 0, "tier", "holdout")

    for other in (draw(ids, 1, "tier", "holdout"), draw(ids, 0, "pace", "luck")):
        assert abs(float(np.corrcoef(first, other)[0, 1])) < 0.08


def test_chance_repeats_itself() -> None:
    assert chance(3, "pace", "x").random(3).tolist() == chance(3, "pace", "x").random(3).tolist()
    assert chance(3, "pace", "x").random() != chance(3, "pace", "y").random()


def test_the_words_of_an_id_are_its_bits() -> None:
    assert words_of(["01" + "00" * 15]).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("row", "prompt", "answer", "full"),
    [
        (CHAT, "hi", "ho", "hi\n\nho"),
        (PAIR, "hi", "ho", "hi\n\nho"),
        (TEXT, None, "just text", "just text"),
        (
            {
                "record": "messages",
                "messages": [
                    {"role": role, "content": content}
                    for role, content in (
                        ("system", "s"),
                        ("user", "u"),
                        ("assistant", "a"),
                        ("tool", "t"),
                        ("assistant", "b"),
                    )
                ],
            },
            "s\n\nu\n\nt",
            "a\n\nb",
            "s\n\nu\n\na\n\nt\n\nb",
        ),
    ],
)
def test_views_of_a_row(row: dict[str, object], prompt: str | None, answer: str, full: str) -> None:
    pairs = views.turns(row)

    assert (views.prompt_view(pairs), views.answer_view(pairs), views.full_view(pairs)) == (prompt, answer, full)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```python\nprint(1)\n```", True),
        ("def add(a, b):\n    total = a + b\n    return total", True),
        ("for x in range(3):\n    print(x)\n    y = x + 1\n", True),
        ("Use a loop.\nIt is short.\nTry it.", False),
        ("Name a drink that is:\n1. not made of milk;\n2. old;\nb) cheap;\n- sweet;", False),
        ("int a = 1;\ncall(a);\nreturn a;", True),
        ("We multiply 3 by 4 and get 12.\nThen we add 2.\nThe answer is 14.", False),
        ("", False),
        ("A long explanation of the method follows here, with much prose. " * 5 + "```x = 1```", False),
    ],
)
def test_code_is_told_from_prose(answer: str, expected: bool) -> None:
    assert views.is_code(answer) is expected


def values(file: Path, column: str) -> list[str]:
    """A column of a set of lines of JSON."""
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line)[column] for line in lines]


def test_kinds_are_code_chat_and_text() -> None:
    assert views.kind(views.turns(CHAT)) == "chat"
    assert views.kind(views.turns(TEXT)) == "text"
    assert views.kind([("user", "x"), ("assistant", "```\nx = 1\n```")]) == "code"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hana has 3 eggs and buys 4. How many has she now?", True),
        ("\u5979\u6709\u591a\u5c11\u4e2a\u9e21\u86cb\uff1f", True),
        ("Summarise the text below.\n\nThe river rises in the hills.", True),
        ("The river rises in the hills.\n\nPlease name its source.", True),
        ("If Hana has 3 eggs and buys 4, then calculate how many she has.", True),
        ("How many eggs has Hana? (She bought 4 today.)", True),
        ("If an egg costs 2 dollars how much did Hana pay.", True),
        ("He asked her how much she had paid.", False),
        ("Hana hat 3 Eier und kauft 4. Berechnen Sie, wie viele sie hat.", True),
        ("Hana ana mayai 3. Iwapo atanunua 4, piga hesabu ya mayai yote.", True),
        (
            "\u5979\u67093\u4e2a\u9e21\u86cb\u3002\u5982\u679c\u4e704\u4e2a\uff0c\u8bf7\u8ba1\u7b97\u603b\u6570\u3002",
            True,
        ),
        ("Hana will, to calculate the sum, use her fingers.", False),
        ("Man muss lange suchen, um das zu berechnen.", False),
        ("\u4ed6\u5f88\u9ad8\u5174\uff0c\u8bf7\u4ed6\u5403\u996d\u3002", False),
        ("The river rises in the hills. Its source is a lake.", False),
        ("Reading is what she liked best.", False),
        ("", False),
    ],
)
def test_a_text_that_asks_is_told_from_prose(text: str, expected: bool) -> None:
    assert views.asks(text) is expected
    assert views.kind([("text", text)]) == ("task" if expected else "text")


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "column", "least", "most"),
    [
        ("gsm8k/gsm8k_train.jsonl.gz", "question", 0.998, 1.0),
        ("mgsm/mgsm.jsonl.gz", "question", 0.995, 1.0),
        ("followbench_levels/followbench.jsonl", "instruction", 0.97, 1.0),
        ("dolly_6400/dolly_6400.jsonl.gz", "instruction", 0.96, 1.0),
        ("instructlab_taxonomy/instructlab.jsonl", "question", 0.94, 1.0),
        ("dolly_6400/dolly_6400.jsonl.gz", "response", 0.0, 0.02),
        ("math_levels/math.jsonl.gz", "solution", 0.0, 0.025),
        ("cefr_sp_wikiauto/cefr_sp.jsonl.gz", "text", 0.0, 0.01),
        ("xcopa/xcopa.jsonl.gz", "premise", 0.0, 0.001),
    ],
)
def test_real_prose_is_told_from_real_tasks(real: Path, file: str, column: str, least: float, most: float) -> None:
    texts = [text for text in values(real / file, column) if text.strip()]

    assert least <= np.mean([views.asks(text) for text in texts]) <= most


def test_a_user_column_that_a_part_lacks_is_null() -> None:
    table = pa.table({"id": ["a"], "user": pa.array([{"topic": "x"}])})

    assert views.user_column(table, "topic").to_pylist() == ["x"]
    assert views.user_column(table, "other").to_pylist() == [None]


def test_a_null_user_struct_has_null_columns() -> None:
    table = pa.table({"user": pa.array([{"topic": "x"}, None])})

    assert views.user_column(table, "topic").to_pylist() == ["x", None]


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "column", "least", "most"),
    [
        ("gsm8k/gsm8k_train.jsonl.gz", "answer", 0.0, 0.001),
        ("math_levels/math.jsonl.gz", "solution", 0.0, 0.001),
        ("dolly_6400/dolly_6400.jsonl.gz", "response", 0.0, 0.001),
        ("exercism_python/exercism.jsonl", "solution", 0.98, 1.0),
        ("humaneval/humaneval.jsonl", "canonical_solution", 0.98, 1.0),
    ],
)
def test_code_is_told_from_prose_on_real_sets(real: Path, file: str, column: str, least: float, most: float) -> None:
    answers = values(real / file, column)

    assert least <= sum(map(views.is_code, answers)) / len(answers) <= most


@pytest.mark.parametrize(("group", "place"), [([], []), ([4], [0]), ([0, 0, 2, 2, 2, 1], [0, 1, 0, 1, 2, 0])])
def test_rows_are_counted_inside_their_group(group: list[int], place: list[int]) -> None:
    assert nth_of_group(np.array(group, np.int32)).tolist() == place
