"""Wires the study of a run: hands the room what the pipeline makes and what other rooms know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.explain import reasons
from curate.store.workspace import Workspace
from curate.study import step as study

if TYPE_CHECKING:
    from curate.study.step import Difference


def diff(before: str, after: str) -> Difference:
    """What changed from the edition in one run folder to that in another."""
    return study.diff(Workspace(before), Workspace(after), study.Tells(reasons.of_fate, reasons.of_place))
