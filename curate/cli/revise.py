"""`curate revise`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curate import studies
from curate.cli import output
from curate.cli.options import common, engines, setting
from curate.cli.session import recipe_of, writing
from curate.study.revision import Settings

if TYPE_CHECKING:
    from curate.engines.choice import Choice
    from curate.study.revision import Revision


@click.command("revise", epilog="Example: curate revise runs/first -o runs/second --feedback verdicts.csv")
@click.argument("run", metavar="RUN")
@click.option("-o", "--output", "into", metavar="RUN2", required=True, help="New folder for the next edition.")
@click.option("--feedback", metavar="FILE", help="Verdicts of people, as .csv or .jsonl with id, verdict, note.")
@click.option("--add", metavar="SOURCE", multiple=True, help="A source of new rows; may be given again.")
@setting(Settings, "learnt")
@setting(Settings, "noise")
@setting(Settings, "stagnant")
@setting(Settings, "budget")
@engines
@common
def command(
    run: str,
    into: str,
    feedback: str | None,
    add: tuple[str, ...],
    engine: Choice,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Make the next edition of RUN from what its training, its gates and people say of it, and from new rows.

    Only what the evidence moves is moved: learnt rows become review, suspected noise is quarantined, skills that
    stagnate get easier or more rows; borders, ranks and the budget of tokens stay.
    """
    recipe = studies.recipe_of_edition(recipe_of(run), add, given)
    studies.fork(run, into)
    with writing(into, recipe, engine=engine, quiet=quiet, verbose=verbose) as pipeline:
        revision = studies.revise(run, pipeline, feedback)
    if as_json:
        output.as_json(revision)
        return
    _shown(revision)
    output.note(f"dataset: {into}/dataset\nnext: curate diff {run} {into}")


def _shown(revision: Revision) -> None:
    rows = [(name.replace("_", " "), count) for name, count in (revision.evidence | revision.moves).items()]
    output.table("Evidence and moves", ("what", "count"), rows)
    if revision.skills:
        skills = [(each.skill, each.tier, each.rows, each.fall, each.right, each.given) for each in revision.skills]
        output.table("Skills that stagnate", ("skill", "tier", "rows", "fall", "right", "given"), skills)
    tokens = (revision.parent_tokens, revision.budget, revision.tokens)
    output.table("Tokens", ("of the parent", "budget", "of this edition"), [tokens])
    if not revision.changed:
        output.note("nothing is known that was not known before: the dataset is its parent's, byte by byte")
    for line in revision.notes:
        output.note(line)
