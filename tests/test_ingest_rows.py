"""What becomes of one row: parsing, recognition, chats, repairs, bounds."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.core.ids import example_id
from curate.core.views import turns
from curate.errors import DataError, SettingsError
from curate.ingest.language import detect
from curate.ingest.parse import MAX_DEPTH, parse
from curate.ingest.reasons import REASONS, REMARKS, REPAIRS, Reason, Remark, Repair, RowError
from curate.ingest.step import Settings, Source
from tests.ingest_runs import Row, ingest, ingest_rows, lines, only, reasons, table

if TYPE_CHECKING:
    from pathlib import Path

CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def test_every_code_has_an_explanation() -> None:
    assert set(REASONS) == set(Reason)
    assert set(REPAIRS) == set(Repair)
    assert set(REMARKS) == set(Remark)


@pytest.mark.parametrize(
    ("row", "form", "prompt", "completion"),
    [
        ({"instruction": "Add", "input": "1 2", "output": "3"}, "alpaca", "Add\n\n1 2", "3"),
        ({"instruction": "Add", "input": "", "output": "3"}, "alpaca", "Add", "3"),
        ({"instruction": "Add", "input": None, "output": "3"}, "alpaca", "Add", "3"),
        ({"instruction": "Add", "output": "3"}, "alpaca", "Add", "3"),
        ({"instruction": "", "input": "1 + 2", "output": "3"}, "alpaca", "1 + 2", "3"),
        ({"instruction": "Sum", "context": "1 2", "response": "3"}, "dolly", "Sum\n\n1 2", "3"),
        ({"instruction": "Sum", "context": " ", "response": "3"}, "dolly", "Sum", "3"),
        ({"prompt": "p", "completion": "c"}, "prompt-completion", "p", "c"),
        ({"prompt": "p", "response": "c"}, "prompt-completion", "p", "c"),
        ({"question": "q", "answer": "a"}, "question-answer", "q", "a"),
        ({"question": "q", "context": "k", "answer": "a"}, "question-answer", "q\n\nk", "a"),
        ({"problem": "q", "solution": "a"}, "problem-solution", "q", "a"),
        ({"instruction": "q", "solution": "a"}, "instruction-solution", "q", "a"),
        ({"input": "q", "target": "a"}, "input-target", "q", "a"),
        ({"inputs": "q", "targets": "a"}, "input-target", "q", "a"),
        ({"prompt": "p", "completion": "c", "text": None, "messages": None}, "prompt-completion", "p", "c"),
    ],
)
def test_a_pair_is_recognised_by_its_fields(tmp_path: Path, row: Row, form: str, prompt: str, completion: str) -> None:
    report, space = ingest_rows(tmp_path, row)

    example = only(space)
    assert (example["record"], example["prompt"], example["completion"]) == ("prompt-completion", prompt, completion)
    assert report.forms == {form: 1}
    assert report.records == {"prompt-completion": 1}


@pytest.mark.parametrize(
    ("row", "messages"),
    [
        ({"messages": CHAT}, [("user", "Hi"), ("assistant", "Hello")]),
        ({"messages": orjson.dumps(CHAT).decode()}, [("user", "Hi"), ("assistant", "Hello")]),
        (
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
            [("user", "Hi"), ("assistant", "Hello")],
        ),
        (
            {"system": "Be kind", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}]},
            [("system", "Be kind"), ("user", "Hi"), ("assistant", "Yo")],
        ),
        ({"messages": CHAT, "system": " "}, [("user", "Hi"), ("assistant", "Hello")]),
        (
            {"system": "Be kind", "prompt": "Hi", "completion": "Yo"},
            [("system", "Be kind"), ("user", "Hi"), ("assistant", "Yo")],
        ),
        ({"prompt": CHAT[:1], "completion": CHAT[1:]}, [("user", "Hi"), ("assistant", "Hello")]),
        ({"prompt": CHAT[:1], "completion": "Yo"}, [("user", "Hi"), ("assistant", "Yo")]),
        (
            {"messages": [{"role": "developer", "content": "Be kind"}, *CHAT]},
            [("system", "Be kind"), ("user", "Hi"), ("assistant", "Hello")],
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"text": "b"}]}, CHAT[1]]},
            [("user", "a\nb"), ("assistant", "Hello")],
        ),
    ],
)
def test_a_chat_is_recognised_in_every_dialect(tmp_path: Path, row: Row, messages: list[tuple[str, str]]) -> None:
    _, space = ingest_rows(tmp_path, row)

    example = only(space)
    assert example["record"] == "messages"
    assert turns(example) == messages
    assert example["user"] is None


def test_calls_of_tools_become_text_and_specifications_stay_json(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"b": 2, "a": 1}'}}
    chat = [
        {"role": "user", "content": "1+2?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "3"},
        {"role": "assistant", "content": "It is 3"},
    ]
    tools = [{"type": "function", "function": {"name": "add"}}]

    report, space = ingest_rows(tmp_path, {"messages": chat, "tools": tools})

    example = only(space)
    assert turns(example) == [
        ("user", "1+2?"),
        ("assistant", '<tool_call>\n{"name":"add","arguments":{"b":2,"a":1}}\n</tool_call>'),
        ("tool", "3"),
        ("assistant", "It is 3"),
    ]
    assert orjson.loads(example["tools"]) == tools
    assert report.repairs == {"message-keys-dropped": 1, "tool-calls-as-text": 1}
    assert table(space, "ledger")[0]["repairs"] == ["message-keys-dropped", "tool-calls-as-text"]


def test_an_old_function_call_becomes_text_too(tmp_path: Path) -> None:
    chat = [CHAT[0], {"role": "assistant", "content": "Well", "function_call": {"name": "f", "arguments": "not json"}}]

    _, space = ingest_rows(tmp_path, {"messages": chat, "tools": '[{"name": "f"}]'})

    example = only(space)
    assert turns(example)[1][1] == 'Well\n<tool_call>\n{"name":"f","arguments":"not json"}\n</tool_call>'
    assert example["tools"] == '[{"name": "f"}]'


def test_two_forms_of_one_conversation_share_an_id(tmp_path: Path) -> None:
    report, space = ingest_rows(
        tmp_path,
        {"instruction": "Hi", "input": "", "output": "Hello", "level": 1},
        {"messages": CHAT, "level": 1},
        {"prompt": "Hi", "completion": "Hello", "level": 2},
    )

    assert only(space)["id"] == example_id([("user", "Hi"), ("assistant", "Hello")])
    ledger = table(space, "ledger")
    assert [row["outcome"] for row in ledger] == ["example", "copy", "copy"]
    assert len({row["id"] for row in ledger}) == 1
    assert [row["reason"] for row in ledger] == [
        None,
        f"copy: first at {ledger[0]['source']}:1",
        f"copy: first at {ledger[0]['source']}:1; differs in level",
    ]
    assert report.differing == {"level": 1}
    assert [(finding.code, finding.rows) for finding in report.findings] == [("copies-differ", 1)]


def test_copies_that_differ_in_their_row_names_only_are_no_finding(tmp_path: Path) -> None:
    report, _ = ingest_rows(tmp_path, {"text": "a", "id": 1}, {"text": "a", "id": 2})

    assert report.differing == {"id": 1}
    assert report.findings == ()


BAD: list[tuple[object, str]] = [
    (b"{", "invalid-json: unexpected end of data at column 2"),
    (b'{"prompt": "a", "completion": "b"', "invalid-json"),
    (b'{"text": "a",}', "invalid-json: trailing comma is not allowed at column 13"),
    (b'{"text": "a"} {"text": "b"}', "invalid-json"),
    (b'{"text": "\\ud800"}', "invalid-json"),
    (b'{"text": "\xff"}', "invalid-utf8: byte 0xff at byte 11 of the line"),
    (b'{"text": "a\x00b"}', "nul-byte: at byte 12 of the line"),
    (b'{"text": "a\\u0000b"}', "nul-byte: in the text of the text"),
    (b'{"prompt": "a", "completion": "\\u0000"}', "nul-byte: in the text of the assistant"),
    (b'["text"]', "not-an-object: it is a list"),
    (b'"text"', "not-an-object: it is text"),
    (b"null", "not-an-object: it is null"),
    (b"17", "not-an-object: it is a number"),
    (b"true", "not-an-object: it is true or false"),
    (b'{"text": "a", "text": "b"}', "duplicate-key: 'text'"),
    (b'{"text": "a", "n": {"k": 1, "k": 2}}', "duplicate-key: 'k'"),
    (b'{"text" : "a", "text":"b"}', "duplicate-key: 'text'"),
    (b'{"text": "a", "te\\u0078t": "b"}', "duplicate-key: 'text'"),
    (b"[" * 3000, "too-deep"),
    (b'{"text": "a", "n": ' + b"[" * 100 + b"]" * 100 + b"}", f"too-deep: more than {MAX_DEPTH} levels"),
    (b'{"text": NaN, "n": ' + b"[" * 990 + b"]" * 990 + b"}", "too-deep"),
    ({f"k{n}": n for n in range(1001)}, "too-wide: 1001 fields"),
    ({}, "unknown-record: it has no fields"),
    ({"a": 1, "b": 2}, "unknown-record: it has 'a', 'b'"),
    ({"chosen": "a", "rejected": "b"}, "preference-pair"),
    ({"prompt": "p", "chosen": "a", "rejected": "b", "completion": "c"}, "preference-pair"),
    ({"prompt": "p", "completion": None}, "missing-field: completion is null"),
    ({"prompt": None, "completion": "c"}, "missing-field: prompt is null"),
    ({"prompt": "p", "completion": 5}, "wrong-type: completion is a number, not text"),
    ({"prompt": {"a": 1}, "completion": "c"}, "wrong-type: prompt is an object, not text"),
    ({"prompt": True, "completion": "c"}, "wrong-type: prompt is true or false, not text"),
    ({"prompt": "p", "completion": ["c"]}, "wrong-type: completion is a list, not text"),
    ({"instruction": "p", "input": 7, "output": "c"}, "wrong-type: input is a number, not text"),
    ({"text": ["a"]}, "wrong-type: text is a list, not text"),
    ({"messages": "Hi"}, "wrong-type: messages is text, not a list of messages"),
    ({"messages": {"role": "user"}}, "wrong-type: messages is an object, not a list of messages"),
    ({"messages": ["Hi"]}, "wrong-type: message 1 is text"),
    ({"messages": [None]}, "wrong-type: message 1 is null"),
    ({"messages": []}, "no-answer: 0 messages"),
    ({"messages": CHAT[:1]}, "no-answer: 1 messages"),
    ({"messages": [{"role": "alien", "content": "x"}]}, "unknown-role: 'alien' in message 1"),
    ({"messages": [{"content": "x"}]}, "missing-field: role of message 1 is null"),
    ({"messages": [{"role": 3, "content": "x"}]}, "wrong-type: role of message 1 is a number"),
    ({"messages": [{"role": "user"}]}, "missing-field: content of message 1"),
    ({"messages": [{"role": "user", "content": None}, CHAT[1]]}, "missing-field: content of message 1"),
    ({"messages": [{"role": "user", "content": 3}]}, "wrong-type: content of message 1 is a number, not text"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, CHAT[1]]},
        "not-text: message 1 holds 'image_url'",
    ),
    ({"messages": [CHAT[0], {"role": "assistant", "tool_calls": [{"id": 1}]}]}, "wrong-type: a call of a tool"),
    ({"messages": CHAT, "tools": "not json"}, "wrong-type: tools is text that is not JSON"),
    ({"messages": CHAT, "system": 3}, "wrong-type: system is a number, not text"),
    ({"messages": [CHAT[0], {"role": "assistant", "content": " "}]}, "empty-answer"),
    ({"messages": [{"role": "user", "content": ""}, CHAT[1]]}, "empty-prompt"),
    ({"prompt": "\n", "completion": "c"}, "empty-prompt"),
    ({"prompt": "p", "completion": ""}, "empty-answer"),
    ({"text": ""}, "empty-text"),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=[f"{n}-{reason[:24]}" for n, (_, reason) in enumerate(BAD)])
def test_a_bad_row_is_rejected_with_its_reason_and_its_raw_form(tmp_path: Path, row: object, reason: str) -> None:
    report, space = ingest_rows(tmp_path, {"text": "good"}, row, {"text": "good too"})

    reject = only(space, "rejected")
    ledger = table(space, "ledger")
    assert reject["reason"].startswith(reason)
    assert reject["row"] == 2
    assert reject["raw"] == lines(row).rstrip(b"\n").decode("utf-8", "backslashreplace")
    assert [each["outcome"] for each in ledger] == ["example", "rejected", "example"]
    assert ledger[1]["reason"] == reject["reason"]
    assert ledger[1]["id"] is None
    assert report.rejected_by_reason == {reason.partition(":")[0]: 1}
    assert (report.rows, report.examples, report.copies, report.rejected) == (3, 2, 0, 1)


def test_bad_rows_of_every_kind_share_a_file(tmp_path: Path) -> None:
    report, space = ingest_rows(tmp_path, {"text": "good"}, *(row for row, _ in BAD))

    assert reasons(space) == [reason.partition(":")[0] for _, reason in BAD]
    assert report.rows == 1 + len(BAD)


def test_a_row_of_another_type_is_recorded_as_what_it_is(tmp_path: Path) -> None:
    report, space = ingest_rows(tmp_path, {"text": "a"}, {"messages": CHAT}, {"prompt": "p", "completion": "c"})

    assert [row["record"] for row in table(space, "examples")] == ["text", "messages", "prompt-completion"]
    assert report.records == {"messages": 1, "prompt-completion": 1, "text": 1}


def test_not_a_number_becomes_null_and_is_a_repair(tmp_path: Path) -> None:
    report, space = ingest_rows(tmp_path, b'{"text": "a", "score": NaN, "low": -Infinity, "n": 1.5}')

    assert only(space)["user"] == {"score": None, "low": None, "n": 1.5}
    assert report.repairs == {"nan-as-null": 1}


def test_letters_and_accents_are_joined_unless_the_recipe_says_no(tmp_path: Path) -> None:
    row = {"prompt": "cafe\u0301", "completion": "c"}

    repaired, space = ingest_rows(tmp_path / "a", row)
    left, untouched = ingest_rows(tmp_path / "b", row, settings=Settings(nfc=False))

    assert only(space)["prompt"] == "caf\u00e9"
    assert repaired.repairs == {"nfc": 1}
    assert only(untouched)["prompt"] == "cafe\u0301"
    assert left.repairs == {}


def test_mojibake_is_repaired_on_request_and_code_is_left_alone(tmp_path: Path) -> None:
    row = {"prompt": "schÃ¶n “quoted” &amp; <b>", "completion": "fi ﬁ"}

    _, untouched = ingest_rows(tmp_path / "a", row)
    report, space = ingest_rows(tmp_path / "b", row, settings=Settings(mojibake=True))

    assert only(untouched)["prompt"] == row["prompt"]
    assert only(space)["prompt"] == "schön “quoted” &amp; <b>"
    assert only(space)["completion"] == row["completion"]
    assert report.repairs == {"mojibake": 1}


def test_bounds_on_length_count_all_turns(tmp_path: Path) -> None:
    rows = [{"prompt": "p" * n, "completion": "c"} for n in (1, 4, 9)]

    _, space = ingest_rows(tmp_path, *rows, settings=Settings(min_characters=3, max_characters=6))

    assert [row["reason"] for row in table(space, "ledger")] == [
        "too-short: 2 characters",
        None,
        "too-many-characters: 10 characters",
    ]


def test_empty_answers_are_kept_on_request(tmp_path: Path) -> None:
    report, _ = ingest_rows(tmp_path, {"prompt": "p", "completion": ""}, settings=Settings(empty_answers="keep"))

    assert report.examples == 1


@pytest.mark.parametrize("token", ["<|im_end|>", "<|eot_id|>", "<start_of_turn>", "[INST]", "<</SYS>>"])
def test_a_control_token_is_kept_as_text_and_is_a_finding(tmp_path: Path, token: str) -> None:
    report, space = ingest_rows(tmp_path, {"prompt": f"say {token} now", "completion": "c"}, {"text": "x < y | z > a"})

    assert table(space, "examples")[0]["prompt"] == f"say {token} now"
    (finding,) = report.findings
    assert (finding.code, finding.rows) == ("control-token", 1)
    assert finding.places[0].endswith("rows.jsonl:1")


def test_a_number_of_more_than_64_bits_loses_no_digit(tmp_path: Path) -> None:
    big = 2**100 + 1
    report, space = ingest_rows(tmp_path, {"text": "a", "n": big, "x": 1e300, "m": -big}, {"text": "b", "x": 1e300})

    first, second = (row["user"] for row in table(space, "examples"))
    assert first == {"n": str(big), "x": 1e300, "m": str(-big)}
    assert second["x"] == 1e300
    assert report.repairs == {"big-number-as-text": 1}


# --- languages ---

SENTENCES = {
    "en": "The children were playing in the garden when it began to rain.",
    "de": "Die Kinder spielten im Garten, als es zu regnen begann.",
    "fr": "Les enfants jouaient dans le jardin quand il a commencé à pleuvoir.",
    "es": "Los niños estaban jugando en el jardín cuando empezó a llover.",
    "ru": "Дети играли в саду, когда начался дождь, и мы пошли домой.",
    "zh": "孩子们正在花园里玩耍突然下起了雨。",
    "ja": "子供たちが庭で遊んでいると、雨が降り始めた。",
    "ko": "아이들이 정원에서 놀고 있을 때 비가 내리기 시작했다.",
    "th": "เด็กๆ กำลังเล่นอยู่ในสวนเมื่อฝนเริ่มตก",
    "hi": "बच्चे बगीचे में खेल रहे थे जब बारिश शुरू हुई।",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_has_its_language(code: str) -> None:
    assert detect(SENTENCES[code]) == code


@pytest.mark.parametrize("text", ["", "12 + 7 = 19", "x", "zzqx brrt vlok", "```python\nfor the in of: and\n```"])
def test_where_nothing_can_be_told_there_is_no_language(text: str) -> None:
    assert detect(text) is None


def test_the_language_filter_keeps_what_it_cannot_tell_and_trusts_the_column(tmp_path: Path) -> None:
    rows = [
        {"text": SENTENCES["en"]},
        {"text": SENTENCES["de"]},
        {"text": "2 + 2 = 4"},
        {"text": SENTENCES["de"] + " Und so weiter.", "language": "EN_us"},
        {"text": SENTENCES["de"] + " Ach.", "language": "English"},
    ]

    _, space = ingest_rows(tmp_path, *rows, settings=Settings(languages=("en", "fr")))

    assert [row["reason"] for row in table(space, "ledger")] == [
        None,
        "other-language: de",
        None,
        None,
        "other-language: de",
    ]


@pytest.mark.real
def test_languages_are_told_on_parallel_problems(real: Path) -> None:
    with gzip.open(real / "mgsm/mgsm.jsonl.gz") as file:
        rows = [orjson.loads(line) for line in file]

    found = Counter((row["lang"], detect(row["question"])) for row in rows)

    assert all(found[code, code] >= 245 for code in ("en", "de", "sw", "zh"))


# --- maps ---


def mapped(tmp_path: Path, row: Row, names: dict[str, str]) -> Row:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(row))
    _, space = ingest(tmp_path / "run", Source(path=str(file), map=names))
    return only(space)


def test_a_map_names_the_columns_of_a_pair(tmp_path: Path) -> None:
    row = {"q": "Why?", "hint": "h", "a": "So.", "text": "other", "lvl": 3, "lingua": "it"}
    names = {"question": "q", "input": "hint", "answer": "a", "label": "lvl", "language": "lingua"}

    example = mapped(tmp_path, row, names)

    assert (example["prompt"], example["completion"]) == ("Why?\n\nh", "So.")
    assert example["language"] == "it"
    assert example["user"] == {"text": "other", "label": 3, "lingua": "it"}


def test_a_mapped_label_does_not_displace_a_column_of_that_name(tmp_path: Path) -> None:
    example = mapped(tmp_path, {"text": "t", "label": "own", "lvl": 3}, {"label": "lvl"})

    assert example["user"] == {"label": 3, "label_": "own"}


def test_a_map_names_messages_system_and_tools(tmp_path: Path) -> None:
    row = {"dialog": CHAT, "sys": "Be kind", "functions": "[]", "text": "t"}

    example = mapped(tmp_path, row, {"messages": "dialog", "system": "sys", "tools": "functions"})

    assert turns(example)[0] == ("system", "Be kind")
    assert example["tools"] == "[]"
    assert example["user"] == {"text": "t"}


def test_a_map_makes_text_of_a_column_and_of_a_preferred_answer(tmp_path: Path) -> None:
    assert mapped(tmp_path, {"body": "t", "text": "u"}, {"text": "body"})["text"] == "t"
    row = {"prompt": "p", "chosen": "c", "rejected": "r"}
    example = mapped(tmp_path, row, {"prompt": "prompt", "completion": "chosen"})
    assert example["completion"] == "c"
    assert example["user"] == {"rejected": "r"}


def test_a_map_reaches_inside_and_the_rest_stays_with_the_user(tmp_path: Path) -> None:
    row: Row = {"ask": "q", "instances": [{"input": "", "output": "a"}], "dotted.name": "kept"}

    example = mapped(tmp_path, row, {"prompt": "ask", "completion": "instances.0.output"})

    assert (example["prompt"], example["completion"]) == ("q", "a")
    assert set(example["user"]) == {"instances", "dotted.name"}


def test_a_column_with_a_dot_in_its_name_comes_before_a_path(tmp_path: Path) -> None:
    assert mapped(tmp_path, {"a.b": "column", "a": {"b": "inside"}}, {"text": "a.b"})["text"] == "column"


@pytest.mark.parametrize("path", ["instances.1.output", "instances.x", "ask.0", "instances.0.none"])
def test_a_path_that_leads_nowhere_is_a_missing_field(tmp_path: Path, path: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines({"ask": "q", "instances": [{"output": "a"}]}))

    with pytest.raises(DataError, match=f"'{path}', mapped to completion"):
        ingest(tmp_path / "run", Source(path=str(file), map={"prompt": "ask", "completion": path}))


def test_a_row_without_a_mapped_column_says_which_and_what_is_near(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines({"question": "q", "answer": "a"}, {"qestion": "q", "answer": "a"}, {"qestion": None}))

    _, space = ingest(tmp_path / "run", Source(path=str(file), map={"prompt": "qestion", "completion": "answer"}))

    assert [row["reason"] for row in table(space, "rejected")] == [
        "missing-field: 'qestion', mapped to prompt: did you mean 'question'?",
        "missing-field: 'qestion', mapped to prompt: it is null",
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"promt": "q", "completion": "a"}, "'promt' in a map is no name of ours\n  fix: did you mean 'prompt'?"),
        ({"prompt": "q"}, "a map names only one of prompt and completion"),
        ({"prompt": "q", "question": "r", "answer": "a"}, "a map names 'prompt' twice"),
    ],
)
def test_a_map_that_cannot_hold_is_refused(names: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Source(path="x", map=names)

    assert str(caught.value).startswith(said)


def test_a_plain_string_is_a_source() -> None:
    assert Source.model_validate("a.jsonl") == Source(path="a.jsonl")


# --- properties ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(), JSON, max_size=5))
def test_what_json_can_hold_is_parsed_whole(value: dict[str, Any]) -> None:
    line = orjson.dumps(value)

    assert parse(line) == (orjson.loads(line), ())


@given(
    pairs=st.lists(
        st.tuples(st.text(alphabet='ab":\\ ', max_size=3), st.text(alphabet='":\\ a', max_size=4)), max_size=5
    ),
    before=st.sampled_from(["", " ", "\t", " \t"]),
)
def test_a_key_that_stands_twice_never_passes(pairs: list[tuple[str, str]], before: str) -> None:
    inside = ", ".join(f"{orjson.dumps(k).decode()}{before}: {orjson.dumps(v).decode()}" for k, v in pairs)
    line = f"{{{inside}}}".encode()

    if len(dict(pairs)) == len(pairs):
        assert parse(line)[0] == dict(pairs)
    else:
        with pytest.raises(RowError, match="duplicate-key"):
            parse(line)


@given(line=st.binary(max_size=60))
def test_any_bytes_parse_or_have_a_reason(line: bytes) -> None:
    try:
        found: object = parse(line)[0]
    except RowError as error:
        found = error.reason
    assert isinstance(found, dict | Reason)
