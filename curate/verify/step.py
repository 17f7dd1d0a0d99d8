"""Prove a run from its files: read them all, recompute every id and hash, and say which claims hold."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import orjson
import polars as pl
import pyarrow as pa

from curate.core import views
from curate.core.ids import example_id
from curate.core.manifest import Manifest
from curate.core.plan import Plan
from curate.errors import IntegrityError
from curate.protocol import Frozen
from curate.store import columns
from curate.store.forms import frame
from curate.store.stamps import stamp
from curate.verify import conservation, order, probed, training
from curate.verify.findings import Check, check
from curate.verify.floors import floors
from curate.verify.variations import variations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.store.workspace import Workspace

_PLACED = ["curate_order", "curate_stage", "curate_tier", "curate_role", "curate_id"]


class Report(Frozen):
    """Every claim, in the order in which it was looked at."""

    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether all claims hold."""
        return all(each.holds for each in self.checks)


def run(space: Workspace) -> Report:
    """Check conservation, order, shards and hashes; a file that cannot be read is an `IntegrityError`."""
    manifest = space.read_json("dataset/manifest.json", Manifest)
    plan = space.read_json("plan.json", Plan)
    ledger = _frame(space, "ledger", ["source", "row", "id", "outcome", "reason"])
    rejected = _frame(space, "rejected", ["source", "row"])
    tiers, placed = _table(space, "tiers.parquet"), _table(space, "order.parquet")
    skills, edges = _table(space, "skills.parquet"), _table(space, "mined/edges.parquet")
    examples, wrong_ids = _examples(space, "examples", ["id", "source", "row"])
    augmented, wrong_varied = _augmented(space, plan)
    tokens = pl.concat([_frame(space, "statistics/tokens", ["id", "tokens"]), augmented.select("id", "tokens")])
    laid = order.placed(placed, tiers, skills, tokens, edges, augmented, plan, _columns(space, plan))
    return Report(
        checks=(
            *_hashes(space, manifest),
            *conservation.ledger(ledger, examples, rejected),
            check(
                "every id is the hash of its content",
                [*wrong_ids, *wrong_varied],
                f"{len(examples) + len(augmented)} recomputed",
            ),
            *conservation.fates(examples, tiers, placed, augmented),
            *order.order(laid),
            *floors(laid),
            *variations(augmented, placed, tiers, plan),
            *_shards(space, manifest, placed, tiers),
            *_training(space, placed),
            *_probes(space, placed, tiers),
        )
    )


def _columns(space: Workspace, plan: Plan) -> pl.DataFrame:
    """The columns of the examples, beside the skill, that floors name."""
    wanted = sorted({column for stage in plan.stages for column in stage.floor_goal} - {"skill"})
    found = {f"by {column}": columns.strings(space, column, "a floor gives rows again by") for column in wanted}
    return frame(pa.table({"id": space.read_all("examples", ["id"]).column("id"), **found}))


def _training(space: Workspace, placed: pl.DataFrame) -> Iterator[Check]:
    """Claims about a training, where there was one."""
    if not space.parts("training/order"):
        return
    begun = orjson.loads(space.read_bytes("training/begun.json"))
    realised, signals = _frame_of(space, "training/order"), _frame_of(space, "training/signals")
    yield from training.realised(realised, placed, signals, follows=begun["settings"]["adaptive"] == "plan")


def _probes(space: Workspace, placed: pl.DataFrame, tiers: pl.DataFrame) -> Iterator[Check]:
    """Claims about the rows that probes of this dataset ask; training sees the order, and what it realised.

    A suite that was made before the dataset was written anew is no concern: `curate probe` makes another.
    """
    written = space.read_stamped("dataset/manifest.json", Manifest)[1]
    inputs = "" if written is None else stamp({}, written.digest).inputs
    names = [name for name in space.disk.names("probe") if name.endswith(".parquet")]
    stamps = {f"probe/{name}": space.stamp_of(f"probe/{name}") for name in names}
    paths = [path for path, held in stamps.items() if held is not None and held.inputs == inputs]
    if not paths:
        return
    tables = [space.read_table(path, ["id", "parent", *views.RECORD_COLUMNS]) for path in paths]
    altered = [
        known
        for table in tables
        for known, turns in zip(table.column("id").to_pylist(), views.all_turns(table), strict=True)
        if example_id(turns) != known
    ]
    asked = pl.concat([frame(table.select(["id", "parent"])) for table in tables]).unique(maintain_order=True)
    trained = [placed.select("id")]
    if space.parts("training/order"):
        trained.append(_frame_of(space, "training/order").select(id="curate_id"))
    yield from probed.suite(asked, tiers, pl.concat(trained), altered)


def _frame_of(space: Workspace, folder: str) -> pl.DataFrame:
    return pl.concat([frame(table) for table in space.read_parts(folder)])


