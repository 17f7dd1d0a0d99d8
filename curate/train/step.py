"""Train on a run's dataset in stage order; nothing runs before its files are proven to be those that were written."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import orjson
import polars as pl
import pyarrow as pa

from curate.core import views
from curate.core.ids import digest
from curate.core.manifest import Manifest, Schedule
from curate.core.measured import Measured
from curate.core.schemas import REALISED, SIGNALS
from curate.core.vary import vary
from curate.errors import GateError, IntegrityError, SettingsError
from curate.models import load
from curate.protocol import Frozen
from curate.store.forms import frame
from curate.store.rows import open_shards
from curate.train import adapt, build, drive, gates, rates, report
from curate.train.conduct import Conductor, Rules, Step
from curate.train.course import COLUMNS, course_of
from curate.train.delivered import Delivered, Lengths
from curate.train.encode import encode, varied
from curate.train.export import Facts, Target, written
from curate.train.gates import Decision, Reading
from curate.train.journal import Journal, Shelf
from curate.train.loop import Batches, Feed, Hooks
from curate.train.outline import Outline, Pace, outlined
from curate.train.reader import Reader, fingerprint_of
from curate.train.report import Report
from curate.train.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from curate.core.measured import Prober
    from curate.core.plan import Gate
    from curate.core.vary import Kind as VaryKind
    from curate.models.names import Resolved
    from curate.models.untyped import Network, Tokenizer
    from curate.protocol import Progress
    from curate.store.workspace import Workspace
    from curate.train.conduct import Variation
    from curate.train.course import Course
    from curate.train.encode import Encoded

__all__ = [
    "Delivered",
    "Given",
    "Outline",
    "Report",
    "Settings",
    "Target",
    "check_order",
    "export",
    "open_reader",
    "outline",
    "restart",
    "run",
]

_log = logging.getLogger(__name__)

FOLDER = "training"
_CHECKPOINTS = f"{FOLDER}/checkpoints"
_VARIATIONS: tuple[VaryKind, ...] = ("template", "options", "distractor", "case")
"""The kinds that a failing skill is given again in, tried in this order."""


@dataclass(frozen=True)
class Given:
    """What training is handed: its model, what the plan says of skills, the quick probe, and who watches."""

    model: Resolved
    requires: Mapping[str, Sequence[str]]
    ascending: bool
    """Whether the order rises in difficulty, so that a decayed rate would work against it."""
    prober: Prober | None
    progress: Progress
    probe_tokens: int = 0
    """Most tokens that the quick probe asks."""
    refused: str | None = None
    """Why the audit failed."""
    trust: bool = False


class Begun(Frozen):
    """What `training/begun.json` holds: what a training is of, so that it is only ever gone on with as it began."""

    settings: Settings
    model: str
    dataset: str
    digest: str


@dataclass
class _Watched:
    """What a reading needs beside the network, and the last probe of each stage."""

    tokenizer: Tokenizer
    probes: dict[int, Measured] = field(default_factory=dict)


def run(space: Workspace, settings: Settings, given: Given) -> Report:
    """Train in stage order, going on where an earlier run of the same training was stopped; return what it came to.

    A training that is over already is not done again: its report is returned.
    """
    reader, manifest = open_reader(space, given.refused, trust=given.trust), _manifest(space)
    course = read_course(space, reader)
    limits = asked(settings, reader.schedule)
    if not space.disk.exists(f"{FOLDER}/report.json"):
        check(settings, given, reader.schedule, limits)
    _begin(space, settings, given, reader)
    if space.disk.exists(f"{FOLDER}/report.json"):
        return space.read_json(f"{FOLDER}/report.json", Report)
    tokenizer = load.load_tokenizer(given.model)
    network = build.adapted(load.load_network(given.model), settings)
    graph = adapt.skill_graph(course.skills, given.requires)
    conductor = Conductor(course, _rules(settings, limits), graph, _variations(reader, manifest.record, settings.seed))
    journal = Journal(course, settings.seed, _shelf(space))
    watched = _Watched(tokenizer)
    checkpoint = _resume(space, conductor, journal, watched)
    if checkpoint is None:
        about = f"{given.model.name}, {len(course)} rows in {len(course.stages)} stages"
        journal.decided(Decision(step=0, stage=0, action="start", reason=about))
    hooks = _hooks(space, settings, given, conductor, journal, watched)
    feed = Feed(conductor, journal, _batches(reader, manifest.record, tokenizer, settings), hooks)
    with build.quietly():
        trainer = build.trainer(network, tokenizer, settings, feed, space.root / _CHECKPOINTS)
        trainer.train(resume_from_checkpoint=checkpoint)
        return _finish(space, settings, given, feed, trainer, watched)


def outline(space: Workspace, settings: Settings, given: Given) -> Outline:
    """What `run` would do: stages, steps, rates and gates, and its time from a step that is really computed."""
    reader, manifest = open_reader(space, given.refused, trust=given.trust), _manifest(space)
    limits = asked(settings, reader.schedule)
    check(settings, given, reader.schedule, limits)
    tokenizer = load.load_tokenizer(given.model)
    middle = range(len(reader) // 2, min(len(reader) // 2 + settings.batch_rows, len(reader)))
    rows = [one for one in encode(tokenizer, reader.rows.rows(middle), manifest.record, settings.max_tokens) if one]
    with build.quietly():
        network = build.adapted(load.load_network(given.model), settings)
        per_token = build.seconds_per_token(network, rows, build.filler(tokenizer), settings)
        look = build.probe_seconds(network, tokenizer, rows, given.probe_tokens) if limits and given.prober else 0.0
    return outlined(settings, reader.schedule, limits, Pace(per_token, look))


def open_reader(space: Workspace, refused: str | None = None, *, trust: bool = False) -> Reader:
    """The dataset of a run, ready to read.

    Raises `IntegrityError` where a file is not the one that the manifest lists, and `GateError` where the audit
    failed (*refused* says why); *trust* takes the data all the same.
    """
    manifest = _manifest(space)
    if not trust:
        if refused is not None:
            raise GateError(
                f"the audit of {space.name} failed: {refused}",
                fix="mend what audit/report.html names, or train all the same with --trust",
            )
        _check_hashes(space, manifest)
    schedule = space.read_json("dataset/schedule.json", Schedule)
    paths = [f"dataset/{path}" for stage in schedule.stages for path in stage.files]
    rows = open_shards(space.disk, paths)
    if len(rows) != schedule.rows:
        raise IntegrityError(
            f"the shards hold {len(rows)} rows, the schedule says {schedule.rows}",
            fix="write the dataset again: `curate tier`",
        )
    return Reader(rows, schedule, fingerprint_of(manifest))


def export(space: Workspace, settings: Settings, target: Target, model: tuple[str, str | None]) -> list[str]:
    """Write the configurations of one trainer into `exports/`; the paths of its files, in order."""
    manifest = _manifest(space)
    schedule = space.read_json("dataset/schedule.json", Schedule)
    held = [shard.path for shard in manifest.shards if shard.stage is None]
    facts = Facts(schedule, manifest.record, held, settings, *model)
    made = written(target, facts)
    space.disk.remove(f"exports/{target}")
    for name, text in made.items():
        space.write_bytes(f"exports/{target}/{name}", text.encode())
    return [f"exports/{target}/{name}" for name in made]


def check_order(space: Workspace, settings: Settings, target: Target) -> Delivered | None:
    """How a trainer's real loader deals with rows as long as those of the plan, under the settings of its export.

    None for a trainer whose loader cannot be driven from here.
    """
    lengths = _lengths(space)
    options: dict[str, object] = {"per_device_train_batch_size": settings.batch_rows}
    match target:
        case "transformers":
            return drive.of_transformers(lengths, {**options, **drive.KEEPING[target]})
        case "trl":
            return drive.of_trl(lengths, {**options, **drive.KEEPING[target], "max_length": settings.max_tokens})
        case "lightning":
            return drive.of_lightning(lengths, {"batch_size": settings.batch_rows, **drive.KEEPING[target]})
        case _:
            return None


def _lengths(space: Workspace) -> Lengths:
    """Tokens, prompt tokens and tier of each row of the plan, as scoring and pacing counted them.

    A varied row has its parent's answer, so the rest of it is its prompt.
    """
    order = frame(space.read_table("order.parquet", ["order", "id", "tier"]))
    counted = frame(space.read_all("statistics/tokens", ["id", "tokens", "prompt_tokens"]))
    if space.parts("augmented"):
        varied_rows = frame(space.read_all("augmented", ["id", "parent", "tokens"]))
        parents = counted.select(parent="id", answer=pl.col("tokens") - pl.col("prompt_tokens"))
        held = varied_rows.join(parents, on="parent", how="left")
        prompt = (pl.col("tokens") - pl.col("answer")).alias("prompt_tokens")
        counted = pl.concat([counted, held.select("id", "tokens", prompt)], how="vertical_relaxed")
    rows = order.join(counted, on="id", how="left", maintain_order="left")
    tokens, prompt_tokens, tier = (
        rows[name].to_numpy().astype(np.int64) for name in ("tokens", "prompt_tokens", "tier")
    )
    return Lengths(tokens, np.minimum(prompt_tokens, tokens), tier)


def read_course(space: Workspace, reader: Reader) -> Course:
    """The course of a dataset, without its texts."""
    paths = [f"dataset/{path}" for stage in reader.schedule.stages for path in stage.files]
    table = pa.concat_tables([space.read_table(path, COLUMNS) for path in paths])
    return course_of(table, reader.schedule.stages)


def asked(settings: Settings, schedule: Schedule) -> tuple[Gate, ...]:
    """The gate of each stage: what the schedule asks, else what the settings ask; none where nothing is asked."""
    if not settings.gates:
        return ()
    made = tuple(_gate(settings, stage.gate) for stage in schedule.stages)
    asks = any(value is not None for gate in made for value in (gate.score, gate.gain, gate.drop))
    return made if asks or settings.patience is not None else ()


def _gate(settings: Settings, gate: Gate) -> Gate:
    """A gate, and what the settings ask where it asks nothing."""
    ours = {"score": settings.score, "gain": settings.gain, "drop": settings.drop}
    missing = {name: value for name, value in ours.items() if value is not None and getattr(gate, name) is None}
    return gate.model_copy(update=missing | ({"window_steps": settings.gain_steps} if "gain" in missing else {}))


def check(settings: Settings, given: Given, schedule: Schedule, limits: Sequence[Gate]) -> None:
    """Refuse settings that cannot be meant, and warn of a rate that takes the order's effect away."""
    if settings.adapter != "none":
        build.require("peft")
    if settings.stage_tokens and len(settings.stage_tokens) != len(schedule.stages):
        raise SettingsError(
            f"stage_tokens has {len(settings.stage_tokens)} numbers for {len(schedule.stages)} stages",
            fix="give one number for each stage, or none",
        )
    probed = any(gate.score is not None or gate.drop is not None for gate in limits) or (
        bool(limits) and settings.patience is not None
    )
    if probed and given.prober is None:
        raise SettingsError(
            "the gates ask how well the model does, and there are no held-out rows to ask it on",
            fix="hold rows out (`curate tier --holdout 0.05`), ask for --gain alone, or switch gates off",
        )
    last = rates.final_share(settings.shape, settings.final, schedule.stages[-1].learning)
    if given.ascending and last < rates.FULL_DECAY:
        _log.warning(
            "the learning rate ends at %.0f %% of its peak: the hardest rows, which come last, would hardly be learnt; "
            "let it end at %.1f or more ([pace] learning, or --final), or use --shape constant with --average 3",
            100 * last,
            rates.FULL_DECAY,
        )


