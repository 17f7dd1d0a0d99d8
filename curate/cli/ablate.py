"""`curate ablate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curate import studies
from curate.cli import output
from curate.cli.options import common, setting
from curate.cli.session import reading, recipe_of, writing
from curate.pipeline import Pipeline
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.study.ablation import Settings
from curate.train.settings import Settings as TrainSettings

if TYPE_CHECKING:
    from curate.study.ablation import Ablation, Budget

_TRAINING = ("model", "adapter", "learning_rate", "shape", "batch_rows", "max_tokens", "device")


@click.command("ablate", epilog="Example: curate ablate runs/first --model auto --dry-run")
@click.argument("run", metavar="RUN")
@setting(Settings, "arms")
@setting(Settings, "seeds")
@setting(Settings, "budget")
@setting(Settings, "tuning_seeds")
@setting(Settings, "fresh")
@setting(Settings, "looks")
@setting(Settings, "margin")
@setting(TrainSettings, "model")
@setting(TrainSettings, "adapter")
@setting(TrainSettings, "learning_rate")
@setting(TrainSettings, "shape")
@setting(TrainSettings, "batch_rows")
@setting(TrainSettings, "max_tokens")
@setting(TrainSettings, "device")
@click.option("--restart", "anew", is_flag=True, help="Forget the ablation that was begun here.")
@click.option("--dry-run", is_flag=True, help="Show arms, tokens, trainings and time; train nothing.")
@common
def command(run: str, anew: bool, dry_run: bool, quiet: bool, verbose: bool, as_json: bool, **given: object) -> None:
    """Say whether the order of RUN pays: train it and others at equal tokens and updates, and compare them.

    Every arm finds its own learning rate on other seeds and other held-out rows. The primary contrast, fixed
    beforehand, is the curriculum against random order. What was trained already is kept, so an ablation that was
    stopped goes on, and more seeds or arms can be added.
    """
    training = {name: given.pop(name) for name in _TRAINING}
    recipe = changed(recipe_of(run), {"ablate": given, "train": training})
    reading(run).require("write")
    if dry_run:
        with output.watched(quiet=quiet, verbose=verbose):
            cost = studies.ablation_budget(Pipeline(Workspace(run), recipe))
        if as_json:
            output.as_json(cost)
            return
        _budgeted(cost)
        output.note("nothing was trained")
        return
    with writing(run, recipe, quiet=quiet, verbose=verbose) as pipeline:
        told = studies.ablate(pipeline, restart=anew)
    if as_json:
        output.as_json(told)
        return
    _shown(told)
    output.note(f"all figures: {run}/study/ablation.json")


def _budgeted(cost: Budget) -> None:
    rows: list[tuple[str, object]] = [
        ("arms", ", ".join(cost.arms)),
        ("tokens of each training", cost.tokens),
        ("updates of each", cost.updates),
        ("trainings", cost.trainings),
        ("of these done", cost.done),
        ("held-out rows that tune", cost.held_rows[0]),
        ("held-out rows of the verdict", cost.held_rows[1]),
        ("about how many seconds", cost.seconds),
    ]
    output.table("Budget", ("what", "how much"), [(name, output.shown(value)) for name, value in rows])


def _shown(told: Ablation) -> None:
    _budgeted(told.budget)
    rows = [
        (
            each.name,
            f"{each.rate:.2g}",
            each.mean,
            None if each.steps_to_target is None else round(each.steps_to_target),
            max(each.forgetting.values(), default=None),
        )
        for each in told.arms
    ]
    columns = ("arm", "rate", "final loss", "steps to random's", "most forgotten")
    output.table("Arms", columns, rows)
    lines = [
        (
            each.arm,
            each.against,
            each.loss.mean,
            each.loss.low,
            each.loss.high,
            f"{each.relative:+.1%}",
            "<0.001" if each.p < 0.001 else f"{each.p:.3f}",
            each.verdict,
        )
        for each in told.contrasts
    ]
    heads = ("arm", "against", "difference", "low", "high", "relative", "p", "verdict")
    output.table("Contrasts, paired by seed", heads, lines)
    names = sorted({name for each in told.arms for name in each.tiers})
    by_tier = [(each.name, *(each.tiers.get(name) for name in names)) for each in told.arms]
    output.table("Final loss by tier", ("arm", *(f"tier {name}" for name in names)), by_tier)
    names = sorted({name for each in told.arms for name in each.skills})
    by_skill = [(each.name, *(each.skills.get(name) for name in names)) for each in told.arms]
    output.table("Final loss by skill", ("arm", *names), by_skill)
    click.echo(f"verdict: {told.verdict}. {told.says}.")
    for line in told.notes:
        output.note(line)
