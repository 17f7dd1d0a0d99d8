"""`curate audit`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

from curate.audit.step import Report
from curate.audit.step import Settings as AuditSettings
from curate.cli import output, summary
from curate.cli.options import common, setting
from curate.cli.session import recipe_of, writing
from curate.errors import SettingsError
from curate.pipeline import hold_gate
from curate.recipe import changed


@click.command("audit", epilog="Example: curate audit runs/first --by author,language --fail-on error")
@click.argument("run", metavar="RUN")
@setting(AuditSettings, "by")
@setting(AuditSettings, "unit")
@click.option("--reference", multiple=True, metavar="SOURCE", help="Texts that the curriculum should cover.")
@click.option(
    "--pairs",
    multiple=True,
    metavar="SOURCE",
    help="Texts of one meaning, with columns pair and group, whose difficulty is compared.",
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
    lexicon: Path | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Write a report on balance, coverage and progression of RUN to RUN/audit.

    Nothing is rebuilt: where the run is stale, the command to run first is named.
    """
    named = {"reference": reference, "pairs": pairs}
    beside = {name: [{"path": path} for path in paths] or None for name, paths in named.items()}
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


def _read_lexicon(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"the lexicon {path} cannot be read: {error}", fix='write TOML: [gender] and female = ["Frau"] below it'
        ) from error
