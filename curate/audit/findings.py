"""Findings on groups: what is skewed, where, how surely, and which option would mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.audit import words
from curate.audit.report import Figure, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.audit.report import AuditReport, Effect, Grouping, Place, Severity, Share
    from curate.audit.thresholds import Thresholds

MOVED_ON_PURPOSE = ("skill",)
"""Columns that a curriculum moves by intention: without an expectation of the user's own that is one note."""

RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}

MEND_STAGE = (
    "raise [pace] mixed or review so that each stage holds more of every tier, rank inside the group with "
    "--domain {column}, or add {word} rows of {value}"
)
MEND_CORPUS = "add rows of {value}, or write the shares that you mean into [audit.groups.{column}]"
MEND_SELECTION = (
    "see what tier did with these rows (`curate show`), and add rows of {value} or loosen what removed them"
)
MEND_HARDER = "rank inside the group with --domain {column}, or weigh the score that causes it less in [tier.weights]"
MEND_LATER = "rank inside the group with --domain {column}, or move its skills forward with [[skill]] requires"


def of_grouping(grouping: Grouping, limits: Thresholds) -> Iterator[Finding]:
    """All findings of one grouping; where it is moved on purpose one note of each kind sums them up."""
    moved = grouping.column in MOVED_ON_PURPOSE
    families = (
        (list(_shares(grouping, limits)), moved and grouping.expect == "corpus"),
        (list(_effects(grouping, grouping.difficulty, "difficulty", limits)), moved),
        (list(_effects(grouping, grouping.arrival, "arrival", limits)), moved),
    )
    for found, meant in families:
        yield from _summed(grouping, found) if meant else found


