"""Difficulty: a weighted mean of the ranks that each score gives inside its domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.plan import Ingredient, Knots
from curate.core.views import KINDS
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Rising

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import ScoreSource

MOST_KNOTS = 1024


def ingredients(
    sources: Sequence[ScoreSource],
    weights: Mapping[str, float],
    telling: Mapping[str, Collection[str] | None] | None = None,
) -> tuple[Ingredient, ...]:
    """The scores that make the difficulty.

    Without *weights* these are the fields that rise harder and are a headline or have weights, each with the weights
    that its scorer declares by kind of domain. *telling* names for each kind the scores that differ between its rows:
    one that gives all rows the same value has no weight there. A kind for which no telling headline declares a weight
    above 0 (only length was asked for, say, the control of every report) takes all headlines that tell alike, and
    with them what else has a weight there. *weights* names scores instead, as ``alias`` (its headline) or
    ``alias.field``; a negative weight turns the direction round.
    """
    if weights:
        given = named(sources, weights)
        return tuple(Ingredient(score=score, weights=dict.fromkeys(KINDS, weight)) for score, weight in given.items())
    declared = offered(sources)
    headlines = set(_headlines(sources).values())
    by_kind = {kind: _of_kind(kind, declared, headlines, None if telling is None else telling[kind]) for kind in KINDS}
    made = (Ingredient(score=score, weights={kind: by_kind[kind][score] for kind in KINDS}) for score in declared)
    return tuple(one for one in made if any(one.weights.values()))


def offered(sources: Sequence[ScoreSource]) -> dict[str, dict[str, float]]:
    """What may make the difficulty, as alias.field, with the weights that scorers declare by kind.

    These are the fields that rise harder and are a headline, or have weights.

    A task is an exchange without its answer: where a scorer says nothing of tasks, it weighs as in chats.
    """
    return {
        f"{source.alias}.{field.name}": {"task": field.weights.get("chat", 0.0), **field.weights}
        if field.weights
        else dict.fromkeys(KINDS, 1.0)
        for source in sources
        for field in source.fields
        if field.rising is Rising.HARDER and (field.headline or field.weights)
    }


def named(sources: Sequence[ScoreSource], weights: Mapping[str, float]) -> dict[str, float]:
    """The weights that the user gave, each score as alias.field; `SettingsError` where there is no such score."""
    headlines = _headlines(sources)
    known = {f"{source.alias}.{field.name}" for source in sources for field in source.fields}
    chosen = {}
    for name, weight in weights.items():
        score = headlines.get(name, name)
        if score not in known:
            raise SettingsError(f"no score is called {name!r}", fix=did_you_mean(name, known | set(headlines)))
        chosen[score] = weight
    return chosen


def _headlines(sources: Sequence[ScoreSource]) -> dict[str, str]:
    return {
        source.alias: f"{source.alias}.{field.name}" for source in sources for field in source.fields if field.headline
    }


def _of_kind(
    kind: str,
    declared: Mapping[str, Mapping[str, float]],
    headlines: Collection[str],
    told: Collection[str] | None,
) -> dict[str, float]:
    """The weight of each score in one kind of domain; *told* holds those that differ between its rows."""
    able = {score for score, by_kind in declared.items() if score in headlines or by_kind.get(kind)} or set(declared)
    heard = {score for score in able if told is None or score in told} or able
    weights = {score: by_kind.get(kind, 0.0) if score in heard else 0.0 for score, by_kind in declared.items()}
    if any(weights[score] for score in heard.intersection(headlines)):
        return weights
    return {score: float(score in heard) for score in declared}


def telling(scores: Mapping[str, NDArray[np.float32]], kind: NDArray[np.int8]) -> dict[str, list[str] | None]:
    """For each kind the scores that give its rows at least two values, NaN left out; None for a kind without rows.

    Shapes (n,).
    """
    found: dict[str, list[str] | None] = {}
    for code, name in enumerate(KINDS):
        inside = kind == code
        found[name] = [score for score, values in scores.items() if _differs(values[inside])] if inside.any() else None
    return found


def _differs(values: NDArray[np.float32]) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool((known != known[0]).any())


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
