"""Which pairs of texts are duplicates: similar enough, with few words changed, and not apart for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.mine import near
from curate.mine.protect import differing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.mine.protect import Differences, Protected
    from curate.mine.tokens import Tokens


SHORT = 25
"""In a text of so many words the same words in another order say something else."""

_AT_ONCE = 10_000


@dataclass(frozen=True)
class Texts:
    """What a pair is judged by: the words of the whole texts and of the answers, which of them are protected."""

    full: Tokens
    answers: Tokens
    alone: NDArray[np.bool_]
    protected: Protected


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows with their similarity. ``joined``: duplicates; ``apart``: alike but for protected terms alone.

    ``rows`` has shape (m, 2), the others (m,); a pair that is neither was a candidate and no more.
    """

    rows: NDArray[np.int64]
    similarity: NDArray[np.float32]
    joined: NDArray[np.bool_]
    apart: NDArray[np.bool_]


def near_pairs(texts: Texts, rows: NDArray[np.int64], threshold: float, changed: float) -> Pairs:
    """Judge candidate pairs by the Jaccard similarity of their shingles and the share of words that were changed.

    A pair is joined when its similarity reaches *threshold* and at most *changed* of the shorter text's words are not
    in the longer. Additions alone change nothing; in a text of ten words no word may change.
    """
    runs, starts = near.runs_of(texts.full, texts.alone)
    similarity = near.jaccard(runs, starts, rows[:, 0], rows[:, 1])
    return _judge(texts, rows, similarity, similarity >= threshold, changed)


def like_pairs(texts: Texts, rows: NDArray[np.int64], cosine: NDArray[np.float32], length_ratio: float) -> Pairs:
    """Judge pairs that lie close in the encoder's space: lengths must be alike, words may all differ."""
    counts = texts.full.counts
    shorter = np.minimum(counts[rows[:, 0]], counts[rows[:, 1]])
    longer = np.maximum(counts[rows[:, 0]], counts[rows[:, 1]])
    return _judge(texts, rows, cosine, shorter >= length_ratio * longer, None)


def _judge(
    texts: Texts,
    rows: NDArray[np.int64],
    similarity: NDArray[np.float32],
    alike: NDArray[np.bool_],
    changed: float | None,
) -> Pairs:
    joined = np.zeros(len(rows), np.bool_)
    apart = np.zeros(len(rows), np.bool_)
    chosen = np.flatnonzero(alike)
    for start in range(0, len(chosen), _AT_ONCE):
        some = chosen[start : start + _AT_ONCE]
        told = differing(texts.full, rows[some], texts.protected)
        shorter = texts.full.counts[rows[some]].min(axis=1)
        apart[some] = _shielded(told) | ((told.one + told.other == 0) & (shorter <= SHORT))
        few = np.ones(len(some), np.bool_) if changed is None else _fewer(told) <= changed * shorter
        said = told if texts.answers is texts.full else differing(texts.answers, rows[some], None)
        joined[some] = few & _same_answer(said, texts.answers.counts[rows[some]].min(axis=1)) & ~apart[some]
    return Pairs(rows, similarity, joined, apart)


def _shielded(told: Differences) -> NDArray[np.bool_]:
    """Which pairs differ in protected words alone, and are two texts. Shape (m,)."""
    exchanged = (told.one > 0) & (told.other > 0)
    plain = np.where(exchanged, told.plain[:, 0], told.plain[:, 1])
    shielded: NDArray[np.bool_] = (told.one + told.other > 0) & (plain == 0)
    return shielded


def _same_answer(told: Differences, shorter: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the shorter answer, of so many words, shares at least half of them with the longer. Shape (m,)."""
    same: NDArray[np.bool_] = 2 * _fewer(told) <= shorter
    return same


def _fewer(told: Differences) -> NDArray[np.int64]:
    return np.minimum(told.one, told.other)
