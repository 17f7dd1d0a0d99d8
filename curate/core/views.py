"""Views of an example: its prompt, its answer, its whole text, its kind. Tables in, arrays out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KINDS = ("text", "task", "chat", "code")
"""Kinds of domain, by what the default difficulty weighs: prose, what asks and has no answer, exchanges, code."""

RECORD_COLUMNS = ("record", "messages", "prompt", "completion", "text")
"""The columns that a view is made from."""

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_CODE_LINE = re.compile(
    r"^\s*(?:(?:async )?def \w+\(|class \w+(?:[:({]|$)|import [\w.]+(?: as \w+)?(?:, [\w.]+)*$|from [\w.]+ import |"
    r"return\b(?!.*[.!?]$)|(?:if|elif|while|for|with|except|match|case) .*:\s*(?:#.*)?$|"
    r"(?:else|try|finally):\s*(?:#.*)?$|@\w+$|#include|#!/|(?:public|private|protected|static|function|const|let|var|fn|func|void|int|bool)\b.*[;{(]|"
    r"(?:SELECT|INSERT|CREATE|UPDATE|DELETE) \w|(?:for|if|while|switch) ?\(.*\) ?\{?$|[})\]]+[;,]?$|\} else|"
    r"(?!(?:\d+[.)]|\(?\w\)|[-*•]) ).*[;{]$|"
    r"</?\w+[^<>]*>|(?:print|assert|raise|yield|del|pass|break|continue)\b(?:[ (]|$)(?!.*[.!?]$))"
)
"""A line that hardly stands in prose; items of a list may well end with a semicolon."""
_LIKE_CODE = re.compile(
    r"^\s*(?:[A-Za-z_][\w.]*(?:\[[^\]]*\])*(?:, [A-Za-z_]\w*)*(?:: [\w\[\], |.]+)? ?"
    r"(?:[-+*/%&|^]|//|\*\*|<<|>>)?= ?[^=]|[\w.]+\(.*\)$|#\s|//|\"\"\"|'''|\s{2,}\S.*[,(\[{]$)"
)
"""A line that stands in code, but in worked mathematics too: assignments, calls, comments."""
_QUESTION = re.compile(r"[?\uff1f\u061f;][\"'\u201d\u2019\u00bb)\]\s]*$")
_ADDRESSED = re.compile(r"\b(?:could you|your (?:answer|response|reply|output))\b", re.IGNORECASE)
_SHORT = 1500
"""Longer texts often open with a question or a command and are articles all the same; in characters."""
_SENTENCES = re.compile(r"(?<=[.!?:])\s+|(?<=[\u3002\uff01\uff1f])\s*|\n+")
_ASIDE = re.compile(r"\s*\([^()]*\)\.?$")
_SOUGHT = re.compile(
    r"(?:^|[,\uff0c]\s*)(?:(?:and|then|please|bitte|dann|so)\s+)*"
    r"(?:(?:calculate|compute|determine|find|evaluate|how (?:many|much|long|far|old)|what (?:is|are|was|were)|"
    r"(?:berechne|bestimme)(?:n sie)?|wie (?:viele?|lange|hoch|alt|weit)|piga hesabu)\b|"
    r"[\u8bf7\u8acb]?(?:[\u8ba1\u8a08]\u7b97|\u6c42[\u51fa\u89e3]))|^[\u8bf7\u8acb]|"
    r"\bhow (?:many|much)(?: \w+){0,3} (?:did|does|do|will|would)\b|\b(?:wie (?:viele?|lange|hoch|alt|weit)|ngapi)\W*$",
    re.IGNORECASE,
)
"""What is to be reckoned, often after the conditions of a problem: in English, German, Swahili and Chinese."""
_REQUEST = re.compile(
    r"(?:please,?\s+)?(?:act|add|analy[sz]e|answer|arrange|assess|assume|brainstorm|calculate|categori[sz]e|"
    r"change|check|choose|classify|come up with|compare|complete|compose|compute|consider|continue|convert|"
    r"correct|count|craft|create|decide|define|describe|design|detect|determine|develop|discuss|draft|edit|"
    r"elaborate|elucidate|evaluate|examine|expand|explain|explore|express|extract|fill in|find|fix|generate|give|"
    r"group|help|identify|illustrate|imagine|implement|interpret|investigate|let's|list|make|name|outline|"
    r"paraphrase|parse|pick|plan|predict|propose|prove|provide|rank|read|recommend|remove|rephrase|replace|reply|"
    r"return|rewrite|say|select|separate|show|simplify|solve|sort|state|suggest|summari[sz]e|suppose you|tell|"
    r"think|translate|turn|use|verify|write|what|how|why|please|(?:who|where|when|which) (?:is|are|was|were)|"
    r"which of|(?:can|could|would|will) you|(?:is|are) there|you are (?:an?|given|provided|the)|"
    r"below we|in this task|given (?:an?|the|this|these|some|my)|(?:from|using) (?:this|"
    r"the) (?:comment|facts?|following|given|paragraph|passage|text)|do not|don't|only|ensure|make sure|"
    r"if you were|additionally|moreover|(?:in )?your (?:answer|response|reply|output|task)|the (?:answer|response|"
    r"output|text|story) (?:should|must))\b",
    re.IGNORECASE,
)
"""How English questions and instructions begin."""


def turns(row: Mapping[str, object]) -> list[tuple[str, str]]:
    """The (role, content) pairs of an example row; plain text is one pair with the role ``text``."""
    match row["record"]:
        case "messages":
            messages: Sequence[Mapping[str, str]] = row["messages"]  # type: ignore[assignment]
            return [(message["role"], message["content"]) for message in messages]
        case "prompt-completion":
            return [("user", str(row["prompt"])), ("assistant", str(row["completion"]))]
        case _:
            return [("text", str(row["text"]))]


def all_turns(table: pa.Table) -> Iterator[list[tuple[str, str]]]:
    """The turns of each row of a table that holds the `RECORD_COLUMNS`."""
    for row in table.select(list(RECORD_COLUMNS)).to_pylist():
        yield turns(row)


def prompt_view(pairs: Sequence[tuple[str, str]]) -> str | None:
    """What the model is given: system, user and tool turns, a blank line between them; None for plain text."""
    if len(pairs) == 1 and pairs[0][0] == "text":
        return None
    return "\n\n".join(content for role, content in pairs if role != "assistant")


def answer_view(pairs: Sequence[tuple[str, str]]) -> str:
    """What the model must say: the assistant's turns, a blank line between them; a plain text whole."""
    return "\n\n".join(content for role, content in pairs if role in {"assistant", "text"})