def rate(settings: Settings, conductor: Conductor) -> float:
    """The learning rate of the step that was handed out last."""
    done, of_stage = conductor.progress()
    contract = conductor.course.stages[conductor.state.stage].learning
    share = rates.share(settings.shape, contract, done, of_stage, settings.final, settings.warm_up)
    return settings.learning_rate * share


# --- the data ---


def _manifest(space: Workspace) -> Manifest:
    return space.read_json("dataset/manifest.json", Manifest)


def _check_hashes(space: Workspace, manifest: Manifest) -> None:
    for file in (*manifest.shards, *manifest.files):
        if space.sha256(f"dataset/{file.path}") != (file.sha256, file.size_bytes):
            raise IntegrityError(
                f"dataset/{file.path} is not the file that was written: its hash differs from the manifest's",
                fix="write the dataset again (`curate tier`), or train on what is there with --trust",
            )


def _rules(settings: Settings, limits: tuple[Gate, ...]) -> Rules:
    return Rules(
        step_rows=settings.step_rows,
        adaptive=settings.adaptive,
        window_steps=settings.window_steps,
        gate_every=settings.gate_every,
        block_rows=settings.block_rows,
        patience=settings.patience,
        most_steps=settings.max_steps,
        stage_tokens=settings.stage_tokens,
        gates=limits,
    )


