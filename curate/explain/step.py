"""Look into a run: what became of one row and why, and what the rows of a stage are."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.core import views
from curate.core.plan import Plan
from curate.errors import SettingsError, did_you_mean
from curate.explain import reasons
from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.core.plan import Knots
    from curate.store.workspace import Workspace


class Origin(Frozen):
    """One input row: where it came from and what became of it."""

    source: str
    row: int
    outcome: str
    reason: str | None
    repairs: tuple[str, ...]


class Place(Frozen):
    """One place in the training order, of the row itself or of a variation of it."""

    order: int
    stage: int
    role: str
    because: str = Field(description="The rule that put it there, with its numbers.")
    id: str = Field(description="The row's own id, or that of its variation.")


class Story(Frozen):
    """All that a run knows of one row. What comes after the origin is None or empty for a rejected row."""

    id: str | None
    parent: str | None = Field(default=None, description="For a variation the row that it was made from.")
    origins: tuple[Origin, ...]
    text: str | None
    scores: dict[str, float | str | None] = Field(description="By alias.field; a reason where there is no value.")
    ranks: dict[str, float] = Field(description="The rank inside its domain of each score that makes the difficulty.")
    skill: str | None
    fate: str | None
    difficulty: float | None
    uncertainty: float | None
    tier: int | None
    because: tuple[str, ...] = Field(
        default=(), description="Which score, threshold and rule made its difficulty, tier, skill and fate."
    )
    places: tuple[Place, ...]


class Row(Frozen):
    """One row in training order."""

    order: int
    stage: int
    tier: int
    role: str
    skill: str
    difficulty: float
    id: str
    text: str


def story(space: Workspace, key: str, score_folders: Mapping[str, str], domain: str | None = None) -> Story:
    """The story of the row that *key* names: an id, the beginning of one, SOURCE:ROW, or the id of a variation.

    *score_folders* maps each alias to the folder of its parts; *domain* is the column inside which rows are ranked,
    where that is one of the user's. `SettingsError` where no row fits, or several do.
    """
    varied = None if ":" in key else _varied(space, key)
    origins, known = _origins(space, key if varied is None else varied["parent"])
    if known is None:
        return Story(
            id=None, origins=origins, text=None, scores={}, ranks={}, skill=None, fate=None, difficulty=None,
            uncertainty=None, tier=None, places=(),
        )  # fmt: skip
    part, line = _find(space, known)
    example = space.read_table(space.part("examples", part)).slice(line, 1)
    scores: dict[str, float | str | None] = {}
    for alias, folder in score_folders.items():
        row = space.read_table(space.part(folder, part)).slice(line, 1).to_pylist()[0]
        fields = {name: value for name, value in row.items() if name not in {"id", "status", "reason"}}
        reason = None if row["reason"] is None else f"{row['status']}: {row['reason']}"
        scores |= {f"{alias}.{name}": reason if value is None else value for name, value in fields.items()}
    tiers = _row_of(space, "tiers.parquet", known)
    skill = _row_of(space, "skills.parquet", known)
    plan = space.read_json("plan.json", Plan) if space.disk.exists("plan.json") else None
    kind = _kind(space, part, line)
    ranked = {} if plan is None else reasons.ranks(plan, scores, _domain(example, kind, domain))
    because = () if plan is None or not tiers else _because(space, plan, known, tiers, skill, scores, ranked, kind)
    return Story(
        id=known if varied is None else varied["id"],
        parent=None if varied is None else known,
        origins=origins,
        text=views.full_view(next(views.all_turns(example)) if varied is None else views.turns(varied)),
        scores=scores,
        ranks={score: rank for score, (rank, _) in ranked.items()},
        skill=skill.get("skill"),
        fate=tiers.get("fate"),
        difficulty=tiers.get("difficulty"),
        uncertainty=tiers.get("uncertainty"),
        tier=tiers.get("tier"),
        because=because,
        places=() if plan is None else _places(space, plan, known, skill.get("skill"), tiers.get("tier")),
    )


def _because(
    space: Workspace,
    plan: Plan,
    known: str,
    tiers: Mapping[str, Any],
    skill: Mapping[str, Any],
    scores: Mapping[str, float | str | None],
    ranked: Mapping[str, tuple[float, Knots]],
    kind: str | None,
) -> tuple[str, ...]:
    hard, tier = tiers["difficulty"], tiers["tier"]
    said = [
        *reasons.of_difficulty(plan, scores, ranked, kind, hard),
        *reasons.of_tier(plan, tier, hard, tiers["uncertainty"]),
        f"skill {skill['skill']}, by {skill['by']} (weight {skill['weight']:.2f})",
        *(f"mined as {each['kind']}: {each['because']}" for each in _mined(space, known)),
        *(f"revised: {each['because']}" for each in _revised(space, known)),
        reasons.of_fate(tiers["fate"], tiers["partner"]),
    ]
    return tuple(said)


def _revised(space: Workspace, known: str) -> list[dict[str, Any]]:
    if not space.disk.exists("revision.parquet"):
        return []
    found: list[dict[str, Any]] = space.read_table("revision.parquet").filter(pc.field("id") == known).to_pylist()
    return found


def _mined(space: Workspace, known: str) -> list[dict[str, Any]]:
    paths = [f"mined/{name}" for name in space.disk.names("mined")]
    tables = (space.read_table(path).filter(pc.field("id") == known) for path in paths)
    return [row for table in tables for row in table.to_pylist()]


def _kind(space: Workspace, part: int, line: int) -> str | None:
    path = space.part("statistics/tokens", part)
    if not space.disk.exists(path):
        return None
    kind: str = space.read_table(path, ["kind"]).column("kind")[line].as_py()
    return kind


def _domain(example: pa.Table, kind: str | None, column: str | None) -> str | None:
    """The domain that the row was ranked in: its language and kind, or the user's column."""
    if column is not None:
        own: str = views.own_domains(views.user_column(example, column))[0].as_py()
        return own
    if kind is None:
        return None
    named: str = views.domains(example.column("language"), pa.chunked_array([[kind]]))[0].as_py()
    return named


