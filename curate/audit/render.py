"""The report as one HTML page that opens offline: our styles and scripts, and the chart library, are inside it."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from curate.audit import charts, words
from curate.audit.thresholds import Thresholds

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from curate.audit.charts import Chart
    from curate.audit.probed import Probed
    from curate.audit.report import AuditReport


def page(report: AuditReport, limits: Thresholds, probed: Probed | None = None) -> str:
    """The whole page. All data is escaped, and the same report gives the same bytes.

    Charts are not held against the schema of Vega-Lite here, which takes longer than all else; the tests do that.
    """
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        return (
            environment()
            .get_template("report.jinja")
            .render(
                report=report,
                probed=probed,
                limits=[
                    (name, getattr(limits, name), field.description) for name, field in Thresholds.model_fields.items()
                ],
                charts=drawn(report),
                groupings=[
                    (grouping, _of_grouping(report, number)) for number, grouping in enumerate(report.groupings)
                ],
                style=_packaged("report.css"),
                script=_packaged("report.js"),
                library=library(),
            )
        )


def drawn(report: AuditReport) -> dict[str, Chart]:
    """The charts that every report has, by name."""
    made = (
        charts.roles(report.summaries),
        charts.spreads(report.summaries),
        charts.skills(report),
        charts.drift(report.groupings),
    )
    mapped = (charts.scatter(report.map),) if report.map else ()
    reached = (charts.reach(each, number) for number, each in enumerate(report.coverage.reached))
    learnt = (charts.losses(report.learnt),) if report.learnt else ()
    return {chart.name: chart for chart in (*made, *reached, *mapped, *learnt) if chart.rows}


def _of_grouping(report: AuditReport, number: int) -> list[Chart]:
    grouping = report.groupings[number]
    return [chart for chart in (charts.ratios(grouping, number), charts.forest(grouping, number)) if chart.rows]


def environment() -> Environment:
    """Templates with autoescape; figures are put into words by filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("curate.audit", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": words.number,
        "percent": words.percent,
        "probability": words.probability,
        "interval": words.interval,
        "share_interval": words.share_interval,
        "plural": words.plural,
        "commands": _commands,
    }
    made.globals["words"] = words
    return made


def _commands(text: str) -> Markup:
    """A text of ours with its commands set as such, and all else escaped."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`(curate [^`]+)`", r"<code>\1</code>", str(escape(text))))


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, as vl-convert carries them: the same for one version of it."""
    from vl_convert import javascript_bundle

    bundle: str = javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if "</script" in bundle.lower() or "<!--" in bundle:
        raise ValueError("the chart library holds a tag that would end its script element")
    return bundle


def _packaged(name: str) -> str:
    return files("curate.audit").joinpath(name).read_text(encoding="utf-8")
