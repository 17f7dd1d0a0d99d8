"""A light classifier of skills from a few seeds each; its confidence is set right on seeds that are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SEEDS = 5
"""With fewer seeds of any skill than this, similarity decides."""

FOLDS = 5
PENALTY = 1 / 30
"""Of the squared weights (scikit-learn's 1 / C); of 1/10, 1/30 and 1/100 the best on seeds of none of the test sets."""


@dataclass(frozen=True)
class Classifier:
    """Linear scores of skills, already divided by the temperature: weights (skills, d) and biases (skills,)."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def predict(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The likeliest skill of each row and its probability, shapes (n,)."""
        share = _softmax(vectors @ self.weights.T + self.bias)
        best = share.argmax(axis=1)
        return best, share[np.arange(len(share)), best]


def suffices(owner: NDArray[np.int64]) -> bool:
    """Whether there are seeds enough for a classifier: at least two skills, `LEAST_SEEDS` each. *owner* has (m,)."""
    counts = np.bincount(owner)
    return len(counts) > 1 and int(counts.min()) >= LEAST_SEEDS


def fit(seeds: NDArray[np.float32], owner: NDArray[np.int64]) -> Classifier:
    """The classifier of seeds (m, d) that belong to skills (m,), numbered from 0.

    Its temperature is the one under which seeds that took no part are likeliest (Guo et al. 2017, with
    cross-validation in the place of a validation set).
    """
    weights, bias = _logistic(seeds, owner)
    fold = _folds(owner)
    logits = np.empty((len(owner), len(bias)))
    for each in range(FOLDS):
        out = fold == each
        part, offset = _logistic(seeds[~out], owner[~out])
        logits[out] = seeds[out] @ part.T + offset
    heat = _temperature(logits, owner)
    return Classifier(weights / heat, bias / heat)


def _logistic(seeds: NDArray[np.float32], owner: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / PENALTY, max_iter=1000).fit(seeds.astype(np.float64), owner)
    weights, bias = np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64)
    if len(weights) == 1:  # scikit-learn keeps one score for two classes
        return np.concatenate([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return weights, bias


def _folds(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The seeds of each skill dealt out to the folds in turn. Shape (m,)."""
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], owner[order])
    fold = np.empty(len(owner), np.int64)
    fold[order] = (np.arange(len(owner)) - first) % FOLDS
    return fold


def _temperature(logits: NDArray[np.float64], owner: NDArray[np.int64]) -> float:
    from scipy.optimize import minimize_scalar

    def cost(log_heat: float) -> float:
        share = _softmax(logits / np.exp(log_heat))
        return float(-np.log(np.maximum(share[np.arange(len(owner)), owner], 1e-12)).mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-4, 2), method="bounded").x))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    total: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return total
