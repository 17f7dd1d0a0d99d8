"""The texts of the examples, and which terms occur in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
_IN_WORD = np.ones(256, np.bool_)
_IN_WORD[:128] = [chr(byte).isalnum() or chr(byte) == "'" for byte in range(128)]
"""Which bytes are part of a word, where what is not ASCII always is."""


@dataclass(frozen=True)
class Terms:
    """Terms to look for: single words are found as words, all else as parts of the text in lower case."""

    words: tuple[str, ...]

    @cached_property
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
    parent, runs = _runs(lower)
    place = pc.index_in(runs, value_set=pa.array(terms.words, pa.string()))
    rows = [row[parent[np.asarray(pc.is_valid(place), np.bool_)]]]
    places = [np.asarray(pc.drop_null(place), np.int64)]
    for at, phrase in terms.phrases:
        holding = row[np.asarray(pc.match_substring(lower, phrase), np.bool_)]
        rows.append(holding)
        places.append(np.full(len(holding), at, np.int64))
    width = max(len(terms.words), 1)
    pairs = np.unique(np.concatenate(rows) * width + np.concatenate(places))
    return pairs // width, pairs % width


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


def _runs(lower: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Texts in lower case cut into words and what stands between them, by turns: the text of each run, and the run.

    A word is made of letters, marks, numbers and apostrophes. With all that is none of them and not ASCII turned into
    spaces, a byte tells whether it is part of a word.
    """
    _, offsets, data = pc.replace_substring_regex(lower, r"[^\pL\pM\pN\x00-\x7F]+", " ").buffers()
    ends = np.frombuffer(offsets, np.int32, len(lower) + 1)
    inside = _IN_WORD[np.frombuffer(data, np.uint8, ends[-1])]
    fresh = np.ones(len(inside) + 1, np.bool_)
    np.not_equal(inside[1:], inside[:-1], out=fresh[1:-1])
    fresh[ends] = True
    cuts = np.flatnonzero(fresh).astype(np.int32)
    parent = np.repeat(np.arange(len(lower)), np.diff(np.searchsorted(cuts, ends)))
    return parent, pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), data)