def full_view(pairs: Sequence[tuple[str, str]]) -> str:
    """All turns in order, a blank line between them."""
    return "\n\n".join(content for _, content in pairs)


def kind(pairs: Sequence[tuple[str, str]]) -> str:
    """``code`` where code makes up most of the answer, else ``chat``; plain text is a ``task`` if it asks."""
    if is_code(answer_view(pairs)):
        return "code"
    if not pairs or pairs[0][0] != "text":
        return "chat"
    return "task" if asks(pairs[0][1]) else "text"


def domains(language: pa.ChunkedArray, kinds: pa.ChunkedArray) -> pa.ChunkedArray:
    """The domain inside which a row is ranked where no column is named: its language and its kind, as in ``en/chat``.

    Tasks are ranked with all plain text: they differ in what is weighed, and a few of them alone would have no rank.
    """
    ranked = pc.if_else(pc.equal(kinds, "task"), "text", kinds)
    return pc.binary_join_element_wise(pc.fill_null(language, "any"), ranked, "/")


def asks(text: str) -> bool:
    """Whether a text is a question, a problem or an instruction rather than prose.

    It is where it ends with a question mark of any script (a closing remark in parentheses left out), where its last
    sentence begins as English requests do or a clause of it tells what to reckon, or where it speaks of the reader's
    answer; in a short text the first sentence counts as the last does.

    Of real sets it says so of: 99.9 % of GSM8K's problems, 99.9 % of MGSM's in English, German, Swahili and Chinese,
    88 % of MATH's, 96 % of Dolly's instructions, 94 % of Self-Instruct's seeds, 99.7 % of FollowBench's, and 95 % of
    InstructLab's, which were not looked at for it; 0.1 % of CEFR-SP's sentences, 2 % of Dolly's answers and of MATH's
    solutions, 3 % of OneStopEnglish, 0.03 % of XCOPA's in eleven languages.
    """
    told = _ASIDE.sub("", text.strip())
    sentences = [each for each in _SENTENCES.split(told) if each] or [""]
    telling = [sentences[-1], sentences[0]] if len(told) <= _SHORT else [sentences[-1]]
    if _ADDRESSED.search(told) or _SOUGHT.search(sentences[-1]):
        return True
    return any(_QUESTION.search(each) or _REQUEST.match(each) for each in telling)