def _batches(reader: Reader, record: str, tokenizer: Tokenizer, settings: Settings) -> Batches:
    def encoded(step: Step) -> list[Encoded | None]:
        rows = reader.rows.rows(step.places.tolist())
        for number, kind in enumerate(step.kinds):
            if kind is not None:
                rows[number] = varied(rows[number], _turns(rows[number], record, cast("VaryKind", kind), settings.seed))
        return encode(tokenizer, rows, record, settings.max_tokens)

    return Batches(settings.batch_rows, build.filler(tokenizer), encoded)


def _turns(row: Mapping[str, Any], record: str, kind: VaryKind, seed: int) -> Sequence[tuple[str, str]]:
    made = vary(kind, views.turns({"record": record, **row}), seed, str(row["curate_id"]))
    if made is None:
        raise RuntimeError(f"row {row['curate_id']} has no variation {kind}")
    return made


def _variations(reader: Reader, record: str, seed: int) -> Callable[[Sequence[int]], list[Variation]]:
    """For each row the first kind of variation that it has."""

    def found(places: Sequence[int]) -> list[Variation]:
        made: list[Variation] = []
        for place, row in zip(places, reader.rows.rows(places), strict=True):
            turns = views.turns({"record": record, **row})
            kinds = (kind for kind in _VARIATIONS if vary(kind, turns, seed, row["curate_id"]) is not None)
            kind = next(kinds, None)
            if kind is not None:
                made.append((place, kind))
        return made

    return found


