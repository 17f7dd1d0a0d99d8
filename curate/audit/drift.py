"""How an edition differs from the one that it came from: rows that came, went and moved, and shares that shifted.

Shifts are told by the population stability index, sum (a - b) ln(a / b) over bins, with its usual limits of 0.1 and
0.25 (Siddiqi 2006, Credit Risk Scorecards). Chance alone gives about (1/n + 1/m) times a chi-square of bins - 1
degrees of freedom (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14:4), so small editions get no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from curate.audit.report import Drift, Figure, Finding, Shift

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus
    from curate.audit.thresholds import Thresholds

BINS = 10

GRAVE = ("difficulty", "length")
"""Shifts that can be errors: new sources and skills are often what an edition is for."""


@dataclass(frozen=True)
class Edition:
    """What is compared of an edition: its corpus, the source of each row, and the stage in which it is new, or -1."""

    corpus: Corpus
    source: NDArray[np.object_]
    stage: NDArray[np.int64]


def compare(now: Edition, before: Edition, name: str, number: int, days: int | None, q: float) -> Drift:
    """The edition *now*, number *number* in its line, against its parent; *days* lie between their cards' dates."""
    ours, theirs = now.corpus, before.corpus
    here, there = _shared(ours.ids, theirs.ids)
    both = len(here)
    tier, stage = ours.tier[here] != theirs.tier[there], now.stage[here] != before.stage[there]
    return Drift(
        parent=name,
        edition=number,
        days=days,
        kept=both,
        added=ours.rows - both,
        removed=theirs.rows - both,
        other_tier=int(tier.sum()),
        other_stage=int(stage.sum()),
        shifts=tuple(_shifts(now, before, q)),
    )


def stability(one: NDArray[np.float64], other: NDArray[np.float64], q: float) -> tuple[float, float]:
    """The population stability index of two sets of counts by bin, and what chance stays under at level *q*.

    Half a row is added to each bin, so that an empty one counts for much and not for infinitely much.
    """
    from scipy.special import chdtri

    share, base = (_shares(each) for each in (one, other))
    index = float(((share - base) * np.log(share / base)).sum())
    bins = max(int(((one + other) > 0).sum()), 2)
    return index, float((1 / max(one.sum(), 1) + 1 / max(other.sum(), 1)) * chdtri(bins - 1, q))


def check(drift: Drift, limits: Thresholds) -> Iterator[Finding]:
    """Shifts beyond the limits and beyond chance."""
    for each in drift.shifts:
        if each.index >= limits.stability_warning and each.index > each.by_chance:
            error = each.what in GRAVE and each.index >= limits.stability_error
            yield Finding(
                severity="error" if error else "warning",
                kind="drift",
                column=each.what,
                figure=Figure(name="population stability index", value=each.index),
                threshold=(
                    f"from {limits.stability_warning:g} warning, from {limits.stability_error:g} error, "
                    f"and above {each.by_chance:.3f}, which chance makes"
                ),
                says=f"Trained rows differ from the parent edition by {each.what}: most in {each.most}.",
                mend="look at what came and went; `curate tier --refresh` measures with this edition's own tables"
                if each.what == "difficulty"
                else "look at what came and went, and cap or floor the column in [tier]",
            )
    if drift.kept and drift.other_tier / drift.kept > limits.moved_share:
        yield Finding(
            severity="warning",
            kind="drift",
            figure=Figure(name="share of kept rows in another tier", value=drift.other_tier / drift.kept),
            threshold=f"at most {limits.moved_share:g}",
            says=f"{drift.other_tier} of {drift.kept} rows that both editions hold changed their tier.",
            mend="keep the parent's frozen tables, or take this as a new curriculum",
        )


def _shared(ours: pa.Array, theirs: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the ids that both hold stand in each."""
    found = pc.index_in(ours, value_set=theirs)
    here = np.flatnonzero(np.asarray(pc.is_valid(found), np.bool_))
    return here, np.asarray(pc.drop_null(found), np.int64)


def _shifts(now: Edition, before: Edition, q: float) -> Iterator[Shift]:
    ours, theirs = now.corpus.trained, before.corpus.trained
    for what, one, other in (
        ("difficulty", now.corpus.difficulty, before.corpus.difficulty),
        ("length", now.corpus.tokens, before.corpus.tokens),
    ):
        counts = _binned(one[ours], other[theirs])
        if counts is not None:
            yield _shift(what, *counts, q)
    skills = (_skills(now)[ours], _skills(before)[theirs])
    for what, first, second in (("skill", *skills), ("source", now.source[ours], before.source[theirs])):
        if len(first) and len(second):
            names, place = np.unique(np.concatenate([first, second]).astype(str), return_inverse=True)
            split = np.split(place, [len(first)])
            first_counts, second_counts = (np.bincount(each, minlength=len(names)).astype(float) for each in split)
            yield _shift(what, first_counts, second_counts, names, q)


def _binned(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]] | None:
    """Counts of both by the tenths of the other."""
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    if not len(one) or not len(other):
        return None
    edges = np.unique(np.quantile(other, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
    counts = [np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1) for each in (one, other)]
    ends = ["the lowest", *(f"{edge:.3g}" for edge in edges), "the highest"]
    names = np.array([f"values from {low} to {high}" for low, high in pairwise(ends)])
    return counts[0].astype(float), counts[1].astype(float), names


def _shift(what: str, one: NDArray[np.float64], other: NDArray[np.float64], names: NDArray[np.str_], q: float) -> Shift:
    index, chance = stability(one, other, q)
    share, base = _shares(one), _shares(other)
    at = int(np.argmax((share - base) * np.log(share / base)))
    most = f"{names[at]} ({base[at]:.1%} to {share[at]:.1%})" if index > 0 else ""
    return Shift(what=what, index=index, by_chance=chance, most=most)


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + 0.5) / (counts + 0.5).sum()
    return shares


def _skills(edition: Edition) -> NDArray[np.object_]:
    skill = edition.corpus.skill
    return np.array(skill.labels, dtype=object)[skill.codes]
