"""The short table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.cli import output, picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.audit.step import Report as AuditReport
    from curate.core.measured import Estimate, Measured
    from curate.core.plan import Plan
    from curate.ingest.step import Report as IngestReport
    from curate.score.agree import Agreement
    from curate.score.step import Report as ScoreReport
    from curate.tier.step import Report as TierReport

MOST_FINDINGS = 8
"""Findings shown at the end of a run; the report has them all."""

_NAMES = 4
"""Skills that one cell names; the rest is counted, and plan.json has them all."""


def taken(report: IngestReport) -> None:
    """What came in."""
    rows: list[tuple[str, int]] = [("rows in", report.rows), ("examples", report.examples), ("copies", report.copies)]
    rows.append(("rejected", report.rejected))
    rows += [(f"  {reason}", count) for reason, count in report.rejected_by_reason.items()]
    output.table("Input", ("what", "rows"), rows)


def scored(report: ScoreReport) -> None:
    """How each scorer went."""
    rows = [(each.alias, each.scorer, each.ok, each.not_applicable, each.failed) for each in report.scorers]
    output.table("Scores", ("alias", "scorer", "ok", "not applicable", "failed"), rows)
    for each in report.scorers:
        if each.counted_rows not in (None, report.rows):
            output.note(
                f"{each.alias} is held against statistics of {each.counted_rows:,} rows, now there are "
                f"{report.rows:,}; `curate tier --refresh` counts anew"
            )


def agreed(report: Agreement) -> None:
    """How the scores agree with each other, with length and with the label."""
    names = report.headlines
    rows = []
    for one, name in enumerate(names):
        told = [*report.given_length[one][:one], "", *report.spearman[one][one + 1 :]]
        rows.append((f"{one + 1}", name, *map(output.shown, told)))
    columns = ("", "score", *(f"{number}" for number in range(1, len(names) + 1)))
    output.table("Agreement of scores: rank correlation; below the diagonal with length held constant", columns, rows)
    with_label = report.label is not None
    lines = [
        (line.score, line.rising or "", line.rows, line.length, *(line.label, line.label_given_length) * with_label)
        for line in report.lines
    ]
    about = f" and {report.label!r}, which {report.labelled:,} rows have" if with_label else ""
    heads = ("score", "rising", "rows", "length", *("label", "label given length") * with_label)
    output.table(f"Agreement with length{about}", heads, lines)
    made = ", ".join(one.score for one in report.ingredients) or "nothing"
    agree = f"; Kendall's W of these: {output.shown(report.concordance)}, over {report.concordant_rows:,} rows"
    output.note(f"difficulty is made of {made}{'' if report.concordance is None else agree}")


def divided(report: TierReport, rows: int) -> None:
    """What people should know of the tiers: how labels and scores agree, who sinks, what the hold-out costs."""
    lines = [
        (one.kind, one.rows, one.uses, one.fitted, one.declared, one.length, one.random, one.given_length)
        for one in report.measured.calibration
    ]
    if lines:
        heads = ("kind", "labelled", "weights", "fitted", "declared", "length", "random", "given length")
        output.table("Difficulty against labels: rank correlation on rows left out", heads, lines)
    for line in report.sinking:
        output.note(line)
    near = report.fates.get("near_holdout", 0)
    if near:
        output.note(
            f"{near:,} of {rows:,} examples ({near / rows:.1%}) are too near to a held-out one and are not trained on; "
            "[tier] holdout_similarity says how near"
        )
    if report.measured.rows != rows:
        output.note(
            f"ranks and borders are those of {report.measured.rows:,} rows, now there are {rows:,}; "
            "--refresh measures anew"
        )


def planned(plan: Plan) -> None:
    """What each stage holds."""
    rows = [
        (
            stage.name + (" (mixed)" if stage.mixed else ""),
            stage.rows,
            stage.new,
            stage.edges,
            stage.review,
            stage.repeat,
            stage.augmented,
            stage.tokens,
            stage.difficulty,
            len(stage.skills),
            _some(stage.opens_skills),
        )
        for stage in plan.stages
    ]
    columns = ("stage", "rows", "new", "edges", "review", "again", "varied", "tokens", "difficulty", "skills", "opens")
    output.table("Stages", columns, rows)
    output.table("Fates", ("fate", "examples"), list(plan.fates.items()))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "") or "-"


def drawn(plan: Plan) -> None:
    """The plan as a picture, and what trainers would cut off."""
    output.drawing("Picture", picture.lines(plan))
    lost = [(one.limit, one.tier, one.rows, one.truncated, one.dropped) for one in plan.lengths if one.truncated]
    if lost:
        output.table("Longer than a trainer's limit", ("limit", "tier", "rows", "truncated", "dropped"), lost)


def left_out(plan: Plan) -> None:
    """What the plan was asked for and could not keep."""
    for line in plan.skipped:
        output.note(f"left out: {line}")


def audited(report: AuditReport) -> None:
    """What the audit found, gravest first."""
    if not report.findings:
        output.table("Findings", ("severity", "finding"), [("-", "none")])
        return
    rows = [(each.severity, each.says) for each in report.findings[:MOST_FINDINGS]]
    more = len(report.findings) - len(rows)
    output.table(
        "Findings", ("severity", "finding"), [*rows, *([("", f"and {more} more in the report")] if more else [])]
    )


def probed(measured: Measured) -> None:
    """How a model does on what is held out: cells, calibration, gaps, and what changed."""
    output.table(
        f"{measured.name} ({measured.size}, {measured.precision})",
        ("skill", "tier", "rows", "loss", "token accuracy", "choices right", "answers right"),
        [
            (
                cell.skill or "all",
                "all" if cell.tier is None else str(cell.tier),
                cell.result.loss.rows,
                _spanned(cell.result.loss),
                _spanned(cell.result.token_accuracy),
                _spanned(cell.result.choice_accuracy),
                _spanned(cell.result.match),
            )
            for cell in measured.cells
            if cell.skill is None or cell.tier is None
        ],
    )
    output.table(
        "Calibration",
        ("of", "guesses", "confidence", "error (ECE)", "by chance", "Brier"),
        [
            (each.kind, each.observations, each.confidence, _spanned(each.ece), each.by_chance, _spanned(each.brier))
            for each in measured.calibration
        ],
    )
    output.table(
        "Robustness: against the same rows as they were",
        ("family", "kind", "rows", "loss", "token accuracy", "choices right"),
        [
            (
                gap.family,
                gap.kind,
                gap.loss.rows,
                _spanned(gap.loss),
                _spanned(gap.token_accuracy),
                _spanned(gap.choice_accuracy),
            )
            for gap in measured.gaps
        ],
    )
    if measured.resistance:
        output.table(
            "Right answer likelier than the lure",
            ("kind", "rows", "share"),
            [(each.kind, each.share.rows, _spanned(each.share)) for each in measured.resistance],
        )
    if measured.changes:
        rows = [
            (each.skill or "all", "all" if each.tier is None else str(each.tier), each.loss.rows, _spanned(each.loss))
            for each in measured.changes
            if each.skill is None or each.tier is None
        ]
        output.table(f"Change of loss since {measured.since}", ("skill", "tier", "rows", "loss"), rows)


def _spanned(figure: Estimate | None) -> str | None:
    """A figure and the ends of its interval."""
    if figure is None:
        return None
    ends = "" if figure.low is None or figure.high is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{ends}"
