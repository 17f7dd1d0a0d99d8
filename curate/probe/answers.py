"""Short answers: which of them can be checked when a model generates its own, and whether that one is right."""

from __future__ import annotations

import re
import string
from fractions import Fraction
from math import isclose
from typing import TYPE_CHECKING, Literal

from curate.core import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Task = Literal["choice", "number", "exact", "free"]

_MOST_WORDS = 8
_NUMBER = r"[-\u2212]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:\s?/\s?\d+)?|\.\d+)"
_ANY = re.compile(_NUMBER)
_BARE = re.compile(rf"\A[^\w\u2212-]*({_NUMBER})[^\d\n]{{0,24}}\Z")
_MARKED = re.compile(rf"####\s*[$£€]?\s*({_NUMBER})\s*\Z|\\boxed\{{\s*({_NUMBER})\s*\}}")
_SUM = re.compile(rf"=\s*[$£€]?\s*({_NUMBER})[^\d\n=]{{0,40}}\Z")
_NAMED = re.compile(
    r"(?i:the )?(?i:(?:correct |right |best )?(?:answer|option|choice)(?: is|:) )?\(?([A-H])(?:[).:,]|\s*\Z|\n)"
)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation + "\u2019\u2018\u201c\u201d")


def task(answer: str, choices: Sequence[str] | None) -> Task:
    r"""How a generated answer is checked against *answer*: as an option, by its number, word for word, or not at all.

    A number is checked where it is the whole answer but for a unit, or is marked as the result (``#### 7``,
    ``\boxed{7}``, ``.. = 7 litres.``). Word for word: up to eight words on one line.
    """
    if choices is not None:
        return "choice"
    if stated(answer) is not None:
        return "number"
    short = len(answer.split()) <= _MOST_WORDS and "\n" not in answer.strip()
    return "exact" if short and plain(answer) else "free"


def stated(text: str) -> Fraction | None:
    """The number that an answer states as its result; None where none is plainly that."""
    text = text.strip()
    marked = list(_MARKED.finditer(text))
    if marked:
        return _value(marked[-1].group(1) or marked[-1].group(2))
    found = _BARE.match(text) or _SUM.search(text)
    return None if found is None else _value(found.group(1))


def plain(text: str) -> str:
    """Lower case without punctuation, articles and double spaces, as SQuAD compares (Rajpurkar et al. 2016)."""
    return " ".join(_ARTICLES.sub(" ", text.casefold().translate(_NO_PUNCTUATION)).split())


def agrees(how: Task, answer: str, generated: str, prompt: str, choices: Sequence[str] | None) -> bool:
    """Whether a *generated* answer is right.

    choice: it names the same option at its beginning, by letter, or its first line is that option's words. number: the
    result that it states, else the last number in it, is the same to one part in a million. exact: the same words.
    """
    if how == "choice":
        letters = options.lettered(prompt)
        return _chosen(generated, letters, choices or ()) == _chosen(answer, letters, choices or ())
    if how == "number":
        wanted, got = stated(answer), stated(generated) or _last(generated)
        return wanted is not None and got is not None and isclose(wanted, got, rel_tol=1e-6)
    return plain(generated) == plain(answer)


def _chosen(text: str, letters: Mapping[str, str], choices: Sequence[str]) -> int | None:
    """The number of the option that a text names; None where it is not plain."""
    named = _NAMED.match(text.strip())
    if letters and named is not None and named.group(1) in letters:
        return list(letters).index(named.group(1))
    words = [plain(each) for each in (letters.values() if letters else choices)]
    said = plain(text.strip().partition("\n")[0])
    if said not in words and not letters:
        said = said.partition(" ")[0]
    return words.index(said) if said in words else None


def _last(text: str) -> Fraction | None:
    numbers = _ANY.findall(text)
    return _value(numbers[-1]) if numbers else None


def _value(number: str) -> Fraction | None:
    above, _, below = number.replace(",", "").replace("\u2212", "-").replace(" ", "").partition("/")
    return None if below and not int(below) else Fraction(above) / (int(below) if below else 1)
