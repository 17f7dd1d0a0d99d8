"""`curate mine`."""

from __future__ import annotations

from itertools import groupby

import click

from curate.cli import output
from curate.cli.options import common
from curate.cli.session import recipe_of, writing
from curate.mine.step import Report
from curate.recipe import changed

_WIDTH = 60


@click.command("mine", epilog="Example: curate mine runs/first --against benchmark.jsonl")
@click.argument("run", metavar="RUN")
@click.option("--against", multiple=True, metavar="SOURCE", help="A benchmark whose rows must not be trained on.")
@common
def command(run: str, against: tuple[str, ...], quiet: bool, verbose: bool, as_json: bool) -> None:
    """Look for duplicates, leaked benchmarks, edge cases and suspected noise in RUN.

    Mining only proposes; `curate tier` decides what leaves. Without vectors (no scorer of density) only texts are
    compared.
    """
    given = {"against": [{"path": path} for path in against] or None}
    recipe = changed(recipe_of(run), {"": given})
    with writing(run, recipe, quiet=quiet, verbose=verbose) as pipeline:
        report = pipeline.build("mine")
    if not isinstance(report, Report):
        raise TypeError("the step mine gave another report")
    if as_json:
        output.as_json(report)
        return
    rows = [(table, kind, count) for table, kinds in report.kinds.items() for kind, count in kinds.items()]
    output.table("Proposed", ("table", "kind", "examples"), rows)
    for (table, kind), found in groupby(report.strongest, key=lambda one: (one.table, one.kind)):
        lines = [
            (
                one.id[:8],
                one.strength,
                one.because,
                output.cut(one.text, _WIDTH),
                output.cut(one.beside or one.partner or "", _WIDTH),
            )
            for one in found
        ]
        output.table(f"Strongest in {table}: {kind}", ("id", "strength", "why", "text", "beside"), lines)
    for line in report.skipped:
        output.note(f"left out: {line}")
    output.note(f"next: curate tier {output.quoted(run)}")
