"""`curate audit`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

from curate.audit.settings import Matching
from curate.audit.step import Report
from curate.audit.step import Settings as AuditSettings
from curate.cli import output, summary
from curate.cli.options import common, setting
from curate.cli.session import recipe_of, writing
from curate.errors import SettingsError
from curate.pipeline import hold_gate
from curate.recipe import changed

LISTS = ("texts", "aligned")
"""Keys of --match that name several columns."""


@click.command("audit", epilog="Example: curate audit runs/first --by author,language --fail-on error")
@click.argument("run", metavar="RUN")
@setting(AuditSettings, "by")
@setting(AuditSettings, "unit")
@click.option("--reference", multiple=True, metavar="SOURCE", help="Texts that the curriculum should cover.")
@click.option(
    "--pairs",
    multiple=True,
    metavar="SOURCE",
    help="Texts of one meaning, whose difficulty is compared: rows with columns pair and group, or as --match says.",
)
@click.option(
    "--match",
    metavar="KEY=COLUMN,...",
    help="How texts of --pairs go together: texts=A+B (columns of a row), group=A,pair=B, or group=A,aligned=B+C: the "
    "n-th row of each A, among rows of equal B and C.",
)
@click.option("--lexicon", metavar="TOML", type=click.Path(path_type=Path), help="Terms of yours by axis and value.")
@setting(AuditSettings, "parent")
@setting(AuditSettings, "fail_on")
@setting(AuditSettings, "render")
@common
def command(
    run: str,
    reference: tuple[str, ...],
    pairs: tuple[str, ...],
    match: str | None,
    lexicon: Path | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Write a report on balance, coverage and progression of RUN to RUN/audit.

    Nothing is rebuilt: where the run is stale, the command to run first is named.
    """
    if match and not pairs:
        raise SettingsError("--match says how texts of --pairs go together, and there are none", fix="give --pairs too")
    beside = {
        "reference": [{"path": path} for path in reference] or None,
        "pairs": [{"path": path, **_read_match(match)} for path in pairs] or None,
    }
    options = {**given, "lexicon": None if lexicon is None else _read_lexicon(lexicon)}
    recipe = changed(recipe_of(run), {"": beside, "audit": options})
    with writing(run, recipe, quiet=quiet, verbose=verbose) as pipeline:
        pipeline.require("write")
        report = pipeline.build("audit")
    if not isinstance(report, Report):
        raise TypeError("the step audit gave another report")
    if as_json:
        output.as_json(report)
    else:
        summary.audited(report)
        output.note(f"report: {run}/audit/report.html")
    hold_gate(report, recipe.audit)


def _read_match(text: str | None) -> dict[str, object]:
    """``group=A,aligned=B+C`` as the recipe has it: lists where the recipe has lists."""
    told: dict[str, object] = {}
    for each in text.split(",") if text else ():
        key, equals, value = each.partition("=")
        key = key.strip()
        if key not in Matching.model_fields or not equals:
            raise SettingsError(
                f"--match has {each.strip()!r}, which it does not know",
                fix="write texts=A+B, group=A,pair=B or group=A,aligned=B+C",
            )
        names = tuple(name.strip() for name in value.split("+") if name.strip())
        told[key] = names if key in LISTS else value.strip()
    return told


def _read_lexicon(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"the lexicon {path} cannot be read: {error}", fix='write TOML: [gender] and female = ["Frau"] below it'
        ) from error
