"""Which words keep company with which identity terms: log-odds with an informative Dirichlet prior, and nPMI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.audit.lexicon import CLINGING
from curate.audit.sums import added

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from curate.audit.identity import Mentions

PRIOR_ROWS = 100.0
"""Weight of the prior: as if each side had this many more rows that speak like the corpus."""

LEAST_SIDE = 20
"""Fewer rows than this on either side are no basis for a comparison."""


@dataclass(frozen=True)
class Links:
    """How one value of an axis keeps company with words, against the other values of the axis.

    Rows that mention several values count for none of them. Shape (words,) each: ``both`` and ``others`` are rows
    with the word on either side, ``log_odds`` the difference of their log odds, with its standard error and p-value.
    """

    axis: str
    value: str
    words: tuple[str, ...]
    rows: int
    other_rows: int
    both: NDArray[np.int64]
    others: NDArray[np.int64]
    npmi: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    error: NDArray[np.float64]
    p: NDArray[np.float64]
    exclusive: NDArray[np.bool_]
    """Which rows mention this value and no other. Shape (rows of the corpus,)."""


def links(mentions: Mentions, counted: NDArray[np.bool_], expected: float) -> Iterator[Links]:
    """Every value of every axis, as far as support suffices; p is NaN for words expected in fewer rows than that.

    *counted* says which rows of the corpus count: one of each unit, so that copies are no evidence.
    """
    words = tuple(word for listed in CLINGING.values() for word in listed)
    places = np.array([mentions.terms.words.index(word) for word in words])
    total = _rows_with_words(mentions, counted)[places]
    for axis, values in mentions.lexicon.items():
        held = np.stack([_mask(mentions.rows_with(terms), counted) for terms in values.values()])
        alone = held & (held.sum(axis=0) == 1)
        for at, value in enumerate(values):
            ours, rest = alone[at], alone.any(axis=0) & ~alone[at]
            sizes = int(ours.sum()), int(rest.sum())
            if min(sizes) < LEAST_SIDE:
                continue
            both, others = (_rows_with_words(mentions, side)[places] for side in (ours, rest))
            background = total / max(int(counted.sum()), 1)
            delta, error = log_odds(both, sizes[0], others, sizes[1], background)
            enough = (both + others) * (min(sizes) / sum(sizes)) >= expected
            yield Links(
                axis,
                value,
                words,
                *sizes,
                both,
                others,
                npmi(both, sizes[0], total, int(counted.sum())),
                delta,
                error,
                np.where(enough, _two_sided(delta / error), np.nan),
                ours,
            )


def log_odds(
    both: NDArray[np.int64], rows: int, others: NDArray[np.int64], other_rows: int, background: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The difference of the log odds of a word in two sets of rows, and its standard error.

    Monroe, Colaresi and Quinn 2008 (Political Analysis 16:372), equations 15 to 20, with rows in the place of words:
    the prior adds `PRIOR_ROWS` rows that hold the word as often as the corpus does. The error keeps the terms of the
    rows without the word, which the paper drops since words of a text are rare.
    """
    prior = np.clip(background, 1e-9, 1 - 1e-9) * PRIOR_ROWS
    first, second = both + prior, others + prior
    without_first = rows + PRIOR_ROWS - first
    without_second = other_rows + PRIOR_ROWS - second
    delta = np.log(first / without_first) - np.log(second / without_second)
    return delta, np.sqrt(1 / first + 1 / without_first + 1 / second + 1 / without_second)


def npmi(both: NDArray[np.int64], rows: int, with_word: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    """Normalised pointwise mutual information (Bouma 2009): 1 always together, 0 independent, -1 never together."""
    with np.errstate(divide="ignore", invalid="ignore"):
        joint = both / total
        value = np.log(joint / (rows / total * with_word / total)) / -np.log(joint)
    return np.where(both == 0, -1.0, np.where(joint >= 1, 1.0, value))


def _rows_with_words(mentions: Mentions, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """In how many of the rows of *mask* each term occurs. Shape (terms,)."""
    return added(mentions.term, mask[mentions.row].astype(np.float64), len(mentions.terms.words)).astype(np.int64)


def _mask(rows: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    held = np.zeros(len(counted), np.bool_)
    held[rows] = True
    return held & counted


def _two_sided(z: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr

    p: NDArray[np.float64] = 2 * ndtr(-np.abs(z))
    return p