def _hashes(space: Workspace, manifest: Manifest) -> Iterator[Check]:
    shards = [(f"dataset/{file.path}", file.sha256, file.size_bytes) for file in (*manifest.shards, *manifest.files)]
    made_from = [(file.path, file.sha256, file.size_bytes) for file in manifest.run_files]
    for claim, files in (
        ("every file of the dataset has its hash", shards),
        ("every file it was made from has its hash", made_from),
    ):
        offenders = [f"{path} is altered" for path, sha256, size in files if _sha256(space, path) != (sha256, size)]
        yield check(claim, offenders, f"{len(files)} files, {sum(size for *_, size in files)} bytes")
    listed = {file.path for file in manifest.shards}
    held = {
        f"data/{folder}/{name}"
        for folder in space.disk.names("dataset/data")
        for name in space.disk.names(f"dataset/data/{folder}")
    }
    yield check(
        "the dataset holds no shard that the manifest does not list", sorted(held - listed), f"{len(held)} shards"
    )


def _sha256(space: Workspace, path: str) -> tuple[str, int]:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise IntegrityError(
            f"the manifest names {path}, which lies outside the run folder",
            fix="do not trust this dataset; build it again with `curate tier`",
        )
    return space.sha256(path)


def _augmented(space: Workspace, plan: Plan) -> tuple[pl.DataFrame, list[str]]:
    """The varied rows, and the ids that are not the hash of their content."""
    if not plan.augmented_parts:
        empty = {"id": pl.String, "parent": pl.String, "how": pl.String, "tokens": pl.Int32}
        return pl.DataFrame(schema=empty), []
    return _examples(space, "augmented", ["id", "parent", "how", "tokens"])


def _examples(space: Workspace, folder: str, columns: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Some columns of all examples, and the ids that are not the hash of their content."""
    frames, wrong = [], []
    for table in space.read_parts(folder, [*columns, *views.RECORD_COLUMNS]):
        frames.append(frame(table.select(columns)))
        held = table.column("id").to_pylist()
        wrong += [
            known for known, turns in zip(held, views.all_turns(table), strict=True) if example_id(turns) != known
        ]
    return pl.concat(frames), wrong


def _shards(space: Workspace, manifest: Manifest, placed: pl.DataFrame, tiers: pl.DataFrame) -> Iterator[Check]:
    training: list[pl.DataFrame] = []
    held: list[pl.DataFrame] = []
    altered: list[str] = []
    for shard in manifest.shards:
        table = space.read_table(f"dataset/{shard.path}")
        (held if shard.stage is None else training).append(frame(table.select(_PLACED)))
        altered += list(_altered(table, manifest.record))
    wanted = placed.select("order", "stage", "tier", "role", "id")
    found = pl.concat(training).rename({name: name.removeprefix("curate_") for name in _PLACED})
    same = found.select(wanted.columns).equals(wanted)
    yield check(
        "the shards hold the rows of the order, in order",
        [] if same else [_first_difference(found.select(wanted.columns), wanted)],
        f"{len(wanted)} rows in {len(training)} shards",
    )
    kept = set(tiers.filter(pl.col("fate") == "holdout")["id"])
    in_shards = pl.concat(held)["curate_id"].to_list() if held else []
    offenders = [] if len(in_shards) == len(kept) and set(in_shards) == kept else [f"{len(in_shards)} held-out rows"]
    yield check("the hold-out is written whole and apart", offenders, f"{len(kept)} rows held out")
    yield check("every row's content has its id", altered, f"{len(wanted) + len(in_shards)} rows, as {manifest.record}")


def _altered(table: pa.Table, record: str) -> Iterator[str]:
    """Rows whose content does not hash to their id; a chat written as text no longer tells its turns apart."""
    ids = table.column("curate_id").to_pylist()
    rows = table.select([name for name in ("messages", "prompt", "completion", "text") if name in table.column_names])
    for known, row in zip(ids, rows.to_pylist(), strict=True):
        turns = views.turns({"record": record, **row})
        if record != "text" and example_id(turns) != known:
            yield known


def _first_difference(found: pl.DataFrame, wanted: pl.DataFrame) -> str:
    if len(found) != len(wanted):
        return f"{len(found)} rows, not {len(wanted)}"
    places = (
        row for row, pair in enumerate(zip(found.iter_rows(), wanted.iter_rows(), strict=True)) if pair[0] != pair[1]
    )
    return f"place {next(places, 0)} differs"


def _frame(space: Workspace, folder: str, columns: list[str]) -> pl.DataFrame:
    return pl.concat([frame(table) for table in space.read_parts(folder, columns)])


def _table(space: Workspace, path: str) -> pl.DataFrame:
    return frame(space.read_table(path))