# --- what is written ---


def _begin(space: Workspace, settings: Settings, given: Given, reader: Reader) -> None:
    """Note what this training is of, or make sure that it is the one that was begun here."""
    kept = settings.model_copy(update={"model": given.model.reference})
    key = digest(kept.model_dump(mode="json"), given.model.fingerprint, reader.fingerprint)
    begun = Begun(settings=kept, model=given.model.fingerprint, dataset=reader.fingerprint, digest=key)
    path = f"{FOLDER}/begun.json"
    if space.disk.exists(path):
        held = space.read_json(path, Begun)
        if held.digest != key:
            raise SettingsError(
                f"{space.root}/{FOLDER} holds a training of another kind: {_difference(held, begun)}",
                fix="give the settings that it was begun with, or begin anew with --restart",
            )
        return
    space.write_json(path, begun)


def _difference(held: Begun, begun: Begun) -> str:
    if held.dataset != begun.dataset:
        return "the dataset is another one"
    if held.model != begun.model:
        return "the model is another one"
    ours, theirs = begun.settings.model_dump(mode="json"), held.settings.model_dump(mode="json")
    return ", ".join(f"{name} was {theirs[name]}" for name in ours if ours[name] != theirs[name])


def restart(space: Workspace) -> None:
    """Forget the training of a run."""
    space.disk.remove(FOLDER)


