"""What `curate diagnose` says: the cause of each stage, and the patterns of what a model still gets wrong."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curate.protocol import Frozen
from curate.study.causes import Diagnosis
from curate.study.evidence import Evidence


class Near(Frozen):
    """A training row that lies near a failing one."""

    id: str
    similarity: float = Field(description="Cosine, of the vectors of the run, or of hashed letters where it has none.")
    skill: str
    tier: int


class Failing(Frozen):
    """A held-out row that the model gets wrong."""

    id: str
    loss: float = Field(description="Nats an answer token.")
    nearest: tuple[Near, ...]


class Pattern(Frozen):
    """A group of held-out rows of which more fail than of the rest."""

    by: Literal["skill", "cluster", "trait"]
    name: str
    rows: int
    failing: int
    share: float
    elsewhere: float = Field(description="Share that fails among all other rows.")
    p: float = Field(description="One-sided exact test (Fisher), after Holm's correction over all groups.")
    examples: tuple[Failing, ...]


class Diagnosed(Frozen):
    """What `study/diagnosis.json` holds."""

    stages: tuple[Diagnosis, ...]
    evidence: tuple[Evidence, ...]
    probe: str | None = Field(description="The probe whose failing rows were grouped; None where there is none.")
    failing: tuple[int, int] = Field(description="Probe rows that fail, and that were asked.")
    patterns: tuple[Pattern, ...] = Field(description="The surest first.")
    skipped: tuple[str, ...]
