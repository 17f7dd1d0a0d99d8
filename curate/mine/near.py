"""Near duplicates: MinHash signatures by rensa, candidates by bands, every pair verified by its words."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from curate.mine.tokens import mix, ranges, shingles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.mine.tokens import Tokens

BANDS, ROWS_PER_BAND = 25, 5
PERMUTATIONS = BANDS * ROWS_PER_BAND
"""A pair of Jaccard similarity s becomes a candidate with probability 1 - (1 - s^5)^25: .999 at .75, .55 at .5
(Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4)."""

WORD_RUN, CHARACTER_RUN = 2, 4
"""Width of a shingle in words, and in characters for scripts without spaces."""

CROWD = 16
"""In a band that more rows share than this, each is held against so many that follow it, not against all."""

_DIGESTED = 64
"""Signatures of so few texts come from rensa at a time, as objects of Python that the processor's cache still holds."""

_AT_ONCE = 4_000_000
_BITS = 40
_PLACE, _LOWER = np.uint64(32), np.uint64(2**32 - 1)


def runs_of(tokens: Tokens, alone: NDArray[np.bool_]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hashed shingles of each text and where they begin: word pairs, or four characters where *alone* is true."""
    words, word_starts = shingles(tokens, WORD_RUN)
    if not alone.any():
        return words, word_starts
    letters, letter_starts = shingles(tokens, CHARACTER_RUN)
    pieces = [
        letters[letter_starts[row] : letter_starts[row + 1]]
        if alone[row]
        else words[word_starts[row] : word_starts[row + 1]]
        for row in range(len(alone))
    ]
    starts = np.concatenate(([0], np.cumsum([len(piece) for piece in pieces]))).astype(np.int64)
    return np.concatenate([*pieces, np.empty(0, np.uint64)]), starts


def signatures(runs: NDArray[np.uint64], starts: NDArray[np.int64], seed: int) -> NDArray[np.uint32]:
    """The hash of each band of each text's MinHash signature. Shape (n, `BANDS`).

    Six of a billion pairs share one of the 25 by chance, which costs a look at their words and decides nothing.
    """
    from rensa import RMinHash

    if len(starts) < 2:
        return np.empty((0, BANDS), np.uint32)
    minima = np.empty((len(starts) - 1, PERMUTATIONS), np.uint64)
    for low in range(0, len(minima), _DIGESTED):
        ends = starts[low : low + _DIGESTED + 1]
        some = runs[ends[0] : ends[-1]]
        made = RMinHash.digest_matrix_from_flat_token_hashes(
            some, (ends - ends[0]).astype(np.uint64), PERMUTATIONS, seed
        )
        count = (len(ends) - 1) * PERMUTATIONS
        numbers = np.fromiter(chain.from_iterable(made.to_rows()), np.uint64, count)
        minima[low : low + _DIGESTED] = numbers.reshape(-1, PERMUTATIONS)
    bands = np.zeros((len(minima), BANDS), np.uint64)
    for row in range(ROWS_PER_BAND):
        bands = mix(bands * np.uint64(31) + minima[:, row : BANDS * ROWS_PER_BAND : ROWS_PER_BAND])
    return (bands >> np.uint64(32)).astype(np.uint32)


def candidates(bands: NDArray[np.uint32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of *rows* (places in *bands*) that share a band, each once, the smaller place first. Shape (pairs, 2)."""
    size = np.int64(len(bands))
    found = [np.empty(0, np.int64)]
    for band in range(bands.shape[1]):
        sorted_rows = np.sort((bands[rows, band].astype(np.uint64) << _PLACE) | rows.astype(np.uint64))
        keys, places = sorted_rows >> _PLACE, (sorted_rows & _LOWER).astype(np.int64)
        for gap in range(1, CROWD + 1):
            same = np.flatnonzero(keys[gap:] == keys[:-gap])
            if not len(same):
                break
            low, high = places[same], places[same + gap]
            found.append(np.minimum(low, high) * size + np.maximum(low, high))
    unique = np.concatenate(found)
    unique.sort()
    unique = unique[np.flatnonzero(np.diff(unique, prepend=-1))]
    return np.stack([unique // size, unique % size], axis=1) if len(unique) else np.empty((0, 2), np.int64)


def jaccard(
    runs: NDArray[np.uint64], starts: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Jaccard similarity of the shingle sets of each pair of rows. Shapes (pairs,); 0 where both are empty.

    Shingles are told apart by 40 bits, so two of the same pair are mistaken for one once in millions of pairs.
    """
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    sets = (rows << _BITS) | (runs >> np.uint64(64 - _BITS)).astype(np.int64)
    sets.sort()
    sets = sets[np.flatnonzero(np.diff(sets, prepend=-1))]
    at = np.searchsorted(sets >> _BITS, np.arange(len(starts)))
    sets &= (1 << _BITS) - 1
    shared = overlap(sets, at, first, second)
    sizes = np.diff(at)
    union = sizes[first] + sizes[second] - shared
    return (shared / np.maximum(union, 1)).astype(np.float32)


def distinct(values: NDArray[np.uint64], starts: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Each row's distinct values, sorted, and where they begin."""
    row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.lexsort((values, row))
    row, values = row[order], values[order]
    new = np.ones(len(values), np.bool_)
    new[1:] = (row[1:] != row[:-1]) | (values[1:] != values[:-1])
    sizes = np.bincount(row[new], minlength=len(starts) - 1)
    return values[new], np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def overlap(
    sets: NDArray[np.int64], at: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many values each pair of rows shares, from distinct values below 2^40. Shape (pairs,)."""
    sizes = np.diff(at)
    shared = np.zeros(len(first), np.int64)
    ends = np.cumsum(sizes[first] + sizes[second])
    low = 0
    while low < len(first):
        high = max(int(np.searchsorted(ends, (ends[low - 1] if low else 0) + _AT_ONCE)), low + 1)
        rows = np.stack([first[low:high], second[low:high]], axis=1).reshape(-1)
        pair = np.repeat(np.repeat(np.arange(high - low), 2), sizes[rows])
        keys = (pair << _BITS) | sets[ranges(at[rows], sizes[rows])]
        keys.sort()
        shared[low:high] = np.bincount(keys[1:][keys[1:] == keys[:-1]] >> _BITS, minlength=high - low)
        low = high
    return shared
