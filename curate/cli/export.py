"""`curate export`."""

from __future__ import annotations

from typing import get_args

import click

from curate.cli import output
from curate.cli.options import common, setting
from curate.cli.session import recipe_of, writing
from curate.errors import SettingsError, did_you_mean
from curate.recipe import changed
from curate.train.export import TARGETS, Target
from curate.train.settings import Settings


@click.command("export", epilog="Example: curate export runs/first --to trl,axolotl --model ORG/NAME")
@click.argument("run", metavar="RUN")
@click.option("--to", "targets", metavar="A,B", required=True, help=f"Trainers: {', '.join(TARGETS)}.")
@click.option("--check", is_flag=True, help="Drive the trainer's real loader and compare its rows with the plan.")
@setting(Settings, "model")
@setting(Settings, "adapter")
@setting(Settings, "learning_rate")
@setting(Settings, "batch_rows")
@setting(Settings, "accumulation")
@setting(Settings, "max_tokens")
@common
def command(run: str, targets: str, check: bool, quiet: bool, verbose: bool, as_json: bool, **given: object) -> None:
    """Write configurations for other trainers into RUN/exports: one ordered run, and the same stage by stage.

    They hold the settings that keep the order, and one epoch. With --check the real loaders of transformers, TRL and
    Lightning are read to their end with rows that carry their place.
    """
    wanted = [_target(name.strip()) for name in targets.split(",") if name.strip()]
    recipe = changed(recipe_of(run), {"train": given})
    with writing(run, recipe, quiet=quiet, verbose=verbose) as pipeline:
        pipeline.progress("export", 0, None, "step")
        files = {target: pipeline.export(target) for target in wanted}
        found = {target: pipeline.check_order(target) for target in wanted} if check else {}
    checked = {target: report for target, report in found.items() if report is not None}
    if as_json:
        output.as_json(
            {
                target: {
                    "files": files[target],
                    "order": checked[target].model_dump(mode="json") if target in checked else None,
                }
                for target in wanted
            }
        )
        return
    output.table("Exports", ("trainer", "file"), [(target, path) for target in wanted for path in files[target]])
    if check:
        rows = [
            (
                target,
                "kept" if report.in_order else "LOST",
                report.delivered,
                report.first_divergence,
                report.rank_correlation,
                sum(report.dropped.values()),
                sum(report.truncated.values()),
            )
            for target, report in checked.items()
        ]
        columns = ("trainer", "order", "rows", "first off", "rank correlation", "dropped", "truncated")
        output.table("Order, as the real loader gives it", columns, rows)
        for target in wanted:
            if target not in checked:
                output.note(f"{target}: its loader cannot be driven from here; docs/training.md says what was checked")


def _target(name: str) -> Target:
    if name not in get_args(Target):
        raise SettingsError(f"there is no export to {name!r}", fix=did_you_mean(name, TARGETS))
    return next(target for target in TARGETS if target == name)
