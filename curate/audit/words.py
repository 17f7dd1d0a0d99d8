"""Figures of the report in words, as its pages print them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.audit.report import AuditReport, Finding, Grouping, Interval, Severity, Spread

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
SIZE_HEAD = ("place", "rows", "distinct", "tokens", "mean difficulty", "deviation", "median")


def verdict(report: AuditReport) -> str:
    """How many findings there are of each severity, in a sentence."""
    counts = [plural(report.count(severity), severity) for severity in SEVERITIES]
    return f"{counts[0].capitalize()}, {counts[1]} and {counts[2]}."


def plural(count: int, noun: str, many: str | None = None) -> str:
    """``no notes``, ``1 note``, ``2 notes``; *many* is the plural where an s does not make it."""
    return f"{count or 'no'} {noun if count == 1 else many or noun + 's'}"


def sizes(report: AuditReport) -> list[tuple[str | float | None, ...]]:
    """The size and difficulty of each place, one line each, under `SIZE_HEAD`."""
    return [
        (each.place.name, each.rows, each.distinct, each.tokens, *_spread(each.difficulty)) for each in report.summaries
    ]


def cut_head(report: AuditReport) -> tuple[str, ...]:
    """The head of `cut_off`: two columns for each limit."""
    limits = sorted({each.limit for each in report.lengths})
    return ("tier", "rows", *(name for limit in limits for name in (f"over {limit:,}", "dropped")))


def cut_off(report: AuditReport) -> list[tuple[str | float | None, ...]]:
    """How many rows of each tier a trainer would truncate or drop at each limit, one line each, under `cut_head`."""
    by_tier = sorted(report.lengths, key=lambda each: (each.tier, each.limit))
    return [
        (f"tier {tier}", held[0].rows, *(count for each in held for count in (each.truncated, each.dropped)))
        for tier, held in ((tier, list(same)) for tier, same in groupby(by_tier, key=lambda each: each.tier))
    ]


def _spread(held: Spread | None) -> tuple[float | None, ...]:
    return (None, None, None) if held is None else (held.mean, held.deviation, held.p50)


def given(grouping: Grouping) -> str:
    """What a test holds fixed: ``given skill and length``, or nothing."""
    return "given " + " and ".join(grouping.held) if grouping.held else "unadjusted"


def alike(grouping: Grouping) -> str:
    """What rows within a stratum share: ``of one skill and length``."""
    return "of one " + " and ".join(grouping.held) if grouping.held else "at large"


def too_few(report: AuditReport) -> tuple[int, int]:
    """How many shares have too few rows to say, and how many there are."""
    held = [each.verdict for grouping in report.groupings for each in grouping.shares]
    return held.count("too few to say"), len(held)


def figure(finding: Finding) -> str:
    """The figure of a finding with its interval and q-value."""
    held = f"{finding.figure.name} {number(finding.figure.value)}"
    if finding.figure.interval is not None:
        held += f", interval {interval(finding.figure.interval)}"
    if finding.q is not None:
        held += f", q {probability(finding.q)}"
    return held + "."


def number(value: float | None) -> str:
    """A number for reading: whole numbers in groups of three, others to three places; a dash where it is not known."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.3f}".replace("-0.000", "0.000") if abs(value) < 100 else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share in percent; a dash where it is not known."""
    return "\N{EN DASH}" if value is None else f"{value:.1%}"


def probability(value: float | None) -> str:
    """A p- or q-value."""
    if value is None:
        return "\N{EN DASH}"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def interval(value: Interval | None) -> str:
    """Both ends of an interval; open above where no upper end is known."""
    if value is None:
        return "\N{EN DASH}"
    return f"{number(value.low)} to {number(value.high)}" if value.high is not None else f"from {number(value.low)}"


def share_interval(value: Interval) -> str:
    """Both ends of the interval of a share, in percent."""
    return f"{percent(value.low)} to {percent(value.high)}"