def _varied(space: Workspace, key: str) -> dict[str, Any] | None:
    """The variation whose id begins with *key*; None where there is none."""
    for table in space.read_parts("augmented", ["id", "parent", "how", *views.RECORD_COLUMNS]):
        found: list[dict[str, Any]] = table.filter(pc.starts_with(pc.field("id"), key)).to_pylist()
        if len(found) == 1:
            return found[0]
    return None


def rows(space: Workspace, stage: int | None, tier: int | None, most: int) -> list[Row]:
    """The first *most* rows of the order, of one stage or tier where one is named."""
    order = space.read_table("order.parquet")
    for name, wanted in (("stage", stage), ("tier", tier)):
        if wanted is not None:
            held = sorted(set(order.column(name).to_pylist()))
            if wanted not in held:
                raise SettingsError(f"there is no {name} {wanted}", fix=f"choose from {', '.join(map(str, held))}")
            order = order.filter(pc.equal(order.column(name), wanted))
    order = order.slice(0, most).drop_columns("because")
    ids = order.column("id").to_pylist()
    parents = _parents(space, ids)
    base = [parents.get(name, name) for name in ids]
    texts, skills = _texts(space, ids), _lookup(space, "skills.parquet", "skill", base)
    difficulties = _lookup(space, "tiers.parquet", "difficulty", base)
    return [
        Row(**row, text=texts[row["id"]], skill=skills[of], difficulty=difficulties[of])
        for row, of in zip(order.to_pylist(), base, strict=True)
    ]


def _parents(space: Workspace, ids: Sequence[str]) -> dict[str, str]:
    """The parent of each of these ids that is a variation."""
    wanted = pa.array(sorted(set(ids)))
    found: dict[str, str] = {}
    for table in space.read_parts("augmented", ["id", "parent"]):
        held = table.filter(pc.is_in(table.column("id"), wanted))
        found |= dict(zip(held.column("id").to_pylist(), held.column("parent").to_pylist(), strict=True))
    return found


