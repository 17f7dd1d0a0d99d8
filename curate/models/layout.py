"""An example as the text that the model would see, with the places of its answers in that text.

The model's own chat template decides. Where the template marks what the assistant says (``{% generation %}``), the
marks hold. Otherwise an answer begins where the text rendered up to it, with the generation prompt, ends: that text
must be a prefix of the whole. It ends with the answer's own last character **and the end-of-turn token after it**:
to stop is part of what the model learns, and trainers count it too. White space after that token is not scored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from curate.models.template import UnscorableError, probes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.models.template import ChatTemplate, Message
    from curate.models.untyped import Json

SEPARATOR = "\n\n"
"""Between the contents of an exchange that is shown to a model without a chat template."""


@dataclass(frozen=True)
class Answer:
    """Characters of the text: where the assistant's header begins, its answer, the answer's end, the turn's end."""

    header: int
    start: int
    text_end: int
    end: int


@dataclass(frozen=True)
class Layout:
    """The text of an example and its answers; None for plain text, all of which is scored.

    ``adds_specials``: whether the tokenizer adds its own first and last token; a chat template writes them itself.
    """

    text: str
    answers: tuple[Answer, ...] | None
    adds_specials: bool


def lay_out(template: ChatTemplate, turns: Sequence[tuple[str, str]], tools: str | None) -> Layout:
    """The text that the model sees, and its answers; *turns* are (role, content), plain text one turn ``text``.

    A model without a chat template is shown a single exchange as its contents with a blank line between them; no
    token ends such an answer, so none is scored. Raises `UnscorableError` where there is no answer, or the template
    refuses the conversation, drops a role or the tools, or changes an answer.
    """
    if [role for role, _ in turns] == ["text"]:
        return Layout(turns[0][1], None, adds_specials=True)
    if not any(role == "assistant" and content.strip() for role, content in turns):
        raise UnscorableError("there is no answer to score")
    listed = _parsed(tools)
    if not template.exists():
        return _without_template(turns, listed)
    dropped = template.dropped(tuple(role for role, _ in turns), tools=listed is not None)
    if dropped is not None:
        raise UnscorableError(f"the chat template does not show {dropped} to the model")
    messages = [{"role": role, "content": content} for role, content in turns]
    if template.marks(listed):
        text, spans = template.marked(messages, listed)
        return Layout(text, tuple(_marked(template, messages, listed, text, spans)), adds_specials=False)
    text = template.render(messages, listed)
    framed = None if listed else _framed(template, turns, text)
    return Layout(text, framed or tuple(_found(template, messages, listed, text)), adds_specials=False)


@dataclass(frozen=True)
class _Frame:
    """What a template writes around the contents of conversations of one shape, and where their answers are.

    ``around`` has one piece more than there are turns. ``answers``: each assistant turn, how far before its content the
    header and the answer begin, and how far behind it the turn ends.
    """

    around: tuple[str, ...]
    answers: tuple[tuple[int, int, int, int], ...]


_FRAMES: WeakKeyDictionary[ChatTemplate, dict[tuple[str, ...], _Frame | None]] = WeakKeyDictionary()


def _framed(template: ChatTemplate, turns: Sequence[tuple[str, str]], text: str) -> tuple[Answer, ...] | None:
    """The answers, where *text* is the contents in the frame of their shape: what `_found` gives, without rendering.

    None where it is not, and where an answer begins or ends with white space.
    """
    frames = _FRAMES.setdefault(template, {})
    roles = tuple(role for role, _ in turns)
    if roles not in frames:
        frames[roles] = _frame(template, roles)
    frame = frames[roles]
    if frame is None or any(role == "assistant" and content.strip() != content for role, content in turns):
        return None
    pieces = [piece for before, (_, content) in zip(frame.around, turns, strict=False) for piece in (before, content)]
    if text != "".join([*pieces, frame.around[-1]]):
        return None
    begins = np.cumsum([len(piece) for piece in pieces])[::2].tolist()
    answers = []
    for turn, header, start, end in frame.answers:
        begin, size = begins[turn], len(turns[turn][1])
        if size:
            answers.append(Answer(begin - header, begin - start, begin + size, begin + size + end))
    return tuple(answers)


