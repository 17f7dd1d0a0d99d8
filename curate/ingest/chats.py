"""Messages of every dialect as turns with a role and a content: OpenAI, ShareGPT, parts of text, calls of tools."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import orjson

from curate.ingest.parse import kind, write
from curate.ingest.reasons import Reason, Repair, RowError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Turn: TypeAlias = tuple[str, str]
"""One turn of a chat: its role and its content."""

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
}
"""The names of roles in the dialects that we read, and ours."""

_TEXT_KEYS = ("content", "value", "text")
_READ_KEYS = frozenset({"role", "from", *_TEXT_KEYS, "tool_calls", "function_call"})


def turns(messages: Sequence[object]) -> tuple[list[Turn], set[Repair]]:
    """The turns of a list of messages, and how they had to be changed."""
    repairs: set[Repair] = set()
    made = [_turn(message, place, repairs) for place, message in enumerate(messages, 1)]
    return made, repairs


def role_of(name: object, place: int) -> str:
    """Our name of a role."""
    if type(name) is not str:
        code = Reason.MISSING_FIELD if name is None else Reason.WRONG_TYPE
        raise RowError(code, f"role of message {place} is {kind(name)}")
    role = ROLES.get(name) or ROLES.get(name.strip().lower())
    if role is None:
        raise RowError(Reason.UNKNOWN_ROLE, f"{name[:40]!r} in message {place}")
    return role


def _turn(message: object, place: int, repairs: set[Repair]) -> Turn:
    if type(message) is not dict:
        raise RowError(Reason.WRONG_TYPE, f"message {place} is {kind(message)}")
    given = message.get("role")
    role = role_of(message.get("from") if given is None else given, place)
    calls = _calls(message)
    content = next((value for key in _TEXT_KEYS if (value := message.get(key)) is not None), None)
    if type(content) is not str:
        content = _content(content, place, repairs, optional=bool(calls))
    if calls:
        repairs.add(Repair.TOOL_CALLS_AS_TEXT)
        content = "\n".join([content, *calls] if content else calls)
    if not message.keys() <= _READ_KEYS and any(
        value is not None for key, value in message.items() if key not in _READ_KEYS
    ):
        repairs.add(Repair.MESSAGE_KEYS_DROPPED)
    return role, content


def _content(content: object, place: int, repairs: set[Repair], *, optional: bool) -> str:
    if content is None:
        if optional:
            return ""
        raise RowError(Reason.MISSING_FIELD, f"content of message {place}")
    if type(content) is not list:
        raise RowError(Reason.WRONG_TYPE, f"content of message {place} is {kind(content)}, not text")
    texts: list[str] = []
    for part in content:
        text = part.get("text") if type(part) is dict else part
        if type(text) is not str:
            what = part.get("type") if type(part) is dict else kind(part)
            raise RowError(Reason.NOT_TEXT, f"message {place} holds {str(what)[:40]!r}")
        texts.append(text)
    repairs.add(Repair.PARTS_AS_TEXT)
    return "\n".join(texts)


def _calls(message: Mapping[str, object]) -> list[str]:
    """The calls of tools in a message, each as the text that models are taught to write."""
    calls = message.get("tool_calls")
    given = list(calls) if type(calls) is list else []
    if message.get("function_call") is not None:
        given.append(message["function_call"])
    return [_call(each) for each in given if each is not None]


def _call(call: object) -> str:
    function = call.get("function") or call if type(call) is dict else call
    if type(function) is not dict or type(function.get("name")) is not str:
        raise RowError(Reason.WRONG_TYPE, "a call of a tool has no name")
    arguments = function.get("arguments")
    if type(arguments) is str:
        with suppress(orjson.JSONDecodeError):
            arguments = orjson.loads(arguments)
    written = write({"name": function["name"], "arguments": arguments})
    return f"<tool_call>\n{written}\n</tool_call>"
