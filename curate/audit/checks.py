"""Findings on the order, the coverage and the quality of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.audit.report import Example, Figure, Finding, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.audit.report import Coverage, Progression, Quality, Reached, Severity, Step
    from curate.audit.thresholds import Thresholds

_PERSONAL = "check that you may train on personal data, or mask it in the source"

MARKS: tuple[tuple[str, Severity, str], ...] = (
    ("control tokens", "warning", "remove them from the source: a trainer takes them for the end of a turn"),
    ("keys and secrets", "error", "remove them from the source and have them revoked"),
    ("e-mail addresses", "note", _PERSONAL),
    ("telephone numbers", "note", _PERSONAL),
    ("cards and bank accounts", "warning", _PERSONAL),
)
"""Marks that the text should not hold, how grave they are, and what to do."""


def of_progression(progression: Progression, limits: Thresholds) -> Iterator[Finding]:
    """Whether difficulty rises, by more than length; whether stages differ; whether review comes as planned."""
    tau = progression.tau
    if tau is not None and tau <= 0:
        yield Finding(
            severity="warning",
            kind="progression",
            figure=Figure(name="Kendall's tau of stage and difficulty", value=tau),
            threshold="above 0",
            says="Difficulty does not rise from stage to stage.",
            mend="choose an ascending policy with --policy, or turn a score round in [tier.weights]",
        )
    if progression.length_share is not None and progression.length_share >= limits.length_share:
        yield Finding(
            severity="warning",
            kind="progression",
            figure=Figure(name="share of difficulty that length explains", value=progression.length_share),
            threshold=f"below {limits.length_share:g}",
            says="The order is little more than an order by length.",
            mend="add a scorer that sees more than length, or weigh length less in [tier.weights]",
        )
    for step in progression.steps:
        yield from _step(step, limits)
    for review in progression.reviews:
        if review.planned is not None and abs(review.share - review.planned) > 0.5 * review.planned:
            yield Finding(
                severity="note",
                kind="progression",
                places=(Place(scope="stage", number=review.stage),),
                figure=Figure(name="share of review", value=review.share),
                threshold=f"within half of the planned {review.planned:.1%}",
                says=f"Stage {review.stage} reviews {review.share:.1%} of its rows; {review.planned:.1%} was planned.",
                mend="earlier stages may hold too little to look back on: choose fewer --stages, or less [pace] review",
            )
    if progression.roles_out_of_turn:
        yield Finding(
            severity="error",
            kind="progression",
            figure=Figure(name="reviews before the row was new", value=progression.roles_out_of_turn),
            threshold="0",
            says=f"{progression.roles_out_of_turn} rows are reviewed or repeated before they were new.",
            mend="give `curate tier` again, then `curate verify`",
        )


def _step(step: Step, limits: Thresholds) -> Iterator[Finding]:
    if step.delta is None:
        return
    places = (Place(scope="stage", number=step.stage), Place(scope="stage", number=step.following))
    figure = Figure(name="Cliff's delta of difficulty", value=step.delta, interval=step.interval)
    if step.delta <= -limits.delta_warning:
        yield Finding(
            severity="warning",
            kind="progression",
            places=places,
            figure=figure,
            threshold=f"above {-limits.delta_warning:g}",
            says=f"Stage {step.following} is easier than stage {step.stage} before it.",
            mend="see whether prerequisites in skills.toml hold easy rows back, or choose fewer stages with --stages",
        )
    elif abs(step.delta) < limits.delta_warning and step.skill_distance < limits.redundant_distance:
        yield Finding(
            severity="note",
            kind="progression",
            places=places,
            figure=figure,
            threshold=f"from {limits.delta_warning:g}, or skill shares {limits.redundant_distance:g} apart",
            says=f"Stages {step.stage} and {step.following} are alike in difficulty and skills.",
            mend="choose fewer stages with --stages",
        )


def of_coverage(coverage: Coverage, limits: Thresholds) -> Iterator[Finding]:
    """What the hold-out asks for and no stage teaches, what is out of reach, missing, or never reviewed."""
    for reached in coverage.reached:
        yield from _reached(reached, limits)
    if coverage.gaps:
        named = ", ".join(f"{gap.skill} in {gap.place.name} ({gap.due:.0f} due)" for gap in coverage.gaps[:6])
        more = f" and {len(coverage.gaps) - 6} more" if len(coverage.gaps) > 6 else ""
        yield Finding(
            severity="note",
            kind="coverage",
            column="skill",
            places=tuple(dict.fromkeys(gap.place for gap in coverage.gaps)),
            figure=Figure(name="empty cells where rows are due", value=len(coverage.gaps)),
            threshold=f"0 where {limits.expected_count:g} rows or more are due",
            says=f"Some skills have no rows where an even spread would have some: {named}{more}.",
            mend="add rows of that skill and difficulty",
        )
    for skill, rows in coverage.untaught.items():
        yield Finding(
            severity="error",
            kind="coverage",
            column="skill",
            value=skill,
            figure=Figure(name="held-out rows", value=rows),
            threshold="0 where no stage teaches the skill",
            says=f"The hold-out asks for skill {skill} in {rows} rows, and no stage teaches it.",
            mend="add rows of this skill, or hold out less with --holdout",
        )
    if coverage.unreviewed and any(each.rows > each.new for each in coverage.cells):
        yield Finding(
            severity="note",
            kind="coverage",
            column="skill",
            figure=Figure(name="skills never reviewed", value=len(coverage.unreviewed)),
            threshold="0",
            says="Taught before the last stage and never reviewed: " + ", ".join(coverage.unreviewed[:12]) + ".",
            mend="raise [pace] review, or spread the skill over more stages",
        )


def of_quality(quality: Quality, limits: Thresholds) -> Iterator[Finding]:
    """Rejections, failed scores, control tokens and secrets."""
    lost = quality.outcomes.get("rejected", 0)
    if quality.input_rows and lost / quality.input_rows > limits.rejected_share:
        worst = max(quality.rejected, key=lambda reason: sum(quality.rejected[reason].values()))
        yield Finding(
            severity="warning",
            kind="quality",
            figure=Figure(name="share of rejected rows", value=lost / quality.input_rows),
            threshold=f"at most {limits.rejected_share:g}",
            says=f"{lost} of {quality.input_rows} input rows were rejected, most of them because: {worst}.",
            mend="look at rejected/ in the run folder; --map names the columns of a format that is not recognised",
        )
    for scorer in quality.scorers:
        total = scorer.ok + scorer.not_applicable + scorer.failed
        if total and scorer.failed / total > limits.failed_share:
            yield Finding(
                severity="warning",
                kind="quality",
                figure=Figure(name=f"share of rows on which {scorer.alias} failed", value=scorer.failed / total),
                threshold=f"at most {limits.failed_share:g}",
                says=f"Scorer {scorer.alias} failed on {scorer.failed} of {total} rows.",
                mend="its reasons are in the report; --max-failures stops a run earlier",
            )
    for name, severity, mend in MARKS:
        if quality.marks.get(name):
            yield Finding(
                severity=severity,
                kind="quality",
                figure=Figure(name=f"rows with {name}", value=quality.marks[name]),
                threshold="0",
                says=f"{quality.marks[name]} examples hold {name}{_types(quality, name)}.",
                mend=mend,
                examples=tuple(Example(id=each, text=None) for each in quality.marked.get(name, ())),
            )


def _types(quality: Quality, mark: str) -> str:
    """The types of secret, where these are the mark."""
    named = ", ".join(f"{kind}: {rows}" for kind, rows in quality.secrets.items())
    return f" ({named})" if named and mark == "keys and secrets" else ""


def _reached(reached: Reached, limits: Thresholds) -> Iterator[Finding]:
    """Whether what is trained comes as near to the texts as rows drawn from where they come from would."""
    line = next((each for each in reached.reaches if each.place.scope == "train"), None)
    if line is None or line.expected <= 0 or line.interval.high is None:
        return
    if line.interval.high >= limits.ratio_low * line.expected:
        return
    far = line.interval.high < limits.ratio_error_low * line.expected
    skills = ", ".join(f"{name} ({rows})" for name, rows in list(reached.unreached_by_skill.items())[:4])
    yield Finding(
        severity="error" if far else "warning",
        kind="coverage",
        places=(line.place,),
        figure=Figure(name="share within the k-NN radius of a trained row", value=line.share, interval=line.interval),
        threshold=f"from {limits.ratio_low:g} of the {line.expected:.1%} that as many rows of its kind would reach",
        says=(
            f"{reached.unreached} of {reached.texts} texts of the {reached.name} have no trained row near them"
            + (f", most of skill {skills}." if skills else ".")
        ),
        mend="add rows like those that are shown under Coverage, or ask less of the curriculum",
        examples=reached.farthest[:2],
    )
