"""Which rows the report shows, and the excerpts that it shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.audit import texts
from curate.audit.intervals import known
from curate.audit.report import AuditReport, Example, Finding, Map, Place, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from curate.audit.corpus import Corpus, Visits
    from curate.audit.groups import Groups
    from curate.audit.places import Weighted

SHARES = (0.1, 0.5, 0.9)
"""The shares of a stage's new rows below those that are shown of it."""

EXAMPLES = 2
"""Rows that a finding shows."""


def samples(corpus: Corpus, visits: Visits) -> Iterator[Sample]:
    """Some of the new rows of each stage, easiest first; of equally hard ones the first by id."""
    for stage in range(visits.stages):
        row = visits.row[visits.new & (visits.stage == stage)]
        row = np.sort(row[~np.isnan(corpus.difficulty[row])])
        row = row[np.argsort(corpus.difficulty[row], kind="stable")]
        if len(row):
            at = np.unique([int(share * (len(row) - 1)) for share in SHARES])
            yield Sample(
                place=Place(scope="stage", number=stage), examples=tuple(_example(corpus, each) for each in row[at])
            )


def shown(
    findings: Iterable[Finding], groupings: Sequence[Groups], weighted: Sequence[Weighted], corpus: Corpus
) -> Iterator[Finding]:
    """The findings on groups with rows of theirs: in the first place where there are too many, or the hardest ones."""
    by_column = {each.column: each for each in groupings}
    by_place = {each.place: each.weights for each in weighted}
    for finding in findings:
        groups = by_column.get(finding.column or "")
        if groups is None or finding.value not in groups.labels or finding.examples:
            yield finding
            continue
        row = groups.row[groups.group == groups.labels.index(finding.value)]
        if finding.kind == "balance" and finding.figure.value > 1 and finding.places:
            row = row[by_place[finding.places[0]][row] > 0][:EXAMPLES]
        elif finding.kind == "difficulty":
            hard = np.nan_to_num(corpus.difficulty[row], nan=-1.0)
            row = row[np.argsort(-hard if finding.figure.value > 0 else hard, kind="stable")][:EXAMPLES]
        else:
            row = row[:0]
        yield finding.model_copy(update={"examples": tuple(_example(corpus, each) for each in row)})


def asked(report: AuditReport) -> set[str]:
    """The ids of the rows whose text is to be shown."""
    wanted = {each.id for each in _all(report) if each.id is not None and each.text == ""}
    return wanted | {each.id for each in (report.map.points if report.map else ())}


def quoted(report: AuditReport, held: Mapping[str, Sequence[str]]) -> AuditReport:
    """The report with excerpts of the texts that it asked for, by id."""

    def told(examples: tuple[Example, ...], word: str = "") -> dict[str, tuple[Example, ...]]:
        return {"examples": tuple(_told(each, held, word) for each in examples)}

    return report.model_copy(
        update={
            "findings": tuple(each.model_copy(update=told(each.examples)) for each in report.findings),
            "associations": tuple(
                each.model_copy(update=told(each.examples, each.word)) for each in report.associations
            ),
            "samples": tuple(each.model_copy(update=told(each.examples)) for each in report.samples),
            "map": report.map and _labelled(report.map, held),
            "coverage": report.coverage.model_copy(
                update={
                    "reached": tuple(
                        each.model_copy(update={"farthest": told(each.farthest)["examples"]})
                        for each in report.coverage.reached
                    )
                }
            ),
        }
    )


def _labelled(held: Map, read: Mapping[str, Sequence[str]]) -> Map:
    """The map with the beginnings of the texts."""
    points = (each.model_copy(update={"text": texts.beginning(read.get(each.id, ()))}) for each in held.points)
    return held.model_copy(update={"points": tuple(points)})


def _all(report: AuditReport) -> Iterator[Example]:
    for held in (report.findings, report.associations, report.samples):
        for each in held:
            yield from each.examples
    for reached in report.coverage.reached:
        yield from reached.farthest


def _told(example: Example, held: Mapping[str, Sequence[str]], word: str) -> Example:
    if example.id is None or example.text != "":
        return example
    told = held.get(example.id, ())
    return example.model_copy(update={"text": texts.excerpt(told, word) if word else texts.beginning(told)})


def _example(corpus: Corpus, row: int) -> Example:
    return Example(id=corpus.ids[int(row)].as_py(), text="", difficulty=known(corpus.difficulty[row]))
