# ruff: noqa: RUF001 - punctuation of many scripts stands here on purpose
"""Texts to comparable words: the one normalisation that duplicates and contamination are declared in.

Lower case after NFKC. Apostrophes and hyphens inside a word go, as does a comma inside a number; sentence punctuation
and brackets become white space. Signs that change the meaning of mathematics and code (``+ * / = < > % &`` and a minus
before a digit) are words of their own. In scripts without spaces every character is a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]"
_RULES = (
    (r"['’ʼ`]", ""),
    (r"(\d),(\d{3})", r"\1\2"),
    (r"(\p{L})[-‐](\p{L})", r"\1\2"),
    (r"[-−](\d)", r" − \1"),
    (r"[.]([^\d]|$)", r" \1"),
    (r"""[-,;:!?"“”‘«»„()\[\]{}…–—¿¡。、，！？；：「」『』（）《》·_]""", " "),
    (f"({_UNSPACED})", r" \1 "),
    (r"([^\p{L}\p{N}\p{M}\s.])", r" \1 "),
)
"""What is replaced by what, in order; RE2 syntax."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Tokens:
    """The words of n texts.

    ``codes``: shape (total,), each word as its place in ``words``. ``starts``: shape (n + 1,), where each text's words
    begin. ``hashes``: shape (len(words),), 64 bits that depend on the word alone.
    """

    codes: NDArray[np.int64]
    starts: NDArray[np.int64]
    words: pa.Array
    hashes: NDArray[np.uint64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many words each text has, shape (n,)."""
        counted: NDArray[np.int64] = np.diff(self.starts)
        return counted

    def of(self, row: int) -> NDArray[np.int64]:
        """The codes of one text's words."""
        return self.codes[self.starts[row] : self.starts[row + 1]]


@dataclass(frozen=True)
class Pieces:
    """What stands between the white space of n texts, as it is written.

    ``codes``: shape (total,), each piece as its place in ``written``; ``starts``: shape (n + 1,).
    """

    codes: NDArray[np.int64]
    starts: NDArray[np.int64]
    written: pa.Array


def split(texts: pa.Array) -> Pieces:
    """The pieces of each text, in order."""
    lists = pc.utf8_split_whitespace(pc.fill_null(texts, ""))
    flat = lists.flatten()
    present = np.asarray(pc.not_equal(flat, ""), np.bool_)
    offsets = np.asarray(lists.offsets, np.int64)
    starts = np.concatenate(([0], np.cumsum(present)))[offsets - offsets[0]].astype(np.int64)
    encoded = (flat if present.all() else flat.filter(pa.array(present))).dictionary_encode()
    return Pieces(encoded.indices.to_numpy().astype(np.int64), starts, encoded.dictionary)


def tokenise(texts: pa.Array) -> Tokens:
    """The words of each text, in order; an empty text has none."""
    return words_of(split(texts))


def words_of(pieces: Pieces) -> Tokens:
    """The words of texts that are split: each way of writing is normalised once, however often it stands there."""
    written = pc.utf8_normalize(pieces.written, form="NFKC")
    minus = np.asarray(pc.match_substring_regex(written, r"[-−]$"), np.bool_)
    before = np.flatnonzero(minus[pieces.codes])
    digit = np.asarray(pc.match_substring_regex(written, r"^\d"), np.bool_)
    follows = before + 1 < len(pieces.codes)
    before = before[follows & ~np.isin(before + 1, pieces.starts)]
    before = before[digit[pieces.codes[before + 1]]]
    codes = pieces.codes
    if len(before):
        signs, place = np.unique(codes[before], return_inverse=True)
        codes = codes.copy()
        codes[before] = len(written) + place
        bare = pc.utf8_slice_codeunits(written.take(pa.array(signs)), 0, -1)
        written = pa.concat_arrays([written, pc.binary_join_element_wise(bare, " − ", "")])
    lists = pc.split_pattern(_normalised(written), " ")
    flat = lists.flatten()
    present = np.asarray(pc.not_equal(flat, ""), np.bool_)
    encoded = flat.filter(pa.array(present)).dictionary_encode()
    first = np.concatenate(([0], np.cumsum(present)))[np.asarray(lists.offsets)].astype(np.int64)
    sizes = np.diff(first)
    ends = np.concatenate(([0], np.cumsum(sizes[codes])))
    places = encoded.indices.to_numpy().astype(np.int64)
    made = places[ranges(first[codes], sizes[codes])]
    return Tokens(made, ends[pieces.starts], encoded.dictionary, _hashes(encoded.dictionary))


