"""`curate diagnose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curate import studies
from curate.cli import output
from curate.cli.options import common
from curate.cli.session import recipe_of

if TYPE_CHECKING:
    from curate.study.diagnosis import Diagnosed, Failing

_PATTERNS = 8


@click.command("diagnose", epilog="Example: curate diagnose runs/first --stage 2")
@click.argument("run", metavar="RUN")
@click.option("--stage", type=click.IntRange(0), help="This stage alone. [default: all that were trained]")
@click.option("--signals", metavar="RUN2", help="Look at the training in another run folder of the same dataset.")
@common
def command(run: str, stage: int | None, signals: str | None, quiet: bool, verbose: bool, as_json: bool) -> None:
    """Say why a stage of the training of RUN does badly, and what to change; group what the model still gets wrong.

    Decides between data (noise, duplicates, shift, too few rows), task design (missing prerequisite, jump, skill mix)
    and optimisation (divergence, low rate, underfitting), from the signals of training, the probes and the tables of
    the run. The thresholds are [diagnose] of the recipe.
    """
    recipe_of(run)
    with output.watched(quiet=quiet, verbose=verbose):
        told = studies.diagnose(run, signals=signals, stage=stage)
    if as_json:
        output.as_json(told)
        return
    _shown(told)
    output.note(f"all figures: {run}/study/diagnosis.json")


def _shown(told: Diagnosed) -> None:
    rows = [
        (seen.stage, seen.rows, seen.visits, seen.first_loss, seen.last_loss, seen.wrong, each.cause or "none")
        for seen, each in zip(told.evidence, told.stages, strict=True)
    ]
    output.table("Stages", ("stage", "rows", "visits", "loss at first", "at last", "wrong", "cause"), rows)
    suspects = [
        (each.stage, at.cause, at.kind, at.because, at.proposal) for each in told.stages for at in each.suspicions
    ]
    if suspects:
        output.table("Causes, the likeliest first", ("stage", "cause", "of", "because", "proposal"), suspects)
    if told.patterns:
        lines = [
            (each.by, each.name, each.rows, f"{each.share:.0%}", f"{each.elsewhere:.0%}", each.p, _near(each.examples))
            for each in told.patterns[:_PATTERNS]
        ]
        heads = ("by", "group", "rows", "fail", "elsewhere", "p", "worst, and the nearest training row")
        output.table(f"What {told.probe} gets wrong: {told.failing[0]} of {told.failing[1]} rows", heads, lines)
    for line in told.skipped:
        output.note(f"left out: {line}")


def _near(examples: tuple[Failing, ...]) -> str:
    return "; ".join(f"{each.id[:8]} ({each.nearest[0].id[:8]})" for each in examples[:2] if each.nearest)
