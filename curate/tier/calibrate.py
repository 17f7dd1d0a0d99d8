"""Weights of the scores from rows whose difficulty is known, judged on rows that took no part in the fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core import agreement
from curate.core.plan import Calibration, Ingredient
from curate.core.views import KINDS
from curate.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLDS = 5
LEAST = 50
"""Fewer labelled rows of a kind than this are no basis for weights."""


@dataclass(frozen=True)
class Labelled:
    """Rows with a label (NaN where there is none), what they are compared with, and what must not part.

    ``ranks`` has shape (scores, n), the rest (n,). ``label`` and ``ranks`` count inside their domain; ``kind`` points
    into `KINDS`; rows of one ``unit`` (a cluster of near copies) share a fold.
    """

    ranks: NDArray[np.float64]
    label: NDArray[np.float64]
    kind: NDArray[np.int8]
    unit: NDArray[np.int64]
    length: NDArray[np.float64]
    luck: NDArray[np.float64]


def calibrate(
    declared: Sequence[Ingredient], rows: Labelled, column: str, chance: np.random.Generator
) -> tuple[tuple[Ingredient, ...], tuple[Calibration, ...]]:
    """The scores with the weights that order rows best where labels tell, and how well, by kind.

    Weights are fitted in every kind with at least `LEAST` labels, from the declared ones on, and used where their mean
    correlation over folds left out beats that of the declared ones. `SettingsError` where no kind has that many.
    """
    known = ~np.isnan(rows.label)
    counts = np.bincount(rows.kind[known], minlength=len(KINDS))
    if counts.max() < LEAST:
        raise SettingsError(
            f"only {int(counts.max())} examples of a kind have a label in {column!r}; to fit weights takes {LEAST}",
            fix="label more examples, or leave out [tier] labels",
        )
    weights = {kind: np.array([one.weights[kind] for one in declared]) for kind in KINDS}
    made = []
    for code, kind in enumerate(KINDS):
        chosen = np.flatnonzero(known & (rows.kind == code))
        if len(chosen) >= LEAST:
            fitted, told = _of_kind(weights[kind], rows, chosen, kind, chance)
            weights[kind] = fitted if told.uses == "fitted" else weights[kind]
            made.append(told)
    blended = (
        Ingredient(score=one.score, weights={kind: float(weights[kind][place]) for kind in KINDS})
        for place, one in enumerate(declared)
    )
    return tuple(one for one in blended if any(one.weights.values())), tuple(made)


def _of_kind(
    declared: NDArray[np.float64],
    rows: Labelled,
    chosen: NDArray[np.int64],
    kind: str,
    chance: np.random.Generator,
) -> tuple[NDArray[np.float64], Calibration]:
    ranks, label, length = rows.ranks[:, chosen], rows.label[chosen], rows.length[chosen]
    fold = agreement.folds(rows.unit[chosen], FOLDS, chance)
    unseen = agreement.cross_validated(ranks, label, fold, declared)
    given = agreement.blend(ranks, np.broadcast_to(declared[:, None], ranks.shape))[0].astype(np.float64)
    inside = agreement.by_fold(unseen, label, fold)
    fitted, before = agreement.average(inside), agreement.average(agreement.by_fold(given, label, fold))
    better = fitted > before or np.isnan(before)
    used = unseen if better else given
    partial = [
        agreement.spearman_given(used[fold == each], label[fold == each], length[fold == each])
        for each in np.unique(fold)
    ]
    return agreement.fit(ranks, label, fold, declared), Calibration(
        kind=kind,
        rows=len(chosen),
        folds=len(np.unique(fold)),
        fitted=_known(fitted),
        deviation=_known(float(np.nanstd(inside))) if not np.isnan(fitted) else None,
        declared=_known(before),
        length=_known(agreement.average(agreement.by_fold(length, label, fold))),
        random=_known(agreement.average(agreement.by_fold(rows.luck[chosen], label, fold))),
        given_length=_known(agreement.average(partial)),
        uses="fitted" if better and not np.isnan(fitted) else "declared",
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
