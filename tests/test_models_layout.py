from __future__ import annotations

from unittest.mock import Mock

import pytest

from curate.models.layout import lay_out
from curate.models.template import ChatTemplate, UnscorableError
from tests.lm_fakes import CHATML, tiny_tokenizer

LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n\n' + "
    "message['content'] | trim + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + "
    "' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported') }}{% endif %}{% endfor %}"
)
THINKING = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
OPENS_THOUGHTS = CHATML.replace("assistant\n' }}{% endif %}", "assistant\n<think>\n' }}{% endif %}")
MARKED = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}"
    "{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
)
NO_PROMPT = (
    "{% for message in messages %}{{ '### ' + message['role'] + ':\n' + message['content'] + '\n' }}{% endfor %}"
)
WITH_TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}" + CHATML

TALK = [("user", "hi"), ("assistant", "yes"), ("user", "yes?"), ("assistant", "yes yes")]
ENDED = [("yes", "<|im_end|>"), ("yes yes", "<|im_end|>")]


def _answers(source: str | None, turns: list[tuple[str, str]], tools: str | None = None) -> list[tuple[str, str, str]]:
    """Header, answer and end of each answer."""
    layout = lay_out(ChatTemplate(tiny_tokenizer(source)), turns, tools)
    assert layout.answers is not None
    text = layout.text
    return [
        (text[one.header : one.start], text[one.start : one.text_end], text[one.text_end : one.end])
        for one in layout.answers
    ]


@pytest.mark.parametrize(
    ("source", "header", "ends"),
    [
        (CHATML, "<|im_start|>assistant\n", ENDED),
        (LLAMA3, "<|im_start|>assistant\n\n", ENDED),
        (MISTRAL, "", [(" yes", "</s>"), (" yes yes", "</s>")]),
        (MARKED, "<|im_start|>assistant\n", ENDED),
        (
            THINKING,
            "<|im_start|>assistant\n",
            [("yes", "<|im_end|>"), ("<think>\n\n</think>\n\nyes yes", "<|im_end|>")],
        ),
        (OPENS_THOUGHTS, "<|im_start|>assistant\n", ENDED),
        (NO_PROMPT, "### assistant:\n", [("yes", ""), ("yes yes", "")]),
    ],
    ids=["chatml", "llama3", "mistral", "marked", "thinking", "opens-thoughts", "no-prompt"],
)
def test_every_answer_is_found_with_its_header_and_its_end(
    source: str, header: str, ends: list[tuple[str, str]]
) -> None:
    assert _answers(source, TALK) == [(header, *end) for end in ends]


def test_an_answer_keeps_the_white_space_that_its_template_keeps() -> None:
    turns = [("user", "hi"), ("assistant", "\n so \n")]

    assert _answers(CHATML, turns) == [("<|im_start|>assistant\n", "\n so", " \n<|im_end|>")]
    assert _answers(LLAMA3, turns) == [("<|im_start|>assistant\n\n", "so", "<|im_end|>")]


@pytest.mark.parametrize("source", [CHATML, MARKED])
@pytest.mark.parametrize("answer", ["end", "im", " end", "|>"])
def test_an_answer_of_a_word_that_the_template_writes_too_ends_where_it_does(source: str, answer: str) -> None:
    turns = [("user", "hi"), ("assistant", answer), ("user", "end?"), ("assistant", answer)]

    assert _answers(source, turns) == [("<|im_start|>assistant\n", answer, "<|im_end|>")] * 2


@pytest.mark.parametrize("source", [CHATML, LLAMA3, MISTRAL, THINKING, OPENS_THOUGHTS, NO_PROMPT])
@pytest.mark.parametrize(
    "turns",
    [
        TALK,
        [("user", "curateprobe1x"), ("assistant", "curateprobe0x")],
        [("user", " hi "), ("assistant", "a\n\nb")],
        [("user", ""), ("assistant", "so")],
        [("user", "assistant"), ("assistant", ""), ("user", "?"), ("assistant", "[INST] user")],
    ],
)
def test_answers_in_the_frame_of_their_shape_are_where_rendering_up_to_each_finds_them(
    monkeypatch: pytest.MonkeyPatch, source: str, turns: list[tuple[str, str]]
) -> None:
    framed = _answers(source, turns)
    monkeypatch.setattr("curate.models.layout._framed", lambda *_: None)

    assert framed == _answers(source, turns)


