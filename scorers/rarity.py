"""Lexical rarity: how uncommon the words of a text are, in the corpus itself and in the language at large."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.protocol import Frozen, Reason, Rising, Scope, ScoreField, Scorer, Scores, Status
from scorers.rare_words import rare_words
from scorers.reading import EMPTY, WHAT_IS_READ, read
from scorers.words import CAPITAL_NOUNS, VIEWS, View, language_of, names_in, sentences, zipf_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ALL = ""
"""Stands for all words together in the statistics; no word is empty."""

_LN_10 = math.log(10)

_STATISTICS = pa.schema([("language", pa.string()), ("word", pa.string()), ("count", pa.int64())])


class Settings(Frozen):
    """What to read, and in which language."""

    view: View = Field(default="answer_view", description=WHAT_IS_READ)
    language: str = Field(default="en", description="Language of the rows that name none.")
    common_from: float = Field(
        default=5.0,
        ge=0,
        le=9,
        description="Zipf frequency (log10 of uses per billion words) from which a word adds nothing to rare_words.",
    )


class Rarity(Scorer):
    """Negative log-likelihood of a text's words, each by itself (Platanios et al. 2019, arXiv 1903.09848).

    ``total_rarity`` = -sum_w ln p(w) and ``mean_rarity`` = that / words, with p(w) = uses of w / all words, in the
    rows of the same language of this corpus. A word that the statistics do not hold counts as used once, so rows that
    come later can be scored with statistics that are frozen. ``total_general`` and ``mean_general`` take p from the
    lists of wordfreq (Speer 2022), 1e-9 for a word that they do not hold, and leave out names (written with a
    capital inside a sentence; German keeps them); languages without a list have no value. Words are compared in lower
    case on both sides; numbers are no words; fenced code is left out, and a row whose answer is code not applicable.

    The totals measure length: most of a sum comes from common words. The headline ``rare_words`` is the general sum
    cut to what is rare, max(0, 5 - Zipf frequency), over the different words of the text. It orders the sentences of
    CEFR-SP at .73 (.64 given length; two teachers agree at .72), where the general total has .55 (.32), its mean .48
    (.52), and the corpus total .47 (.00); and the versions in OneStopEnglish at 1.00 of the pairs, .94 on 150 words
    each (.81, .85, .86). Of the cuts 3.5, 4, 4.5, 5, 5.5 and 6, 5 is the best on CEFR-SP. It counts for prose only:
    on the steps of GSM8K and the levels of MATH it adds nothing to length.
    """

    name = "rarity"
    version = "1"
    about = "how rare the words are, in this corpus and in the language at large"
    source = "Platanios et al. 2019 (1903.09848); Speer 2022, wordfreq"
    scope = Scope.CORPUS
    needs = (*VIEWS, "kind", "language")
    gives = (
        ScoreField(
            name="rare_words",
            rising=Rising.HARDER,
            unit="powers of ten",
            low=0,
            about="how far the different words of the text lie below common use, added up; names left out",
            headline=True,
            # CEFR-SP .73, OneStopEnglish 1.0; but MATH levels and GSM8K steps nothing given length
            weights={"text": 2.0},
        ),
        ScoreField(
            name="total_rarity",
            rising=Rising.HARDER,
            unit="nats",
            low=0,
            about="-sum ln p(word) over this corpus",
        ),
        ScoreField(name="mean_rarity", rising=Rising.HARDER, unit="nats per word", low=0, about="the same per word"),
        ScoreField(
            name="total_general",
            rising=Rising.HARDER,
            unit="nats",
            low=0,
            about="-sum ln p(word) over wordfreq's list, names left out",
        ),
        ScoreField(name="mean_general", rising=Rising.HARDER, unit="nats per word", low=0, about="the same per word"),
    )
    settings: ClassVar[type[Frozen]] = Settings
    default = True
    freezes = True
    options: Settings
    _costs: Mapping[str, Mapping[str, float]]
    _unseen: Mapping[str, float]

    def count(self, batch: pa.Table) -> pa.Table:
        """How often each word stands in the rows of each language: columns language, word, count."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for language, found in self._read(batch):
            if not isinstance(found, Reason):
                counts[language].update(_lower(found))
        rows = [
            {"language": language, "word": word, "count": number}
            for language, counted in sorted(counts.items())
            for word, number in [(_ALL, counted.total()), *sorted(counted.items())]
        ]
        return pa.Table.from_pylist(rows, schema=_STATISTICS)

    def merge(self, tables: Sequence[pa.Table]) -> pa.Table:
        """The counts of all parts; words used once are left out, as a word that is not there counts as used once."""
        summed = pa.concat_tables(tables).group_by(["language", "word"]).aggregate([("count", "sum")])
        counted = summed.rename_columns({"count_sum": "count"}).select(_STATISTICS.names).cast(_STATISTICS)
        kept = counted.filter(pc.or_(pc.equal(counted.column("word"), _ALL), pc.greater(counted.column("count"), 1)))
        return kept.sort_by([("language", "ascending"), ("word", "ascending")])

    def open(self, statistics: pa.Table | None) -> None:
        """Turn counts into costs in nats."""
        if statistics is None:
            raise TypeError("rarity needs the statistics of its corpus")
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for row in statistics.to_pylist():
            counts[row["language"]][row["word"]] = row["count"]
        self._unseen = {language: math.log(counted.pop(_ALL)) for language, counted in counts.items()}
        self._costs = {
            language: {word: self._unseen[language] - math.log(number) for word, number in counted.items()}
            for language, counted in counts.items()
        }

    def score(self, batch: pa.Table) -> Scores:
        """A row without words is not applicable; shapes (n,)."""
        values = {field.name: np.full(len(batch), np.nan, np.float32) for field in self.gives}
        reasons: dict[int, Reason] = {}
        for row, (language, found) in enumerate(self._read(batch)):
            if isinstance(found, Reason):
                reasons[row] = found
                continue
            in_corpus, in_general = self._corpus_costs(found, language), general_costs(found, language)
            if not in_corpus and not in_general:
                reasons[row] = Reason(Status.NOT_APPLICABLE, f"neither list knows a word of the language {language!r}")
            values["rare_words"][row] = rare_words(found, language, self.options.common_from)
            values["total_rarity"][row], values["mean_rarity"][row] = _total_and_mean(in_corpus)
            values["total_general"][row], values["mean_general"][row] = _total_and_mean(in_general)
        return Scores(values, reasons)

    def _corpus_costs(self, found: Sequence[list[str]], language: str) -> list[float]:
        """-ln p of each word in this corpus; none where it has no row of the language."""
        if language not in self._costs:
            return []
        costs, unseen = self._costs[language], self._unseen[language]
        return [costs.get(word, unseen) for word in _lower(found)]

    def _read(self, batch: pa.Table) -> Iterator[tuple[str, list[list[str]] | Reason]]:
        """The language of each row, and the words of each of its sentences."""
        columns = (batch.column(name).to_pylist() for name in (self.options.view, "kind", "language"))
        for text, kind, tag in zip(*columns, strict=True):
            body = read(text, kind, self.options.view)
            found = body if isinstance(body, Reason) else list(sentences(body)) or EMPTY
            yield language_of(tag, self.options.language), found


def general_costs(found: Sequence[list[str]], language: str) -> list[float]:
    """-ln p of each word of some sentences in the general list of a language, names left out; none without a list."""
    try:
        zipf = zipf_of(language)
    except LookupError:
        return []
    names = frozenset[str]() if language in CAPITAL_NOUNS else names_in(found)
    return [(9.0 - zipf(word)) * _LN_10 for word in _lower(found) if word not in names]


def _lower(found: Sequence[list[str]]) -> list[str]:
    return [word.lower() for sentence in found for word in sentence]


def _total_and_mean(costs: Sequence[float]) -> tuple[float, float]:
    total = math.fsum(costs)
    return (total, total / len(costs)) if costs else (math.nan, math.nan)
