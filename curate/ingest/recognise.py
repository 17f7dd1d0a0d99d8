"""Which record a row holds, told by its fields or by the user's map, and the columns that are left over."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import orjson

from curate.errors import did_you_mean
from curate.ingest import chats, trees
from curate.ingest.parse import kind, write
from curate.ingest.reasons import Reason, RowError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from curate.ingest.chats import Turn
    from curate.ingest.reasons import Repair

    Row: TypeAlias = Mapping[str, object]


class Record(NamedTuple):
    """A recognised row: its form, the type of record it becomes, its turns, and the user's other columns.

    The turns of a prompt with its completion are one of the user and one of the assistant; plain text is one turn
    with the role ``text``: what an id is made from.
    """

    form: str
    record: str
    turns: list[Turn]
    tools: str | None
    language: str | None
    user: dict[str, object]
    repairs: set[Repair]


class Form(NamedTuple):
    """A record of a prompt and its answer: the fields that may hold each, and those that add to the prompt."""

    name: str
    prompts: tuple[str, ...]
    contexts: tuple[str, ...]
    answers: tuple[str, ...]


FORMS = (
    Form("alpaca", ("instruction",), ("input",), ("output",)),
    Form("dolly", ("instruction",), ("context", "input"), ("response",)),
    Form("prompt-completion", ("prompt",), (), ("completion", "response")),
    Form("question-answer", ("question",), ("context",), ("answer", "response")),
    Form("problem-solution", ("problem",), (), ("solution",)),
    Form("instruction-solution", ("instruction",), (), ("solution",)),
    Form("input-target", ("input", "inputs"), (), ("target", "targets")),
)
"""The forms that are tried in this order; the first whose prompt and answer are both there is taken."""

CHAT_FIELDS = ("messages", "conversations", "conversation")
SYSTEM_FIELDS = ("system", "system_prompt")
TOOL_FIELDS = ("tools", "functions")
LANGUAGE_FIELDS = ("language", "lang")


def recognise(row: Row, names: Mapping[str, str]) -> Record:
    """The record in *row*; *names* are the user's map from our names to theirs, and may be empty."""
    if names:
        row = _reaching(row, names)
        _check_mapped(row, names)
    fields = _told_by(tuple(row if None not in row.values() else [name for name in row if row[name] is not None]))
    if names:
        fields = _mapped(fields, names)
        if "messages" in names:
            return _chat(row, names["messages"], "mapped", fields)
        if "prompt" in names:
            return _pair(row, _Pair("mapped", names["prompt"], names.get("context"), names["completion"]), fields)
        if "text" in names:
            return _text(row, names["text"], "mapped", fields)
    if "chosen" in row and "rejected" in row:
        raise RowError(Reason.PREFERENCE_PAIR, "chosen and rejected; map one of them to train on it")
    if fields.chat is not None:
        return _chat(row, fields.chat, "messages" if fields.chat == "messages" else "sharegpt", fields)
    if type(row.get("prompt")) is dict and trees.is_nested(row):
        return _tree(row, fields)
    if fields.pair is not None:
        return _pair(row, fields.pair, fields)
    if row.get("text") is not None:
        return _text(row, "text", "text", fields)
    raise _nothing_fits(row)


class _Pair(NamedTuple):
    """The fields of a row that hold a prompt, what adds to it, and the answer."""

    form: str
    prompt: str
    context: str | None
    answer: str


class _Fields(NamedTuple):
    """The fields of a row that hold each thing; tools of a pair and a label only where a map names them."""

    chat: str | None
    pair: _Pair | None
    system: str | None
    tools: str | None
    language: str | None
    pair_tools: str | None = None
    label: str | None = None


@lru_cache(maxsize=256)
def _told_by(names: tuple[str, ...]) -> _Fields:
    """The fields of a row without a map, told by the *names* of those that hold a value."""
    held = dict.fromkeys(names, True)
    pair = None
    for form in FORMS:
        prompt, answer = _first(held, form.prompts), _first(held, form.answers)
        if prompt is not None and answer is not None:
            pair = _Pair(form.name, prompt, _first(held, form.contexts), answer)
            break
    return _Fields(
        chat=_first(held, CHAT_FIELDS),
        pair=pair,
        system=_first(held, SYSTEM_FIELDS),
        tools=_first(held, TOOL_FIELDS),
        language=_first(held, LANGUAGE_FIELDS),
    )


def _mapped(told: _Fields, names: Mapping[str, str]) -> _Fields:
    """The fields of a row with those in the place of the told ones that a map *names*."""
    tools = names.get("tools") or told.tools
    return told._replace(
        system=names.get("system") or told.system,
        tools=tools,
        language=names.get("language") or told.language,
        pair_tools=tools if "tools" in names else None,
        label=names.get("label"),
    )


def _first(held: Mapping[str, bool], fields: Sequence[str]) -> str | None:
    return next((field for field in fields if field in held), None)


def _reaching(row: Row, names: Mapping[str, str]) -> Row:
    """The row with what a dotted path reaches, as in ``instances.0.output``, under that path; columns come first."""
    paths = [path for path in names.values() if "." in path and path not in row]
    found = {path: _reached(row, path.split(".")) for path in paths}
    return {**row, **{path: value for path, value in found.items() if value is not None}}


def _reached(inside: object, steps: Sequence[str]) -> object:
    """What lies at the end of some steps, keys of objects and places in lists; None where one leads nowhere."""
    for step in steps:
        if isinstance(inside, dict):
            inside = inside.get(step)
        elif isinstance(inside, list) and step.isdigit() and int(step) < len(inside):
            inside = inside[int(step)]
        else:
            return None
    return inside


