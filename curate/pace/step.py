"""Plan the stages and write the order: `plan.json`, `order.parquet` and, where rows are varied, `augmented/`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import schemas
from curate.core.chance import chance, draw
from curate.core.plan import Calibration, Ingredient, Knots, Plan, Tier
from curate.core.vary import KINDS
from curate.errors import DataError
from curate.pace import arrange, augment, describe, goals, policies, repeats, reuse, told, variations
from curate.pace.arrange import Groups, Rows
from curate.pace.because import WORDS
from curate.pace.module import Module
from curate.pace.prototypes import Nearby
from curate.pace.sequence import ROLES
from curate.pace.settings import Settings
from curate.pace.variations import Variations
from curate.store import columns
from curate.store.forms import matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.vary import Kind
    from curate.models.names import Resolved
    from curate.pace.arrange import Course, Laid
    from curate.pace.goals import Goal
    from curate.store.work import Work
    from curate.store.workspace import Workspace

__all__ = ["VERSION", "Divided", "Module", "Settings", "read_modules", "run"]

VERSION = 5
LIMITS = (1024, 2048, 4096)
"""Lengths at which trainers cut by default: TRL, LLaMA-Factory, and twice that."""

read_modules = reuse.modules


@dataclass(frozen=True)
class Divided:
    """What earlier steps decided: stages and tiers, prerequisites, and what the plan must tell of them."""

    stages: int
    tier_count: int
    requires: Mapping[str, Sequence[str]]
    ingredients: tuple[Ingredient, ...]
    tiers: tuple[Tier, ...]
    knots: tuple[Knots, ...]
    skipped: tuple[str, ...]
    tokenizer: Callable[[], Resolved]
    """Which tokenizer counts what variations hold; asked only where rows are varied."""
    modules: tuple[Module, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    choices: tuple[str, ...] = ()
    margin: float = 0.0
    tiers_by: str = "quantiles of that difficulty"
    typical: tuple[str, str] | None = None
    """Folder and field of the score that says how representative a row is."""
    embedded: bool = False
    """Whether neighbours stand."""


@dataclass(frozen=True)
class _Read:
    """The training rows as arrays, their ids, their positions among all examples, and how many have each fate."""

    rows: Rows
    ids: pa.Array
    place: NDArray[np.int64]
    prompt_tokens: NDArray[np.int64]
    fates: dict[str, int]


@dataclass(frozen=True)
class _Made:
    """The variations that stand ready and their ids; *part* and *line* say where their content is kept."""

    variations: Variations
    ids: pa.Array
    part: NDArray[np.int64]
    line: NDArray[np.int64]


def run(space: Workspace, settings: Settings, divided: Divided, work: Work) -> Plan:
    """Write the plan, the order and the variations that it uses; return the plan."""
    read = _read(space, divided.typical, work.seed)
    rows, density = read.rows, divided.typical is not None
    if divided.modules:
        aims = goals.by_module(settings, divided.modules, density=density)
    else:
        aims = goals.by_number(settings, divided.stages, divided.tier_count, density=density)
    rows = replace(rows, columns=_columns(space, aims, read.place))
    for aim in aims:
        for column, floor in aim.floor.items():
            repeats.check_room(column, floor, rows.grouped(column).count)
    dice = partial(chance, work.seed, "pace")
    frame = arrange.Frame(divided.tier_count, divided.requires)
    if aims[0].broad and divided.embedded:
        rows = replace(rows, near=_near(space, read.place))
    course = arrange.course(rows, aims, frame, settings, dice)
    made = _vary(space, aims, course, read, divided, work)
    laid = list(arrange.lay(rows, course, aims, settings, dice("review").random(len(rows.tier)), dice, made.variations))
    full = rows.with_varied(made.variations)
    ids = pa.concat_arrays([read.ids, made.ids])
    parts = _write_augmented(space, made, laid, len(rows.tier), work)
    _write_order(space, full, ids, laid, work)
    described = [describe.stage(each, aim, full, course) for each, aim in zip(laid, aims, strict=True)]
    by_tier = bool(divided.modules) or policies.traits(settings.policy).by_tier
    together = told.together(rows.skills, course.opens, divided.requires) if by_tier else {}
    plan = Plan(
        seed=work.seed,
        policy=settings.policy,
        review=describe.review_share(aims, described),
        passes=settings.passes,
        mixed=settings.mixed if aims[-1].mixed else 0.0,
        window=min((each.gap for each in laid if each.gap is not None), default=sum(stage.rows for stage in described)),
        window_goal=settings.window,
        most_visits=settings.most_visits if any(aim.floor for aim in aims) else None,
        prerequisites=by_tier,
        requires={name: tuple(needed) for name, needed in divided.requires.items() if needed},
        together=together,
        edges_from=next((number for number, aim in enumerate(aims) if aim.edges), None),
        augmented_parts=parts,
        how=told.how(settings, aims, divided.tier_count),
        skipped=(*divided.skipped, *told.shortfalls(aims, described, course, rows), *told.squeezed(together)),
        ingredients=divided.ingredients,
        calibration=divided.calibration,
        tiers=divided.tiers,
        tiers_by=divided.tiers_by,
        choices=divided.choices,
        margin=divided.margin,
        stages=tuple(described),
        lengths=describe.lengths(rows.tier, rows.tokens, read.prompt_tokens, LIMITS),
        fates=read.fates,
        knots=divided.knots,
    )
    space.write_json("plan.json", plan, work.stamp)
    return plan


def _read(space: Workspace, typical: tuple[str, str] | None, seed: int) -> _Read:
    tiers = space.read_table("tiers.parquet", ["id", "fate", "tier", "difficulty"])
    fate = tiers.column("fate")
    place = np.flatnonzero(pc.is_in(fate, value_set=pa.array(["train", "learnt"])).to_numpy())
    if not len(place):
        raise DataError("no example is left to train on", fix="hold out less with --holdout, or add examples")
    ids = tiers.column("id").take(pa.array(place)).combine_chunks()
    skill = space.read_table("skills.parquet", ["skill"]).column("skill").combine_chunks().dictionary_encode()
    names = skill.dictionary.to_pylist()
    ranked = {name: code for code, name in enumerate(sorted(names))}
    code = np.array([ranked[name] for name in names], np.int32)[skill.indices.to_numpy()]
    counted = space.read_all("statistics/tokens", ["tokens", "prompt_tokens"])
    fates = pc.value_counts(tiers.column("fate")).to_pylist()
    density = None if typical is None else space.read_all(typical[0], [typical[1]]).column(typical[1]).to_numpy()
    rows = Rows(
        tier=tiers.column("tier").to_numpy()[place].astype(np.int8),
        difficulty=tiers.column("difficulty").to_numpy()[place].astype(np.float32),
        skill=code[place],
        tokens=counted.column("tokens").to_numpy()[place].astype(np.int64),
        luck=draw(ids, seed, "pace", "luck"),
        skills=sorted(names),
        typical=None if density is None else density[place].astype(np.float32),
        edge=_edges(space, ids),
        **_revised(space, ids, fate.take(pa.array(place))),
    )
    by_name = sorted(fates, key=lambda each: str(each["values"]))
    prompt_tokens = counted.column("prompt_tokens").to_numpy()[place].astype(np.int64)
    return _Read(rows, ids, place, prompt_tokens, {each["values"]: each["counts"] for each in by_name})


def _revised(space: Workspace, ids: pa.Array, fate: pa.ChunkedArray) -> dict[str, Any]:
    """What a revision says of the rows: which are known from an earlier edition, and which come again."""
    if not space.disk.exists("revision.parquet"):
        return {}
    asked = space.read_table("revision.parquet", ["id", "again"])
    place = pc.index_in(ids, value_set=asked.column("id").combine_chunks())
    again = pc.fill_null(asked.column("again").combine_chunks().take(place), 0).to_numpy(zero_copy_only=False)
    return {"known": pc.equal(fate, "learnt").to_numpy(), "again": again.astype(np.int8)}


def _edges(space: Workspace, ids: pa.Array) -> NDArray[np.bool_] | None:
    """Which rows mining calls rare and good; None where there are none."""
    found = space.read_table("mined/edges.parquet", ["id", "kind"])
    good = found.filter(pc.equal(found.column("kind"), "rare_good")).column("id").combine_chunks()
    return pc.is_in(ids, value_set=good).to_numpy(zero_copy_only=False) if len(good) else None


def _columns(space: Workspace, aims: Sequence[Goal], place: NDArray[np.int64]) -> dict[str, Groups]:
    """The columns, beside the skill, that floors name, of the training rows at *place* among all examples."""
    found = {}
    for column in sorted({column for aim in aims for column in aim.floor} - {"skill"}):
        words, code = columns.codes(columns.strings(space, column, "a floor gives rows again by"))
        found[column] = Groups(words, code[place])
    return found


def _near(space: Workspace, place: NDArray[np.int64]) -> Nearby:
    """The neighbours of the training rows, which stand at *place* among all examples, by position among themselves."""
    listed = space.read_all("neighbours", ["neighbours", "similarity"])
    near, cosine = (matrix(column)[place] for column in listed.columns)
    trained = np.full(len(listed) + 1, -1, np.int64)
    trained[place] = np.arange(len(place))
    return Nearby(trained[near], cosine)


def _vary(space: Workspace, aims: Sequence[Goal], course: Course, read: _Read, divided: Divided, work: Work) -> _Made:
    """Make the variations that stages may take. One that says what an example says already is no variation."""
    kinds = [kind for kind in KINDS if any(aim.vary.get(kind) for aim in aims)]
    if not kinds:
        return _Made(Variations.none(), pa.array([], pa.string()), np.zeros(0, np.int64), np.zeros(0, np.int64))
    luck = {kind: draw(read.ids, work.seed, "pace", f"vary {kind}") for kind in kinds}
    tried = variations.tried(aims, course.new_in, luck)
    place = np.concatenate([read.place[at] for at in tried.values()])
    kind = np.concatenate([np.full(len(at), KINDS.index(name), np.int8) for name, at in tried.items()])
    order = np.lexsort((kind, place))
    parts = space.units("examples")
    starts = np.cumsum([0, *(part.rows for part in parts)])
    job = augment.VaryJob(space, work.seed, divided.tokenizer(), work.stamp, place[order], kind[order], starts)
    missing = [part for part in parts if not job.stands(part.index)]
    for count, _ in enumerate(work.engine.map(job, iter(missing)), 1):
        work.progress("vary", count, len(missing), "parts")
    return _gathered(space, read, luck)


def _gathered(space: Workspace, read: _Read, luck: Mapping[Kind, NDArray[np.float64]]) -> _Made:
    tables = list(space.read_parts(augment.FOLDER, ["id", "parent", "how", "tokens"]))
    made = pa.concat_tables(tables)
    part = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    line = np.concatenate([np.arange(len(table)) for table in tables])
    ids = made.column("id").combine_chunks()
    known = pc.is_in(ids, value_set=space.read_table("tiers.parquet", ["id"]).column("id").combine_chunks())
    first = np.zeros(len(ids), np.bool_)
    first[np.unique(pc.index_in(ids, value_set=pc.unique(ids)).to_numpy(), return_index=True)[1]] = True
    kept = np.flatnonzero(first & ~known.to_numpy(zero_copy_only=False))
    chosen = made.take(pa.array(kept))
    base = pc.index_in(chosen.column("parent"), value_set=read.ids).to_numpy().astype(np.int64)
    kind = pc.index_in(chosen.column("how"), value_set=pa.array(KINDS)).to_numpy().astype(np.int8)
    drawn = np.array([luck[KINDS[code]][at] for code, at in zip(kind.tolist(), base.tolist(), strict=True)], np.float64)
    tokens = chosen.column("tokens").to_numpy().astype(np.int64)
    return _Made(Variations(base, kind, tokens, drawn), chosen.column("id").combine_chunks(), part[kept], line[kept])


def _write_augmented(space: Workspace, made: _Made, laid: Sequence[Laid], rows: int, work: Work) -> int:
    """Write the content of the variations that the order uses; the number of parts."""
    placed = [each.order[each.order >= rows] - rows for each in laid]
    used = np.unique(np.concatenate(placed))
    count = 0
    for number in np.unique(made.part[used]).tolist():
        inside = used[made.part[used] == number]
        table = space.read_table(space.part(augment.FOLDER, number)).take(pa.array(made.line[inside]))
        space.write_table(space.part("augmented", count), table, work.stamp)
        count += 1
    space.trim("augmented", count)
    space.disk.remove(augment.FOLDER)
    return count


def _write_order(space: Workspace, rows: Rows, ids: pa.Array, laid: Sequence[Laid], work: Work) -> None:
    order = np.concatenate([each.order for each in laid])
    stage = np.repeat([each.stage for each in laid], [len(each.order) for each in laid])
    table = pa.table(
        {
            "order": np.arange(len(order), dtype=np.int64),
            "stage": stage.astype(np.int16),
            "tier": rows.tier[order],
            "id": ids.take(pa.array(order)),
            "role": _words(np.concatenate([each.role for each in laid]), ROLES),
            "because": _words(np.concatenate([each.because for each in laid]), WORDS),
        },
        schema=schemas.ORDER,
    )
    space.write_table("order.parquet", table, work.stamp)


def _words(code: NDArray[np.int8], words: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(code), pa.array(words)).cast(pa.string())
