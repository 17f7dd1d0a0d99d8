"""Write the dataset folder: shards in training order, schedule, card, Croissant, and the manifest last."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.core import views
from curate.core.manifest import Manifest, RunFile, Schedule, ScheduledStage, Shard
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen, Part
from curate.store.ahead import ahead
from curate.store.stamps import stamp
from curate.write import card, croissant, jobs, record, slots
from curate.write.told import Origin, Told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import Plan, Stage
    from curate.store.stamps import Stamp
    from curate.store.work import Work
    from curate.store.workspace import Workspace
    from curate.write.record import Record

__all__ = ["VERSION", "Origin", "Report", "Settings", "Told", "run"]

VERSION = 4
_DECIDING = ("pyarrow", "numpy")
_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class Settings(Frozen):
    """What the dataset looks like."""

    format: record.Record | None = Field(
        default=None, description="messages, prompt-completion or text; by default the input's own."
    )
    keep: tuple[str, ...] = Field(default=(), description="Columns of yours that the dataset keeps.")
    shard_rows: int = Field(default=100_000, ge=1, description="Most rows of one shard.")
    name: str = Field(default="curriculum", description="Name of the dataset, for its card.")
    license: str | None = Field(default=None, description="Licence of the dataset, for its card.")
    language: str | None = Field(default=None, description="Languages of the dataset, for its card: en, or en,de.")
    creator: str | None = Field(default=None, description="Who made the dataset, for its card.")
    date: str | None = Field(default=None, description="Date of the dataset, for its card; none is made up.")
    parent: str | None = Field(
        default=None,
        description="Run folder of the edition that this one came from, for the lineage in croissant.json.",
    )


class Report(Frozen):
    """What was written."""

    record: str
    shards: int
    training_rows: int
    holdout_rows: int
    size_bytes: int


@dataclass(frozen=True)
class _Slots:
    """Every place of the dataset in sequence, training rows first, then held-out rows."""

    place: NDArray[np.int64]
    """Positions among all examples, part by part, and after them all varied rows."""
    columns: pa.Table
    shards: slots.Shards
    training: int
    sources: tuple[str, ...]
    """The part files of the examples and of the varied rows."""


def run(space: Workspace, settings: Settings, plan: Plan, told: Told, work: Work) -> Report:
    """Write `dataset/`; shards that stand are kept, and the manifest comes last."""
    augmented = space.read_all("augmented", ["id", "parent", "record"]) if plan.augmented_parts else None
    chosen = record.choose(_records(told.records, augmented), settings.format)
    kinds = _kept_types(space, settings.keep)
    everything = _slots(space, settings, plan, augmented)
    wanted = stamp({"job": "shard", "version": VERSION, "record": chosen}, work.stamp.digest)
    paths = [f"dataset/{path}" for path in everything.shards.paths]
    missing = [number for number, path in enumerate(paths) if space.stamp_of(path) != wanted]
    space.disk.remove("dataset/manifest.json")
    if missing:
        _write_shards(space, everything, paths, missing, chosen, kinds, wanted, work)
    space.disk.remove(jobs.SORTED)
    _remove_others(space, set(paths))
    return _finish(space, settings, plan, told, chosen, everything, work)


def _records(counts: Mapping[str, int], augmented: pa.Table | None) -> Mapping[str, int]:
    """How many rows come in each type of record, varied ones included: an exchange may have become a chat."""
    if augmented is None:
        return counts
    more = {each["values"]: each["counts"] for each in pc.value_counts(augmented.column("record")).to_pylist()}
    return {name: counts.get(name, 0) + more.get(name, 0) for name in sorted(counts.keys() | more.keys())}


def _slots(space: Workspace, settings: Settings, plan: Plan, augmented: pa.Table | None) -> _Slots:
    """The sequence of all places, with the columns that the order decides. A varied row shares those of its parent."""
    tiers = space.read_table("tiers.parquet", ["id", "fate", "difficulty", "tier"])
    order = space.read_table("order.parquet", ["order", "stage", "id", "role"])
    held = np.flatnonzero(pc.equal(tiers.column("fate"), "holdout").to_numpy())
    ids = tiers.column("id").combine_chunks()
    known, base = ids, np.arange(len(ids))
    parents = pa.nulls(len(ids), pa.string())
    if augmented is not None:
        of = augmented.column("parent").combine_chunks()
        known = pa.concat_arrays([ids, augmented.column("id").combine_chunks()])
        base = np.concatenate([base, pc.index_in(of, value_set=ids).to_numpy()])
        parents = pa.concat_arrays([parents, of])
    trained = pc.index_in(order.column("id"), value_set=known).to_numpy().astype(np.int64)
    place = np.concatenate([trained, held.astype(np.int64)])
    none = len(held)
    of_place = pa.array(base[place])
    columns = pa.table(
        {
            "curate_order": pa.concat_arrays([*order.column("order").chunks, pa.nulls(none, pa.int64())]),
            "curate_stage": pa.concat_arrays([*order.column("stage").chunks, pa.nulls(none, pa.int16())]),
            "curate_tier": tiers.column("tier").take(of_place),
            "curate_role": pa.concat_arrays([*order.column("role").chunks, pa.array(["holdout"] * none, pa.string())]),
            "curate_parent": parents.take(pa.array(place)),
            "curate_difficulty": tiers.column("difficulty").take(of_place),
            "curate_skill": space.read_table("skills.parquet", ["skill"]).column("skill").take(of_place),
        }
    )
    shards = slots.divide([stage.rows for stage in plan.stages], none, settings.shard_rows)
    sources = (*space.parts("examples"), *space.parts("augmented"))
    return _Slots(place, columns, shards, len(order), sources)


def _write_shards(
    space: Workspace,
    everything: _Slots,
    paths: Sequence[str],
    missing: Sequence[int],
    chosen: Record,
    kinds: Mapping[str, pa.DataType],
    wanted: Stamp,
    work: Work,
) -> None:
    """Sort the rows by shard, then write the shards that are missing; both halves are part jobs."""
    part_rows = [space.rows(path) for path in everything.sources]
    starts = np.concatenate(([0], np.cumsum(part_rows)))
    taking = slots.by_part(everything.place, part_rows)
    table = everything.columns.append_column("place", pa.array(everything.place))
    pieces = -(-len(part_rows) // jobs.PARTS_AT_ONCE)
    job = jobs.SortJob(space, chosen, kinds, everything.shards.stops, wanted)
    parts = jobs.taken(everything.sources, starts, taking, table)
    for count, _ in enumerate(work.engine.map(job, (part for part in parts if not job.stands(part.index))), 1):
        work.progress("sort", count, pieces, "pieces")
    groups = jobs.groups(missing)
    finished = 0
    writing = jobs.ShardJob(space, paths, groups, pieces, wanted)
    for done in work.engine.map(writing, (Part(index, len(group)) for index, group in enumerate(groups))):
        finished += done.rows
        work.progress("shards", finished, len(missing), "shards")


def _kept_types(space: Workspace, keep: Sequence[str]) -> dict[str, pa.DataType]:
    """One type for each kept column: that of all parts where they agree, else one that holds them all."""
    found: dict[str, set[pa.DataType]] = {name: set() for name in keep}
    known: set[str] = set()
    for path in space.parts("examples") if keep else ():
        table = space.read_table(path, ["user"])
        held = views.user_names(table)
        known |= set(held)
        for name in found.keys() & set(held):
            found[name].add(table.schema.field("user").type.field(name).type)
    for name in keep:
        if name not in known:
            raise SettingsError(f"no example has a column {name!r} to keep", fix=did_you_mean(name, known))
        if name in card.MEANINGS:
            raise SettingsError(f"{name!r} is a column of ours", fix="rename yours, or do not keep it")
    return {name: _common(kinds) for name, kinds in found.items()}


def _common(kinds: set[pa.DataType]) -> pa.DataType:
    real = {kind for kind in kinds if not pa.types.is_null(kind)}
    if len(real) == 1:
        return real.pop()
    if real and all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in real):
        return pa.float64()
    return pa.string()


def _remove_others(space: Workspace, paths: set[str]) -> None:
    """Remove shards of an earlier plan."""
    for folder in space.disk.names("dataset/data"):
        inside = [f"dataset/data/{folder}/{name}" for name in space.disk.names(f"dataset/data/{folder}")]
        for path in inside:
            if path not in paths:
                space.disk.remove(path)
        if not paths.intersection(inside):
            space.disk.remove(f"dataset/data/{folder}")


def _finish(
    space: Workspace, settings: Settings, plan: Plan, told: Told, chosen: Record, everything: _Slots, work: Work
) -> Report:
    shards = list(ahead(lambda number: _shard(space, everything, number), range(len(everything.shards))))
    schedule = _schedule(plan, told, shards)
    space.write_json("dataset/schedule.json", schedule)
    holdout = [shard.path for shard in shards if shard.stage is None]
    columns = [*record.COLUMNS[chosen], *settings.keep, "curate_id", *everything.columns.column_names]
    counts = {name: getattr(told, name) for name in ("input_rows", "examples", "copies", "rejected")}
    about = {"license": settings.license, "language": settings.language, "date": settings.date}
    about |= {"creator": settings.creator, "pretty_name": settings.name}
    text = card.render(settings.name, schedule, plan, counts, columns, holdout, told.why, about)
    space.write_bytes("dataset/README.md", text.encode())
    others = [_file(space, name) for name in ("README.md", "schedule.json")]
    described = croissant.Described(
        columns=space.schema(f"dataset/{shards[0].path}"),
        shards=shards,
        others=others,
        schedule=schedule,
        plan=plan,
        told=told,
        edition=work.edition,
        about=about,
    )
    space.write_bytes("dataset/croissant.json", orjson.dumps(croissant.describe(described), option=_OPTIONS))
    others.append(_file(space, "croissant.json"))
    manifest = Manifest(
        record=chosen,
        columns=tuple(columns),
        seed=plan.seed,
        **counts,
        fates=plan.fates,
        training_rows=everything.training,
        holdout_rows=len(everything.place) - everything.training,
        shards=tuple(shards),
        lengths=plan.lengths,
        files=tuple(others),
        run_files=tuple(_run_files(space)),
        versions={name: version(name) for name in _DECIDING},
    )
    space.write_json("dataset/manifest.json", manifest, work.stamp)
    return Report(
        record=chosen,
        shards=len(shards),
        training_rows=manifest.training_rows,
        holdout_rows=manifest.holdout_rows,
        size_bytes=sum(shard.size_bytes for shard in shards),
    )


def _shard(space: Workspace, everything: _Slots, number: int) -> Shard:
    path = everything.shards.paths[number]
    stage = int(everything.shards.stages[number])
    start, stop = int(everything.shards.starts[number]), int(everything.shards.stops[number])
    return _file(space, path).model_copy(
        update={
            "rows": stop - start,
            "stage": stage if stage >= 0 else None,
            "first_order": start if stage >= 0 else None,
        }
    )


def _file(space: Workspace, path: str) -> Shard:
    sha256, size = space.sha256(f"dataset/{path}")
    return Shard(path=path, rows=0, size_bytes=size, sha256=sha256, stage=None, first_order=None)


def _run_files(space: Workspace) -> list[RunFile]:
    """All that the dataset was made from, in a fixed order."""
    paths = ["plan.json", "order.parquet", "skills.parquet", "tiers.parquet", "mined/edges.parquet"]
    paths += [path for path in ("revision.parquet",) if space.disk.exists(path)]
    for folder in ("ledger", "examples", "rejected", "augmented", "statistics/tokens"):
        paths += space.parts(folder)
    hashed = zip(paths, ahead(space.sha256, paths), strict=True)
    return [RunFile(path=path, sha256=sha256, size_bytes=size) for path, (sha256, size) in hashed]


def _schedule(plan: Plan, told: Told, shards: Sequence[Shard]) -> Schedule:
    stages, first = [], 0
    for stage in plan.stages:
        stages.append(
            ScheduledStage(
                stage=stage.stage,
                config=stage.name,
                module=stage.module,
                why=stage.why,
                rows=stage.rows,
                tokens=stage.tokens,
                roles=_roles(stage),
                tiers=stage.tiers,
                skills=stage.skills,
                opens_skills=stage.opens_skills,
                learning=stage.learning,
                gate=stage.gate,
                first_order=first,
                files=tuple(shard.path for shard in shards if shard.stage == stage.stage),
            )
        )
        first += stage.rows
    tokens = sum(stage.tokens for stage in plan.stages)
    return Schedule(rows=first, tokens=tokens, tokenizer=told.tokenizer, stages=tuple(stages))


def _roles(stage: Stage) -> dict[str, int]:
    return {"new": stage.new, "review": stage.review, "repeat": stage.repeat, "augmented": stage.augmented}