def test_a_second_conversation_of_a_shape_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    template = ChatTemplate(tiny_tokenizer(CHATML))
    lay_out(template, TALK, None)
    render = Mock(wraps=template.render)
    monkeypatch.setattr(template, "render", render)

    layout = lay_out(template, [("user", "who"), ("assistant", "me"), ("user", "why"), ("assistant", "so")], None)

    render.assert_called_once()
    assert layout.answers is not None
    assert [layout.text[one.start : one.text_end] for one in layout.answers] == ["me", "so"]


def test_a_conversation_may_begin_with_the_assistant() -> None:
    assert _answers(CHATML, [("assistant", "assistant")]) == [("<|im_start|>assistant\n", "assistant", "<|im_end|>")]


def test_an_empty_answer_is_passed_over() -> None:
    turns = [("user", "hi"), ("assistant", ""), ("user", "hi?"), ("assistant", "yes")]

    assert [answer for _, answer, _ in _answers(CHATML, turns)] == ["yes"]


def test_a_model_without_template_is_shown_a_single_exchange_plainly() -> None:
    layout = lay_out(
        ChatTemplate(tiny_tokenizer(None)), [("system", "be brief"), ("user", "hi"), ("assistant", "yes")], None
    )

    assert layout.text == "be brief\n\nhi\n\nyes"
    assert _answers(None, [("user", "hi"), ("assistant", "yes")]) == [("", "yes", "")]


@pytest.mark.parametrize(
    ("source", "turns", "tools", "reason"),
    [
        (CHATML, [("user", "hi")], None, "there is no answer to score"),
        (None, TALK, None, "no chat template"),
        (None, TALK[:2], '[{"name": "f"}]', "no chat template"),
        (MISTRAL, [("system", "be"), *TALK], None, "refuses the conversation: Only user and assistant"),
        (CHATML, TALK, '[{"name": "f"}]', "does not show the tools"),
        (CHATML, TALK, "not json", "the tools are no JSON:"),
        (CHATML, TALK, '{"name": "f"}', "no JSON list of objects"),
        (MISTRAL.replace("{{ raise_exception('Only user and assistant roles are supported') }}", ""),
         [("system", "be"), *TALK], None, "does not show the turns of the role 'system'"),
        (CHATML.replace("['content']", "['content'].replace('yes', 'no')"), TALK, None, "changes the answer"),
        (MARKED.replace("['content']", "['content'].replace('yes', 'no')"), TALK, None, "changes the answer"),
        ("{{ messages | length }}" + CHATML, TALK, None, "changes earlier turns when turn 2 is added"),
        (MARKED.replace("== 'assistant'", "== 'assistant' and loop.last"), TALK, None, "marks 1 answers of 2"),
    ],
)  # fmt: skip
def test_what_the_model_would_not_see_is_a_reason(
    source: str | None, turns: list[tuple[str, str]], tools: str | None, reason: str
) -> None:
    with pytest.raises(UnscorableError, match=reason):
        lay_out(ChatTemplate(tiny_tokenizer(source)), turns, tools)


def test_tools_that_the_template_shows_are_shown() -> None:
    layout = lay_out(ChatTemplate(tiny_tokenizer(WITH_TOOLS)), TALK, '[{"name": "weather"}]')

    assert "weather" in layout.text
    assert layout.answers is not None
    assert [layout.text[one.start : one.text_end] for one in layout.answers] == ["yes", "yes yes"]


def test_an_empty_list_of_tools_is_no_tools() -> None:
    assert len(_answers(CHATML, TALK, "[]")) == 2


def test_a_template_with_the_date_gives_the_same_text_every_day() -> None:
    layout = lay_out(ChatTemplate(tiny_tokenizer("{{ strftime_now('%d %B') }}" + CHATML)), TALK, None)

    assert layout.text.startswith("26 Jul 2024<|im_start|>user")
