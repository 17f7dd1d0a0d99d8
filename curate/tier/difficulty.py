"""Difficulty: a weighted mean of the ranks that each score gives inside its domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.plan import Ingredient, Knots
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Rising

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import ScoreSource

KINDS = ("text", "chat", "code")
MOST_KNOTS = 1024


def ingredients(sources: Sequence[ScoreSource], weights: Mapping[str, float]) -> tuple[Ingredient, ...]:
    """The scores that make the difficulty.

    Without *weights* these are the headline fields that rise harder, each with the weights that its scorer declares
    by kind of domain. A kind for which none of them declares a weight above 0 (only length was asked for, say, the
    control of every report) takes all of them alike. *weights* names scores instead, as ``alias`` (its headline) or
    ``alias.field``; a negative weight turns the direction round.
    """
    if not weights:
        offered = {
            f"{source.alias}.{field.name}": field.weights or dict.fromkeys(KINDS, 1.0)
            for source in sources
            for field in source.fields
            if field.headline and field.rising is Rising.HARDER
        }
        spoken_for = {kind for kind in KINDS if any(declared.get(kind) for declared in offered.values())}
        made = (
            Ingredient(
                score=score,
                weights={kind: declared.get(kind, 0.0) if kind in spoken_for else 1.0 for kind in KINDS},
            )
            for score, declared in offered.items()
        )
        return tuple(one for one in made if any(one.weights.values()))
    headlines = {
        source.alias: f"{source.alias}.{field.name}" for source in sources for field in source.fields if field.headline
    }
    known = {f"{source.alias}.{field.name}" for source in sources for field in source.fields}
    chosen = {}
    for name, weight in weights.items():
        score = headlines.get(name, name)
        if score not in known:
            raise SettingsError(f"no score is called {name!r}", fix=did_you_mean(name, known | set(headlines)))
        chosen[score] = weight
    return tuple(Ingredient(score=score, weights=dict.fromkeys(KINDS, weight)) for score, weight in chosen.items())


def knots(score: str, domain: str, values: NDArray[np.float32]) -> Knots:
    """The empirical distribution of *values* (NaN left out): each value's mid-rank, thinned to at most 1,024 knots.

    The mid-rank of a value is (values below it + half of those equal to it) / n, so equal values share a rank
    (van der Waerden's convention for ties). Shape (n,) in.
    """
    known = np.sort(values[~np.isnan(values)]).astype(np.float64)
    distinct, first, count = np.unique(known, return_index=True, return_counts=True)
    ranks = (first + count / 2) / max(len(known), 1)
    if len(distinct) > MOST_KNOTS:
        kept = np.unique(np.searchsorted(ranks, np.linspace(ranks[0], ranks[-1], MOST_KNOTS)).clip(0, len(ranks) - 1))
        distinct, ranks = distinct[kept], ranks[kept]
    return Knots(
        score=score, domain=domain, rows=len(known), values=tuple(distinct.tolist()), ranks=tuple(ranks.tolist())
    )


def rank(values: NDArray[np.float32], table: Knots) -> NDArray[np.float64]:
    """Ranks in [0, 1] by linear interpolation between knots; NaN stays NaN. Shape (n,) in and out."""
    if not table.values:
        return np.full(len(values), np.nan)
    ranks = np.interp(values.astype(np.float64), table.values, table.ranks)
    ranks[np.isnan(values)] = np.nan
    return ranks
