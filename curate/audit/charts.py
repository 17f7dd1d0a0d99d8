"""Charts of the report as Vega-Lite specifications, each with words for those who cannot see it and its numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil, log2
from typing import TYPE_CHECKING, Any

from curate.audit import words
from curate.audit.corpus import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.audit.report import AuditReport, Effect, Grouping, Learnt, Map, Reached, Summary

Spec = dict[str, Any]

PALETTE = ("#3b82c4", "#e08a2e", "#3a9d6e", "#c65b8f", "#8c6bb8", "#b08d1a", "#4aa5b0", "#a0604a")
DIVERGING = ("#2f6fb3", "#8fb4d9", "#d9d9d9", "#e8b07a", "#c4551d")
INK = "#1b1f24"
"""Text upon coloured ground, light and dark alike."""

RATIOS = (0.125, 0.25, 0.5, 0.8, 1, 1.25, 2, 4, 8)
_LETTER, _MOST_LETTERS = 7, 24
"""About how wide a letter of a name is, in pixels, and after how many the browser cuts it."""
_COLOURED = ("stage", "tier", "skill", "kind")
MOST_LINES = 6
"""Up to this many groups get a line with intervals; more are drawn as a field of colours."""


@dataclass(frozen=True)
class Chart:
    """A specification, its title, what it shows in a sentence, and the table of its numbers."""

    name: str
    title: str
    says: str
    spec: Spec
    head: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    wide: bool = False


def roles(summaries: Sequence[Summary]) -> Chart:
    """Rows of each stage by role, stacked."""
    import altair as alt

    lines = [(each.place.name, role, each.roles.get(role, 0)) for each in _stages(summaries) for role in ROLES]
    lines = [line for line in lines if any(other[2] for other in lines if other[1] == line[1])]
    names = list(dict.fromkeys(role for _, role, _ in lines))
    chart = (
        based(("stage", "role", "rows"), lines)
        .mark_bar()
        .encode(
            x=places("stage"),
            y=alt.Y("rows:Q", title="rows"),
            color=named("role"),
            order=alt.Order("rank:Q"),
            tooltip=["stage:N", "role:N", "rows:Q"],
        )
        .transform_calculate(rank=alt.expr.indexof(names, alt.datum.role))
    )
    biggest = max(_stages(summaries), key=lambda each: each.rows, default=None)
    says = f"Bars of rows by stage, stacked by role. The largest is {biggest.place.name}." if biggest else "No stages."
    spec = specified(chart, needs=room([line[0] for line in lines], names))
    return Chart("roles", "Rows by stage and role", says, spec, ("stage", "role", "rows"), tuple(lines))


def spreads(summaries: Sequence[Summary]) -> Chart:
    """Difficulty of each stage as a box: middle half, median, and the range of the middle 80 %."""
    import altair as alt

    lines = [
        (each.place.name, spread.p10, spread.p25, spread.p50, spread.p75, spread.p90, spread.mean)
        for each in summaries
        if each.place.scope in {"stage", "corpus"} and (spread := each.difficulty) is not None
    ]
    head = ("place", "p10", "p25", "p50", "p75", "p90", "mean")
    base = based(head, lines).encode(x=places("place"))
    told = [f"{name}:{'N' if name == 'place' else 'Q'}" for name in head]
    whole = alt.Y("p10:Q", title="difficulty", scale=alt.Scale(domain=[0, 1]))
    chart = (
        base.mark_rule(color=PALETTE[0]).encode(whole, alt.Y2("p90:Q"))
        + base.mark_bar(color=PALETTE[0], width={"band": 0.5}).encode(alt.Y("p25:Q"), alt.Y2("p75:Q"), tooltip=told)
        + base.mark_tick(color="#ffffff", thickness=2, width={"band": 0.5}).encode(alt.Y("p50:Q"))
        + base.mark_point(color=PALETTE[1], filled=True, size=45, opacity=1).encode(alt.Y("mean:Q"), tooltip=told)
    )
    says = (
        "Boxes of difficulty by stage: the middle half, the median as a line, the mean as a dot, 10 to 90 % as a rule."
    )
    if lines:
        says += f" Means run from {min(line[6] for line in lines):.2f} to {max(line[6] for line in lines):.2f}."
    spec = specified(chart, needs=room([line[0] for line in lines]))
    return Chart("spreads", "Difficulty by stage", says, spec, head, tuple(lines))


def ratios(grouping: Grouping, number: int) -> Chart:
    """How the shares of the groups compare with what is expected of them, place by place."""
    if len(grouping.values) <= MOST_LINES:
        return _whiskers(grouping, number)
    return _field(grouping, number)


def _whiskers(grouping: Grouping, number: int) -> Chart:
    import altair as alt

    head = ("place", "group", "ratio", "low", "high", "verdict")
    lines = [
        (
            each.place.name,
            each.value,
            each.ratio,
            each.ratio_interval.low if each.ratio_interval else None,
            each.ratio_interval.high if each.ratio_interval else None,
            each.verdict,
        )
        for each in grouping.shares
        if each.place.scope in {"train", "stage"} or (each.place.scope == "corpus" and grouping.expect != "corpus")
    ]
    drawn = [line for line in lines if line[2] is not None]
    shown = [
        (place, group, _inside(ratio), _inside(low), _inside(high), verdict)
        for place, group, ratio, low, high, verdict in drawn
    ]
    reach = 2.0 ** max(1, *(ceil(abs(log2(end))) for line in shown for end in line[2:5] if end), 1)
    base = based(head, shown).encode(
        x=places("place"),
        xOffset=alt.XOffset("group:N", sort=None),
        color=named("group"),
        tooltip=["place:N", "group:N", "ratio:Q", "low:Q", "high:Q", "verdict:N"],
    )
    axis = alt.Y(
        "low:Q",
        title="share / expected share",
        scale=alt.Scale(type="log", domain=[1 / reach, reach], nice=False, clamp=True),
    )
    axis = axis.axis(values=[each for each in RATIOS if 1 / reach <= each <= reach], format="~g")
    chart = (
        _level(1.0, dashed=False)
        + _level(0.8, dashed=True)
        + _level(1.25, dashed=True)
        + base.mark_rule(strokeWidth=2).encode(axis, alt.Y2("high:Q"))
        + base.mark_point(filled=True, size=60, opacity=1).encode(alt.Y("ratio:Q"))
    )
    says = (
        f"Dots with intervals: by place, the share of each group of {grouping.column} over its expected share. "
        f"1 is as expected; dashed lines mark 0.8 and 1.25. {_summary(grouping)}"
    )
    spec = specified(chart, needs=room([line[0] for line in shown], [line[1] for line in shown]))
    return Chart(f"ratios-{number}", f"{grouping.column}: share ratios", says, spec, head, tuple(lines))


def _field(grouping: Grouping, number: int) -> Chart:
    import altair as alt

    head = ("place", "group", "ratio", "verdict")
    lines = [
        (each.place.name, each.value, each.ratio, each.verdict)
        for each in grouping.shares
        if each.place.scope not in {"corpus", "exposure"} or grouping.expect != "corpus"
    ]
    coloured = [(*line, log2(_inside(line[2]) or 1.0), "" if line[2] is None else f"{line[2]:.2g}") for line in lines]
    base = based((*head, "bend", "label"), coloured).encode(
        x=alt.X("place:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40)),
        y=beside("group"),
        tooltip=["place:N", "group:N", "ratio:Q", "verdict:N"],
    )
    deep = "abs(datum.bend) >= 1.5 && datum.verdict !== 'too few to say'"
    pale = "datum.verdict === 'too few to say'"
    upon = {"condition": [{"test": deep, "value": "#ffffff"}, {"test": pale, "value": "currentColor"}], "value": INK}
    faint = alt.condition(pale, alt.value(0.25), alt.value(1.0))
    chart = base.mark_rect().encode(
        color=alt.Color(
            "bend:Q",
            title="ratio",
            scale=alt.Scale(domain=[-2, -1, 0, 1, 2], range=list(DIVERGING), clamp=True),
            legend=alt.Legend(values=[-2, -1, 0, 1, 2], labelExpr="format(pow(2, datum.value), '~g')"),
        ),
        opacity=faint,
    ) + base.mark_text(fontSize=10).encode(alt.Text("label:N"), color=upon)
    says = (
        f"A field of colours: groups of {grouping.column} by place, coloured by share over expected share; faint cells "
        f"have too few rows. {_summary(grouping)}"
    )
    spec = specified(chart, height=18 * len(grouping.values))
    return Chart(f"ratios-{number}", f"{grouping.column}: share ratios", says, spec, head, tuple(lines), wide=True)


def forest(grouping: Grouping, number: int) -> Chart:
    """Cliff's delta of each group within the strata, for difficulty and for arrival."""
    import altair as alt

    head = ("question", "group", "delta", "low", "high", "verdict")
    asked: tuple[tuple[str, tuple[Effect, ...]], ...] = (
        ("ranked harder?", grouping.difficulty),
        ("comes later?", grouping.arrival),
    )
    lines: list[tuple[str, str, float, float, float, str]] = [
        (question, each.value, each.given, each.given_interval.low, each.given_interval.high or 1.0, each.verdict)
        for question, effects in asked
        for each in effects
        if each.given is not None and each.given_interval is not None
    ]
    base = based(head, lines).encode(
        y=beside("group"),
        yOffset=alt.YOffset("question:N", sort=None),
        color=named("question"),
        tooltip=[f"{name}:{'Q' if name in {'delta', 'low', 'high'} else 'N'}" for name in head],
    )
    groups = {line[1] for line in lines}
    reach = 0.5 if all(abs(end) <= 0.5 for line in lines for end in line[2:5]) else 1.0
    across = alt.X("low:Q", title="Cliff's delta within strata", scale=alt.Scale(domain=[-reach, reach]))
    across = across.axis(labelFlush=False)
    chart = (
        upright(0.0, dashed=False)
        + upright(-0.147, dashed=True)
        + upright(0.147, dashed=True)
        + base.mark_rule(strokeWidth=2).encode(across, alt.X2("high:Q"))
        + base.mark_point(filled=True, size=60, opacity=1).encode(alt.X("delta:Q"))
    )
    says = (
        f"Dots with intervals: is each group of {grouping.column} ranked harder, and does it come later, than other "
        f"rows {words.alike(grouping)}? 0 is even; dashed lines mark where an effect stops being negligible."
    )
    needs = room((), [question for question, _ in asked], sorted(groups))
    spec = specified(chart, len(groups) * (34 if len(groups) <= 12 else 24), needs)
    return Chart(f"forest-{number}", f"{grouping.column}: harder or later?", says, spec, head, tuple(lines))


