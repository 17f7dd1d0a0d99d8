"""What each stage teaches: skills by stage and tier, gaps, and how varied the rows are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.audit.report import Coverage, Gap, Place, Reached, SkillCell, Variety
from curate.audit.sums import added

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus, Visits
    from curate.audit.places import Weighted
    from curate.audit.report import Scope

SAMPLE = 2000
"""Rows in a sample for the Vendi score and the clusters: the same number everywhere makes places comparable."""

MOST_CLUSTERS = 64
ROWS_PER_CLUSTER = 40


@dataclass(frozen=True)
class Vectors:
    """The vectors of some rows: ``row`` rising, ``values`` of shape (len(row), width)."""

    row: NDArray[np.int64]
    values: NDArray[np.float32]


def cover(
    corpus: Corpus,
    visits: Visits,
    weighted: Sequence[Weighted],
    vectors: Vectors | None,
    reached: Sequence[Reached],
    least: float,
) -> Coverage:
    """Skills by stage and tier, what is missing, and variety by place. A gap is a cell where *least* rows are due."""
    skill = corpus.skill
    rows, new = (_grid(corpus, visits, kept) for kept in (np.ones(len(visits.row), np.bool_), visits.new))
    by_stage, taught = rows.sum(axis=2), corpus.trained
    by_tier = _table(corpus.skill.codes[taught], corpus.tier[taught], len(skill.labels))
    labels = None if vectors is None else cluster(vectors.values)
    return Coverage(
        cells=tuple(
            SkillCell(
                skill=name,
                stage=stage,
                rows=int(by_stage[at, stage]),
                new=int(new[at, stage].sum()),
                tiers=tuple(int(each) for each in rows[at, stage]),
            )
            for at, name in enumerate(skill.labels)
            for stage in range(visits.stages)
        ),
        by_tier={name: _tiers(corpus, at) for at, name in enumerate(skill.labels)},
        gaps=(*gaps(by_tier, skill.labels, "tier", least), *_broken(by_stage, skill.labels, least)),
        unreviewed=_unreviewed(corpus, visits, new.sum(axis=2)),
        untaught=_untaught(corpus, by_stage),
        variety=tuple(variety(corpus, each, vectors, labels) for each in weighted if each.weights.any()),
        clusters=0 if labels is None else int(labels.max()) + 1,
        reached=tuple(reached),
    )


def gaps(table: NDArray[np.int64], skills: Sequence[str], scope: Scope, least: float) -> list[Gap]:
    """The empty cells of a table of skills by places where rows are due, were skill and place independent."""
    due = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / max(int(table.sum()), 1)
    empty = np.argwhere((table == 0) & (due >= least))
    return [
        Gap(skill=skills[at], place=Place(scope=scope, number=int(number)), due=float(due[at, number]))
        for at, number in empty
    ]


def _broken(table: NDArray[np.int64], skills: Sequence[str], least: float) -> list[Gap]:
    """Gaps between the first and the last stage of a skill: before its first a prerequisite may keep it back."""
    reach = {skills[at]: np.flatnonzero(line) for at, line in enumerate(table) if line.any()}
    return [
        gap
        for gap in gaps(table, skills, "stage", least)
        if gap.place.number is not None and reach[gap.skill][0] < gap.place.number < reach[gap.skill][-1]
    ]


def variety(corpus: Corpus, weighted: Weighted, vectors: Vectors | None, labels: NDArray[np.int64] | None) -> Variety:
    """How varied one place is, by skill and by meaning."""
    skills = effective(added(corpus.skill.codes, weighted.weights, len(corpus.skill.labels)))
    inside = np.empty(0, np.int64)
    if vectors is not None:
        inside = thin(np.flatnonzero(weighted.weights[vectors.row] > 0), SAMPLE)
    if vectors is None or labels is None or not len(inside):
        return Variety(place=weighted.place, effective_skills=skills, effective_clusters=None, vendi=None, sampled=0)
    return Variety(
        place=weighted.place,
        effective_skills=skills,
        effective_clusters=effective(np.bincount(labels[inside]).astype(np.float64)),
        vendi=vendi(vectors.values[inside]),
        sampled=len(inside),
    )


def cluster(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The cluster of each vector by spherical k-means, one of at most 64, from a fixed start. Shape (n,)."""
    import faiss

    count = int(np.clip(len(vectors) // ROWS_PER_CLUSTER, 1, MOST_CLUSTERS))
    means = faiss.Kmeans(vectors.shape[1], count, niter=10, seed=1, spherical=True, min_points_per_centroid=1)
    means.train(np.ascontiguousarray(vectors))
    return means.index.search(vectors, 1)[1][:, 0].astype(np.int64)


def thin(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most *most* of the rows, evenly spread. Rows are in the order of ids, which are hashes: a fair sample."""
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)] if len(rows) > most else rows


def effective(counts: NDArray[np.float64]) -> float:
    """The effective number of kinds: exp of the Shannon entropy of their shares (Hill 1973, order 1)."""
    share = counts[counts > 0] / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def vendi(vectors: NDArray[np.float32]) -> float:
    """The Vendi score of n vectors under cosine similarity (Friedman and Dieng 2023): exp of the entropy of K / n.

    K / n = V V' / n shares its non-zero eigenvalues with the width x width matrix V' V / n, which is cheap.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.where(length > 0, length, 1.0)).astype(np.float64)
    values = np.linalg.eigvalsh(unit.T @ unit / max(len(unit), 1))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _grid(corpus: Corpus, visits: Visits, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Visits by skill, stage and tier. Shape (skills, stages, tiers)."""
    stages, tiers = visits.stages, max(int(corpus.tier.max(initial=0)) + 1, 1)
    place = visits.stage[kept] * tiers + np.maximum(corpus.tier[visits.row[kept]], 0)
    table = _table(corpus.skill.codes[visits.row[kept]], place, len(corpus.skill.labels), stages * tiers)
    return table[:, : stages * tiers].reshape(len(table), stages, tiers)


def _table(skill: NDArray[np.int64], place: NDArray[np.int64], skills: int, places: int = 0) -> NDArray[np.int64]:
    """How often each skill meets each place; places below 0 are left out. Shape (skills, places)."""
    width = max(places, int(place.max(initial=0)) + 1)
    kept = place >= 0
    return np.bincount(skill[kept] * width + place[kept], minlength=skills * width).reshape(skills, width)


def _tiers(corpus: Corpus, skill: int) -> dict[str, int]:
    mine = corpus.tier[corpus.trained & (corpus.skill.codes == skill)]
    labels, counts = np.unique(mine, return_counts=True)
    return {str(label): int(count) for label, count in zip(labels, counts, strict=True)}


def _unreviewed(corpus: Corpus, visits: Visits, new: NDArray[np.int64]) -> tuple[str, ...]:
    """Skills that come new before the last stage and never again afterwards: nothing would keep them alive."""
    reviewed = np.unique(corpus.skill.codes[visits.row[visits.have("review")]])
    return tuple(
        name
        for at, name in enumerate(corpus.skill.labels)
        if at not in reviewed and new[at].any() and np.flatnonzero(new[at]).max() < visits.stages - 1
    )


def _untaught(corpus: Corpus, rows: NDArray[np.int64]) -> dict[str, int]:
    """Skills of held-out rows that no stage teaches, with how many rows ask for them."""
    asked = np.bincount(corpus.skill.codes[corpus.fate.holds("holdout")], minlength=len(rows))
    return {name: int(asked[at]) for at, name in enumerate(corpus.skill.labels) if asked[at] and not rows[at].any()}
