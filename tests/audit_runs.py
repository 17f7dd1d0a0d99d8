"""Synthetic run folders: what the steps before the audit would have written, with any association planted in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.audit.report import AuditReport
from curate.core import schemas
from curate.core.ids import example_id
from curate.core.plan import Ingredient, Knots, Plan, Stage
from curate.engines.local import LocalEngine
from curate.protocol import Frozen
from curate.store.stamps import stamp
from curate.store.work import Work
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

STAMP = stamp("synthetic")
WORK = Work(STAMP, LocalEngine())


@dataclass
class Rows:
    """The columns of a synthetic corpus, shape (n,) each, with sensible values for all that a test does not set."""

    n: int
    seed: int = 0
    stages: int = 4
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)
    difficulty: NDArray[np.float64] | None = None
    tokens: NDArray[np.int64] | None = None
    skill: Sequence[str] | None = None
    source: Sequence[str] | None = None
    language: Sequence[str | None] | None = None
    fate: NDArray[np.object_] | None = None
    partner: Mapping[int, int] = field(default_factory=dict)
    texts: Sequence[str] | None = None
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    vectors: NDArray[np.float32] | None = None
    review: float = 0.15
    part_rows: int = 1000

    def __post_init__(self) -> None:
        chance = np.random.default_rng(self.seed)
        self.chance = chance
        self.ids = np.array([example_id([("user", f"{self.seed}/{row}")]) for row in range(self.n)])
        self.tokens = chance.integers(5, 400, self.n) if self.tokens is None else self.tokens
        self.difficulty = chance.random(self.n) if self.difficulty is None else self.difficulty
        if self.skill is None:
            self.skill = [f"skill {each}" for each in chance.integers(0, 4, self.n)]
        self.source = ["lessons.jsonl"] * self.n if self.source is None else self.source
        self.language = ["en"] * self.n if self.language is None else self.language
        if self.fate is None:
            self.fate = np.where(chance.random(self.n) < 0.05, "holdout", "train").astype(object)
        if self.texts is None:
            self.texts = [f"answer {row}" for row in range(self.n)]
        self.tier = np.minimum((self.difficulty * self.tiers).astype(int), self.tiers - 1)

    @property
    def tiers(self) -> int:
        return max(self.stages - 1, 1)


def write(root: Path, rows: Rows) -> Workspace:
    """A run folder that holds what the audit reads."""
    space = Workspace(root)
    for index, start in enumerate(range(0, rows.n, rows.part_rows)):
        _write_part(space, rows, index, np.arange(start, min(start + rows.part_rows, rows.n)))
    space.write_table("tiers.parquet", _tiers(rows), STAMP)
    everything = np.arange(rows.n)
    space.write_table("skills.parquet", _skills(rows, everything), STAMP)
    order = sequence(rows)
    space.write_table("order.parquet", order, STAMP)
    _write_scores(space, rows)
    space.write_json("plan.json", plan(rows, order), STAMP)
    return space


def sequence(rows: Rows) -> pa.Table:
    """The order: tier k in stage k, a tenth of each tier in the mixed last stage, review by chance."""
    train = np.flatnonzero(rows.fate == "train")
    late = rows.chance.random(len(train)) < (0.1 if rows.stages > 1 else 0.0)
    stage = np.where(late, rows.stages - 1, rows.tier[train])
    held: list[tuple[int, NDArray[np.int64], NDArray[np.object_]]] = []
    for number in range(rows.stages):
        new = train[stage == number]
        before = train[stage < number]
        wanted = min(int(len(new) * rows.review), len(before)) if number else 0
        again = rows.chance.choice(before, wanted, replace=False) if wanted else new[:0]
        both = np.concatenate([new, again])
        role = np.repeat(np.array(["new", "review"], dtype=object), [len(new), len(again)])
        mixed = rows.chance.permutation(len(both))
        held.append((number, both[mixed], role[mixed]))
    row = np.concatenate([each for _, each, _ in held])
    return pa.table(
        {
            "order": np.arange(len(row), dtype=np.int64),
            "stage": np.repeat([number for number, _, _ in held], [len(each) for _, each, _ in held]).astype(np.int16),
            "tier": rows.tier[row].astype(np.int8),
            "id": pa.array(rows.ids[row], pa.string()),
            "role": pa.array(np.concatenate([role for _, _, role in held]), pa.string()),
            "because": pa.nulls(len(row), pa.string()),
        },
        schema=schemas.ORDER,
    )


def plan(rows: Rows, order: pa.Table) -> Plan:
    """The plan, with one ingredient for each score."""
    stage = np.asarray(order.column("stage"))
    role = np.asarray(order.column("role"))
    return Plan(
        seed=rows.seed,
        policy="tiered",
        review=rows.review / (1 + rows.review),
        passes=1,
        mixed=0.1,
        window=0,
        skipped=(),
        ingredients=tuple(
            Ingredient(score=f"{name}.value", weights={"chat": 1.0, "text": 1.0, "code": 1.0}) for name in rows.scores
        ),
        tiers=(),
        stages=tuple(
            Stage(
                stage=number,
                name=f"stage-{number:02d}",
                mixed=rows.stages > 1 and number == rows.stages - 1,
                tiers=(),
                opens_skills=(),
                rows=int((stage == number).sum()),
                new=int(((stage == number) & (role == "new")).sum()),
                review=int(((stage == number) & (role == "review")).sum()),
                repeat=0,
                tokens=0,
                difficulty=None,
                skills={},
            )
            for number in range(rows.stages)
        ),
        fates={},
        knots=tuple(
            Knots(score=f"{name}.value", domain=domain, rows=rows.n, values=(0.0, 1.0), ranks=(0.0, 1.0))
            for name in rows.scores
            for domain in {f"{language or 'any'}/chat" for language in rows.language or ()}
        ),
    )


class _Scorer(Frozen):
    alias: str
    folder: str
    ok: int
    not_applicable: int
    failed: int
    reasons: dict[str, int]


class _Scored(Frozen):
    rows: int
    scorers: tuple[_Scorer, ...]


def _write_scores(space: Workspace, rows: Rows) -> None:
    scorers = []
    for name, values in rows.scores.items():
        folder = f"scores/{name}@1-00000000"
        table = pa.table(
            {
                "id": pa.array(rows.ids, pa.string()),
                "value": values.astype(np.float32),
                "status": pa.array(["ok"] * rows.n),
                "reason": pa.nulls(rows.n, pa.string()),
            }
        )
        space.write_table(Workspace.part(folder, 0), table, STAMP, {"alias": name, "scorer": name, "version": "1"})
        scorers.append(_Scorer(alias=name, folder=folder, ok=rows.n, not_applicable=0, failed=0, reasons={}))
    space.finish("score", STAMP, _Scored(rows=rows.n, scorers=tuple(scorers)))


def _write_part(space: Workspace, rows: Rows, index: int, at: NDArray[np.int64]) -> None:
    size = len(at)
    fixed = pa.table(
        {
            "id": pa.array(rows.ids[at], pa.string()),
            "record": pa.array(["prompt-completion"] * size),
            "messages": pa.nulls(size, schemas.MESSAGES),
            "prompt": pa.array([f"question {row}" for row in at]),
            "completion": pa.array([_at(rows.texts, row) for row in at], pa.string()),
            "text": pa.nulls(size, pa.string()),
            "tools": pa.nulls(size, pa.string()),
            "language": pa.array([_at(rows.language, row) for row in at], pa.string()),
            "source": pa.array([_at(rows.source, row) for row in at], pa.string()),
            "row": at.astype(np.int64),
        },
        schema=schemas.EXAMPLES,
    )
    user = {name: pa.array([values[row] for row in at]) for name, values in rows.columns.items()}
    struct = pa.StructArray.from_arrays(list(user.values()), names=list(user)) if user else pa.nulls(size)
    space.write_table(Workspace.part("examples", index), fixed.append_column("user", struct), STAMP)
    assert rows.tokens is not None
    tokens = rows.tokens[at].astype(np.int32)
    counted = pa.table(
        {
            "id": pa.array(rows.ids[at], pa.string()),
            "tokens": tokens,
            "prompt_tokens": tokens // 2,
            "answer_tokens": tokens - tokens // 2,
            "kind": pa.array(["chat"] * size),
        }
    )
    space.write_table(Workspace.part("statistics/tokens", index), counted, STAMP)
    ledger = pa.table(
        {
            "source": fixed.column("source"),
            "row": fixed.column("row"),
            "id": fixed.column("id"),
            "outcome": pa.array(["example"] * size),
            "reason": pa.nulls(size, pa.string()),
            "repairs": pa.array([[]] * size, pa.list_(pa.string())),
        },
        schema=schemas.LEDGER,
    )
    space.write_table(Workspace.part("ledger", index), ledger, STAMP)
    if rows.vectors is not None:
        width = rows.vectors.shape[1]
        flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.vectors[at].ravel()), width)
        table = pa.table({"id": fixed.column("id"), "vector": flat}, schema=schemas.vectors(width))
        space.write_table(Workspace.part("vectors", index), table, STAMP)


def _skills(rows: Rows, at: NDArray[np.int64]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(rows.ids[at], pa.string()),
            "skill": pa.array([_at(rows.skill, row) for row in at], pa.string()),
            "weight": pa.array([1.0] * len(at), pa.float32()),
            "by": pa.array(["rule"] * len(at)),
        },
        schema=schemas.SKILLS,
    )


def _tiers(rows: Rows) -> pa.Table:
    partner = [rows.ids[rows.partner[row]] if row in rows.partner else None for row in range(rows.n)]
    return pa.table(
        {
            "id": pa.array(rows.ids, pa.string()),
            "fate": pa.array(rows.fate, pa.string()),
            "partner": pa.array(partner, pa.string()),
            "difficulty": pa.array(rows.difficulty, pa.float32()),
            "uncertainty": pa.nulls(rows.n, pa.float32()),
            "tier": pa.array(rows.tier, pa.int8()),
        },
        schema=schemas.TIERS,
    )


def _at(values: Sequence[object] | None, row: int) -> object:
    assert values is not None
    return values[row]


def told(folder: Path) -> AuditReport:
    """The report of a run folder."""
    return Workspace(folder).read_json("audit/report.json", AuditReport)
