"""`curate scorers`."""

from __future__ import annotations

import click

from curate.cli import output
from curate.cli.options import common
from curate.run import scorers


@click.command("scorers", epilog="Example: curate scorers --json")
@common
def command(quiet: bool, verbose: bool, as_json: bool) -> None:
    """List the scorers that are installed: what each needs, gives and costs, what rising means, where it comes from."""
    del quiet, verbose
    loaded = scorers()
    if as_json:
        output.as_json(
            {
                name: {
                    "version": scorer.version,
                    "about": scorer.about,
                    "cost": scorer.cost,
                    "needs": list(scorer.needs),
                    "gives": [field.model_dump(mode="json") for field in scorer.gives],
                    "source": scorer.source,
                    "default": scorer.default,
                    "settings": scorer.settings.model_json_schema(),
                }
                for name, scorer in loaded.items()
            }
        )
        return
    rows = [
        (
            name,
            scorer.version,
            scorer.cost,
            ", ".join(scorer.needs),
            "\n".join(f"{field.name}{' *' if field.headline else ''}: {field.rising}" for field in scorer.gives),
            scorer.source,
        )
        for name, scorer in loaded.items()
    ]
    output.table("Scorers (* headline)", ("name", "version", "cost", "needs", "gives: rising means", "source"), rows)
