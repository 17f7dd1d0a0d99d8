"""The rows of a probe as arrays, and the figures of any set of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core.measured import Result
from curate.probe import estimates
from curate.probe.estimates import Sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.core.measured import Rows


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of shape (n,); ``parent`` is the place of the row that a row was made from, -1 where that is not asked.

    The sums hold 0 / 0 for rows that have no such figure.
    """

    family: NDArray[np.str_]
    kind: NDArray[np.str_]
    skill: NDArray[np.str_]
    tier: NDArray[np.int64]
    domain: NDArray[np.str_]
    parent: NDArray[np.int64]
    loss: Sums
    hits: Sums
    choice: Sums
    resists: Sums
    matched: Sums

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows that have a loss."""
        return self.loss.below > 0

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Rows as they are, of no held-out domain: what skills and tiers are measured on."""
        return np.asarray((self.family == "plain") & (self.domain == "") & self.known, np.bool_)


def columns(rows: Rows) -> Columns:
    """The rows as arrays."""
    place = {row_id: number for number, row_id in enumerate(rows.id)}
    group = np.array(rows.group, np.int64)
    nll = np.array([np.nan if each is None else each for each in rows.nll], np.float64)
    tokens = np.where(np.isnan(nll), 0, np.array(rows.tokens, np.float64))
    return Columns(
        family=np.array(rows.family, np.str_),
        kind=np.array(rows.kind, np.str_),
        skill=np.array(rows.skill, np.str_),
        tier=np.array(rows.tier, np.int64),
        domain=np.array([each or "" for each in rows.domain], np.str_),
        parent=np.array([place.get(each, -1) for each in rows.parent], np.int64),
        loss=Sums(np.nan_to_num(nll), tokens, group),
        hits=Sums(np.where(tokens > 0, np.array(rows.hits, np.float64), 0), tokens, group),
        choice=_outcomes(rows.chose_right, group),
        resists=_outcomes(rows.resists, group),
        matched=_outcomes(rows.matched, group),
    )


def result(held: Columns, rows: NDArray[np.bool_]) -> Result:
    """The figures of some rows, of which at least one has a loss."""
    known = rows & held.known
    chosen, matched = (known & (each.below > 0) for each in (held.choice, held.matched))
    return Result(
        loss=estimates.mean(held.loss.take(known)),
        token_accuracy=estimates.share(held.hits.take(known)),
        choice_accuracy=estimates.share(held.choice.take(chosen)) if chosen.any() else None,
        match=estimates.share(held.matched.take(matched)) if matched.any() else None,
    )


def _outcomes(values: Sequence[bool | None], group: NDArray[np.int64]) -> Sums:
    return Sums(
        np.array([each is True for each in values], np.float64),
        np.array([each is not None for each in values], np.float64),
        group,
    )
