"""Words and sentences of a text in a script that puts spaces between words, and how common a word is."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

View = Literal["answer_view", "prompt_view", "full_view"]
VIEWS: tuple[View, ...] = ("answer_view", "prompt_view", "full_view")

WORD = re.compile(r"[^\W\d_]+(?:['\-][^\W\d_]+)*")
"""Letters, with apostrophes and hyphens inside: "don't" and "well-known" are one word each, "42" is none."""

_ABBREVIATION = re.compile(
    r"\b(Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|e\.g|i\.e|approx|Fig|No|Inc|Ltd|Co|Gen|Sen|Rep|Gov|U\.S|a\.m|p\.m|[A-Z])\."
)
_SENTENCE_END = re.compile(
    r"[.!?…]+[\"'\u201d»)\]]*(?=\s|$)|[\u3002\uff01\uff1f]|\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*•]|\d+[.)])[ \t])"
)
CACHED_WORDS = 200_000
"""Of so many words what was found out is remembered; a text of any corpus seldom holds another."""
_JOINT = re.compile(r"[-']")
CAPITAL_NOUNS = frozenset({"de"})
"""Languages in which a capital letter inside a sentence tells no name."""
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_NOT_LATIN = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
_LANGUAGES = {
    "eng": "en", "english": "en", "deu": "de", "ger": "de", "german": "de", "spa": "es", "spanish": "es",
    "fra": "fr", "fre": "fr", "french": "fr", "ita": "it", "italian": "it",
}  # fmt: skip


def language_of(tag: str | None, fallback: str) -> str:
    """The language of a tag in two letters where it has such: ``en`` for "en-GB", "eng" and "English"."""
    primary = re.split(r"[-_]", (tag or fallback).strip().lower())[0]
    return _LANGUAGES.get(primary, primary)


def prose(text: str) -> str:
    """The text without fenced code, its letters composed (NFC), its apostrophes straight."""
    without = _FENCE.sub("\n\n", text) if "```" in text else text
    return unicodedata.normalize("NFC", without).replace("\u2019", "'")


def is_latin(text: str) -> bool:
    """Whether most of its letters are of the Latin alphabet."""
    if text.isascii():
        return True
    foreign = len(_NOT_LATIN.findall(text))
    return foreign == 0 or foreign * 2 < sum(map(str.isalpha, text))


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return WORD.findall(text.lower())


def sentences(text: str) -> Iterator[list[str]]:
    """The words of each sentence that has any, as they are written.

    A sentence ends at a full stop, question or exclamation mark before white space, at an empty line and before an
    item of a list; not at a single line break (texts may be hard-wrapped), an abbreviation or an initial.
    """
    for piece in _SENTENCE_END.split(_ABBREVIATION.sub(r"\1", text)):
        found = WORD.findall(piece)
        if found:
            yield found


def names_in(found: Iterable[Sequence[str]]) -> frozenset[str]:
    """Words, in lower case, that stand with a capital inside a sentence most of whose words have none."""
    names: set[str] = set()
    for sentence in found:
        capital = [word for word in sentence[1:] if word[0].isupper()]
        if len(capital) * 2 <= len(sentence):
            names.update(word.lower() for word in capital)
    return frozenset(names)


@cache
def zipf_of(language: str) -> Callable[[str], float]:
    """A function that gives a word's Zipf frequency in a language: log10 of its uses per billion words, 0 if unknown.

    The counts are those of the package wordfreq (Speer 2022), merged from subtitles, news, books and the web; the
    scale is that of van Heuven et al. 2014, on which 4 parts common words from the rest. A word with a hyphen or an
    apostrophe that has no count of its own is as common as its rarest part. Raises `LookupError` where wordfreq has
    no list.
    """
    from wordfreq import available_languages, get_frequency_dict

    if language not in available_languages():  # it would take the nearest it has, English for Klingon
        raise LookupError(f"wordfreq has no list for the language {language!r}")
    frequencies = get_frequency_dict(language, wordlist="best")

    @lru_cache(maxsize=CACHED_WORDS)
    def zipf(word: str) -> float:
        folded = word.casefold()
        frequency = frequencies.get(folded)
        if frequency is None:
            parts = _JOINT.split(folded)
            frequency = min(frequencies.get(part, 0.0) for part in parts) if len(parts) > 1 else 0.0
        return math.log10(frequency * 1e9) if frequency else 0.0

    return zipf


def puts_spaces(text: str) -> bool:
    """Whether most of its letters are of a script that puts spaces between words: not Chinese, Japanese, Thai."""
    if text.isascii():
        return True
    joined = len(_UNSPACED.findall(text))
    return joined == 0 or joined * 2 < sum(map(str.isalpha, text))
