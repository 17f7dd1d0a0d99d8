"""The plan as arrays, one element for each row in training order, and what training remembers of its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.core.manifest import ScheduledStage

COLUMNS = ("curate_id", "curate_stage", "curate_tier", "curate_role", "curate_skill", "curate_parent")


@dataclass(frozen=True, eq=False)
class Course:
    """All rows of the plan. Arrays of shape (n,); *skill* and *example* are codes into ``skills`` and ``ids``."""

    stage: NDArray[np.int64]
    tier: NDArray[np.int64]
    skill: NDArray[np.int64]
    example: NDArray[np.int64]
    role: NDArray[np.str_]
    parent: Sequence[str | None]
    ids: Sequence[str]
    skills: Sequence[str]
    stages: tuple[ScheduledStage, ...]

    def __len__(self) -> int:
        return len(self.stage)

    @property
    def first_place(self) -> NDArray[np.int64]:
        """The place at which each example comes first. Shape (examples,)."""
        return np.unique(self.example, return_index=True)[1]

    def places(self, stage: int) -> NDArray[np.int64]:
        """The places of a stage, in order."""
        return np.flatnonzero(self.stage == stage)

    def earlier_tiers(self, stage: int) -> tuple[int, ...]:
        """The tiers that were new in stages before this one and not in it."""
        taught = {tier for each in self.stages if each.stage < stage for tier in each.tiers}
        return tuple(sorted(taught - set(self.stages[stage].tiers)))


def course_of(table: pa.Table, stages: tuple[ScheduledStage, ...]) -> Course:
    """The course of a dataset's rows with the `COLUMNS`, in training order."""
    ids, examples = np.unique(table.column("curate_id").to_pylist(), return_inverse=True)
    skills, skill = np.unique([name or "" for name in table.column("curate_skill").to_pylist()], return_inverse=True)
    return Course(
        stage=table.column("curate_stage").to_numpy().astype(np.int64),
        tier=table.column("curate_tier").to_numpy().astype(np.int64),
        skill=skill.astype(np.int64),
        example=examples.astype(np.int64),
        role=np.array(table.column("curate_role").to_pylist()),
        parent=table.column("curate_parent").to_pylist(),
        ids=ids.tolist(),
        skills=skills.tolist(),
        stages=stages,
    )


@dataclass(eq=False)
class Memory:
    """What training saw of each example: arrays of shape (examples,), NaN where nothing was seen yet.

    ``box`` is its Leitner box, ``last`` the step of its last visit (-1 before the first).
    """

    visits: NDArray[np.int32]
    loss: NDArray[np.float64]
    box: NDArray[np.int8]
    last: NDArray[np.int64]

    @classmethod
    def empty(cls, examples: int) -> Memory:
        """The memory of a training that has not begun."""
        return cls(
            np.zeros(examples, np.int32),
            np.full(examples, np.nan),
            np.zeros(examples, np.int8),
            np.full(examples, -1, np.int64),
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of it by name, to be saved."""
        return dict(self.__dict__)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Memory:
        """The memory that was saved."""
        return cls(**{name: arrays[name] for name in ("visits", "loss", "box", "last")})  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Seen:
    """How the rows of one step went: places, mean losses in nats and mean margins, each of shape (k,)."""

    places: NDArray[np.int64]
    loss: NDArray[np.float64]
    margin: NDArray[np.float64]


def note(memory: Memory, course: Course, seen: Seen, step: int) -> None:
    """Remember the rows of one step; of an example that came twice the last visit counts."""
    from curate.train.adapt import promote

    example = course.example[seen.places]
    np.add.at(memory.visits, example, 1)
    latest, where = np.unique(example[::-1], return_index=True)
    where = len(example) - 1 - where
    memory.loss[latest] = seen.loss[where]
    memory.last[latest] = step
    memory.box = promote(memory.box, latest, seen.margin[where] > 0)
