"""`curate diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from curate import studies
from curate.cli import output
from curate.cli.options import common
from curate.cli.session import recipe_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.study.difference import Difference, Flow, Standing


@click.command("diff", epilog="Example: curate diff runs/first runs/second -n 5")
@click.argument("run", metavar="RUN")
@click.argument("other", metavar="RUN2")
@click.option("-n", "--rows", "most", type=click.IntRange(0), default=10, show_default=True, help="Most rows to show.")
@common
def command(run: str, other: str, most: int, quiet: bool, verbose: bool, as_json: bool) -> None:
    """Tell what changed from RUN to RUN2: rows added, removed and moved, and why; settings; findings of the audit."""
    for folder in (run, other):
        recipe_of(folder)
    with output.watched(quiet=quiet, verbose=verbose) as progress:
        progress("diff", 0, None, "step")
        found = studies.diff(run, other)
    if as_json:
        output.as_json(found)
        return
    _shown(found, most)
    for line in found.skipped:
        output.note(f"left out: {line}")


def _shown(found: Difference, most: int) -> None:
    output.table("Rows", ("what changed", "rows"), list(found.counts.items()))
    output.table("Fates", ("fate", "before", "after"), [(name, *pair) for name, pair in found.fates.items()])
    _flows("Tiers", found.tiers)
    _flows("New in stage", found.stages)
    sizes = [(each.stage, *each.rows, *each.tokens) for each in found.sizes]
    output.table("Stages", ("stage", "rows before", "after", "tokens before", "after"), sizes)
    if found.moved and most:
        rows = [
            (each.id[:8], each.what, _stand(each.before), _stand(each.after), "; ".join(each.because))
            for each in found.moved[:most]
        ]
        title = f"Rows that moved, {len(rows)} of {len(found.moved):,}"
        output.table(title, ("id", "what", "before", "after", "because"), rows)
    if found.recipe:
        changed = [(each.key, _value(each.before), _value(each.after)) for each in found.recipe]
        output.table("Recipe", ("key", "before", "after"), changed)
    if found.audit:
        lines = [(each.before or "-", each.after or "-", each.says) for each in found.audit]
        output.table("Findings of the audit", ("before", "after", "finding"), lines)


def _flows(title: str, flows: Sequence[Flow]) -> None:
    if flows:
        output.table(title, ("before", "after", "rows"), [(each.before, each.after, each.rows) for each in flows])


def _stand(at: Standing | None) -> str:
    if at is None:
        return "-"
    return at.fate if at.stage is None else f"tier {at.tier}, stage {at.stage}"


def _value(value: object) -> str:
    return "-" if value is None else str(value)
