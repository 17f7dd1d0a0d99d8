"""Probe a model with what a run holds out: write `probe/NAME-SIZE.json`, and `probe/transfer.json` over all of them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import pulse, views
from curate.core.measured import Measured
from curate.errors import SettingsError, did_you_mean
from curate.models import device, load
from curate.models.settings import LmSettings
from curate.probe import compare, gather, written
from curate.probe.measure import Checkpoint, measure
from curate.probe.settings import Settings
from curate.probe.suite import BUDGETS, Suite, build
from curate.store.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from curate.core.measured import Prober, Size
    from curate.models.names import Resolved
    from curate.store.work import Work
    from curate.store.workspace import Workspace

__all__ = ["QUICK_TOKENS", "Report", "Settings", "prober", "run", "suite"]

VERSION = 2
_TRANSFER = "probe/transfer.json"
BEGUN = "training/begun.json"
"""Where a training notes what it is of."""

QUICK_TOKENS = sum(BUDGETS["quick"])
"""Most tokens that a quick probe asks."""

Report = Measured


@dataclass(frozen=True)
class Asked:
    """What one call probes: a model, how large a probe, and where in training the model stands."""

    model: Resolved
    size: Size = "quick"
    name: str | None = None
    stage: int | None = None
    training: str | None = None


def run(space: Workspace, settings: Settings, domains: Sequence[str], asked: Asked, work: Work) -> Report:
    """Measure a model on the suite of this run and write what was found."""
    asks = suite(space, settings, domains, asked.size, work)
    name = asked.name or Path(asked.model.name).name
    place = device.pick_device(settings.device)
    network = load.load_network(asked.model, device.settle(settings.precision, place)).to(place).eval()
    tokenizer = load.load_tokenizer(asked.model)
    lm = load.wrap(network.requires_grad_(requires_grad=False), tokenizer, asked.model.name)
    earlier = probes(space)
    training = asked.training or _training_of(asked.model)
    checkpoint = Checkpoint(name, _public(asked.model), _next(earlier), asked.stage, training=training)
    options = LmSettings(precision=settings.precision, device=settings.device)
    tokens = 0

    def hear(more: int, done: int, total: int) -> None:
        nonlocal tokens
        tokens += more
        work.progress("probe", tokens, None, "tokens")
        work.progress("probe", len(asks.table) * done // max(total, 1), len(asks.table), "rows")

    work.progress("probe", 0, len(asks.table), "rows")
    matched = written.check(asks, network, tokenizer, settings.generate)
    with pulse.heard(hear):
        measured = measure(asks, lm, checkpoint, options, matched=matched, since=_last(earlier, asks, checkpoint))
    work.progress("probe", len(asks.table), len(asks.table), "rows")
    _keep(space, measured)
    return measured


def prober(space: Workspace, settings: Settings, domains: Sequence[str], work: Work) -> Prober:
    """The quick probe for a model in memory; the first call makes the suite, and each writes what it found."""
    asked = cache(lambda: suite(space, settings, domains, "quick", work))

    def probe(
        network: Any,  # noqa: ANN401 - a model of transformers
        tokenizer: Any,  # noqa: ANN401 - its tokenizer
        *,
        name: str,
        stage: int | None = None,
        step: int | None = None,
        since: Measured | None = None,
    ) -> Measured:
        asks, earlier = asked(), probes(space)
        checkpoint = Checkpoint(name, name, _next(earlier), stage, step, _begun(space))
        with _at_rest(network):
            lm = load.wrap(network, tokenizer, name)
            measured = measure(asks, lm, checkpoint, since=since or _last(earlier, asks, checkpoint))
        _keep(space, measured)
        return measured

    return probe


def probes(space: Workspace) -> list[Measured]:
    """All probes of a run, in the order in which they were made."""
    paths = (f"probe/{name}" for name in space.disk.names("probe") if name.endswith(".json"))
    found = [space.read_json(path, Measured) for path in paths if path != _TRANSFER]
    return sorted(found, key=lambda each: each.number)


def suite(space: Workspace, settings: Settings, domains: Sequence[str], size: Size, work: Work) -> Suite:
    """The probe rows of a run, from `probe/suite-SIZE.parquet` where that still fits the run; else it is written."""
    path = f"probe/suite-{size}.parquet"
    key = {"job": "suite", "version": VERSION, "unit": settings.unit, "domains": list(domains), "size": size}
    wanted = stamp({**key, "seed": work.seed}, work.stamp.digest)
    tiers = space.read_table("tiers.parquet", ["id", "fate", "tier"])
    skills = space.read_table("skills.parquet", ["id", "skill", "weight"])
    mixes = gather.mixes(space.read_table("order.parquet", ["stage", "id"]), tiers, skills)
    if space.stamp_of(path) != wanted:
        rows = gather.held(tiers, skills, space.read_all("statistics/tokens", ["id", "tokens"]))
        ids = rows.column("id").combine_chunks()
        labels = {} if settings.unit is None else _labels(space, settings.unit, ids)
        held = gather.choose(rows, _domains(space, domains, ids), labels, _pairs(space), size, work.seed)
        made = build(_with_content(space, held.table), size, work.seed)
        space.write_table(path, made, wanted, {"left_out": dict(held.left_out)})
    left_out = space.about(path).get("left_out")
    return Suite(space.read_table(path), size, work.seed, mixes, dict(left_out) if isinstance(left_out, dict) else {})


def _with_content(space: Workspace, chosen: pa.Table) -> pa.Table:
    """The chosen rows, in their order, with their records and tools."""
    columns = ["id", *views.RECORD_COLUMNS, "tools"]
    ids = chosen.column("id").combine_chunks()
    kept = [
        table.filter(pc.is_in(table.column("id"), value_set=ids)) for table in space.read_parts("examples", columns)
    ]
    content = pa.concat_tables(kept)
    content = content.take(pc.index_in(ids, value_set=content.column("id").combine_chunks()))
    for name in columns[1:]:
        chosen = chosen.append_column(name, content.column(name))
    return chosen


def _pairs(space: Workspace) -> list[tuple[str, str]]:
    """Rows that mine says repeat each other."""
    if not space.disk.exists("mined/duplicates.parquet"):
        return []
    mined = space.read_table("mined/duplicates.parquet", ["id", "partners"]).to_pylist()
    return [(row["id"], partner) for row in mined for partner in row["partners"] or ()]


def _domains(space: Workspace, domains: Sequence[str], ids: pa.Array) -> dict[str, str]:
    """By id, the held-out domain (COLUMN=VALUE) that the row is of: the first that fits."""
    found: dict[str, str] = {}
    for domain in domains:
        column, _, value = domain.partition("=")
        labels = _labels(space, column, ids)
        found = {row_id: domain for row_id, label in labels.items() if label == value} | found
    return found


def _labels(space: Workspace, name: str, ids: pa.Array) -> dict[str, str]:
    """By id, the value of a column, ours or the user's; a name that no example has is a mistake."""
    if name == "skill":
        skills = gather.main_skill(space.read_table("skills.parquet", ["id", "skill", "weight"]))
        return dict(zip(skills.column("id").to_pylist(), skills.column("skill").to_pylist(), strict=True))
    own = name in ("source", "language")
    known, found = {"source", "language", "skill"}, {}
    for table in space.read_parts("examples", ["id", name if own else "user"]):
        known |= set() if own else set(views.user_names(table))
        values = table.column(name) if own else views.user_column(table, name)
        inside = pc.is_in(table.column("id"), value_set=ids)
        pairs = zip(table.column("id").filter(inside).to_pylist(), values.filter(inside).to_pylist(), strict=True)
        found.update({row_id: str(value) for row_id, value in pairs if value is not None})
    if name not in known:
        raise SettingsError(f"no example has a column {name!r}", fix=did_you_mean(name, known))
    return found


