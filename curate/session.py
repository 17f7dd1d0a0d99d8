"""A run folder in use: its recipe, and its lock while somebody writes."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from curate.engines.choice import Choice
from curate.errors import SettingsError, StaleError
from curate.pipeline import Pipeline, chosen_engine, save_recipe
from curate.protocol import silent
from curate.recipe import Recipe, held_recipe, read_recipe
from curate.store.lock import locked
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.protocol import Progress


def recipe_of(run: str) -> Recipe:
    """The recipe of a run folder."""
    return held_recipe(Workspace(run))


def begun(run: str, recipe: str | Path | None = None) -> Recipe:
    """The recipe that is named, else that of the run folder, else an empty one."""
    if recipe is not None:
        return read_recipe(Path(recipe))
    space = Workspace(run)
    return held_recipe(space) if space.disk.exists("recipe.toml") else Recipe()


@contextmanager
def writing(
    run: str, recipe: Recipe, *, engine: Choice | None = None, progress: Progress = silent
) -> Iterator[Pipeline]:
    """A pipeline on a run folder that nobody else writes to; its recipe is written there first."""
    space = Workspace(run)
    engine = engine or Choice()
    if run.startswith("memory://") and not engine.shares_memory:
        raise SettingsError(
            f"{run} lies in the memory of one process, which workers do not share",
            fix="give --engine local --workers 1, or name a folder or a store",
        )
    with locked(space):
        space.disk.sweep()
        before = space.read_bytes("recipe.toml") if space.disk.exists("recipe.toml") else None
        save_recipe(space, recipe)
        try:
            with chosen_engine(recipe, engine) as workers:
                yield Pipeline(space, recipe, workers, progress)
            space.disk.sweep()  # what a worker that died left half-written
        except (SettingsError, StaleError):
            _put_back(space, before)
            raise


def reading(run: str) -> Pipeline:
    """A pipeline on a run folder that only looks."""
    return Pipeline(Workspace(run), recipe_of(run))


def _put_back(space: Workspace, before: bytes | None) -> None:
    """Settings that were refused do not stay in the recipe, or the next command would be refused for them too."""
    if before is None:
        space.disk.remove("recipe.toml")
    else:
        space.write_bytes("recipe.toml", before)
