"""How well scores order rows as labels do, and the blend of their ranks that does it best on rows it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Ridge penalties per row; at the largest the weights are next to the prior ones, or, where there are none, each is
next to its score's own covariance with the label."""

_FREE = 1e-3
"""The penalty along the prior weights, as a share of the others."""


def mid_ranks(values: NDArray[np.floating], domain: NDArray[np.integer] | None = None) -> NDArray[np.float64]:
    """Ranks in (0, 1): (rows below + half of those equal) / rows known, inside each *domain* where one is given.

    NaN stays NaN. Shape (n,) in and out.
    """
    known = np.flatnonzero(~np.isnan(values))
    inside = np.zeros(len(known), np.int64) if domain is None else domain[known]
    order = np.lexsort((values[known], inside))
    own, value = inside[order], values[known][order]
    opens = _begins(own)
    tied = np.flatnonzero(opens | _begins(value))
    first, counts = np.flatnonzero(opens), np.diff(np.append(tied, len(own)))
    sizes = np.diff(np.append(first, len(own)))
    ranks = np.full(len(values), np.nan)
    ranks[known[order]] = (np.repeat(tied + counts / 2, counts) - np.repeat(first, sizes)) / np.repeat(sizes, sizes)
    return ranks


def spearman(
    one: NDArray[np.floating], other: NDArray[np.floating], domain: NDArray[np.integer] | None = None
) -> float:
    """Spearman's rank correlation over the rows that have both; NaN where either is the same on all of them.

    With *domain* rows are ranked inside their domain only, and the ranks of all domains are correlated together.
    """
    both = ~np.isnan(one) & ~np.isnan(other)
    inside = None if domain is None else domain[both]
    return _correlation(mid_ranks(one[both], inside), mid_ranks(other[both], inside))


def spearman_given(
    one: NDArray[np.floating],
    other: NDArray[np.floating],
    control: NDArray[np.floating],
    domain: NDArray[np.integer] | None = None,
) -> float:
    """The partial rank correlation of *one* and *other* with *control* held constant, over rows that have all three.

    (r12 - r13 r23) / sqrt((1 - r13^2)(1 - r23^2)), Kendall 1942; NaN where one is constant or follows the control.
    """
    known = ~np.isnan(one) & ~np.isnan(other) & ~np.isnan(control)
    inside = None if domain is None else domain[known]
    first, second, third = (mid_ranks(values[known], inside) for values in (one, other, control))
    r12, r13, r23 = _correlation(first, second), _correlation(first, third), _correlation(second, third)
    left = (1 - r13**2) * (1 - r23**2)
    return (r12 - r13 * r23) / float(np.sqrt(left)) if left > 1e-12 else float("nan")


def concordance(scores: NDArray[np.floating], domain: NDArray[np.integer] | None = None) -> float:
    """Kendall's W of m scores over the rows that have all of them: 1 where they agree, 1/m where nothing is common.

    W = S / (m sum_j S_j), with S the squared deviations of the rows' sums of ranks and S_j those of the ranks of score
    j: Kendall and Babington Smith 1939 with the correction for ties. Shape (m, n); NaN where m < 2.
    """
    whole = ~np.isnan(scores).any(axis=0)
    inside = None if domain is None else domain[whole]
    ranks = np.array([mid_ranks(one[whole], inside) for one in scores]) - 0.5
    spread = len(scores) * float((ranks**2).sum())
    return float((ranks.sum(axis=0) ** 2).sum()) / spread if len(scores) > 1 and spread else float("nan")


