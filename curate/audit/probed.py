"""Charts of what probes measured: skill by tier, calibration, robustness, change, and what stages did to skills."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from curate.audit.charts import DIVERGING, INK, PALETTE, Chart, based, beside, places, specified, upright

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.core.measured import Estimate, Measured, Transfer

_ROW = 26
"""Height of one line of a chart in pixels."""

_NOT_KNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Probed:
    """All probes of a run in the order in which they were made, at least one, and what they tell about stages."""

    probes: tuple[Measured, ...]
    transfer: Transfer | None

    @property
    def last(self) -> Measured:
        """The probe that was made last; the charts are of it."""
        return self.probes[-1]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts that have anything to show."""
        last = self.last
        made = [matrix(last), *(reliability(last, number) for number in range(len(last.calibration)))]
        made += [robustness(last)] if last.gaps else []
        made += [changes(last)] if last.changes else []
        made += [lessons(self.transfer)] if self.transfer else []
        return tuple(chart for chart in made if chart.rows)

    def resistance(self) -> list[tuple[str, str, int]]:
        """One line for each kind of adversarial prompt: the share that is resisted, with its ends, and of how many."""
        return [(each.kind, _said(each.share), each.share.rows) for each in self.last.resistance]

    def domains(self) -> list[tuple[str, str, str, int]]:
        """One line for each held-out domain: loss and token accuracy with their ends, and rows."""
        held = ((each.name, each.result.loss, each.result.token_accuracy) for each in self.last.domains)
        return [(name, _said(loss), _said(accuracy), loss.rows) for name, loss, accuracy in held]

    def history(self) -> list[tuple[object, ...]]:
        """One line for each probe: name, stage, step, size, loss and accuracies with their ends."""
        return [
            (
                each.name,
                _NOT_KNOWN if each.stage is None else str(each.stage),
                _NOT_KNOWN if each.step is None else str(each.step),
                each.size,
                *(_said(part) for part in _whole(each)),
            )
            for each in self.probes
        ]


def matrix(last: Measured) -> Chart:
    """The loss of each skill in each tier, with both margins."""
    import altair as alt

    head = ("skill", "tier", "loss", "low", "high", "token accuracy", "rows")
    lines = tuple(
        (
            cell.skill or "all skills",
            "all tiers" if cell.tier is None else f"tier {cell.tier}",
            *_figures(cell.result.loss),
            cell.result.token_accuracy.value,
            cell.result.loss.rows,
        )
        for cell in last.cells
    )
    shown = [(*line, f"{line[2]:.2f}") for line in lines]
    base = based((*head, "label"), shown).encode(
        x=places("tier"),
        y=beside("skill"),
        tooltip=["skill:N", "tier:N", "loss:Q", "low:Q", "high:Q", "token accuracy:Q", "rows:Q"],
    )
    colours = alt.Scale(range=["#eef3f8", "#8fb4d9"])
    chart = base.mark_rect().encode(color=alt.Color("loss:Q", scale=colours, title="nats per token"))
    chart += base.mark_text(fontSize=11, color=INK).encode(text="label:N")
    says = f"A field of colours: loss of {last.name} by skill and tier; darker is worse."
    spec = specified(chart, height=_ROW * len({line[0] for line in lines}))
    return Chart("probe-matrix", "Loss by skill and tier", says, spec, head, lines, wide=True)


def reliability(last: Measured, number: int) -> Chart:
    """How often the model is right, by how sure it is."""
    import altair as alt

    held = last.calibration[number]
    head = ("confidence", "accuracy", "low", "high", "guesses")
    lines = tuple((each.confidence, *_figures(each.accuracy), each.observations) for each in held.bins)
    base = based(head, lines).encode(
        x=alt.X("confidence:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=10)),
        tooltip=[f"{name}:Q" for name in head],
    )
    level = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title="accuracy")
    even = based(("confidence", "accuracy"), [(0, 0), (1, 1)]).mark_line(
        strokeDash=[4, 4], color="currentColor", opacity=0.4
    )
    chart = (
        even.encode(alt.X("confidence:Q"), alt.Y("accuracy:Q"))
        + base.mark_rule(strokeWidth=2, color=PALETTE[0]).encode(alt.Y("low:Q", title="accuracy"), alt.Y2("high:Q"))
        + base.mark_point(filled=True, size=60, opacity=1, color=PALETTE[0]).encode(level)
    )
    says = (
        f"Dots with intervals: accuracy by confidence of {held.observations:,} guesses at a {held.kind}; under the "
        f"dashed line the model is too sure. ECE {_said(held.ece)}, by chance {held.by_chance:.3f}, "
        f"Brier {_said(held.brier)}."
    )
    return Chart(f"probe-reliability-{held.kind}", f"Calibration: {held.kind}", says, specified(chart), head, lines)


