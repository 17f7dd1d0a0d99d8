"""The whole audit, from arrays to the report: everything is tested as one family, then judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from curate.audit import (
    association,
    checks,
    company,
    coverage,
    drift,
    effects,
    examples,
    findings,
    intervals,
    learnt,
    licences,
    multiple,
    pairs,
    places,
    progression,
    reach,
    scatter,
    shares,
    verdicts,
)
from curate.audit.report import AuditReport, Grouping, Map, PairSet, Point
from curate.audit.strata import stratify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.audit.association import Links
    from curate.audit.corpus import Corpus, Visits
    from curate.audit.coverage import Vectors
    from curate.audit.drift import Edition
    from curate.audit.effects import EffectTable
    from curate.audit.groups import Groups
    from curate.audit.identity import Mentions
    from curate.audit.pairs import Matched
    from curate.audit.places import Weighted
    from curate.audit.reach import Asked
    from curate.audit.report import Association, Drift, Learnt, Quality
    from curate.audit.shares import ShareTable
    from curate.audit.thresholds import Thresholds
    from curate.core.plan import Length

MOST_POINTS = 5000


@dataclass(frozen=True)
class Signals:
    """What training wrote, parallel arrays: the row, the number of the visit to it, and its loss."""

    row: NDArray[np.int64]
    visit: NDArray[np.int64]
    loss: NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """Texts of one meaning with their groups, what joins them, and what each score gives to their difficulty."""

    groups: Groups
    unit: NDArray[np.int64]
    parts: Mapping[str, NDArray[np.float64]]
    difficulty: NDArray[np.float64]
    domain: str
    left_out: tuple[str, ...]
    unread: int = 0


@dataclass(frozen=True)
class Line:
    """The edition and the one that it came from: that one's name, the number of this one, the days between them."""

    now: Edition
    before: Edition
    parent: str
    number: int
    days: int | None


@dataclass(frozen=True)
class Evidence:
    """All that the audit looks at."""

    corpus: Corpus
    visits: Visits
    groups: Sequence[Groups]
    references: Mapping[str, NDArray[np.float64]]
    """Expected shares by column, in the order of the groups' labels; a column that is not here expects the corpus."""
    quality: Quality
    mixed: tuple[int, ...] = ()
    planned: Mapping[int, float] = field(default_factory=dict)
    causes: Mapping[str, list[dict[str, float]]] = field(default_factory=dict)
    mentions: Mentions | None = None
    vectors: Vectors | None = None
    mined: NDArray[np.object_] | None = None
    """What mine found each row to be."""
    asked: Sequence[Asked] = ()
    blocks: Iterable[Vectors] = ()
    """The vectors of all rows, some at a time; they are gone through once, where something is asked."""
    signals: Signals | None = None
    paired: Paired | None = None
    line: Line | None = None
    card: str | None = None
    lengths: Sequence[Length] = ()
    skipped: tuple[str, ...] = ()

    @property
    def first_stage(self) -> NDArray[np.float64]:
        """The stage in which each row is new; NaN for rows that are never trained, or new in a mixed stage."""
        stage = np.full(self.corpus.rows, np.nan)
        fresh = self.visits.new & ~np.isin(self.visits.stage, self.mixed)
        stage[self.visits.row[fresh]] = self.visits.stage[fresh]
        return stage


@dataclass(frozen=True)
class _Tested:
    """One grouping before its p-values are adjusted."""

    groups: Groups
    shares: ShareTable
    difficulty: EffectTable
    arrival: EffectTable
    pairs: Sequence[Matched]

    def family(self, limits: Thresholds) -> list[NDArray[np.float64]]:
        """The p-values of all tests with enough rows behind them."""
        enough = self.shares.expected >= limits.expected_count
        matched = np.array([each.p for each in self.pairs], np.float64)
        return [np.where(enough, self.shares.p, np.nan), self.difficulty.p, self.arrival.p, matched]

    def crude_family(self, limits: Thresholds) -> list[NDArray[np.float64]]:
        """The same for the tests that strata change."""
        enough = self.shares.expected >= limits.expected_count
        return [np.where(enough, self.shares.p_crude, np.nan), self.difficulty.p_crude, self.arrival.p_crude]


