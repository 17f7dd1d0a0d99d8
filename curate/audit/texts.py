"""The texts of the examples, and which terms occur in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COLUMNS = ("messages", "prompt", "completion", "text")
_FIRST_UNSPACED = "\u2e80"
"""From here on scripts write words without spaces between them."""


@dataclass(frozen=True)
class Terms:
    """Terms to look for: single words are found as words, all else as parts of the text in lower case."""

    words: tuple[str, ...]

    def phrases(self) -> list[tuple[int, str]]:
        """The terms that no single word can be, with their places."""
        return [(place, term) for place, term in enumerate(self.words) if not _is_word(term)]


def pieces(table: pa.Table) -> tuple[NDArray[np.int64], pa.Array]:
    """Every text of a table with the row that it belongs to: turns, prompts, completions and plain texts."""
    rows = np.arange(len(table), dtype=np.int64)
    messages = table.column("messages").combine_chunks()
    held = [(rows, table.column(name).combine_chunks().cast(pa.string())) for name in COLUMNS[1:]]
    if not pa.types.is_null(messages.type):
        said = pc.struct_field(pc.list_flatten(messages), "content")
        held.append((np.asarray(pc.list_parent_indices(messages), np.int64), said))
    kept = [(row[np.asarray(pc.is_valid(text), np.bool_)], pc.drop_null(text)) for row, text in held]
    return np.concatenate([row for row, _ in kept]), pa.concat_arrays([text for _, text in kept])


def find(row: NDArray[np.int64], text: pa.Array, terms: Terms) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows hold which terms, each pair once, as (row, place of the term), in the order of the rows."""
    lower = pc.utf8_lower(text)
    words = pc.split_pattern_regex(lower, r"[^\pL\pM\pN']+")
    place = pc.index_in(pc.list_flatten(words), value_set=pa.array(terms.words, pa.string()))
    found = np.asarray(pc.is_valid(place), np.bool_)
    parent = np.asarray(pc.list_parent_indices(words), np.int64)[found]
    rows = [row[parent]]
    places = [np.asarray(pc.drop_null(place), np.int64)]
    for at, phrase in terms.phrases():
        holding = row[np.asarray(pc.match_substring(lower, phrase), np.bool_)]
        rows.append(holding)
        places.append(np.full(len(holding), at, np.int64))
    pairs = np.unique(np.stack([np.concatenate(rows), np.concatenate(places)], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def excerpt(texts: Sequence[str], word: str, width: int = 160) -> str:
    """The surroundings of a word's first occurrence, about *width* characters."""
    text = next((each for each in texts if word in each.lower()), texts[0] if texts else "")
    at = max(text.lower().find(word), 0)
    start, end = max(at - width // 2, 0), at + len(word) + width // 2
    return ("\u2026" if start else "") + " ".join(text[start:end].split()) + ("\u2026" if end < len(text) else "")


def beginning(texts: Sequence[str], width: int = 120) -> str:
    """The beginning of the first text, at most *width* characters, on one line."""
    text = texts[0] if texts else ""
    return " ".join(text[:width].split()) + ("\u2026" if len(text) > width else "")


def _is_word(term: str) -> bool:
    return term.isalpha() and max(term) < _FIRST_UNSPACED
