"""Readability: how hard the sentences and words of a text are to read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from curate.protocol import Frozen, Reason, Rising, ScoreField, Scorer, Scores, Status
from scorers import formulas, syllables
from scorers.reading import EMPTY, WHAT_IS_READ, read
from scorers.words import CACHED_WORDS, CAPITAL_NOUNS, VIEWS, View, is_latin, language_of, names_in, sentences, zipf_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

_EASE = {
    "en": formulas.flesch,
    "de": formulas.amstad,
    "es": formulas.fernandez_huerta,
    "fr": formulas.kandel_moles,
    "it": formulas.gulpease,
}
_EVERY = {"unfamiliarity": formulas.dale_chall_raw}
_GRADES = {
    "en": {
        "flesch_kincaid": formulas.flesch_kincaid,
        "smog": formulas.smog,
        "automated_readability": formulas.automated_readability,
        "coleman_liau": formulas.coleman_liau,
        "dale_chall": formulas.dale_chall,
    },
    "de": {"wiener_sachtext": formulas.wiener_sachtext},
}
_SYLLABLES = {
    "en": syllables.english,
    "de": syllables.german,
    "es": syllables.spanish,
    "fr": syllables.french,
    "it": syllables.italian,
}

_OTHER_SCRIPT = Reason(Status.NOT_APPLICABLE, "the formulas are for the Latin alphabet, the text is in another")


class Settings(Frozen):
    """What to read, and how."""

    view: View = Field(default="answer_view", description=WHAT_IS_READ)
    language: str = Field(default="en", description="Language of the rows that name none: en, de, es, fr or it.")
    familiar_from: float = Field(
        default=4.0,
        ge=0,
        le=9,
        description="Zipf frequency (log10 of uses per billion words) from which a word counts as familiar.",
    )


class Readability(Scorer):
    """The classic formulas of readability; `scorers.formulas` holds each with its source.

    The headline ``unfamiliarity`` is Dale and Chall's raw score, .1579 (percent of unfamiliar words) + .0496 (words
    per sentence). Their list of 3,000 words is not free, so a word is familiar here where its Zipf frequency in
    wordfreq is at least 4 (about 7,200 English words, inflections counted apart, as "familiar_from" sets), or where
    it is a name: written with a capital inside a sentence. This is an approximation and not their number.

    It is the headline because it orders best where people judged: the three levels of OneStopEnglish inside a
    document (.99 of pairs; .94 on their first 150 words, where Flesch, Flesch-Kincaid, ARI, SMOG and Coleman-Liau
    reach .86 to .92), and the sentences of CEFR-SP (Spearman .63, .60 given length; the others .48 to .57, at most
    .37 given length). ``dale_chall`` adds the usual 3.6365 above 5 %, whose step costs .004 to .01.

    Spanish, French and Italian have a reading ease of their own; German has two formulas. In them "unfamiliarity"
    keeps the English weights and takes the language's own frequencies (on the 250 problems of MGSM the English and
    the German text agree at .46, their reading ease at .65). Other languages are not applicable.
    Fenced code is left out; a row whose answer is code is not applicable unless the prompt is read.
    """

    name = "readability"
    version = "1"
    about = "How hard the sentences and words of a text are to read."
    source = "Dale and Chall 1948; Flesch 1948; Kincaid et al. 1975; McLaughlin 1969; and others, see scorers.formulas"
    needs = (*VIEWS, "kind", "language")
    gives = (
        ScoreField(
            name="unfamiliarity",
            rising=Rising.HARDER,
            unit="raw score of Dale and Chall",
            low=0,
            about="Share of unfamiliar words, and length of sentences.",
            headline=True,
            # alone .63 on CEFR-SP and .94 on 150 words of OneStopEnglish; at half the weight of rare words .73 and .96;
            # with GSM8K steps and MATH levels -.06 to .01, in prompt or answer
            weights={"text": 1.0, "chat": 0.0, "code": 0.0},
        ),
        ScoreField(
            name="reading_ease",
            rising=Rising.NEUTRAL,
            unit="0 very hard to 100 very easy, not bounded",
            about="Flesch, or the like formula of the language; falls as texts grow harder.",
        ),
        ScoreField(name="flesch_kincaid", rising=Rising.HARDER, unit="school grade", about="English only."),
        ScoreField(
            name="smog", rising=Rising.HARDER, unit="school grade", about="English only; meant for thirty sentences."
        ),
        ScoreField(name="automated_readability", rising=Rising.HARDER, unit="school grade", about="English only."),
        ScoreField(name="coleman_liau", rising=Rising.HARDER, unit="school grade", about="English only."),
        ScoreField(
            name="dale_chall",
            rising=Rising.HARDER,
            unit="score of Dale and Chall",
            low=0,
            about="English only, with frequent words in place of their list.",
        ),
        ScoreField(
            name="wiener_sachtext", rising=Rising.HARDER, unit="school grade", about="German only; first formula."
        ),
    )
    settings: ClassVar[type[Frozen]] = Settings
    default = True
    options: Settings
    _measures: dict[str, Callable[[str], tuple[int, int, bool]]]

    def open(self, statistics: pa.Table | None) -> None:  # noqa: ARG002 - of the contract
        """Make room for the words that were measured; lists of frequencies load when their language first comes."""
        self._measures = {}

    def score(self, batch: pa.Table) -> Scores:
        """Score n rows; one without a word, in code or in a language without a formula is not applicable."""
        rows = len(batch)
        texts = batch.column(self.options.view).to_pylist()
        kinds = batch.column("kind").to_pylist()
        languages = [language_of(tag, self.options.language) for tag in batch.column("language").to_pylist()]
        values = {field.name: np.full(rows, np.nan, np.float32) for field in self.gives}
        reasons: dict[int, Reason] = {}
        counted: dict[str, list[tuple[int, ...]]] = {}
        places: dict[str, list[int]] = {}
        for row, (text, kind, language) in enumerate(zip(texts, kinds, languages, strict=True)):
            found = self._count(text, kind, language)
            if isinstance(found, Reason):
                reasons[row] = found
            else:
                counted.setdefault(language, []).append(found)
                places.setdefault(language, []).append(row)
        for language, tallies in counted.items():
            counts = formulas.Counts(*np.array(tallies, np.float64).T)
            for name, formula in (_EVERY | {"reading_ease": _EASE[language]} | _GRADES.get(language, {})).items():
                values[name][places[language]] = formula(counts)
        return Scores(values, reasons)

    def _count(self, text: str | None, kind: str, language: str) -> tuple[int, ...] | Reason:
        if language not in _EASE:
            return Reason(Status.NOT_APPLICABLE, f"no formula for the language {language!r}")
        body = read(text, kind, self.options.view)
        if isinstance(body, Reason):
            return body
        if not is_latin(body):
            return _OTHER_SCRIPT
        return tally(list(sentences(body)), self._measure(language), language not in CAPITAL_NOUNS) or EMPTY

    def _measure(self, language: str) -> Callable[[str], tuple[int, int, bool]]:
        """Letters, syllables and familiarity of a word in lower case, remembered."""
        if language not in self._measures:
            syllables_in, zipf, threshold = _SYLLABLES[language], zipf_of(language), self.options.familiar_from

            @lru_cache(maxsize=CACHED_WORDS)
            def measure(word: str) -> tuple[int, int, bool]:
                parts = word.split("-")
                letters = sum(map(str.isalpha, word))
                return letters, sum(map(syllables_in, parts)), zipf(word) >= threshold

            self._measures[language] = measure
        return self._measures[language]


def tally(
    found: list[list[str]], measure: Callable[[str], tuple[int, int, bool]], capitals_are_names: bool
) -> tuple[int, ...] | None:
    """The numbers of `formulas.Counts` for one text, given as the words of each sentence; None without a word."""
    names = names_in(found) if capitals_are_names else frozenset()
    words = letters = total = one = three = six = unfamiliar = 0
    for sentence in found:
        words += len(sentence)
        for written in sentence:
            word = written.lower()
            length, count, familiar = measure(word)
            letters += length
            total += count
            one += count == 1
            three += count >= 3
            six += length > 6
            unfamiliar += not familiar and word not in names
    return (len(found), words, letters, total, one, three, six, unfamiliar) if words else None
