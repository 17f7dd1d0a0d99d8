"""The arithmetic of paired comparisons: Student's interval, Holm's correction, and what both mean in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVEL = 0.95
Word = Literal["benefit", "no benefit", "undecided", "harm"]


class Interval(Frozen):
    """A mean difference with Student's interval over pairs, and the two-sided p of no difference."""

    mean: float
    low: float
    high: float
    p: float
    pairs: int


def paired(difference: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """The mean of paired differences with its t interval (Student 1908), shape (n,) of at least two in.

    Where all differences are the same there is no deviation: the interval is the value, and p is 1 for no difference
    and 0 otherwise.
    """
    from scipy.special import stdtr, stdtrit

    count = len(difference)
    if count < 2:
        raise ValueError("one pair has no deviation")
    mean, error = float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(count))
    if error == 0:
        return Interval(mean=mean, low=mean, high=mean, p=float(mean == 0), pairs=count)
    half = float(stdtrit(count - 1, 0.5 + level / 2)) * error
    p = float(2 * stdtr(count - 1, -abs(mean / error)))
    return Interval(mean=mean, low=mean - half, high=mean + half, p=p, pairs=count)


def holm(values: Sequence[float]) -> list[float]:
    """The p values adjusted for being several, step down (Holm 1979): each at least as large as it was, at most 1."""
    order = np.argsort(values, kind="stable")
    ranked = np.asarray(values, np.float64)[order] * (len(values) - np.arange(len(values)))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(ranked), 1.0)
    return [float(each) for each in adjusted]


def word(interval: Interval, p: float, margin: float) -> Word:
    """What a difference of losses means; below 0 is better.

    no benefit: the whole interval lies within *margin* of no difference, even where it does not hold 0. Else benefit
    or harm where *p* is below 0.05, by the sign; else undecided.
    """
    if max(abs(interval.low), abs(interval.high)) <= margin:
        return "no benefit"
    if p < 1 - LEVEL:
        return "benefit" if interval.mean < 0 else "harm"
    return "undecided"


def says(name: str, verdict: Word, interval: Interval, base: float, against: str) -> str:
    """The verdict in a sentence, with its numbers: nats a token, and percent of *base*, the loss of *against*."""
    low, high, mean = (100 * each / base for each in (interval.low, interval.high, interval.mean))
    words = {
        "benefit": f"does better than {against}",
        "harm": f"does worse than {against}",
        "no benefit": f"brings no benefit: it is as good as {against} within the margin",
        "undecided": f"cannot be told from {against} with so many seeds",
    }
    numbers = f"{interval.mean:+.4f} nats a token, {mean:+.1f} % [{low:+.1f}, {high:+.1f}]"
    return f"{name} {words[verdict]} ({numbers}; {interval.pairs} paired seeds)"
