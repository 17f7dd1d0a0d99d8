"""`curate run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curate.audit.step import Report as AuditReport
from curate.cli import output, summary
from curate.cli.options import common, engines
from curate.cli.session import writing
from curate.core.plan import Plan
from curate.errors import SettingsError
from curate.ingest.step import Report as IngestReport
from curate.pipeline import hold_gate, settle
from curate.recipe import read_recipe

if TYPE_CHECKING:
    from curate.engines.choice import Choice


@click.command("run", epilog="Example: curate run examples/quickstart.toml -o runs/quickstart")
@click.argument("recipe", metavar="RECIPE.toml", type=click.Path(path_type=Path))
@click.option("-o", "--output", "run", metavar="RUN", help="Run folder. [default: runs/ and the recipe's name]")
@engines
@click.option("--dry-run", is_flag=True, help="Estimate tokens and time; write nothing.")
@common
def command(
    recipe: Path, run: str | None, engine: Choice, dry_run: bool, quiet: bool, verbose: bool, as_json: bool
) -> None:
    """Do everything that a recipe says: score, tier, write, audit. What stands already is kept."""
    asked = read_recipe(recipe)
    if not asked.sources:
        raise SettingsError(f"the recipe {recipe} names no sources", fix='write sources = ["FILE.jsonl"] at its top')
    if dry_run:
        from curate.cli import estimate

        estimate.show(asked, as_json=as_json)
        return
    folder = run or f"runs/{recipe.stem}"
    settled = settle(asked)
    with writing(folder, settled, engine=engine, quiet=quiet, verbose=verbose) as pipeline:
        audited = pipeline.build("audit")
    taken, plan = pipeline.report("ingest"), pipeline.report("pace")
    if not isinstance(taken, IngestReport) or not isinstance(plan, Plan) or not isinstance(audited, AuditReport):
        raise TypeError("the steps gave other reports")
    if as_json:
        reports = {name: pipeline.report(name).model_dump(mode="json") for name in pipeline.steps("audit")}
        output.as_json(reports)
    else:
        summary.taken(taken)
        summary.planned(plan)
        summary.audited(audited)
        output.note(f"dataset: {folder}/dataset\nreport: {folder}/audit/report.html")
        output.note(f"next: curate verify {output.quoted(folder)}")
    hold_gate(audited, settled.audit)