def examine(evidence: Evidence, limits: Thresholds) -> AuditReport:
    """Audit a run. Sums are taken in the order of the ids, so the same run gives the same bytes."""
    corpus, visits = evidence.corpus, evidence.visits
    weighted = places.weigh(corpus, visits)
    tested = [_test(evidence, groups, weighted, limits) for groups in evidence.groups]
    linked = _links(evidence, limits)
    matched = _matched(evidence.paired, limits)
    family = [p for each in tested for p in each.family(limits)] + [each.p for each in linked]
    family.append(np.array([each.p for each in matched], np.float64))
    q = iter(multiple.together(family))
    q_crude = iter(multiple.together([p for each in tested for p in each.crude_family(limits)]))
    groupings = tuple(
        _grouping(each, [next(q) for _ in range(4)], [next(q_crude) for _ in range(3)], evidence, limits)
        for each in tested
    )
    *of_words, of_pairs = list(q)
    associations = _associations(evidence, linked, of_words, limits)
    paired = _pair_set(evidence.paired, matched, of_pairs, limits)
    order = progression.progress(corpus, visits, evidence.mixed, evidence.planned, limits.confidence)
    near = list(reach.measure(evidence.asked, evidence.blocks, weighted, corpus, limits.confidence))
    taught = coverage.cover(corpus, visits, weighted, evidence.vectors, near, limits.expected_count)
    trained = _learnt(evidence, limits)
    moved = _drift(evidence.line, limits)
    found = [
        *(finding for grouping in groupings for finding in findings.of_grouping(grouping, limits)),
        *(each for grouping in groupings for each in company.of_pairs(grouping.column, grouping.pairs, limits)),
        *(company.of_pairs("group", paired.pairs, limits, " of --pairs") if paired else ()),
        *company.of_associations(associations, limits),
        *checks.of_progression(order, limits),
        *checks.of_coverage(taught, limits),
        *(learnt.check(trained) if trained else ()),
        *(drift.check(moved, limits) if moved else ()),
        *checks.of_quality(evidence.quality, limits),
        *licences.check(evidence.quality.licences, evidence.card),
    ]
    return AuditReport(
        confidence=limits.confidence,
        tests=sum(int((~np.isnan(p)).sum()) for p in family),
        findings=findings.graded(list(examples.shown(found, evidence.groups, weighted, corpus))),
        summaries=tuple(places.summarise(corpus, visits, each) for each in weighted if each.weights.any()),
        groupings=groupings,
        progression=order,
        coverage=taught,
        learnt=trained,
        drift=moved,
        quality=evidence.quality,
        pairs=paired,
        samples=tuple(examples.samples(corpus, visits)),
        lengths=tuple(evidence.lengths),
        associations=company.strongest(associations),
        map=_map(evidence),
        skipped=evidence.skipped,
    )


def _test(evidence: Evidence, groups: Groups, weighted: Sequence[Weighted], limits: Thresholds) -> _Tested:
    corpus, confidence = evidence.corpus, limits.confidence
    strata = stratify(corpus.skill.codes, corpus.tokens, groups.among(np.arange(corpus.rows)))
    kept = _one_of_each(groups, corpus.unit)
    members, codes = groups.among(kept), strata.codes[kept]
    return _Tested(
        groups,
        shares.table(groups, weighted, corpus.unit, strata, evidence.references.get(groups.column), confidence),
        effects.compare(corpus.difficulty[kept], members, codes, confidence),
        effects.compare(evidence.first_stage[kept], members, codes, confidence),
        pairs.match(groups, corpus.unit, corpus.difficulty, confidence),
    )


def _one_of_each(groups: Groups, unit: NDArray[np.int64]) -> NDArray[np.int64]:
    """One row of each group in each unit, rising: copies add nothing, but the two sides of a pair both stay."""
    key = unit * (len(groups.labels) + 1) + groups.first(len(unit)) + 1
    return np.sort(np.unique(key, return_index=True)[1])


def _links(evidence: Evidence, limits: Thresholds) -> list[Links]:
    if evidence.mentions is None:
        return []
    unit = evidence.corpus.unit
    counted = np.zeros(len(unit), np.bool_)
    counted[np.unique(unit, return_index=True)[1]] = True
    return list(association.links(evidence.mentions, counted, limits.expected_count))


