"""`curate tier`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curate.cli import output, summary
from curate.cli.options import common, engines, setting
from curate.cli.session import recipe_of, writing
from curate.core.plan import Plan
from curate.pace.step import Settings as PaceSettings
from curate.pipeline import Pipeline, settle_encoder
from curate.recipe import changed
from curate.store.overlay import OverlayDisk
from curate.store.workspace import Workspace
from curate.tier.step import Report as TierReport
from curate.tier.step import Settings as TierSettings
from curate.write.step import Settings as WriteSettings

if TYPE_CHECKING:
    from curate.engines.choice import Choice

_TABLES = {
    "tier": ("stages", "tiers", "skills", "domain", "labels", "holdout", "holdout_domain"),
    "pace": ("policy", "review", "passes", "reuse", "modules"),
    "write": ("format", "keep"),
}


@click.command("tier", epilog="Example: curate tier runs/first --stages 5 --skills column:topic --keep topic")
@click.argument("run", metavar="RUN")
@setting(TierSettings, "stages")
@setting(TierSettings, "tiers")
@setting(TierSettings, "skills")
@setting(TierSettings, "domain")
@setting(TierSettings, "labels")
@setting(TierSettings, "holdout")
@setting(TierSettings, "holdout_domain")
@setting(PaceSettings, "policy")
@setting(PaceSettings, "review")
@setting(PaceSettings, "passes")
@setting(PaceSettings, "reuse")
@setting(PaceSettings, "modules")
@setting(WriteSettings, "format")
@setting(WriteSettings, "keep")
@click.option("--seed", type=int, help="Decides everything that is left to chance. [default: 0]")
@click.option("--refresh", is_flag=True, help="Measure ranks and borders anew instead of keeping the first edition's.")
@click.option("--dry-run", is_flag=True, help="Show the plan; write nothing.")
@engines
@common
def command(
    run: str,
    seed: int | None,
    refresh: bool,
    dry_run: bool,
    engine: Choice,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Give every example of RUN a fate and a tier, plan stages with spaced review, and write the dataset."""
    options: dict[str, dict[str, object]] = {
        table: {key: given[key] for key in keys} for table, keys in _TABLES.items()
    }
    held = recipe_of(run)
    edition = held.edition + 1 if refresh else None
    recipe = settle_encoder(changed(held, {"": {"seed": seed, "edition": edition}, **options}))
    if dry_run:
        space = Workspace(run)
        with output.watched(quiet=quiet, verbose=verbose) as progress:
            pipeline = Pipeline(Workspace(run, OverlayDisk(space.disk)), recipe, progress=progress)
            pipeline.build("pace")
    else:
        with writing(run, recipe, engine=engine.without_models(), quiet=quiet, verbose=verbose) as pipeline:
            pipeline.build("write")
    plan = pipeline.report("pace")
    if not isinstance(plan, Plan):
        raise TypeError("the step pace gave another report")
    if as_json:
        output.as_json(plan)
        return
    summary.planned(plan)
    tiered = pipeline.report("tier")
    if isinstance(tiered, TierReport):
        summary.divided(tiered, sum(plan.fates.values()))
    if dry_run:
        summary.drawn(plan)
    summary.left_out(plan)
    if dry_run:
        output.note("nothing was written")
    else:
        output.note(f"dataset: {run}/dataset\nnext: curate audit {output.quoted(run)}")
