"""What training writes down between two checkpoints: signals, the order that was realised, and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.core.schemas import REALISED, SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from curate.models.signals import Visit
    from curate.train.conduct import Step
    from curate.train.course import Course
    from curate.train.gates import Decision

PUT_IN = "put in"
"""How a row came that a gate asked for and that was not varied."""
FIGURES = ("tokens", "loss", "gold_prob", "margin", "error_norm", "gradient_norm")


@dataclass(frozen=True)
class Shelf:
    """Where the journal goes: a numbered part of signals and of the realised order, and all decisions so far."""

    part: Callable[[str, int, pa.Table], None]
    decisions: Callable[[Sequence[Decision]], None]


class Journal:
    """Keeps what happened since the last checkpoint, and counts what was written before."""

    def __init__(self, course: Course, seed: int, shelf: Shelf) -> None:
        self._course = course
        self._seed = seed
        self._shelf = shelf
        self._signals: list[dict[str, object]] = []
        self._rows: list[dict[str, object]] = []
        self.parts = 0
        self.rows = 0
        self.decisions: list[Decision] = []

    def took(
        self, number: int, step: Step, visits: Sequence[Visit | None], before: Sequence[int], cut: Sequence[bool]
    ) -> None:
        """Note one step: its rows, and what was seen of each; *before* says how often each was visited earlier.

        A row without a visit had no answer within the longest sequence: it is in the order, and taught nothing.
        """
        course = self._course
        for place, role, kind, visit, times, short in zip(
            step.places.tolist(), step.roles, step.kinds, visits, before, cut, strict=True
        ):
            name = course.ids[course.example[place]]
            self._rows.append(
                {
                    "order": self.rows,
                    "step": number,
                    "stage": step.stage,
                    "tier": int(course.tier[place]),
                    "curate_id": name,
                    "role": role if visit is not None else "passed-over",
                    "place": place,
                    "how": (kind or PUT_IN) if step.put_in else None,
                    "cut": short,
                }
            )
            self.rows += 1
            if visit is not None and kind is None:
                head = {"curate_id": name, "seed": self._seed, "visit": times, "step": number}
                self._signals.append({**head, **{figure: getattr(visit, figure) for figure in FIGURES}})

    def decided(self, decision: Decision) -> None:
        """Note a decision, and write all of them at once: there are few."""
        self.decisions.append(decision)
        self._shelf.decisions(self.decisions)

    def flush(self) -> None:
        """Write what was noted since the last time as one part."""
        self._shelf.part("signals", self.parts, pa.Table.from_pylist(self._signals, schema=SIGNALS))
        self._shelf.part("order", self.parts, pa.Table.from_pylist(self._rows, schema=REALISED))
        self._signals, self._rows = [], []
        self.parts += 1

    def saved(self) -> dict[str, int]:
        """How much is written, so that a checkpoint knows where its own training had come to."""
        return {"parts": self.parts, "rows": self.rows, "decisions": len(self.decisions)}

    def load(self, counts: Mapping[str, int], decisions: Sequence[Decision]) -> None:
        """Go on after what was written when the checkpoint was made."""
        self.parts, self.rows = counts["parts"], counts["rows"]
        self.decisions = list(decisions[: counts["decisions"]])