def skills(report: AuditReport) -> Chart:
    """Rows of each skill in each stage."""
    import altair as alt

    head = ("stage", "skill", "rows", "new", "by tier")
    lines = [
        (f"stage {cell.stage}", cell.skill, cell.rows, cell.new, " / ".join(str(rows) for rows in cell.tiers))
        for cell in report.coverage.cells
    ]
    most = max((line[2] for line in lines), default=0)
    base = based(head, lines).encode(
        x=places("stage"),
        y=beside("skill"),
        tooltip=["stage:N", "skill:N", "rows:Q", "new:Q", "by tier:N"],
    )
    chart = base.mark_rect().encode(
        color=alt.Color("rows:Q", scale=alt.Scale(type="sqrt", range=["#eef3f8", "#2f6fb3"], domain=[0, max(most, 1)]))
    ) + base.mark_text(fontSize=11).encode(
        text="rows:Q", color=alt.condition(f"datum.rows > {most / 2:g}", alt.value("#ffffff"), alt.value("#1b1f24"))
    )
    empty = sum(1 for line in lines if not line[2])
    says = f"A field of colours: rows of each skill by stage. {empty} of {len(lines)} cells are empty."
    return Chart(
        "skills",
        "Skills by stage",
        says,
        specified(chart, height=24 * len(report.coverage.by_tier)),
        head,
        tuple(lines),
        wide=True,
    )