def _origins(space: Workspace, key: str) -> tuple[tuple[Origin, ...], str | None]:
    """The input rows that *key* names and the id they share; None for a rejected row."""
    if ":" in key:
        source, _, number = key.rpartition(":")
        if not number.isdigit():
            raise SettingsError(f"{key!r} names no row", fix="write an id, or SOURCE:ROW such as lessons.jsonl:12")
        found = _ledger(space, (pc.field("source") == _source(space, source)) & (pc.field("row") == int(number)))
        if not found:
            raise SettingsError(f"no input row is {key!r}", fix="rows of a source are counted from 1")
        if found[0]["id"] is None:
            return tuple(_origin(row) for row in found), None
        key = found[0]["id"]
    found = _ledger(space, pc.starts_with(pc.field("id"), key))
    ids = {row["id"] for row in found}
    if not ids:
        raise SettingsError(f"no row has the id {key!r}", fix="`curate show RUN` lists ids; SOURCE:ROW works too")
    if len(ids) > 1:
        raise SettingsError(f"{len(ids)} rows have an id that begins with {key!r}", fix="write more of the id")
    return tuple(_origin(row) for row in found), ids.pop()


def _source(space: Workspace, name: str) -> str:
    """The source of that name, or the only one whose path ends with it."""
    known: set[str] = set()
    for table in space.read_parts("ledger", ["source"]):
        known |= set(table.column("source").unique().to_pylist())
    ending = [each for each in known if each.endswith(f"/{name}")]
    if name in known or len(ending) == 1:
        return name if name in known else ending[0]
    raise SettingsError(
        f"no input row is of {name!r}: {'several sources end' if ending else 'no source ends'} with it",
        fix=did_you_mean(name, ending or known),
    )


def _ledger(space: Workspace, condition: pc.Expression) -> list[dict[str, Any]]:
    return [row for table in space.read_parts("ledger") for row in table.filter(condition).to_pylist()]


def _origin(row: Mapping[str, Any]) -> Origin:
    return Origin(
        source=row["source"],
        row=row["row"],
        outcome=row["outcome"],
        reason=row["reason"],
        repairs=tuple(row["repairs"] or ()),
    )


def _find(space: Workspace, known: str) -> tuple[int, int]:
    """The part and the line in it that hold an example."""
    for part, table in enumerate(space.read_parts("examples", ["id"])):
        line = pc.index(table.column("id"), known).as_py()
        if line >= 0:
            return part, line
    raise SettingsError(f"the example {known} is not stored", fix="run `curate verify RUN` to see what is wrong")


def _row_of(space: Workspace, path: str, known: str) -> dict[str, Any]:
    """The row of one id, nothing where the table is not made yet."""
    if not space.disk.exists(path):
        return {}
    found: list[dict[str, Any]] = space.read_table(path).filter(pc.field("id") == known).to_pylist()
    return found[0] if found else {}


def _places(space: Workspace, plan: Plan, known: str, skill: str | None, tier: int | None) -> tuple[Place, ...]:
    if not space.disk.exists("order.parquet"):
        return ()
    tables = [table.filter(pc.field("parent") == known) for table in space.read_parts("augmented", ["id", "parent"])]
    own = [known, *(name for table in tables for name in table.column("id").to_pylist())]
    found = space.read_table("order.parquet").filter(pc.field("id").isin(own)).to_pylist()
    return tuple(
        Place(
            order=row["order"],
            stage=row["stage"],
            role=row["role"],
            because=reasons.of_place(plan, row["stage"], row["because"], skill, tier),
            id=row["id"],
        )
        for row in found
    )


def _texts(space: Workspace, ids: Sequence[str]) -> dict[str, str]:
    wanted = pa.array(sorted(set(ids)))
    texts: dict[str, str] = {}
    columns = ["id", *views.RECORD_COLUMNS]
    for table in chain(space.read_parts("examples", columns), space.read_parts("augmented", columns)):
        found = table.filter(pc.is_in(table.column("id"), wanted))
        turns = map(views.full_view, views.all_turns(found))
        texts |= dict(zip(found.column("id").to_pylist(), turns, strict=True))
    return texts


def _lookup(space: Workspace, path: str, column: str, ids: Sequence[str]) -> dict[str, Any]:
    table = space.read_table(path, ["id", column])
    found = table.filter(pc.is_in(table.column("id"), pa.array(sorted(set(ids)))))
    return dict(zip(found.column("id").to_pylist(), found.column(column).to_pylist(), strict=True))