def _check_mapped(row: Row, names: Mapping[str, str]) -> None:
    for ours in ("messages", "prompt", "completion", "text"):
        theirs = names.get(ours)
        if theirs is not None and row.get(theirs) is None:
            fields = [name for name in row if row[name] is not None]
            hint = "it is null" if theirs in row else did_you_mean(theirs, fields)
            raise RowError(Reason.MISSING_FIELD, f"{theirs[:80]!r}, mapped to {ours}: {hint[:200]}")


def _nothing_fits(row: Row) -> RowError:
    for form in FORMS:
        prompt = next((field for field in form.prompts if field in row), None)
        answer = next((field for field in form.answers if field in row), None)
        if prompt and answer:
            return RowError(Reason.MISSING_FIELD, f"{prompt if row[prompt] is None else answer} is null")
    fields = ", ".join(repr(name[:40]) for name in list(row)[:12]) or "no fields"
    return RowError(Reason.UNKNOWN_RECORD, f"it has {fields}")


# --- the three types of record ---


def _text(row: Row, field: str, form: str, fields: _Fields) -> Record:
    turns = [("text", _string(row, field))]
    language, user = _rest(row, {field}, fields)
    return Record(form, "text", turns, None, language, user, set())


def _pair(row: Row, pair: _Pair, fields: _Fields) -> Record:
    form, prompt_field, context_field, answer_field = pair
    if type(row[prompt_field]) is list:
        return _conversational_pair(row, prompt_field, answer_field, fields)
    taken = {prompt_field, answer_field}
    prompt, answer = _string(row, prompt_field), _string(row, answer_field)
    if context_field is not None and row.get(context_field) is not None:
        taken.add(context_field)
        context = _string(row, context_field)
        if context.strip():
            prompt = f"{prompt}\n\n{context}" if prompt.strip() else context
    turns = [("user", prompt), ("assistant", answer)]
    system = _system(row, fields.system, taken)
    tools = _tools(row, fields.pair_tools, taken)
    language, user = _rest(row, taken, fields)
    record = "prompt-completion"
    if system or tools:
        record, turns = "messages", [*system, *turns]
    return Record(form, record, turns, tools, language, user, set())


def _conversational_pair(row: Row, prompt_field: str, answer_field: str, fields: _Fields) -> Record:
    """A prompt that is a list of messages, and a completion that is a list or a text, as TRL has them."""
    answer = row[answer_field]
    messages = [*_list(row, prompt_field)]
    messages += answer if type(answer) is list else [{"role": "assistant", "content": _string(row, answer_field)}]
    return _from_messages(row, messages, "conversational", {prompt_field, answer_field}, fields)


def _chat(row: Row, field: str, form: str, fields: _Fields) -> Record:
    return _from_messages(row, _list(row, field), form, {field}, fields)


def _tree(row: Row, fields: _Fields) -> Record:
    first: dict[str, object] = row["prompt"]  # type: ignore[assignment]
    turns = trees.nested_path(first)
    language, user = _rest(row, {"prompt"}, fields)
    given = language or next((first[name] for name in LANGUAGE_FIELDS if type(first.get(name)) is str), None)
    return Record("nested-tree", "messages", turns, None, None if given is None else str(given), user, set())


def _from_messages(row: Row, messages: list[object], form: str, taken: set[str], fields: _Fields) -> Record:
    turns, repairs = chats.turns(messages)
    if not (turns and turns[0][0] == "system"):
        turns = [*_system(row, fields.system, taken), *turns]
    tools = _tools(row, fields.tools, taken)
    language, user = _rest(row, taken, fields)
    return Record(form, "messages", turns, tools, language, user, repairs)


# --- fields ---


def _string(row: Row, field: str) -> str:
    value = row[field]
    if type(value) is not str:
        raise RowError(Reason.WRONG_TYPE, f"{field[:80]} is {kind(value)}, not text")
    return value


def _list(row: Row, field: str) -> list[object]:
    value = row[field]
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RowError(Reason.WRONG_TYPE, f"{field[:80]} is text, not a list of messages") from error
    if type(value) is not list:
        raise RowError(Reason.WRONG_TYPE, f"{field[:80]} is {kind(value)}, not a list of messages")
    return value


def _system(row: Row, field: str | None, taken: set[str]) -> list[Turn]:
    if field is None or row.get(field) is None:
        return []
    taken.add(field)
    content = _string(row, field)
    return [("system", content)] if content.strip() else []


def _tools(row: Row, field: str | None, taken: set[str]) -> str | None:
    """The specifications of tools as JSON; text is kept as it was written."""
    if field is None or row.get(field) is None:
        return None
    taken.add(field)
    value = row[field]
    if type(value) is not str:
        return write(value) if value else None
    if not value.strip():
        return None
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise RowError(Reason.WRONG_TYPE, f"{field[:80]} is text that is not JSON") from error
    return value


def _rest(row: Row, taken: set[str], fields: _Fields) -> tuple[str | None, dict[str, object]]:
    """The language, and the columns that the record did not take; a mapped label is called ``label``."""
    user = {name: value for name, value in row.items() if name not in taken} if len(row) > len(taken) else {}
    label = fields.label
    if label is not None and label in user and label != "label":
        own = user.pop("label", None)
        user["label"] = user.pop(label)
        if own is not None:
            user["label_"] = own
    language = None if fields.language is None else row.get(fields.language)
    return (language.strip() or None) if type(language) is str else None, user
