"""`curate show`."""

from __future__ import annotations

import click

from curate.cli import output
from curate.cli.options import common
from curate.cli.session import reading
from curate.explain import step as explain

_WIDTH = 80


@click.command("show", epilog="Example: curate show runs/first --stage 2 -n 5")
@click.argument("run", metavar="RUN")
@click.option("--stage", type=int, help="Only rows of this stage, from 0.")
@click.option("--tier", type=int, help="Only rows of this tier, from 0.")
@click.option("-n", "--rows", "most", type=click.IntRange(1), default=10, show_default=True, help="Most rows to show.")
@common
def command(
    run: str, stage: int | None, tier: int | None, most: int, quiet: bool, verbose: bool, as_json: bool
) -> None:
    """Look at rows of RUN in training order."""
    del quiet, verbose
    rows = explain.rows(reading(run).space, stage, tier, most)
    if as_json:
        output.as_json([row.model_dump(mode="json") for row in rows])
        return
    cells = [
        (row.order, row.stage, row.tier, row.role, row.skill, row.difficulty, row.id[:8], output.cut(row.text, _WIDTH))
        for row in rows
    ]
    output.table(run, ("order", "stage", "tier", "role", "skill", "difficulty", "id", "text"), cells)