def reach(reached: Reached, number: int) -> Chart:
    """The share of a set of texts that each place reaches, beside what as many rows of its kind would reach."""
    import altair as alt

    head = ("place", "share", "low", "high", "expected", "rows")
    lines = [
        (each.place.name, each.share, each.interval.low, each.interval.high, each.expected, each.rows)
        for each in reached.reaches
    ]
    base = based(head, lines).encode(
        x=alt.X("place:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40)),
        tooltip=[f"{name}:{'N' if name == 'place' else 'Q'}" for name in head],
    )
    across = alt.Y("low:Q", title="share of the texts", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    chart = (
        base.mark_tick(color=PALETTE[1], thickness=2, width={"band": 0.6}, opacity=1).encode(alt.Y("expected:Q"))
        + base.mark_rule(color=PALETTE[0], strokeWidth=2).encode(across, alt.Y2("high:Q"))
        + base.mark_point(color=PALETTE[0], filled=True, size=60, opacity=1).encode(alt.Y("share:Q"))
    )
    says = (
        f"Dots with intervals: the share of {reached.texts} texts of the {reached.name} that have a row of each place "
        f"near them. Orange lines: what as many rows would reach if they were drawn like the {reached.name} itself."
    )
    return Chart(f"reach-{number}", f"Reach of the {reached.name}", says, specified(chart), head, tuple(lines))


def losses(learnt: Learnt) -> Chart:
    """Mean loss by stage, for rows that are new and for rows that come again."""
    import altair as alt

    head = ("stage", "role", "loss", "low", "high", "rows")
    lines = [
        (
            f"stage {each.stage}",
            each.role,
            each.loss,
            each.interval.low if each.interval else None,
            each.interval.high if each.interval else None,
            each.rows,
        )
        for each in learnt.stages
    ]
    base = based(head, lines).encode(
        x=places("stage"),
        xOffset=alt.XOffset("role:N", sort=None),
        color=named("role"),
        tooltip=["stage:N", "role:N", "loss:Q", "low:Q", "high:Q", "rows:Q"],
    )
    chart = base.mark_rule(strokeWidth=2).encode(
        alt.Y("low:Q", title="mean loss", scale=alt.Scale(zero=False)), alt.Y2("high:Q")
    ) + base.mark_point(filled=True, size=60, opacity=1).encode(alt.Y("loss:Q"))
    says = (
        "Dots with intervals: the model's mean loss on the rows of each stage, when they are new and when they return."
    )
    spec = specified(chart, needs=room([line[0] for line in lines], [line[1] for line in lines]))
    return Chart("losses", "Loss by stage", says, spec, head, tuple(lines))


def drift(groupings: Sequence[Grouping]) -> Chart:
    """How far the shares of each stage lie from what is expected, for each grouping: amplification by stage."""
    import altair as alt

    head = ("stage", "column", "distance", "by chance")
    lines = [
        (each.place.name, grouping.column, each.distance, each.by_chance)
        for grouping in groupings
        for each in grouping.skews
        if each.place.scope == "stage"
    ]
    shown = [(stage, column, distance, chance) for stage, column, distance, chance in lines]
    base = based(("stage", "column", "distance", "chance"), shown).encode(
        x=places("stage"),
        color=named("column"),
        tooltip=["stage:N", "column:N", "distance:Q", "chance:Q"],
    )
    chart = base.mark_line(strokeDash=[3, 3], opacity=0.6).encode(
        alt.Y("chance:Q", title="distance from expected shares", scale=alt.Scale(domainMin=0))
    ) + base.mark_line(point=alt.OverlayMarkDef(size=60, filled=True)).encode(alt.Y("distance:Q"))
    says = (
        "Lines by column: how far the group shares of each stage lie from what is expected, from 0 (the same) to 1. "
        "Dashed lines show what chance alone would make."
    )
    spec = specified(chart, needs=room([line[0] for line in lines], [line[1] for line in lines]))
    return Chart("drift", "Amplification by stage", says, spec, head, tuple(lines))


def scatter(held: Map) -> Chart:
    """A sample of the examples on the map of their vectors, coloured by what the reader chooses."""
    import altair as alt

    skills = _largest([each.skill for each in held.points])
    shown = [
        (
            round(each.x, 4),
            round(each.y, 4),
            "not trained" if each.stage is None else f"stage {each.stage}",
            "no tier" if each.tier is None else f"tier {each.tier}",
            each.skill if each.skill in skills else "other skills",
            each.kind,
            each.difficulty,
            each.text,
        )
        for each in held.points
    ]
    head = ("x", "y", "stage", "tier", "skill", "kind", "difficulty", "text")
    chosen = alt.param(
        name="colour", value="stage", bind=alt.binding_select(options=list(_COLOURED), name="Colour by ")
    )
    hidden = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    chart = (
        based(head, shown)
        .mark_circle(size=22, opacity=0.7)
        .transform_calculate(shade="datum[colour]")
        .encode(
            x=alt.X("x:Q", title="first direction", axis=hidden),
            y=alt.Y("y:Q", title="second direction", axis=hidden),
            color=alt.Color("shade:N", title=None, scale=alt.Scale(range=[*PALETTE, "#8a929b"])),
            tooltip=[f"{name}:{'Q' if name == 'difficulty' else 'N'}" for name in head[2:]],
        )
        .add_params(chosen)
    )
    of = f"a sample of {len(shown):,} of {held.rows:,}" if len(shown) < held.rows else f"all {len(shown):,}"
    says = (
        f"Dots: {of} examples along the two directions in which their vectors differ most (principal components, "
        f"{held.kept:.0%} of the variance), coloured by stage, tier, skill or kind. Near dots mean alike; a dot tells "
        "the beginning of its text."
    )
    counts = Counter((name, line[head.index(name)]) for line in shown for name in _COLOURED)
    rows = tuple((name, value, count) for (name, value), count in sorted(counts.items()))
    spec = specified(chart, 420, room((), [str(value) for _, value, _ in rows]))
    return Chart("map", "Map of the examples", says, spec, ("colour by", "value", "dots"), rows)


def _largest(values: Sequence[str]) -> set[str]:
    """The values that are shown by name: the most frequent, as many as there are colours."""
    ranked = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    return {value for value, _ in ranked[: len(PALETTE)]}


def _summary(grouping: Grouping) -> str:
    out = [each for each in grouping.shares if each.verdict in {"over", "under"}]
    return f"{len(out)} of {len(grouping.shares)} shares are out of bounds."


def based(head: Sequence[str], lines: Sequence[Sequence[object]]) -> Any:  # noqa: ANN401 - altair is untyped here
    """A chart of these lines, whose columns *head* names."""
    import altair as alt

    return alt.Chart(alt.Data(values=[dict(zip(head, line, strict=True)) for line in lines]))


def places(name: str) -> Any:  # noqa: ANN401 - altair is untyped here
    """The places of the order from left to right; the page turns their names where it is narrow."""
    import altair as alt

    return alt.X(f"{name}:N", sort=None, title=None)


def beside(name: str) -> Any:  # noqa: ANN401 - altair is untyped here
    """The values from top to bottom, their names on the left; a long one loses its middle, since paths begin alike."""
    import altair as alt

    cut = f"slice(datum.label, 0, 8) + '\u2026' + slice(datum.label, -{_MOST_LETTERS - 9})"
    told = f"length(datum.label) > {_MOST_LETTERS} ? {cut} : datum.label"
    return alt.Y(f"{name}:N", sort=None, title=None, axis=alt.Axis(labelExpr=told, labelLimit=0))


def named(name: str) -> Any:  # noqa: ANN401 - altair is untyped here
    """A colour for each value, in their order."""
    import altair as alt

    return alt.Color(f"{name}:N", sort=None, scale=alt.Scale(range=list(PALETTE)), title=None)


def room(across: Sequence[str] = (), legend: Sequence[str] = (), beside: Sequence[str] = ()) -> dict[str, int]:
    """How many pixels names need: all below the chart together, one of the legend, and those on its left."""
    widths = [max((min(len(each), _MOST_LETTERS) for each in names), default=0) for names in (across, legend, beside)]
    below, entry, left = (each * _LETTER for each in widths)
    return {"across": len(set(across)) * (below + 8), "entry": entry + 34, "left": max(left, 30) + 30}


def _level(value: float, *, dashed: bool) -> Any:  # noqa: ANN401 - altair is untyped here
    import altair as alt

    dash = [4, 4] if dashed else [1, 0]
    return (
        alt.Chart(alt.Data(values=[{}]))
        .mark_rule(strokeDash=dash, color="currentColor", opacity=0.4)
        .encode(y=alt.YDatum(value))
    )


def upright(value: float, *, dashed: bool) -> Any:  # noqa: ANN401 - altair is untyped here
    """A line from top to bottom."""
    import altair as alt

    dash = [4, 4] if dashed else [1, 0]
    return (
        alt.Chart(alt.Data(values=[{}]))
        .mark_rule(strokeDash=dash, color="currentColor", opacity=0.4)
        .encode(x=alt.XDatum(value))
    )


def specified(chart: Any, height: int = 240, needs: dict[str, int] | None = None) -> Spec:  # noqa: ANN401 - altair is untyped here
    """The specification, as wide as its place on the page, which sets colours of text and, by *needs*, its layout."""
    import altair as alt

    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    sized = chart.properties(width="container", height=height, autosize=fit, usermeta=needs or room())
    spec: Spec = sized.to_dict(validate=False)
    spec.pop("config", None)
    return spec


def _inside(ratio: float | None) -> float | None:
    """A ratio as far as the axis reaches: from an eighth to eight times."""
    return None if ratio is None else min(max(ratio, 0.125), 8.0)


def _stages(summaries: Sequence[Summary]) -> list[Summary]:
    return [each for each in summaries if each.place.scope == "stage"]