def is_code(text: str) -> bool:
    """Whether most of the text is code.

    It is where fences hold at least half of its characters; else where at least half of its lines could be code and
    a fifth hardly could be anything else. Drawings in Asymptote, as worked mathematics has them, do not count.

    Of real sets it calls code: 99 % of Exercism's and HumanEval's solutions, no answer of GSM8K, no solution of
    MATH, 0.02 % of Dolly's answers.
    """
    fenced = sum(len(match.group()) for match in _FENCE.finditer(text))
    if text and fenced * 2 >= len(text):
        return True
    lines = [line for line in _DRAWING.sub("", _FENCE.sub("", text)).splitlines() if line.strip()]
    sure = sum(1 for line in lines if "$" not in line and _CODE_LINE.match(line))
    alike = sum(1 for line in lines if "$" not in line and not _CODE_LINE.match(line) and _LIKE_CODE.match(line))
    return sure > 0 and (sure + alike) * 2 >= len(lines) and sure * 5 >= len(lines)


VIEWS = {"prompt_view": prompt_view, "answer_view": answer_view, "full_view": full_view, "kind": kind}
"""The views that a scorer may ask for by name."""


def view(table: pa.Table, name: str) -> pa.Array:
    """One view of each row, as an array of strings."""
    make = VIEWS[name]
    return pa.array([make(pairs) for pairs in all_turns(table)], pa.string())


def user_column(table: pa.Table, name: str) -> pa.Array:
    """One of the user's own columns from the struct ``user``; nulls where this part has no such column."""
    column = table.column("user").combine_chunks()
    if pa.types.is_struct(column.type) and column.type.get_field_index(name) >= 0:
        flat: pa.Array = column.field(name) if column.null_count == 0 else pc.struct_field(column, [name])
        return flat
    return pa.nulls(len(table))


def as_text(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Any column as strings, missing values kept: a list is its items joined by `` / ``, a struct is JSON."""
    if not pa.types.is_nested(values.type):
        return values.cast(pa.string())
    told = [None if value is None else _told(value) for value in values.to_pylist()]
    return pa.array(told, pa.string()) if isinstance(values, pa.Array) else pa.chunked_array([told], pa.string())


def own_domains(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The domains that a column of the user's names: its values as text, ``none`` where there is no value."""
    return pc.fill_null(as_text(values), "none")


def _told(value: object) -> str:
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return " / ".join(str(item) for item in value if item is not None)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def user_names(table: pa.Table) -> list[str]:
    """The names of the user's own columns in this part."""
    kind = table.schema.field("user").type
    return [kind.field(place).name for place in range(kind.num_fields)] if pa.types.is_struct(kind) else []