def unspaced(texts: pa.Array) -> NDArray[np.bool_]:
    """Which texts are for the greater part in scripts without spaces. Shape (n,)."""
    alone = np.asarray(pc.count_substring_regex(pc.fill_null(texts, ""), _UNSPACED), np.int64)
    return alone * 2 > np.asarray(pc.utf8_length(pc.fill_null(texts, "")), np.int64)


def shingles(tokens: Tokens, width: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hashes of all runs of *width* words inside each text, and where each text's begin, shape (n + 1,).

    A text with fewer words has one run: itself, with the number of its words mixed in.
    """
    words = tokens.hashes[tokens.codes]
    counts = tokens.counts
    runs = np.maximum(counts - width + 1, 0)
    short = (counts > 0) & (counts < width)
    starts = np.concatenate(([0], np.cumsum(np.where(short, 1, runs)))).astype(np.int64)
    made = np.empty(int(starts[-1]), np.uint64)
    first = ranges(tokens.starts[:-1], runs)
    rolled = np.zeros(len(first), np.uint64)
    for step in range(width):
        rolled = mix(rolled * _MULTIPLIER + words[first + step])
    made[ranges(starts[:-1], runs)] = rolled
    for row in np.flatnonzero(short):
        made[starts[row]] = _fold(words[tokens.starts[row] : tokens.starts[row + 1]])
    return made, starts


def whole(tokens: Tokens) -> NDArray[np.uint64]:
    """128 bits of each text's words in order: equal where the normalised texts are. Shape (n, 2)."""
    words = tokens.hashes[tokens.codes]
    made = np.zeros((len(tokens.starts) - 1, 2), np.uint64)
    filled = tokens.counts > 0
    if not filled.any():
        return made
    place = np.arange(len(words), dtype=np.uint64) - np.repeat(tokens.starts[:-1], tokens.counts).astype(np.uint64)
    for half in range(2):
        salted = mix(words ^ mix(place * _MULTIPLIER + np.uint64(half + 1)))
        made[filled, half] = np.add.reduceat(salted, tokens.starts[:-1][filled])
    return made


def mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of MurmurHash3, on each number."""
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> np.uint64(33))


def strings(texts: Sequence[str | None]) -> pa.Array:
    """A list of texts as an Arrow array."""
    return pa.array(texts, pa.string())


def _normalised(written: pa.Array) -> pa.Array:
    """Words in lower case with one space between those that one piece makes, as this file's first lines declare."""
    lower = pc.utf8_lower(written)
    marked = pc.match_substring_regex(lower, "[^a-z0-9]")
    made = lower.filter(marked)
    for pattern, replacement in _RULES:
        made = pc.replace_substring_regex(made, pattern, replacement)
    made = pc.utf8_trim_whitespace(pc.replace_substring_regex(made, r"\s+", " "))
    return pc.replace_with_mask(lower, marked, made)


def _hashes(words: pa.Array) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(map(_digest, words.to_pylist())), np.uint64).copy()


@lru_cache(1 << 17)
def _digest(word: str) -> bytes:
    """64 bits of a word; parts of a corpus share most of theirs."""
    return blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """starts[i], starts[i] + 1, ... sizes[i] of them, one after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    inside = np.arange(total, dtype=np.int64) - np.repeat(ends - sizes, sizes)
    return np.repeat(starts, sizes) + inside


def _fold(words: NDArray[np.uint64]) -> np.uint64:
    state = np.array([len(words)], np.uint64)
    for word in words:
        state = mix(state * _MULTIPLIER + word)
    return np.uint64(state[0])
