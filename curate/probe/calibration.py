"""Whether a model is right as often as it is sure: calibration error, Brier score and reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core.chance import chance
from curate.core.measured import Bin, Calibration, Estimate
from curate.probe import estimates
from curate.probe.estimates import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.core.measured import Kind

MOST_BINS = 10
LEAST_GUESSES = 20
"""Of one bin."""

DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Observations:
    """Guesses, in parallel, shape (n,): how sure each was, whether it was right, and its hold-out group."""

    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    group: NDArray[np.int64]


def calibrate(kind: Kind, seen: Observations, seed: int) -> Calibration:
    """The calibration of some guesses; there must be at least one.

    ECE is the mean of |confidence - accuracy| over bins that hold equally many guesses, weighted by their size (Guo
    et al. 2017; equal bins as in Nixon et al. 2019). Chance alone makes it positive: `by_chance` says how much. For the
    interval, hold-out groups are drawn with replacement, seeded. With g the vector of the bins' gaps, 95 % of draws lie
    within q of it, |g* - g| <= q in the sum of absolute differences. By the triangle inequality ECE - q to ECE + q then
    holds the true figure that often or oftener, also where a model is calibrated and other bootstrap intervals miss 0.
    """
    place = bins(seen.confidence)
    ones = np.ones(len(place))
    square = (seen.confidence - seen.right) ** 2
    ece, by_chance = _error(seen, place, chance(seed, "probe", f"ece/{kind}"))
    return Calibration(
        kind=kind,
        observations=len(place),
        ece=ece,
        by_chance=by_chance,
        brier=estimates.share(Sums(square, ones, seen.group)),
        confidence=float(seen.confidence.mean()),
        bins=tuple(_bar(seen, place == number) for number in range(int(place.max()) + 1)),
    )


def bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each guess, shape (n,): up to ten of nearly one size, of twenty guesses or more.

    Guesses of equal confidence share a bin, so there may be fewer.
    """
    count = min(max(len(confidence) // LEAST_GUESSES, 1), MOST_BINS)
    borders = np.unique(np.quantile(confidence, np.arange(1, count) / count, method="inverted_cdf"))
    found = np.searchsorted(borders, confidence, side="left")
    return np.asarray(np.unique(found, return_inverse=True)[1], np.int64)


def _bar(seen: Observations, inside: NDArray[np.bool_]) -> Bin:
    right = Sums(seen.right[inside].astype(np.float64), np.ones(int(inside.sum())), seen.group[inside])
    return Bin(
        confidence=float(seen.confidence[inside].mean()),
        accuracy=estimates.share(right),
        observations=int(inside.sum()),
    )


def _error(seen: Observations, place: NDArray[np.int64], luck: np.random.Generator) -> tuple[Estimate, float]:
    """The calibration error with its interval, and the mean that chance alone would give."""
    groups, number = np.unique(seen.group, return_inverse=True)
    count = int(place.max()) + 1
    gaps = np.bincount(number * count + place, seen.confidence - seen.right, len(groups) * count)
    gaps, sizes = gaps.reshape(len(groups), count), np.bincount(number).astype(np.float64)
    whole = gaps.sum(axis=0) / sizes.sum()
    ece = float(np.abs(whole).sum())
    if len(groups) < 2:
        return Estimate(value=ece, low=None, high=None, rows=len(place), groups=len(groups)), ece
    drawn = luck.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), DRAWS).astype(np.float64)
    off = np.abs((drawn @ gaps) / (drawn @ sizes)[:, None] - whole).sum(axis=1)
    off *= np.sqrt(len(groups) / (len(groups) - 1))
    reach = float(np.quantile(off, estimates.LEVEL))
    ends = {"low": max(ece - reach, 0.0), "high": min(ece + reach, 1.0)}
    return Estimate(value=ece, **ends, rows=len(place), groups=len(groups)), float(off.mean())