def _associations(
    evidence: Evidence, linked: Sequence[Links], q: Sequence[NDArray[np.float64]], limits: Thresholds
) -> list[Association]:
    if evidence.mentions is None or not linked:
        return []
    holders = {word: evidence.mentions.rows_with([word]) for word in linked[0].words}
    return [
        line
        for each, adjusted in zip(linked, q, strict=True)
        for line in company.associations(each, adjusted, evidence.corpus.ids, holders, limits)
    ]


def _grouping(
    tested: _Tested,
    q: Sequence[NDArray[np.float64]],
    q_crude: Sequence[NDArray[np.float64]],
    evidence: Evidence,
    limits: Thresholds,
) -> Grouping:
    groups = tested.groups
    causes = evidence.causes.get(groups.column)
    return Grouping(
        column=groups.column,
        expect=tested.shares.expect,
        held=tested.shares.strata.held,
        strata=tested.shares.strata.count,
        values={label: int(count) for label, count in zip(groups.labels, groups.counts(), strict=True)},
        folded=groups.folded,
        shares=verdicts.shares(tested.shares, q[0], q_crude[0], limits),
        skews=verdicts.skews(tested.shares),
        difficulty=verdicts.effects(tested.difficulty, groups.labels, q[1], q_crude[1], limits, causes),
        arrival=verdicts.effects(tested.arrival, groups.labels, q[2], q_crude[2], limits),
        pairs=tuple(company.matched(each, float(one), limits) for each, one in zip(tested.pairs, q[3], strict=True)),
    )


def _matched(paired: Paired | None, limits: Thresholds) -> list[Matched]:
    if paired is None:
        return []
    return pairs.match(paired.groups, paired.unit, paired.difficulty, limits.confidence, paired.parts)


def _pair_set(
    paired: Paired | None, matched: Sequence[Matched], q: NDArray[np.float64], limits: Thresholds
) -> PairSet | None:
    if paired is None:
        return None
    return PairSet(
        texts=len(paired.difficulty),
        unread=paired.unread,
        alone=pairs.alone(paired.groups, paired.unit),
        unranked=int(np.isnan(paired.difficulty).sum()),
        domain=paired.domain,
        left_out=paired.left_out,
        pairs=tuple(company.matched(each, float(one), limits) for each, one in zip(matched, q, strict=True)),
    )


def _learnt(evidence: Evidence, limits: Thresholds) -> Learnt | None:
    told = evidence.signals
    if told is None:
        return None
    return learnt.learn(evidence.corpus, evidence.visits, told.row, told.visit, told.loss, limits.confidence)


def _drift(line: Line | None, limits: Thresholds) -> Drift | None:
    if line is None:
        return None
    return drift.compare(line.now, line.before, line.parent, line.number, line.days, limits.q)


def _map(evidence: Evidence) -> Map | None:
    vectors = evidence.vectors
    if vectors is None or len(vectors.row) < 3 or vectors.values.shape[1] < 2:
        return None
    kept = coverage.thin(np.arange(len(vectors.row)), MOST_POINTS)
    places_on_map, share = scatter.project(vectors.values[kept])
    row = vectors.row[kept]
    stage = np.full(evidence.corpus.rows, -1, np.int64)
    stage[evidence.visits.row[evidence.visits.new]] = evidence.visits.stage[evidence.visits.new]
    corpus, mined = evidence.corpus, evidence.mined
    return Map(
        kept=share,
        rows=corpus.rows,
        points=tuple(
            Point(
                id=corpus.ids[at].as_py(),
                x=float(x),
                y=float(y),
                stage=int(stage[at]) if stage[at] >= 0 else None,
                tier=int(corpus.tier[at]) if corpus.tier[at] >= 0 else None,
                skill=corpus.skill.labels[corpus.skill.codes[at]],
                kind="usual" if mined is None else mined[at],
                difficulty=intervals.known(corpus.difficulty[at]),
                text="",
            )
            for (x, y), at in zip(places_on_map.tolist(), row.tolist(), strict=True)
        ),
    )