def blend(ranks: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The weighted mean of each row's ranks, and their weighted standard deviation as its uncertainty.

    *ranks* and *weights* have shape (scores, n). A missing rank (NaN) is left out and the other weights count for
    more. A negative weight takes 1 - rank. NaN where a row has no rank of any weight; the uncertainty is NaN where
    fewer than two scores count. Shapes (n,).
    """
    values = np.where(weights < 0, 1.0 - ranks, ranks)
    counted = np.where(np.isnan(ranks), 0.0, np.abs(weights))
    values = np.where(counted > 0, values, 0.0)
    total = counted.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    mean = (values * counted).sum(axis=0) / safe
    spread = np.sqrt((counted * (values - mean) ** 2).sum(axis=0) / safe)
    difficulty = np.where(total > 0, mean, np.nan).astype(np.float32)
    uncertainty = np.where((counted > 0).sum(axis=0) >= 2, spread, np.nan).astype(np.float32)
    return difficulty, uncertainty


def folds(units: NDArray[np.int64], count: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """A fold for each row, so that rows of one unit (copies, versions of one text) never part. Shape (n,)."""
    _, code = np.unique(units, return_inverse=True)
    size = int(code.max(initial=-1)) + 1
    return (chance.permutation(size) % count)[code]


def fit(
    ranks: NDArray[np.float64], label: NDArray[np.floating], fold: NDArray[np.int64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One weight per score, their absolute values summing to 1, so that the blend orders rows as *label* does.

    Ridge regression of the label's ranks on the scores' ranks (missing ones at their mean). What is penalised is how
    far the weights are from a multiple of *prior*: few labels move them little. The penalty is chosen for the best
    mean rank correlation on folds left out. *ranks* has shape (scores, n), *label* and *fold* (n,), *prior* (scores,).
    """
    target = mid_ranks(label)
    found = [average(by_fold(_left_out(ranks, target, fold, penalty, prior), label, fold)) for penalty in PENALTIES]
    return _ridge(ranks, target, PENALTIES[int(np.argmax(np.nan_to_num(found, nan=-1.0)))], prior)


def cross_validated(
    ranks: NDArray[np.float64], label: NDArray[np.floating], fold: NDArray[np.int64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What `fit` gives each row where its fold was left out of everything, the choice of the penalty too.

    Compare within a fold only (`by_fold`), since each fold has weights of its own. At least three folds. Shape (n,).
    """
    made = np.full(len(label), np.nan)
    for each in np.unique(fold):
        out = fold == each
        weights = fit(ranks[:, ~out], label[~out], fold[~out], prior)
        made[out] = _blended(ranks[:, out], weights)
    return made


def by_fold(score: NDArray[np.floating], label: NDArray[np.floating], fold: NDArray[np.int64]) -> list[float]:
    """Spearman's correlation of score and label inside each fold."""
    return [spearman(score[fold == each], label[fold == each]) for each in np.unique(fold)]


def average(correlations: list[float]) -> float:
    """The mean of those that are known; NaN where none is."""
    known = [each for each in correlations if not np.isnan(each)]
    return sum(known) / len(known) if known else float("nan")


def _left_out(
    ranks: NDArray[np.float64],
    target: NDArray[np.float64],
    fold: NDArray[np.int64],
    penalty: float,
    prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    made = np.full(len(target), np.nan)
    for each in np.unique(fold):
        out = fold == each
        made[out] = _blended(ranks[:, out], _ridge(ranks[:, ~out], target[~out], penalty, prior))
    return made


def _blended(ranks: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return blend(ranks, np.broadcast_to(weights[:, None], ranks.shape))[0].astype(np.float64)


def _ridge(
    ranks: NDArray[np.float64], target: NDArray[np.float64], penalty: float, prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    known = ~np.isnan(target)
    features = ranks[:, known]
    counted = np.maximum((~np.isnan(features)).sum(axis=1), 1)
    mean = np.nansum(features, axis=1) / counted
    centred = np.nan_to_num(features - mean[:, None])
    covariance = centred @ centred.T / max(int(known.sum()), 1)
    pull = centred @ (target[known] - target[known].mean()) / max(int(known.sum()), 1)
    ways, cost = np.eye(len(ranks)), np.ones(len(ranks))
    if prior.any():  # one more way to turn, along the prior weights, which costs next to nothing
        ways = np.column_stack([ways, prior / np.linalg.norm(prior)])
        cost = np.append(cost, _FREE)
    held_back = penalty / 12 * np.diag(cost)
    weights = ways @ np.linalg.solve(ways.T @ covariance @ ways + held_back, ways.T @ pull)
    total = np.abs(weights).sum()
    return weights / total if total > 0 else weights


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if len(one) < 2 or (one == one[0]).all() or (other == other[0]).all():
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _begins(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Where a run of equal values begins."""
    begins = np.ones(len(values), dtype=bool)
    begins[1:] = values[1:] != values[:-1]
    return begins
