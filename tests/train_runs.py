"""Small finished runs to train on: three stages, three skills, two or three dozen rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.pipeline import build
from curate.store.workspace import Workspace
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path


def finished_run(folder: Path, count: int = 60) -> Workspace:
    """A run that is built and audited, and not stale."""
    source = write_source(folder / "rows.jsonl", count)
    space = Workspace(folder / "run")
    build(space, recipe(source))
    return space
