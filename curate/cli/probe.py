"""`curate probe`."""

from __future__ import annotations

from typing import get_args

import click

from curate.cli import output, summary
from curate.cli.options import common, setting
from curate.cli.session import recipe_of, writing
from curate.core.measured import Size
from curate.probe.settings import Settings as ProbeSettings
from curate.recipe import changed


@click.command("probe", epilog="Example: curate probe runs/first --model runs/first/training/model --name after")
@click.argument("run", metavar="RUN")
@click.option("--model", default="auto", show_default=True, help="Causal model or checkpoint: hub id, folder or .gguf.")
@click.option(
    "--size",
    type=click.Choice(get_args(Size)),
    default="quick",
    show_default=True,
    help="How many held-out rows are asked; quick is cheap enough for gates.",
)
@click.option("--stage", type=click.IntRange(0), help="Stage after which the checkpoint was taken.")
@click.option("--training", help="Training that the checkpoint is of. [default: the one in whose folder it lies]")
@click.option("--name", help="Name of the checkpoint in reports. [default: the model's]")
@setting(ProbeSettings, "unit")
@setting(ProbeSettings, "generate")
@setting(ProbeSettings, "precision")
@setting(ProbeSettings, "device")
@common
def command(
    run: str,
    model: str,
    size: Size,
    stage: int | None,
    name: str | None,
    training: str | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Measure a model on the rows that RUN holds out: by skill and tier, calibration, robustness, adversarial prompts.

    Nothing is rebuilt: where the run is stale, the command to run first is named.
    """
    recipe = changed(recipe_of(run), {"probe": given})
    with writing(run, recipe, quiet=quiet, verbose=verbose) as pipeline:
        measured = pipeline.probe(model, size, name, stage, training)
    if as_json:
        output.as_json(measured)
        return
    summary.probed(measured)
    output.note(f"next: curate audit {output.quoted(run)}, whose report shows all probes")