def robustness(last: Measured) -> Chart:
    """What each variation and attack costs, against the same rows as they were."""
    head = ("kind", "family", "loss", "low", "high", "rows")
    lines = tuple(
        (
            f"{gap.kind} ({gap.family})" if gap.kind == "all" else gap.kind,
            gap.family,
            *_figures(gap.loss),
            gap.loss.rows,
        )
        for gap in last.gaps
    )
    says = "Dots with intervals: loss on the variation less loss on the row as it was; right of 0 is worse."
    return _forest("probe-robustness", "Robustness: what variations cost", says, head, lines)


def changes(last: Measured) -> Chart:
    """What became of each skill and tier since the probe before."""
    head = ("where", "of", "change", "low", "high", "rows")
    lines = tuple(
        (
            each.skill or ("everything" if each.tier is None else f"tier {each.tier}"),
            "skill" if each.skill else "whole" if each.tier is None else "tier",
            *_figures(each.loss),
            each.loss.rows,
        )
        for each in last.changes
        if each.skill is None or each.tier is None
    )
    says = f"Dots with intervals: change of loss since {last.since} on the same rows; left of 0 is better."
    return _forest("probe-changes", f"Change since {last.since}", says, head, lines)


def lessons(transfer: Transfer) -> Chart:
    """What each stage did to each skill."""
    import altair as alt

    head = ("stage", "skill", "change", "low", "high", "rows")
    lines = tuple(
        (f"stage {each.stage}", each.skill or "all skills", *_figures(each.loss), each.loss.rows)
        for each in transfer.lessons
    )
    reach = max((abs(line[2]) for line in lines), default=0.0) or 1.0
    base = based((*head, "label"), [(*line, f"{line[2]:+.2f}") for line in lines]).encode(
        x=places("stage"),
        y=beside("skill"),
        tooltip=["stage:N", "skill:N", "change:Q", "low:Q", "high:Q", "rows:Q"],
    )
    unsure = "datum.low <= 0 && datum.high >= 0"
    colours = alt.Scale(domain=[-reach, -reach / 2, 0, reach / 2, reach], range=list(DIVERGING))
    chart = base.mark_rect().encode(
        color=alt.Color("change:Q", scale=colours, title="change of loss"),
        opacity=alt.condition(unsure, alt.value(0.35), alt.value(1.0)),
    ) + base.mark_text(fontSize=11, color=INK).encode(text="label:N")
    says = (
        "A field of colours: what each stage did to the loss of each skill, on the same rows before and after. Blue is "
        "better, orange is forgetting, and faint cells are not told from no change."
    )
    spec = specified(chart, height=_ROW * len({line[1] for line in lines}))
    return Chart("probe-lessons", "Transfer: stage by skill", says, spec, head, lines, wide=True)


def _forest(name: str, title: str, says: str, head: tuple[str, ...], lines: tuple[tuple[Any, ...], ...]) -> Chart:
    """Changes of loss with intervals, a line for each of the first column, coloured by the second."""
    import altair as alt

    ends = _ends([line[2:5] for line in lines])
    scale = alt.Scale(domain=ends) if ends else alt.Scale()
    across = alt.X("low:Q", title="change of loss, nats per token", scale=scale)
    base = based(head, lines).encode(
        y=beside(head[0]),
        color=alt.Color(f"{head[1]}:N", sort=None, scale=alt.Scale(range=list(PALETTE)), title=None),
        tooltip=[f"{each}:{'N' if each in head[:2] else 'Q'}" for each in head],
    )
    chart = (
        upright(0.0, dashed=False)
        + base.mark_rule(strokeWidth=2, clip=True).encode(across, alt.X2("high:Q"))
        + base.mark_point(filled=True, size=60, opacity=1).encode(alt.X(f"{head[2]}:Q"))
    )
    if ends:
        says += " An interval that runs off the edge is much wider than the others; the table has its ends."
    return Chart(name, title, says, specified(chart, height=_ROW * len(lines)), head, lines)


def _ends(figures: Sequence[tuple[float, float | None, float | None]]) -> tuple[float, float] | None:
    """Where an axis ends that shows all points and, of each interval, up to four times the median half on either side.

    None where that is all of each interval, or where none has a width.
    """
    whole = [(value, low, high) for value, low, high in figures if low is not None and high is not None]
    halves = [half for value, low, high in whole for half in (value - low, high - value) if half > 0]
    if not halves or max(halves) <= (most := 4 * median(halves)):
        return None
    low = min(0.0, *(value for value, _, _ in figures), *(max(low, value - most) for value, low, _ in whole))
    high = max(0.0, *(value for value, _, _ in figures), *(min(high, value + most) for value, _, high in whole))
    return low, high


def _figures(figure: Estimate) -> tuple[float, float | None, float | None]:
    return figure.value, figure.low, figure.high


def _whole(each: Measured) -> Iterator[Estimate | None]:
    whole = each.at()
    if whole is None:
        yield from (None,) * 4
        return
    yield from (whole.loss, whole.token_accuracy, whole.choice_accuracy, whole.match)


def _said(figure: Estimate | None) -> str:
    """A figure and its interval in words."""
    if figure is None:
        return _NOT_KNOWN
    ends = "" if figure.low is None or figure.high is None else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.3f}{ends}"
