# ruff: noqa: RUF001 - punctuation of many scripts stands here on purpose
"""Pairs that look like duplicates and are not: they differ in who is spoken of, in numbers, or in their answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.mine.tokens import ranges

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from curate.mine.tokens import Pieces, Tokens

Protection = Literal["identity", "names", "numbers", "negation"]
"""Terms that two different texts may differ in: groups of people, capitalised names, numbers and signs, not."""

_AROUND = ".,;:!?\"“”()[]'’"
_APOSTROPHE = "['’-]"
_ENDS = '[.!?:"”]$'


@cache
def terms(name: Literal["identity", "negation"]) -> frozenset[str]:
    """One of our lexicons, in the form that `curate.mine.tokens.normalise` gives words."""
    lines = files("curate.mine").joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@dataclass(frozen=True)
class Protected:
    """Two flags per word of a vocabulary: shielded where the word is exchanged for another, and where it is added.

    One more name or number is an addition like any other; one more "not" or "black" is not.
    """

    exchanged: NDArray[np.bool_]
    added: NDArray[np.bool_]


@dataclass(frozen=True)
class Cases:
    """Words that are written with a capital inside a sentence, and words that are written without one, each once."""

    upper: pa.Array
    lower: pa.Array

    @property
    def names(self) -> frozenset[str]:
        """What is never written without a capital."""
        return frozenset(self.upper.filter(pc.invert(pc.is_in(self.upper, value_set=self.lower))).to_pylist())


def merged(cases: Sequence[Cases]) -> Cases:
    """Those of several texts together."""
    lists = ([each.upper for each in cases], [each.lower for each in cases])
    return Cases(*(pc.unique(pa.chunked_array(one, pa.string())) for one in lists))


def protected(words: pa.Array, names: frozenset[str], kinds: Collection[Protection]) -> Protected:
    """Which words of a vocabulary two texts may differ in without being duplicates. Shapes (len(words),)."""
    listed = words.to_pylist()
    added = np.zeros(len(listed), np.bool_)
    if "identity" in kinds:
        known = terms("identity")
        added |= np.array([word in known or word.removesuffix("s") in known for word in listed], np.bool_)
    if "negation" in kinds:
        added |= np.array([word in terms("negation") for word in listed], np.bool_)
    exchanged = added.copy()
    if "names" in kinds:
        exchanged |= np.array([word in names for word in listed], np.bool_)
    if "numbers" in kinds:
        exchanged |= np.asarray(pc.match_substring_regex(words, r"^(?:[\d.]*\d[\d.]*|[^\p{L}\p{N}]+)$"), np.bool_)
    return Protected(exchanged, added)


def cases(pieces: Pieces, borders: NDArray[np.int64]) -> list[Cases]:
    """How words are written in each range of texts that are split, in the form that `curate.mine.tokens` gives words.

    *borders*: where the first range begins and where each ends, shape (ranges + 1,).
    """
    bare = pc.utf8_trim(pieces.written, _AROUND)
    word = pc.replace_substring_regex(pc.utf8_lower(bare), _APOSTROPHE, "")
    ends = np.asarray(pc.match_substring_regex(pieces.written, _ENDS), np.bool_)
    capital = np.asarray(pc.utf8_is_upper(pc.utf8_slice_codeunits(bare, 0, 1)), np.bool_)
    small = np.asarray(pc.utf8_is_lower(bare), np.bool_)
    later = np.ones(len(pieces.codes), np.bool_)
    later[pieces.starts[pieces.starts < len(later)]] = False
    inside = later.copy()
    inside[1:] &= ~ends[pieces.codes[:-1]]
    made = []
    for begin, end in pairwise(pieces.starts[borders].tolist()):
        codes = pieces.codes[begin:end]
        upper, lower = _in_order(codes[inside[begin:end]]), _in_order(codes)
        some = (upper[capital[upper]], lower[small[lower]])
        made.append(Cases(*(pc.unique(word.take(pa.array(places))) for places in some)))
    return made


def _in_order(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The distinct codes, in the order in which they come first."""
    found: NDArray[np.int64] = pc.unique(pa.array(codes)).to_numpy()
    return found


@dataclass(frozen=True)
class Differences:
    """The words that only one text of a pair holds, as often as it holds more of them than the other; m pairs.

    ``one`` and ``other``: how many words either has alone, shape (m,). ``plain``: how many of those of both are not
    shielded when exchanged, and when added, shape (m, 2).
    """

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    plain: NDArray[np.int64]


def differing(tokens: Tokens, rows: NDArray[np.int64], shown: Protected | None) -> Differences:
    """How the words of pairs of texts differ; *rows* has shape (m, 2)."""
    sizes = tokens.counts[rows]
    pair = np.repeat(np.arange(len(rows)), sizes.sum(axis=1))
    side = np.repeat(np.tile([0, 1], len(rows)), sizes.reshape(-1))
    codes = tokens.codes[ranges(tokens.starts[:-1][rows.reshape(-1)], sizes.reshape(-1))]
    keys = (pair << 40) | (codes << 1) | side
    keys.sort()
    first = np.flatnonzero(np.diff(keys >> 1, prepend=-1))
    balance = np.add.reduceat(1 - 2 * (keys & 1), first) if len(first) else np.empty(0, np.int64)
    first, balance = keys[first[balance != 0]], balance[balance != 0]
    pair, codes = first >> 40, (first >> 1) & 0x7F_FFFF_FFFF

    def total(weight: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(pair, weight, minlength=len(rows)).astype(np.int64)

    plain = np.zeros((len(rows), 2), np.int64)
    if shown is not None:
        plain = np.stack([total(np.abs(balance) * ~flags[codes]) for flags in (shown.exchanged, shown.added)], axis=1)
    return Differences(total(np.maximum(balance, 0)), total(np.maximum(-balance, 0)), plain)
