"""Intervals for shares, ratios of shares and Cliff's delta. Arrays in, arrays out; all of them broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.audit.report import Interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def quantile(confidence: float) -> float:
    """The two-sided standard normal quantile of *confidence*: 1.96 for 0.95."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def wilson(count: ArrayLike, size: ArrayLike, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The score interval of a share (Wilson 1927; Newcombe 1998, method 3). NaN where *size* is 0."""
    z = quantile(confidence)
    size = np.asarray(size, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.asarray(count, np.float64) / size
        middle = share + z**2 / (2 * size)
        half = z * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
        low, high = (middle - half) / (1 + z**2 / size), (middle + half) / (1 + z**2 / size)
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def risk_ratio(
    count: ArrayLike, size: ArrayLike, other_count: ArrayLike, other_size: ArrayLike, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The interval of (count / size) / (other_count / other_size): MOVER-R on two Wilson intervals.

    Donner and Zou 2012 (Stat Methods Med Res 21:347), equation 9. The upper end is infinite where the other
    interval reaches 0.
    """
    first, second = _share(count, size), _share(other_count, other_size)
    low, high = wilson(count, size, confidence)
    other_low, other_high = wilson(other_count, other_size, confidence)
    product = first * second
    with np.errstate(invalid="ignore", divide="ignore"):
        below = product**2 - low * other_high * (2 * first - low) * (2 * second - other_high)
        above = product**2 - high * other_low * (2 * first - high) * (2 * second - other_low)
        lower = (product - np.sqrt(np.maximum(below, 0.0))) / (other_high * (2 * second - other_high))
        upper = (product + np.sqrt(np.maximum(above, 0.0))) / (other_low * (2 * second - other_low))
    upper = np.where(second == 0, np.inf, upper)
    return np.maximum(lower, 0.0), np.where(np.isnan(upper), np.inf, upper)


def part_to_whole(
    count: ArrayLike, size: ArrayLike, whole_count: ArrayLike, whole_size: ArrayLike, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The interval of a part's share over the share in the whole that contains the part.

    With w = size / whole_size, the ratio is 1 / (w + (1 - w) / R), where R is the risk ratio of the part and the
    rest: it rises with R, so the interval of R carries over. It closes on 1 when the part becomes the whole.
    """
    count, size = np.asarray(count, np.float64), np.asarray(size, np.float64)
    rest_count = np.maximum(np.asarray(whole_count, np.float64) - count, 0.0)
    rest_size = np.maximum(np.asarray(whole_size, np.float64) - size, 0.0)
    low, high = risk_ratio(count, size, rest_count, rest_size, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = size / np.asarray(whole_size, np.float64)
        lower, upper = (1 / (weight + (1 - weight) / end) for end in (low, high))
    alone = rest_size == 0
    return np.where(alone, 1.0, lower), np.where(alone, 1.0, upper)


def of_delta(delta: ArrayLike, size: ArrayLike, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The interval of Cliff's delta: Wilson's for AUC = (1 + delta) / 2 with the effective size of its variance.

    Unlike a normal interval it stays inside [-1, 1], and does not close where the sides do not overlap.
    """
    size = np.asarray(size, np.float64)
    low, high = wilson((1 + np.asarray(delta, np.float64)) / 2 * size, size, confidence)
    return 2 * low - 1, 2 * high - 1


def bounded(value: ArrayLike, error: ArrayLike, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The interval of a value in [-1, 1] with a standard error: normal on the scale of Fisher's z."""
    value = np.clip(np.asarray(value, np.float64), -1 + 1e-9, 1 - 1e-9)
    half = quantile(confidence) * np.asarray(error, np.float64) / (1 - value**2)
    return np.tanh(np.arctanh(value) - half), np.tanh(np.arctanh(value) + half)


def _share(count: ArrayLike, size: ArrayLike) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(count, np.float64) / np.asarray(size, np.float64)


def known(value: float) -> float | None:
    """The number, or None for one that is not known or not finite."""
    return float(value) if np.isfinite(value) else None


def ends(low: float, high: float) -> Interval | None:
    """The interval as the report writes it: no upper end where that is infinite; None where the lower is not known."""
    return Interval(low=float(low), high=known(high)) if np.isfinite(low) else None