def _last(earlier: Sequence[Measured], asks: Suite, now: Checkpoint) -> Measured | None:
    """The last probe of the same rows and another checkpoint: of the same training, at an earlier step, or of none."""
    for each in reversed(earlier):
        mine = now.training is None or each.training == now.training or (each.training is None and each.stage is None)
        before = now.step is None or each.step is None or each.step < now.step
        if each.suite == asks.digest and each.name != now.name and mine and before:
            return each
    return None


def _begun(space: Workspace) -> str | None:
    """The training that was begun in this run, by its digest; None where there is none."""
    return _short(space.read_bytes(BEGUN)) if space.disk.exists(BEGUN) else None


def _training_of(model: Resolved) -> str | None:
    """The training in whose folder a checkpoint lies; None where it lies in none of ours."""
    name = PurePosixPath(BEGUN).name
    above = [] if model.folder is None else [folder / name for folder in list(model.folder.resolve().parents)[:2]]
    held = next((path for path in above if path.is_file()), None)
    return None if held is None else _short(held.read_bytes())


def _short(begun: bytes) -> str:
    told = orjson.loads(begun)
    return str(told["digest"])[:12]


def _next(earlier: Sequence[Measured]) -> int:
    return max((each.number + 1 for each in earlier), default=0)


def _keep(space: Workspace, measured: Measured) -> None:
    """Write a probe, and what all probes together tell about stages."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", measured.name).strip("-") or "model"
    space.write_json(f"probe/{slug}-{measured.size}.json", measured)
    transfer = compare.transfer(probes(space))
    if transfer is not None:
        space.write_json(_TRANSFER, transfer)


def _public(model: Resolved) -> str:
    """The model's name; of a path on this machine only its last part."""
    return Path(model.name).name if Path(model.name).is_absolute() else model.reference


@contextmanager
def _at_rest(network: Any) -> Iterator[None]:  # noqa: ANN401 - a model of transformers
    """The model in evaluation mode, and afterwards in the mode that it was in."""
    was = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in was.items():
            module.training = training