def _shelf(space: Workspace) -> Shelf:
    def part(name: str, number: int, table: pa.Table) -> None:
        space.write_bytes(space.part(f"{FOLDER}/{name}", number), _parquet(table))

    def decisions(made: Sequence[Decision]) -> None:
        lines = b"".join(orjson.dumps(each.model_dump(mode="json")) + b"\n" for each in made)
        space.write_bytes(f"{FOLDER}/decisions.jsonl", lines)

    return Shelf(part, decisions)


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _decisions(space: Workspace) -> list[Decision]:
    return [Decision.model_validate_json(line) for line in space.read_bytes(f"{FOLDER}/decisions.jsonl").splitlines()]


def _hooks(
    space: Workspace, settings: Settings, given: Given, conductor: Conductor, journal: Journal, watched: _Watched
) -> Hooks:
    planned = -(-len(conductor.course) // settings.step_rows)
    board = _board(space)

    def watch(step: int, loss: float, learning_rate: float) -> None:
        given.progress("train", step, max(planned, step), "steps")
        stage = conductor.state.stage
        for name, value in (("loss", loss), ("learning_rate", learning_rate), ("stage", stage)):
            board(f"train/{name}", value, step)

    def read(network: Network) -> Reading:
        state = conductor.state
        if given.prober is None:
            return Reading(gain=conductor.gain())
        measured = _probe(given.prober, network, watched, state.stage, state.step)
        space.write_json(f"{FOLDER}/probes/step-{state.step:06d}.json", measured)
        whole = measured.at()
        if whole is not None:
            board("probe/loss", whole.loss.value, state.step)
            board("probe/accuracy", gates.accuracy_of(whole), state.step)
        return gates.read(measured, conductor.gain())

    def save(folder: str) -> None:
        _save(space, settings, conductor, journal, folder.rpartition("/")[2])

    return Hooks(
        rate=lambda: rate(settings, conductor),
        read=read,
        save=save,
        watch=watch,
        checkpoint_every=settings.checkpoint_every,
    )


def _probe(prober: Prober, network: Network, watched: _Watched, stage: int, step: int) -> Measured:
    """Measure the network as it stands, and leave it, its mode and the random state as they were."""
    import torch

    training = network.training
    with torch.random.fork_rng(), torch.no_grad():
        measured = prober(network, watched.tokenizer, name=f"step-{step:06d}", stage=stage, step=step)
    network.train(training)
    watched.probes[stage] = measured
    return measured


def _board(space: Workspace) -> Callable[[str, float, int], None]:
    """Where TensorBoard reads from."""
    build.require("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(space.root / FOLDER / "logs"), flush_secs=30)
    return lambda name, value, step: writer.add_scalar(name, value, step)


# --- checkpoints ---


def _save(space: Workspace, settings: Settings, conductor: Conductor, journal: Journal, name: str) -> None:
    """Write our state into a checkpoint, the JSON last: one that has it is whole. Older ones go."""
    values, arrays = conductor.saved()
    buffer = io.BytesIO()
    np.savez(buffer, **cast("dict[str, Any]", arrays))
    space.write_bytes(f"{_CHECKPOINTS}/{name}/curate.npz", buffer.getvalue())
    state = {"conductor": values, "journal": journal.saved()}
    space.write_bytes(f"{_CHECKPOINTS}/{name}/curate.json", orjson.dumps(state, option=orjson.OPT_INDENT_2))
    for old in _whole(space)[: -max(settings.average, 2)]:
        space.disk.remove(f"{_CHECKPOINTS}/{old}")


def _whole(space: Workspace) -> list[str]:
    """The checkpoints that are whole, oldest first."""
    held = [name for name in space.disk.names(_CHECKPOINTS) if space.disk.exists(f"{_CHECKPOINTS}/{name}/curate.json")]
    return sorted(held, key=lambda name: int(name.rpartition("-")[2]))


def _resume(space: Workspace, conductor: Conductor, journal: Journal, watched: _Watched) -> str | None:
    """Bring the feed to where the last whole checkpoint was made, and everything that is written with it."""
    whole = _whole(space)
    for name in set(space.disk.names(_CHECKPOINTS)) - set(whole):
        space.disk.remove(f"{_CHECKPOINTS}/{name}")
    if not whole:
        for name in ("signals", "order", "probes", "decisions.jsonl", "logs"):
            space.disk.remove(f"{FOLDER}/{name}")
        return None
    folder = f"{_CHECKPOINTS}/{whole[-1]}"
    state = orjson.loads(space.read_bytes(f"{folder}/curate.json"))
    with np.load(io.BytesIO(space.read_bytes(f"{folder}/curate.npz"))) as arrays:
        conductor.load(state["conductor"], dict(arrays))
    journal.load(state["journal"], _decisions(space))
    for name in ("signals", "order"):
        space.trim(f"{FOLDER}/{name}", journal.parts)
    step = conductor.state.step
    for name in space.disk.names(f"{FOLDER}/probes"):
        measured = space.read_json(f"{FOLDER}/probes/{name}", Measured)
        if measured.step is not None and measured.step > step:
            space.disk.remove(f"{FOLDER}/probes/{name}")
        elif measured.stage is not None:
            watched.probes[measured.stage] = measured
    return str(space.root / folder)


# --- the end ---


def _finish(
    space: Workspace,
    settings: Settings,
    given: Given,
    feed: Feed,
    trainer: Any,  # noqa: ANN401 - of an untyped library
    watched: _Watched,
) -> Report:
    """Average what is to be averaged, save the model, and say what training came to."""
    last = _whole(space)[-settings.average :]
    if settings.average > 1:
        build.average(trainer.model, [space.root / _CHECKPOINTS / name for name in last])
        state = feed.conductor.state
        why = f"the final weights are the mean of {', '.join(last)}"
        feed.journal.decided(Decision(step=state.step, stage=state.stage, action="average", reason=why))
    trainer.save_model(str(space.root / FOLDER / "model"))
    watched.tokenizer.save_pretrained(str(space.root / FOLDER / "model"))
    made = _report(space, settings, given, feed, watched)
    space.write_json(f"{FOLDER}/report.json", made)
    return made


def _report(space: Workspace, settings: Settings, given: Given, feed: Feed, watched: _Watched) -> Report:
    course = feed.conductor.course
    of_place = dict(zip(course.example.tolist(), course.skill.tolist(), strict=True))
    skill_of = {course.ids[example]: course.skills[skill] for example, skill in of_place.items()}
    signals = _parts(space, "signals", SIGNALS)
    order = _parts(space, "order", REALISED)
    stages = report.results(signals, order, skill_of, watched.probes)
    ended = next(each.reason for each in reversed(feed.journal.decisions) if each.action == "stop")
    return Report(
        model=given.model.name,
        trainer=settings.trainer,
        adapter=settings.adapter,
        steps=feed.conductor.state.step,
        rows=len(order),
        tokens=sum(stage.tokens for stage in stages),
        stages=stages,
        decisions=report.counts(feed.journal.decisions),
        ended=ended,
        passed_over=report.by_tier(order, "passed-over"),
        cut=report.by_tier(order, "cut"),
    )


def _parts(space: Workspace, name: str, schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *space.read_parts(f"{FOLDER}/{name}")])
