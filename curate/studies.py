"""Wires the study of a run: hands the room what the pipeline makes and what other rooms know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curate.core.plan import Plan
from curate.explain import reasons
from curate.pipeline import save_recipe
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.study import step as study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.pipeline import Pipeline
    from curate.recipe import Recipe
    from curate.study.step import Difference, Revision

SIGNALS = "training/signals"


def diff(before: str, after: str) -> Difference:
    """What changed from the edition in one run folder to that in another."""
    return study.diff(Workspace(before), Workspace(after), study.Tells(reasons.of_fate, reasons.of_place))


def fork(parent: str, into: str) -> None:
    """Copy an edition to a new folder, without what was measured of it."""
    study.fork(Workspace(parent), Workspace(into))


def recipe_of_edition(held: Recipe, add: Sequence[str], options: Mapping[str, object]) -> Recipe:
    """The recipe of the next edition: that of its parent with more sources and other thresholds."""
    sources = [*held.model_dump(mode="json")["sources"], *({"path": each} for each in add)]
    return changed(held, {"": {"sources": sources} if add else {}, "revise": options})


def revise(parent: str, pipeline: Pipeline, feedback: str | None = None) -> Revision:
    """Make a fork of *parent* the next edition, on which *pipeline* stands; its dataset is written.

    The recipe then names the parent, where anything moved, so that the audit tells how the two drifted apart.
    """
    space = pipeline.space
    if not pipeline.recipe.score.signals and Workspace(parent).parts(SIGNALS):
        pipeline.recipe = changed(pipeline.recipe, {"score": {"signals": str(Path(parent) / SIGNALS)}})
        save_recipe(space, pipeline.recipe)

    def plan() -> Plan:
        made = pipeline.build("pace")
        if not isinstance(made, Plan):
            raise TypeError("the step pace gave another report")
        return made

    path = None if feedback is None else Path(feedback)
    told = study.revise(Workspace(parent), space, pipeline.recipe.revise, path, plan)
    if told.changed:
        named = {"parent": parent}
        pipeline.recipe = changed(pipeline.recipe, {"audit": named, "write": named})
        save_recipe(space, pipeline.recipe)
    pipeline.build("write")
    return told
