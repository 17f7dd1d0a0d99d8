"""`curate explain`."""

from __future__ import annotations

import click

from curate.cli import output
from curate.cli.options import common
from curate.run import Run


@click.command("explain", epilog="Example: curate explain runs/first lessons.jsonl:12")
@click.argument("run", metavar="RUN")
@click.argument("row", metavar="ID|SOURCE:ROW")
@common
def command(run: str, row: str, quiet: bool, verbose: bool, as_json: bool) -> None:
    """Tell the story of one row of RUN: its origin, scores, skill, fate, tier, and when it is trained on."""
    del quiet, verbose
    story = Run(run).explain(row)
    if as_json:
        output.as_json(story)
        return
    for origin in story.origins:
        more = f": {origin.reason}" if origin.reason else ""
        repairs = f" (repaired: {', '.join(origin.repairs)})" if origin.repairs else ""
        click.echo(f"{origin.source}:{origin.row} is {origin.outcome}{more}{repairs}")
    if story.id is None:
        return
    facts: list[tuple[str, object]] = [
        ("id", story.id),
        *([("variation of", story.parent)] if story.parent else []),
        ("skill", story.skill),
        ("fate", story.fate),
        ("tier", story.tier),
    ]
    facts += [("difficulty", story.difficulty), ("uncertainty", story.uncertainty)]
    output.table("Row", ("what", "value"), [(name, output.shown(value)) for name, value in facts])
    output.table("Scores", ("score", "value"), [(name, output.shown(value)) for name, value in story.scores.items()])
    output.table("Why", ("",), [(line,) for line in story.because])
    places = [(place.order, place.stage, place.role, place.because) for place in story.places]
    output.table("Places in the order", ("order", "stage", "role", "why"), places)
    click.echo(story.text)
