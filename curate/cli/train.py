"""`curate train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curate.cli import output
from curate.cli.options import common, setting
from curate.cli.session import reading, recipe_of, writing
from curate.pipeline import Pipeline
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.train.settings import Settings
from curate.train.step import restart

if TYPE_CHECKING:
    from curate.train.step import Outline, Report


@click.command("train", epilog="Example: curate train runs/first --model auto --score 0.9 --drop 0.05 --gate-every 20")
@click.argument("run", metavar="RUN")
@setting(Settings, "model")
@setting(Settings, "trainer")
@setting(Settings, "adapter")
@setting(Settings, "learning_rate")
@setting(Settings, "shape")
@setting(Settings, "final")
@setting(Settings, "batch_rows")
@setting(Settings, "accumulation")
@setting(Settings, "max_tokens")
@setting(Settings, "max_steps")
@setting(Settings, "gates")
@setting(Settings, "score")
@setting(Settings, "gain")
@setting(Settings, "gain_steps")
@setting(Settings, "drop")
@setting(Settings, "gate_every")
@setting(Settings, "patience")
@setting(Settings, "adaptive")
@setting(Settings, "checkpoint_every")
@setting(Settings, "average")
@setting(Settings, "seed")
@setting(Settings, "device")
@click.option("--trust", is_flag=True, help="Train although the audit failed or a file was altered.")
@click.option("--restart", "anew", is_flag=True, help="Forget the training that was begun here.")
@click.option("--dry-run", is_flag=True, help="Show stages, steps, rates, gates and time; train nothing.")
@common
def command(
    run: str,
    trust: bool,
    anew: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Fine-tune a model on the dataset of RUN in stage order, with gates, and write RUN/training.

    A training that was stopped goes on at the row where it was. Nothing is rebuilt: where the run is stale, the
    command to run first is named.
    """
    recipe = changed(recipe_of(run), {"train": given})
    if dry_run:
        with output.watched(quiet=quiet, verbose=verbose):
            outline = Pipeline(Workspace(run), recipe).outline(trust=trust)
        _outlined(outline, as_json=as_json)
        return
    reading(run).require("write")
    with writing(run, recipe, quiet=quiet, verbose=verbose) as pipeline:
        if anew:
            restart(pipeline.space)
        report = pipeline.fine_tune(trust=trust)
    if as_json:
        output.as_json(report)
        return
    _trained(report)
    output.note(f"model: {run}/training/model\ndecisions: {run}/training/decisions.jsonl")
    output.note(f"curves: tensorboard --logdir {run}/training/logs")


def _outlined(outline: Outline, *, as_json: bool) -> None:
    if as_json:
        output.as_json(outline)
        return
    rows = [
        (
            stage.stage,
            stage.rows,
            stage.tokens,
            stage.steps,
            f"{stage.first_rate:.2e}",
            f"{stage.last_rate:.2e}",
            stage.gate,
        )
        for stage in outline.stages
    ]
    columns = ("stage", "rows", "tokens", "steps", "first rate", "last rate", "ends with")
    output.table(f"Would train {outline.model} ({outline.adapter}, {outline.trainer})", columns, rows)
    looks = f"; gates look {outline.looks} times, up to {outline.look_seconds:.1f} s each" * bool(outline.looks)
    output.note(
        f"{outline.rows:,} rows, {outline.tokens:,} tokens, {outline.steps:,} steps, about {outline.seconds:,} seconds "
        f"without probes and checkpoints{looks}; nothing was trained"
    )


def _trained(report: Report) -> None:
    rows = [
        (
            stage.stage,
            stage.steps,
            stage.rows,
            stage.tokens,
            stage.first_loss,
            stage.last_loss,
            stage.probe_loss,
            stage.probe_accuracy,
        )
        for stage in report.stages
    ]
    columns = ("stage", "steps", "rows", "tokens", "loss at first", "at last", "held out", "accuracy")
    output.table(f"Trained {report.model}: {report.ended}", columns, rows)
    names = sorted({each.skill for stage in report.stages for each in stage.skills})
    by_stage = [{each.skill: each.loss for each in stage.skills} for stage in report.stages]
    output.table(
        "Loss by skill",
        ("skill", *(f"stage {stage.stage}" for stage in report.stages)),
        [(name, *(losses.get(name) for losses in by_stage)) for name in names],
    )
    lost = sum(report.passed_over.values())
    if lost or report.cut:
        output.note(f"{sum(report.cut.values())} rows were cut; {lost} had no answer left: raise --max-tokens")
