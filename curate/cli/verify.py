"""`curate verify`."""

from __future__ import annotations

import click

from curate.cli import output
from curate.cli.options import common
from curate.errors import IntegrityError
from curate.store.workspace import Workspace
from curate.verify import step as verify


@click.command("verify", epilog="Example: curate verify runs/first")
@click.argument("run", metavar="RUN")
@common
def command(run: str, quiet: bool, verbose: bool, as_json: bool) -> None:
    """Prove from the files of RUN alone that no row was lost or repeated, that the order holds, and every hash."""
    with output.watched(quiet=quiet, verbose=verbose) as progress:
        progress("verify", 0, None, "step")
        report = verify.run(Workspace(run))
    failed = [check for check in report.checks if not check.holds]
    if as_json:
        output.as_json(report)
    elif not quiet:
        rows = [("holds" if check.holds else "FAILS", check.claim, check.figures) for check in report.checks]
        output.table(
            f"{run}: {len(report.checks) - len(failed)} of {len(report.checks)} claims hold",
            ("", "claim", "figures"),
            rows,
        )
    if failed:
        raise IntegrityError(
            f"{len(failed)} of {len(report.checks)} claims do not hold, first: {failed[0].claim}: {failed[0].figures}",
            fix=f"remove what is altered and run `curate tier {output.quoted(run)}`, or start over in a new folder",
        )
