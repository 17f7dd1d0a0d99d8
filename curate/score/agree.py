"""How far the scores of a run agree: with each other, with length, and with labels beside length and chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from curate.core import agreement
from curate.core.plan import Ingredient
from curate.core.views import KINDS
from curate.protocol import Frozen, Rising

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import ScoreSource

    Blend = Callable[[Mapping[str, NDArray[np.float32]], NDArray[np.int8]], tuple[Ingredient, ...]]

LENGTH, RANDOM, DIFFICULTY = "length", "random", "difficulty"
"""Lines of the report that are no scores: log tokens, a hash of the id, the default blend."""


class Line(Frozen):
    """One score beside length and the label; all numbers are Spearman's correlation, None where there is none."""

    score: str
    rising: Rising | None = Field(description="What a rising value means; None for length, chance and the blend.")
    rows: int = Field(description="Rows that have a value.")
    length: float | None = Field(description="With the logarithm of the number of tokens.")
    label: float | None = Field(description="With the label.")
    label_given_length: float | None = Field(description="With the label, length held constant (partial correlation).")


class Agreement(Frozen):
    """Rank correlations of the scores of a run; rows are ranked inside their domain only."""

    rows: int
    domains: dict[str, int]
    label: str | None = Field(description="Column that holds the labels.")
    labelled: int = Field(description="Rows that have a label.")
    headlines: tuple[str, ...] = Field(description="One score of each scorer, in the order of both tables.")
    spearman: tuple[tuple[float | None, ...], ...]
    given_length: tuple[tuple[float | None, ...], ...] = Field(description="The same, length held constant.")
    concordance: float | None = Field(
        description="Kendall's W of the scores in the difficulty: 1 is one order, 1/m what m orders by chance have."
    )
    concordant_rows: int = Field(description="Rows that have all of these scores.")
    ingredients: tuple[Ingredient, ...] = Field(description="What the difficulty is made of, before any label is used.")
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Rows:
    """What is known of n examples; *label* is None where no column is named, NaN where a row has none."""

    scores: Mapping[str, NDArray[np.float32]]
    domain: NDArray[np.int32]
    domains: Sequence[str]
    kind: NDArray[np.int8]
    length: NDArray[np.float64]
    luck: NDArray[np.float64]
    label: NDArray[np.float64] | None


def agree(rows: Rows, sources: Sequence[ScoreSource], column: str | None, blend: Blend) -> Agreement:
    """All that there is to say; *blend* gives the weights of the default difficulty."""
    present = [kind for code, kind in enumerate(KINDS) if (rows.kind == code).any()]
    ingredients = tuple(one for one in blend(rows.scores, rows.kind) if any(one.weights[kind] for kind in present))
    counted = _turned(rows, ingredients)
    headlines = tuple(f"{each.alias}.{field.name}" for each in sources for field in each.fields if field.headline)
    rising: dict[str, Rising | None] = {
        f"{each.alias}.{field.name}": field.rising for each in sources for field in each.fields
    }
    told: dict[str, NDArray[np.floating]] = {DIFFICULTY: difficulty(rows, ingredients)}
    told |= {
        name: values for name, values in rows.scores.items() if rising[name] is not Rising.NEUTRAL or name in headlines
    }
    told |= {LENGTH: rows.length, RANDOM: rows.luck}
    return Agreement(
        rows=len(rows.length),
        domains={name: int((rows.domain == code).sum()) for code, name in enumerate(rows.domains)},
        label=column,
        labelled=0 if rows.label is None else int((~np.isnan(rows.label)).sum()),
        headlines=headlines,
        spearman=_table(rows, headlines, given=False),
        given_length=_table(rows, headlines, given=True),
        concordance=_known(agreement.concordance(counted, rows.domain)),
        concordant_rows=int((~np.isnan(counted).any(axis=0)).sum()),
        ingredients=ingredients,
        lines=tuple(_line(rows, name, values, rising.get(name)) for name, values in told.items()),
    )


def difficulty(rows: Rows, ingredients: Sequence[Ingredient]) -> NDArray[np.float64]:
    """The weighted mean of the ranks inside the domain, as `tier` makes it. Shape (n,)."""
    if not ingredients:
        return np.full(len(rows.length), np.nan)
    ranks = np.array([agreement.mid_ranks(rows.scores[one.score], rows.domain) for one in ingredients])
    weights = np.array([[one.weights[kind] for kind in KINDS] for one in ingredients])[:, rows.kind]
    return agreement.blend(ranks, weights)[0].astype(np.float64)


def _turned(rows: Rows, ingredients: Sequence[Ingredient]) -> NDArray[np.float32]:
    """Each ingredient in the direction that its weight gives it. Shape (m, n)."""
    turned = [rows.scores[one.score] * np.float32(-1 if min(one.weights.values()) < 0 else 1) for one in ingredients]
    return np.array(turned, np.float32).reshape(len(turned), len(rows.length))


def _table(rows: Rows, names: Sequence[str], *, given: bool) -> tuple[tuple[float | None, ...], ...]:
    def cell(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
        if given:
            return _known(agreement.spearman_given(one, other, rows.length, rows.domain))
        return _known(agreement.spearman(one, other, rows.domain))

    return tuple(tuple(cell(rows.scores[one], rows.scores[other]) for other in names) for one in names)


def _line(rows: Rows, name: str, values: NDArray[np.floating], rising: Rising | None) -> Line:
    label, domain = rows.label, rows.domain
    return Line(
        score=name,
        rising=rising,
        rows=int((~np.isnan(values)).sum()),
        length=_known(agreement.spearman(values, rows.length, domain)),
        label=None if label is None else _known(agreement.spearman(values, label, domain)),
        label_given_length=None
        if label is None
        else _known(agreement.spearman_given(values, label, rows.length, domain)),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
