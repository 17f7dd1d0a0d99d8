"""Opening a run folder for a command: as a program does, and with progress to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from curate import session
from curate.cli import output
from curate.session import reading, recipe_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.engines.choice import Choice
    from curate.pipeline import Pipeline
    from curate.recipe import Recipe

__all__ = ["reading", "recipe_of", "writing"]


@contextmanager
def writing(
    run: str, recipe: Recipe, *, engine: Choice | None = None, quiet: bool, verbose: bool
) -> Iterator[Pipeline]:
    """A pipeline on a run folder that nobody else writes to; its recipe is written there first."""
    with (
        output.watched(quiet=quiet, verbose=verbose) as progress,
        session.writing(run, recipe, engine=engine, progress=progress) as pipeline,
    ):
        yield pipeline
