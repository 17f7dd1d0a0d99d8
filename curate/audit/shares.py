"""Shares of groups by place, what is expected of them, and how surely they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from curate.audit import exchange, intervals
from curate.audit.sums import added, over

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from curate.audit.exchange import Members
    from curate.audit.groups import Groups
    from curate.audit.places import Weighted
    from curate.audit.strata import Strata


@dataclass(frozen=True)
class ShareTable:
    """Figures by place and group, shape (places, groups) each; ``reference`` has shape (groups,).

    ``effective`` is the size of each place in independent units (Kish 1965: (sum w)^2 / sum w^2), shape (places,).
    """

    groups: Groups
    weighted: Sequence[Weighted]
    strata: Strata
    expect: str
    effective: NDArray[np.float64]
    counts: NDArray[np.float64]
    share: NDArray[np.float64]
    share_low: NDArray[np.float64]
    share_high: NDArray[np.float64]
    reference: NDArray[np.float64]
    ratio: NDArray[np.float64]
    ratio_low: NDArray[np.float64]
    ratio_high: NDArray[np.float64]
    given: NDArray[np.float64]
    p: NDArray[np.float64]
    p_crude: NDArray[np.float64]
    distance: NDArray[np.float64]
    distance_by_chance: NDArray[np.float64]

    @property
    def expected(self) -> NDArray[np.float64]:
        """Independent units that are expected of each group in each place."""
        return self.effective[:, None] * self.reference[None, :]


class Tests(NamedTuple):
    """How far a grouping lies from its null: by place and group, and by place the distance that chance makes."""

    given: NDArray[np.float64]
    p: NDArray[np.float64]
    p_crude: NDArray[np.float64]
    distance: NDArray[np.float64]


def table(
    groups: Groups,
    weighted: Sequence[Weighted],
    unit: NDArray[np.int64],
    strata: Strata,
    reference: NDArray[np.float64] | None,
    confidence: float,
) -> ShareTable:
    """Count and test one grouping in all places.

    Without a *reference* the corpus's own shares are expected, and a place is tested against the exchange of labels
    within the strata. With one, a place is tested as a sample from the shares that were asked for.
    """
    members, units = groups.members(unit), int(unit.max(initial=-1)) + 1
    by_unit = (added(unit, each.weights, units) for each in weighted)
    if reference is None:
        first = np.unique(unit, return_index=True)[1]
        effective, tests = _against_exchange(members, by_unit, strata.codes[first])
    else:
        effective = np.array([_effective(weights) for weights in by_unit])
    counts = np.stack([added(groups.group, each.weights[groups.row], len(groups.labels)) for each in weighted])
    size = np.array([each.weights.sum() for each in weighted])
    share = over(counts, size[:, None])
    low, high = intervals.wilson(share * effective[:, None], effective[:, None], confidence)
    if reference is None:
        whole = np.bincount(groups.group, minlength=len(groups.labels)) / max(len(unit), 1)
        of_whole = intervals.part_to_whole(
            share * effective[:, None], effective[:, None], whole * effective[0], effective[0], confidence
        )
    else:
        whole = reference
        of_whole = (over(low, whole), over(high, whole))
        tests = _against_reference(share, effective, whole)
    return ShareTable(
        groups=groups,
        weighted=weighted,
        strata=strata,
        expect="corpus" if reference is None else "given",
        effective=effective,
        counts=counts,
        share=share,
        share_low=low,
        share_high=high,
        reference=whole,
        ratio=over(share, whole),
        ratio_low=of_whole[0],
        ratio_high=of_whole[1],
        given=tests.given,
        p=tests.p,
        p_crude=tests.p_crude,
        distance=np.abs(share - whole).sum(axis=1) / 2,
        distance_by_chance=tests.distance,
    )


def _against_exchange(
    members: Members, by_unit: Iterable[NDArray[np.float64]], strata: NDArray[np.int64]
) -> tuple[NDArray[np.float64], Tests]:
    """The effective size of each place and its tests; of the weights of units, *by_unit*, one place's are held."""
    one = np.zeros(len(strata), np.int64)
    sums, whole = exchange.member_sums(members, strata), exchange.member_sums(members, one)
    effective, given, p, p_crude, chance = [], [], [], [], []
    for weights in by_unit:
        held = exchange.moments(weights, members, strata, sums)
        crude = exchange.moments(weights, members, one, whole)
        effective.append(_effective(weights))
        given.append(over(held.observed, held.mean))
        p.append(exchange.p_values(held))
        p_crude.append(exchange.p_values(crude))
        chance.append(_mean_distance(crude.variance, float(weights.sum())))
    return np.array(effective), Tests(np.stack(given), np.stack(p), np.stack(p_crude), np.array(chance))


def _effective(weights: NDArray[np.float64]) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else np.nan


def _against_reference(
    share: NDArray[np.float64], effective: NDArray[np.float64], reference: NDArray[np.float64]
) -> Tests:
    p = binomial(share * effective[:, None], effective[:, None], reference[None, :])
    variance = effective[:, None] * reference * (1 - reference)
    chance = [_mean_distance(line, float(size)) for line, size in zip(variance, effective, strict=True)]
    return Tests(over(share, reference), p, p, np.array(chance))


def binomial(count: NDArray[np.float64], size: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the smaller binomial tail, at most 1, with counts that need not be whole (through the beta function)."""
    from scipy.special import betainc

    count, size, share = np.broadcast_arrays(count, size, share)
    rest = np.maximum(size - count, 0.0)
    with np.errstate(invalid="ignore"):
        above = np.where(count > 0, betainc(np.maximum(count, 1e-12), rest + 1, share), 1.0)
        below = np.where(rest > 0, betainc(np.maximum(rest, 1e-12), count + 1, 1 - share), 1.0)
    usable = (size > 0) & (share > 0) & (share < 1)
    return np.where(usable, np.minimum(2 * np.minimum(above, below), 1.0), np.nan)


def _mean_distance(variance: NDArray[np.float64], size: float) -> float:
    """The mean distance that chance alone makes: half the sum of the mean absolute deviations of normal shares."""
    return float(np.sqrt(2 / np.pi) * np.sqrt(np.maximum(variance, 0.0)).sum() / (2 * max(size, 1.0)))