def _frame(template: ChatTemplate, roles: tuple[str, ...]) -> _Frame | None:
    """From contents that cannot be mistaken; None where the template changes them, or the answers are not found."""
    messages = probes(roles)
    contents = [message["content"] for message in messages]
    try:
        text = template.render(messages, None)
        found = list(_found(template, messages, None, text))
    except UnscorableError:
        return None
    around = re.split("|".join(contents), text)
    if "".join(piece + content for piece, content in zip(around, [*contents, ""], strict=False)) != text:
        return None
    said = [turn for turn, role in enumerate(roles) if role == "assistant"]
    places = [(turn, text.index(contents[turn])) for turn in said]
    return _Frame(
        tuple(around),
        tuple(
            (turn, place - one.header, place - one.start, one.end - place - len(contents[turn]))
            for (turn, place), one in zip(places, found, strict=True)
        ),
    )


def _marked(
    template: ChatTemplate,
    messages: Sequence[Message],
    tools: Json,
    text: str,
    spans: Sequence[tuple[int, int]],
) -> Iterator[Answer]:
    """The answers that the template marks."""
    said = [turn for turn, message in enumerate(messages) if message["role"] == "assistant"]
    if len(said) != len(spans):
        raise UnscorableError(f"the chat template marks {len(spans)} answers of {len(said)}")
    for turn, (start, end) in zip(said, spans, strict=True):
        core = messages[turn]["content"].strip()
        if core:
            before = template.render(messages[:turn], tools) if turn else ""
            header = len(before) if text.startswith(before) and len(before) <= start else start
            yield Answer(header, start, _end(text, core, start, end, turn), end)


def _found(template: ChatTemplate, messages: Sequence[Message], tools: Json, text: str) -> Iterator[Answer]:
    """The answers, by rendering the conversation up to each of them."""
    for turn, message in enumerate(messages):
        core = message["content"].strip()
        if message["role"] != "assistant" or not core:
            continue
        header, start = _start(template, messages[:turn], tools, text, core)
        upto = text if turn == len(messages) - 1 else template.render(messages[: turn + 1], tools)
        if text.startswith(upto):
            limit = len(upto)
            text_end = _end(text, core, start, limit, turn)
        else:  # the template writes the last turn otherwise than the earlier ones
            limit = len(text)
            text_end = _place(text.find(core, start), turn) + len(core)
        yield Answer(header, start, text_end, template.end_of_turn(text, text_end, limit))


def _start(
    template: ChatTemplate,
    before: Sequence[Message],
    tools: Json,
    text: str,
    core: str,
) -> tuple[int, int]:
    """Where the header of the answer *core* begins, and where the answer does.

    Where the generation prompt is not what the template writes before a finished answer (some open a block for
    thoughts), the answer begins with its own first character.
    """
    bare = template.render(before, tools) if before else ""
    asked = template.render(before, tools, prompt=True) if before else ""
    if len(bare) < len(asked) and asked.startswith(bare) and text.startswith(asked):
        return len(bare), len(asked)
    if not text.startswith(bare):
        raise UnscorableError(f"the chat template changes earlier turns when turn {len(before) + 1} is added")
    prompt = template.generation_prompt()
    header = text.find(prompt, len(bare)) if prompt else -1
    if header >= 0 and text[header + len(prompt) :].lstrip().startswith(core):
        return header, header + len(prompt)
    start = _place(text.find(core, len(bare)), len(before))
    return len(bare), start if text[len(bare) : start].strip() else len(bare)


def _end(text: str, core: str, start: int, limit: int, turn: int) -> int:
    """Where the answer *core* ends in ``text[start:limit]``, which may hold more before it, and its words after it."""
    begin = limit - len(text[start:limit].lstrip())
    return (begin if text.startswith(core, begin) else _place(text.rfind(core, start, limit), turn)) + len(core)


def _place(found: int, turn: int) -> int:
    if found < 0:
        raise UnscorableError(f"the chat template changes the answer of turn {turn + 1}")
    return found


def _without_template(turns: Sequence[tuple[str, str]], tools: Json) -> Layout:
    if tools or [role for role, _ in turns] not in (["user", "assistant"], ["system", "user", "assistant"]):
        raise UnscorableError("the model has no chat template, and only a single exchange can be shown without one")
    text = SEPARATOR.join(content for _, content in turns)
    start = len(text) - len(turns[-1][1])
    return Layout(text, (Answer(start, start, len(text), len(text)),), adds_specials=True)


def _parsed(tools: str | None) -> Json:
    if not tools:
        return None
    try:
        listed = json.loads(tools)
    except json.JSONDecodeError as error:
        raise UnscorableError(f"the tools are no JSON: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(tool, dict) for tool in listed):
        raise UnscorableError("the tools are no JSON list of objects")
    return listed or None
