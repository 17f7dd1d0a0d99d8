"""Why a row stands where it does: the words of the column ``because`` of the order."""

from __future__ import annotations

from curate.core.vary import KINDS

WORDS = (
    "tier",
    "skill",
    "rest",
    "mixed",
    "edge",
    "budget",
    "opening",
    "sequence",
    "due",
    "early",
    "all",
    "floor",
    "pass",
    "revision",
    *KINDS,
)
"""New rows: its tier opens here; its skill does; no module opens it; kept back for the mixed stage; rare and good, so
from the middle on; put off by a budget; shown in the broad beginning; its place in the policy's sequence. Others: due
for review; reviewed early; all earlier rows again; to reach the floor of a group; a further pass; since a revision
asks for it; varied, by kind."""


def code(word: str) -> int:
    """The place of a word in `WORDS`."""
    return WORDS.index(word)
