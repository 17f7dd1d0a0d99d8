"""The report as Markdown, short enough for a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from curate.audit import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from curate.audit.report import AuditReport, Finding

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~<>$@-])")


def text(report: AuditReport) -> str:
    """The verdict, the findings, the sizes of the stages, and what a trainer would cut off."""
    parts = (
        "# Audit of the curriculum",
        escape(words.verdict(report)),
        _findings(report),
        "## Stages and tiers",
        _table(words.SIZE_HEAD, words.sizes(report)),
        _cut_off(report),
        _skipped(report),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(value: object) -> str:
    """A value on one line that Markdown and HTML leave as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _findings(report: AuditReport) -> str:
    if not report.findings:
        return "Nothing was found."
    return "## Findings\n\n" + "\n".join(_finding(finding) for finding in report.findings)


def _finding(finding: Finding) -> str:
    return (
        f"- **{finding.severity}** {escape(finding.says)} {escape(words.figure(finding))} "
        f"Limit: {escape(finding.threshold)}. To mend it: {escape(finding.mend)}."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    lines = [
        list(head),
        *([escape(cell if isinstance(cell, str) else words.number(cell)) for cell in row] for row in rows),
    ]
    made = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join((made[0], "|" + " --- |" * len(head), *made[1:]))


def _cut_off(report: AuditReport) -> str:
    """What trainers cut off at usual limits; nothing where no row is longer."""
    if not any(each.truncated for each in report.lengths):
        return ""
    return f"## What a trainer would cut off\n\n{_table(words.cut_head(report), words.cut_off(report))}"


def _skipped(report: AuditReport) -> str:
    return "\n".join(f"- {escape(each)}" for each in report.skipped)
