"""The hold-out: chosen by hash in whole clusters, filled up by stratum, never given back, and with nothing near it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.turns import nth_of_group
from curate.errors import SettingsError
from curate.tier import clusters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.tier.clusters import Ties

MOST_LOST = 0.25
"""A hold-out that costs a larger share of the rows than this, as too near to it, is refused."""


def hold_out(
    luck: NDArray[np.float64],
    stratum: NDArray[np.int64],
    share: float,
    before: NDArray[np.bool_] | None = None,
    ties: Ties | None = None,
    seen: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Which rows are held out: clusters by their luck, then in each new stratum enough to reach its share.

    *luck* is a hash of (id, seed); that of a cluster is the sum of its rows' luck, modulo 1, so large clusters are no
    likelier than small ones. Clusters that are no larger than the whole hold-out go whole where their luck lies below
    *share*: a row that nothing is tied to is then held out whatever rows come or go. A stratum (skill and tier) with
    fewer than the whole part of its share is filled up with clusters that fit, by luck; where none fits, with the
    rows that have the fewest near them. No rule that looks at the rows alone could keep those fillings when rows are
    added, so they are kept by memory: rows that were held out *before* stay, and a stratum of which rows were *seen*
    then is not filled up again. So what is held out of a corpus that grows does not depend on the instalments.
    Shapes (n,).
    """
    held = np.zeros(len(luck), bool) if before is None else before.copy()
    if share <= 0 or not len(luck):
        return held
    ties = clusters.alone(len(luck)) if ties is None else ties
    _, unit = np.unique(ties.cluster, return_inverse=True)
    size = np.bincount(unit)
    chance = np.bincount(unit, weights=luck).astype(np.float64) % 1.0
    fresh = np.bincount(unit, weights=held) == 0
    held |= (fresh & (size <= max(share * len(luck), 1)) & (chance < share))[unit]
    _, code = np.unique(stratum, return_inverse=True)
    owed = np.floor(np.bincount(code) * share + 1e-9).astype(np.int64)
    if seen is not None:
        owed[code[seen]] = 0
    held = _fill_with_clusters(held, unit, code, owed, chance)
    degree = np.bincount(ties.pairs.ravel(), minlength=len(luck))
    return _fill_with_rows(held, code, owed, np.lexsort((luck, degree)))


def near(held: NDArray[np.bool_], kept: NDArray[np.bool_], ties: Ties) -> NDArray[np.bool_]:
    """Which of the *kept* rows are tied to a held-out one: as near as a close pair, or its twin. Shapes (n,)."""
    touched = np.isin(ties.twin, ties.twin[held])
    first, second = ties.pairs[:, 0], ties.pairs[:, 1]
    touched[first[held[second]]] = True
    touched[second[held[first]]] = True
    return touched & kept & ~held


def check_loss(lost: int, rows: int, similarity: float) -> None:
    """Refuse a hold-out that costs too many rows: the corpus is of one mould, and no part of it is new to the rest."""
    if lost > MOST_LOST * rows:
        raise SettingsError(
            f"{lost} of {rows} examples could not be trained on, since they are nearer than {similarity} to a "
            f"held-out one",
            fix="raise [tier] holdout_similarity (1 looks at duplicates alone), or hold out less with --holdout",
        )


def _fill_with_clusters(
    held: NDArray[np.bool_],
    unit: NDArray[np.int64],
    code: NDArray[np.int64],
    owed: NDArray[np.int64],
    chance: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whole clusters of one stratum each, by luck, as many as fit into what the stratum still owes."""
    size = np.bincount(unit)
    first = np.full(len(size), len(unit), np.int64)
    np.minimum.at(first, unit, np.arange(len(unit)))
    of_unit = code[first]
    pure = np.bincount(unit, weights=code != of_unit[unit]) == 0
    while True:
        missing = _missing(held, code, owed)
        free = np.bincount(unit, weights=held) == 0
        fits = np.flatnonzero(pure & free & (size <= missing[of_unit]))
        if not len(fits):
            return held
        ranked = fits[np.lexsort((chance[fits], of_unit[fits]))]
        total = np.cumsum(size[ranked])
        start = np.flatnonzero(np.diff(of_unit[ranked], prepend=-1))
        base = np.repeat(total[start] - size[ranked[start]], np.diff(np.append(start, len(ranked))))
        taken = np.zeros(len(size), bool)
        taken[ranked[total - base <= missing[of_unit[ranked]]]] = True
        held = held | taken[unit]


def _fill_with_rows(
    held: NDArray[np.bool_], code: NDArray[np.int64], owed: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Single rows in the *order* given, as many as each stratum still owes."""
    missing = _missing(held, code, owed)
    short = order[(missing[code[order]] > 0) & ~held[order]]
    ranked = short[np.argsort(code[short], kind="stable")]
    filled = held.copy()
    filled[ranked[nth_of_group(code[ranked]) < missing[code[ranked]]]] = True
    return filled


def _missing(held: NDArray[np.bool_], code: NDArray[np.int64], owed: NDArray[np.int64]) -> NDArray[np.int64]:
    counted = np.bincount(code, weights=held, minlength=len(owed)).astype(np.int64)
    missing: NDArray[np.int64] = np.maximum(owed - counted, 0)
    return missing
