"""Multiple choices as people write them: the options in a prompt, and the one that an answer names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTION = re.compile(r"^([ \t]*(?:[-*\u2022][ \t]+)?\(?)([A-H])([).:][ \t]+)(\S.*)$", re.MULTILINE)
"""One lettered option, a line of its own: what stands before the letter, the letter, what ends it, the text."""

PLACES = re.compile(r"\b(?:first|second|third|fourth|fifth|last|former|latter|[A-H])\b")
"""Words that point at an option by its place or letter."""

_LISTED = re.compile(
    r"^(?:options|choices|answer choices)[ \t]*:[ \t]*\n((?:[ \t]*[-*\u2022][ \t]+\S.*(?:\n|\Z)){2,})", re.M | re.I
)
_BULLET = re.compile(r"^[ \t]*[-*\u2022][ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_SAID = re.compile(
    r"\A((?i:(?:the )?(?:correct |right |best )?(?:answer|option|choice)(?: is|:) )\(?)([A-H])(\b.*)\Z", re.DOTALL
)
_BARE = re.compile(r"\A(\(?)([A-H])(\Z|[).:][ \t]*)(.*)\Z", re.DOTALL)
_VERDICT = re.compile(r"\A(yes|no|true|false)([.!]?)\Z", re.IGNORECASE)
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}


@dataclass(frozen=True)
class Choice:
    """The answers that a question offers, each as the whole answer would be written, and which is right."""

    answers: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class Named:
    """An answer in pieces: before the letter, the letter, after it, and the option's own words where they are said."""

    before: str
    letter: str
    after: str
    words: str


def lettered(prompt: str) -> dict[str, str]:
    """The texts of the lettered options, by letter; none where they do not run A, B, C, .. on lines of their own."""
    found = list(OPTION.finditer(prompt))
    letters = [match.group(2) for match in found]
    if len(found) < 2 or letters != list("ABCDEFGH"[: len(found)]):
        return {}
    return {match.group(2): match.group(4).strip() for match in found}


def named(answer: str, options: Mapping[str, str]) -> Named | None:
    """Which option an answer names at its beginning; None where it is not plain.

    Either it says so ("the answer is B ..."), or it is the letter alone or with the option's own words.
    """
    said, bare = _SAID.match(answer), _BARE.match(answer)
    if said is not None and said.group(2) in options and not PLACES.search(said.group(3)):
        return Named(said.group(1), said.group(2), said.group(3), "")
    if bare is None or bare.group(2) not in options:
        return None
    own_words = bare.group(4).strip().rstrip(".").casefold()
    if own_words not in ("", options[bare.group(2)].rstrip(".").casefold()):
        return None
    return Named(bare.group(1), bare.group(2), bare.group(3), bare.group(4))


def choice(prompt: str, answer: str) -> Choice | None:
    """The multiple choice that an exchange is; None where it is none, or where the right option is not plain.

    Three forms are known: lettered options of which the answer names one at its beginning; a list after "Options:"
    of which the answer is one; and a bare yes, no, true or false.
    """
    answer = answer.strip()
    return _of_letters(answer, lettered(prompt)) or _of_list(answer, prompt) or _of_verdict(answer)


def _of_letters(answer: str, options: Mapping[str, str]) -> Choice | None:
    chosen = named(answer, options) if options else None
    if chosen is None:
        return None
    stop = "." if chosen.words.rstrip().endswith(".") and not options[chosen.letter].endswith(".") else ""
    answers = tuple(
        f"{chosen.before}{letter}{chosen.after}{text + stop if chosen.words.strip() else chosen.words}"
        for letter, text in options.items()
    )
    right = list(options).index(chosen.letter)
    return Choice((*answers[:right], answer, *answers[right + 1 :]), right)


def _of_list(answer: str, prompt: str) -> Choice | None:
    listed = _LISTED.search(prompt)
    texts = [] if listed is None else _BULLET.findall(listed.group(1))
    plain = [text.rstrip(".").casefold() for text in texts]
    if len(set(plain)) < max(len(plain), 2) or answer.rstrip(".").casefold() not in plain:
        return None
    right = plain.index(answer.rstrip(".").casefold())
    stop = "." if answer.endswith(".") else ""
    return Choice(
        tuple(answer if place == right else text.rstrip(".") + stop for place, text in enumerate(texts)), right
    )


def _of_verdict(answer: str) -> Choice | None:
    said = _VERDICT.match(answer)
    if said is None:
        return None
    word = said.group(1)
    other = _OPPOSITE[word.lower()]
    other = other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
    return Choice((answer, f"{other}{said.group(2)}"), 0)
