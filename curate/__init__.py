"""Curriculum-ordered datasets for fine-tuning language models.

    from curate import Run

    run = Run("runs/lessons")
    run.score(["lessons.jsonl"], scorers=["length", "readability"])
    run.tier(stages=5, skills="column:topic")
    report = run.audit(by=["author"])

`Run` does whatever the command line does; `Recipe` and `read_recipe` hold all settings of a run; `Scorer` and what
stands beside it are for writing scorers; `CurateError` is the root of all errors that a user can mend. Importing this
package costs nothing: each public name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.errors import CurateError
    from curate.protocol import Frozen, Reason, Rising, ScoreField, Scorer, Scores, Status
    from curate.recipe import Recipe, read_recipe
    from curate.run import Run, scorers
    from curate.testing import check_scorer

__version__ = "0.1.0"

_HOMES = {
    "CurateError": "curate.errors",
    "Frozen": "curate.protocol",
    "Reason": "curate.protocol",
    "Recipe": "curate.recipe",
    "Rising": "curate.protocol",
    "Run": "curate.run",
    "ScoreField": "curate.protocol",
    "Scorer": "curate.protocol",
    "Scores": "curate.protocol",
    "Status": "curate.protocol",
    "check_scorer": "curate.testing",
    "read_recipe": "curate.recipe",
    "scorers": "curate.run",
}

__all__ = [
    "CurateError",
    "Frozen",
    "Reason",
    "Recipe",
    "Rising",
    "Run",
    "ScoreField",
    "Scorer",
    "Scores",
    "Status",
    "check_scorer",
    "read_recipe",
    "scorers",
]


def __getattr__(name: str) -> object:
    """Load the home of a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'curate' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