def graded(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Gravest first; then by kind, and the largest effect first."""
    return tuple(sorted(findings, key=lambda each: (RANK[each.severity], each.kind, -_size(each), each.says)))


def fails(report: AuditReport, level: Severity) -> bool:
    """Whether the report has a finding of this severity or a graver one."""
    return any(RANK[each.severity] <= RANK[level] for each in report.findings)


def _shares(grouping: Grouping, limits: Thresholds) -> Iterator[Finding]:
    for value in grouping.values:
        lines = [each for each in grouping.shares if each.value == value]
        for verdict in ("over", "under"):
            found = [each for each in lines if each.verdict == verdict]
            if found:
                worst = max(found, key=_distance)
                yield _skew(grouping, found, worst, _grade(worst, limits), limits)
        explained = [each for each in lines if each.verdict in {"explained", "masked"}]
        if explained:
            yield _set_aside(grouping, explained, limits)


def _summed(grouping: Grouping, found: Sequence[Finding]) -> Iterator[Finding]:
    """One note in place of several, with the words of the strongest."""
    if not found:
        return
    first = graded(found)[0]
    values = len({each.value for each in found})
    says = (
        f"A curriculum moves {grouping.column}s on purpose: {values} of {len(grouping.values)} stand out. {first.says}"
        if values > 1
        else first.says
    )
    yield first.model_copy(
        update={
            "severity": "note",
            "places": tuple(dict.fromkeys(place for each in found for place in each.places)),
            "says": says,
            "mend": f"nothing, where the order means it; the tables of {grouping.column} under Groups show all of them",
        }
    )


def _grade(line: Share, limits: Thresholds) -> Severity:
    far = [ratio for ratio in (line.ratio, line.given) if ratio is not None]
    beyond = [not limits.ratio_error_low <= ratio <= limits.ratio_error_high for ratio in far]
    return "error" if beyond and all(beyond) else "warning"


def _skew(grouping: Grouping, found: Sequence[Share], worst: Share, severity: Severity, limits: Thresholds) -> Finding:
    stages = worst.place.scope in {"stage", "tier"}
    everywhere = any(each.place.scope == "corpus" for each in found)
    mend = MEND_CORPUS if everywhere else MEND_STAGE if stages else MEND_SELECTION
    also = f"; also in {_list([each.place for each in found if each is not worst])}" if len(found) > 1 else ""
    return Finding(
        severity=severity,
        kind="balance",
        column=grouping.column,
        value=worst.value,
        places=tuple(each.place for each in found),
        figure=_ratio(worst),
        threshold=f"ratio outside {limits.ratio_low:g} to {limits.ratio_high:g}, q < {limits.q:g}",
        q=worst.q,
        says=(
            f"Rows with {_name(grouping, worst.value)} make up {worst.share:.1%} of {worst.place.name}, where "
            f"{worst.reference:.1%} is expected: {_as_many(worst.ratio)}{also}."
        ),
        mend=mend.format(column=grouping.column, value=worst.value, word="harder and easier" if stages else "more"),
    )


def _set_aside(grouping: Grouping, lines: Sequence[Share], limits: Thresholds) -> Finding:
    worst = max(lines, key=_distance)
    if worst.verdict == "explained":
        says = (
            f"Rows with {_name(grouping, worst.value)} make up {worst.share:.1%} of {worst.place.name} and "
            f"{worst.reference:.1%} of the corpus, but among rows {words.alike(grouping)} its groups fare alike."
        )
        mend = "nothing, where skill and length should decide; else see the options of [pace]"
    else:
        says = (
            f"Rows with {_name(grouping, worst.value)} come in {worst.place.name} about as often as in the corpus, but "
            f"{worst.given or 0.0:.2f} times as often as other rows {words.alike(grouping)}."
        )
        mend = f"rank inside the group with --domain {grouping.column}, if skill and length should decide"
    return Finding(
        severity="note",
        kind="balance",
        column=grouping.column,
        value=worst.value,
        places=tuple(each.place for each in lines),
        figure=_ratio(worst),
        threshold=f"ratio outside {limits.ratio_low:g} to {limits.ratio_high:g}, q < {limits.q:g}",
        q=worst.q,
        says=says,
        mend=mend,
    )


def _effects(grouping: Grouping, effects: Sequence[Effect], kind: str, limits: Thresholds) -> Iterator[Finding]:
    for effect in effects:
        if effect.verdict not in {"higher", "lower"} or effect.given is None:
            continue
        grave = min(abs(effect.delta), abs(effect.given)) >= limits.delta_error
        yield Finding(
            severity="error" if grave else "warning",
            kind=kind,
            column=grouping.column,
            value=effect.value,
            figure=Figure(
                name=f"Cliff's delta, {words.given(grouping)}",
                value=effect.given,
                interval=effect.given_interval,
            ),
            threshold=f"from {limits.delta_warning:g} warning, from {limits.delta_error:g} error, q < {limits.q:g}",
            q=effect.q,
            says=_effect_words(grouping, effect, kind),
            mend=(MEND_HARDER if kind == "difficulty" else MEND_LATER).format(column=grouping.column),
        )


def _effect_words(grouping: Grouping, effect: Effect, kind: str) -> str:
    chance = (1 + abs(effect.given or 0.0)) / 2
    up = effect.verdict == "higher"
    word = ("harder" if up else "easier") if kind == "difficulty" else ("later" if up else "earlier")
    verb = "are ranked" if kind == "difficulty" else "come"
    cause = max(effect.causes.items(), key=lambda item: abs(item[1]), default=None)
    because = f" Most of the gap comes from {cause[0]}." if cause and abs(cause[1]) > 0 else ""
    return (
        f"Rows with {_name(grouping, effect.value)} {verb} {word} than others {words.alike(grouping)}: "
        f"in {chance:.0%} of pairs, where 50% would be even.{because}"
    )


def _ratio(line: Share) -> Figure:
    return Figure(name=f"share ratio in {line.place.name}", value=line.ratio or 0.0, interval=line.ratio_interval)


def _as_many(ratio: float | None) -> str:
    return f"{ratio:.2f} times as many" if ratio else "none at all"


def _name(grouping: Grouping, value: str) -> str:
    return f"{grouping.column} = {value}"


def _list(places: Sequence[Place]) -> str:
    return ", ".join(place.name for place in places)


def _distance(line: Share) -> float:
    ratio = line.ratio or 0.0
    return max(ratio, 1 / ratio) if ratio > 0 else float("inf")


def _size(finding: Finding) -> float:
    value = finding.figure.value
    if finding.kind == "balance":
        return max(value, 1 / value) if value > 0 else float("inf")
    return abs(value)
