"""The study of a run on disk: reads what its verbs look at, and writes `RUN/study/`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl

from curate.core import schemas, toml, views
from curate.core.chance import draw
from curate.core.ids import digest
from curate.core.measured import Measured
from curate.core.plan import Plan
from curate.errors import SettingsError, StaleError
from curate.protocol import Frozen
from curate.store.forms import frame, matrix
from curate.store.stamps import stamp
from curate.study import ablation, arms, causes, compare, evidence, judge, moves, patterns, read, revision, visits
from curate.study import lab as labs
from curate.study.ablation import Ablation
from curate.study.compare import Edition, Tells
from curate.study.diagnosis import Diagnosed
from curate.study.difference import Difference
from curate.study.feedback import read_feedback
from curate.study.revision import Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.protocol import Progress
    from curate.store.stamps import Stamp
    from curate.store.workspace import Workspace
    from curate.study.diagnosis import Pattern
    from curate.study.lab import Lab

__all__ = [
    "Ablation",
    "Diagnosed",
    "Difference",
    "Revision",
    "Tells",
    "ablate",
    "budget",
    "diagnose",
    "diff",
    "fork",
    "restart",
    "revise",
]

REVISION = "revision.parquet"
_OF_THE_PARENT = ("training", "probe", "study", "exports", ".lock", "unfinished", "recipe.toml")
"""What an edition does not take over from its parent: what was measured of it. Its recipe it takes last."""
_BLOCK_BYTES = 1 << 20
_ROUNDS = 4


# --- diff ---


def diff(before: Workspace, after: Workspace, tells: Tells) -> Difference:
    """What changed from one edition to the other; both must have a plan, and nothing is rebuilt."""
    old, new = _edition(before), _edition(after)
    both = compare.joined(old, new)
    moved = tuple(compare.moved(both, old, new, tells))
    counts: Counter[str] = Counter(each.what for each in moved)
    fates = [dict(each.rows["fate"].value_counts().iter_rows()) for each in (old, new)]
    audits = [_findings(space) for space in (before, after)]
    unread = [space.name for space, found in zip((before, after), audits, strict=True) if found is None]
    return Difference(
        examples=(len(old.rows), len(new.rows)),
        fates={name: (fates[0].get(name, 0), fates[1].get(name, 0)) for name in sorted(fates[0] | fates[1])},
        counts={"same": len(both) - len(moved), **{kind: counts[kind] for kind in compare.KINDS if counts[kind]}},
        tiers=compare.flows(both, "tier"),
        stages=compare.flows(both, "stage"),
        sizes=compare.sizes(old.plan, new.plan),
        moved=moved,
        recipe=compare.recipe(
            *(
                toml.parse(space.read_bytes("recipe.toml"), f"{space.name}/recipe.toml", "recipe")
                for space in (before, after)
            )
        ),
        audit=() if unread else compare.findings(audits[0] or (), audits[1] or ()),
        skipped=tuple(f"the audit: {run} has none (`curate audit {run}`)" for run in dict.fromkeys(unread)),
    )


def _edition(space: Workspace) -> Edition:
    for path in ("plan.json", "tiers.parquet", "order.parquet", "skills.parquet", "steps/tier.json"):
        if not space.disk.exists(path):
            raise StaleError(f"{space.name} has no {path}", fix=f"run `curate tier {space.name}`")
    examples = frame(space.read_all("examples", ["id", "source", "row"]))
    tiers, skills, order = (frame(space.read_table(f"{name}.parquet")) for name in ("tiers", "skills", "order"))
    measured = orjson.loads(space.read_bytes("steps/tier.json"))["measured"]
    return Edition(
        compare.rows_of(examples, tiers, skills, order),
        space.read_json("plan.json", Plan),
        measured["folders"],
        dict(_moves(space).select("id", "because").iter_rows()),
    )


def _findings(space: Workspace) -> list[dict[str, Any]] | None:
    """The findings of a run's audit as they stand in its report; None where it was not audited."""
    if not space.disk.exists("audit/report.json"):
        return None
    found: list[dict[str, Any]] = orjson.loads(space.read_bytes("audit/report.json"))["findings"]
    return found


# --- revise ---


@dataclass(frozen=True)
class Evidence:
    """What is known of a parent edition, and how much of it there is."""

    known: moves.Known
    feedback: tuple[revision.Feedback, ...]
    counts: dict[str, int]
    digest: str


def fork(parent: Workspace, space: Workspace) -> None:
    """Copy an edition to a new folder, without what was measured of it; the recipe comes last."""
    if not parent.disk.exists("dataset/manifest.json"):
        raise StaleError(f"{parent.name} holds no finished dataset", fix=f"run `curate tier {parent.name}`")
    if space.disk.names(""):
        raise SettingsError(f"{space.name} is not empty", fix="name a new folder for the edition with -o")
    for path in (*_files(parent, ""), "recipe.toml"):
        with parent.disk.open(path) as held, space.disk.create(path) as copy:
            shutil.copyfileobj(held, copy, _BLOCK_BYTES)


def _files(space: Workspace, folder: str) -> Iterator[str]:
    """The files that an edition takes over from its parent, without the recipe."""
    for name in space.disk.names(folder):
        if folder or name not in _OF_THE_PARENT:
            path = f"{folder}/{name}" if folder else name
            inside = space.disk.names(path)
            yield from _files(space, path) if inside else [path]


def revise(
    parent: Workspace, space: Workspace, settings: revision.Settings, feedback: Path | None, plan: Callable[[], Plan]
) -> Revision:
    """Write what the evidence on *parent* moves into its copy *space*, within the budget; what was moved and why.

    *plan* brings the copy up to its plan. Where nothing is known that was not known before, nothing is written but
    the report.
    """
    before = parent.read_json("plan.json", Plan)
    evidence = _evidence(parent, feedback)
    made, skills = moves.moves(evidence.known, evidence.feedback, settings)
    if not evidence.counts["visits"] and settings.budget == 1:
        made = _kept_again(made, evidence.known.before)
    old = set(evidence.known.rows["id"]) - set(evidence.known.before.filter(pl.col("fate") == "unused")["id"])
    parent_tokens = _tokens(before)
    budget = round(parent_tokens * settings.budget)
    mark = stamp(settings.model_dump(mode="json"), evidence.digest)
    notes: list[str] = []
    if not made.equals(evidence.known.before):
        _write_moves(space, made, mark)
    now, ids = plan(), _ids(space)
    fresh = len(ids) > len(evidence.known.rows) or not set(ids) <= set(evidence.known.rows["id"])
    if _tokens(now) > budget:
        made, now = _wait(space, made, old, budget, plan, mark)
    if _tokens(now) > budget:
        notes.append(f"the edition holds {_tokens(now):,} tokens, {_tokens(now) - budget:,} more than its budget")
    if _tokens(now) < budget and (evidence.counts["visits"] or settings.budget != 1):
        wanted = moves.again(evidence.known, made, skills)
        made, now = _fill(space, made, wanted, budget, plan, mark)
    if _tokens(now) < budget * 0.99:
        notes.append(
            f"{budget - _tokens(now):,} tokens of the budget are not used: nothing that is known asks for them"
        )
    waiting = int((made["fate"] == "unused").sum())
    if waiting:
        notes.append(f"{waiting} new rows wait, since the budget of {budget:,} tokens is full; raise it with --budget")
    told = Revision(
        parent=parent.name,
        parent_dataset=parent.sha256("dataset/manifest.json")[0],
        evidence=evidence.counts | {"new_rows": len(set(ids) - set(evidence.known.rows["id"]))},
        moves=_moved_by(made, evidence.known.before),
        skills=skills,
        budget=budget,
        tokens=_tokens(now),
        parent_tokens=parent_tokens,
        changed=fresh or not made.equals(evidence.known.before),
        notes=tuple(notes),
    )
    space.write_json("study/revision.json", told)
    return told


def _evidence(parent: Workspace, feedback: Path | None) -> Evidence:
    """All that is known of a parent: its rows, what moved it, what training and its gates saw, and what people say."""
    tiers = frame(parent.read_table("tiers.parquet", ["id", "fate", "tier"]))
    skills = frame(parent.read_table("skills.parquet", ["id", "skill"])).unique("id", keep="first")
    noise = frame(parent.read_table("mined/noise.parquet", ["id"])).unique().with_columns(suspect=pl.lit(value=True))
    signals = _signals(parent)
    decisions = _decisions(parent)
    rows = (
        tiers.join(skills, on="id", how="left")
        .join(noise, on="id", how="left")
        .with_columns(pl.col("suspect").fill_null(value=False), pl.col("tier").cast(pl.Int64))
        .join(visits.by_row(signals), on="id", how="left")
    )
    lines = () if feedback is None else read_feedback(feedback, rows["id"].to_list())
    names = sorted(rows["skill"].drop_nulls().unique().to_list())
    inputs = digest(
        parent.sha256("dataset/manifest.json")[0],
        *(parent.sha256(path)[0] for path in parent.parts("training/signals")),
        [each.model_dump() for each in lines],
    )
    counts = {"visits": len(signals), "decisions": len(decisions), "feedback": len(lines)}
    return Evidence(moves.Known(rows, _moves(parent), moves.gated(decisions, names)), lines, counts, inputs)


def _signals(space: Workspace) -> pl.DataFrame:
    parts = [schemas.SIGNALS.empty_table(), *space.read_parts("training/signals")]
    return pl.concat([frame(part.select(schemas.SIGNALS.names)) for part in parts])


def _decisions(space: Workspace) -> list[dict[str, Any]]:
    if not space.disk.exists("training/decisions.jsonl"):
        return []
    return [json.loads(line) for line in space.read_bytes("training/decisions.jsonl").splitlines()]


def _moves(space: Workspace) -> pl.DataFrame:
    if not space.disk.exists(REVISION):
        return pl.DataFrame(schema=moves.MOVES)
    return frame(space.read_table(REVISION))


def _write_moves(space: Workspace, made: pl.DataFrame, mark: Stamp) -> None:
    if len(made):
        space.write_table(REVISION, made.to_arrow().cast(schemas.REVISION), mark)
    else:
        space.disk.remove(REVISION)


def _kept_again(made: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The moves with what the parent gave again and left waiting, where no training says otherwise since."""
    kept = before.filter((pl.col("again") > 0) | (pl.col("fate") == "unused"))
    added = kept.join(made, on="id", how="anti")
    again = pl.col("again_before").fill_null(0).cast(pl.Int8)
    joined = made.join(kept.select("id", again_before="again"), on="id", how="left")
    with_again = joined.with_columns(again=pl.when(pl.col("fate").is_null()).then(again).otherwise(pl.lit(0, pl.Int8)))
    return pl.concat([with_again.select(list(moves.MOVES)), added]).sort("id")


def _wait(
    space: Workspace, made: pl.DataFrame, old: set[str], budget: int, plan: Callable[[], Plan], mark: Stamp
) -> tuple[pl.DataFrame, Plan]:
    """Let new rows wait, by a hash of their id, until the edition holds no more than its budget."""
    held = made.filter(pl.col("fate") == "unused")["id"].to_list()
    tiers = frame(space.read_table("tiers.parquet", ["id", "fate"]))
    tokens = _tokens_of(space)
    new = [name for name in tiers.filter(pl.col("fate") == "train")["id"] if name not in old]
    ranked = [new[at] for at in np.argsort(-draw(new, 0, "study", "wait"), kind="stable")] if new else []
    now, share = plan(), 1.0
    for _ in range(_ROUNDS):
        over = _tokens(now) - budget
        if over <= 0 or not ranked:
            break
        costs = np.cumsum([tokens[name] for name in ranked]) * share
        count = min(int(np.searchsorted(costs, over)) + 1, len(ranked))
        held, ranked = held + ranked[:count], ranked[count:]
        made = _with(made, held, "unused", 0, "new, and waits for room in the budget")
        _write_moves(space, made, mark)
        now = plan()
    return made, now


def _fill(
    space: Workspace, made: pl.DataFrame, wanted: pl.DataFrame, budget: int, plan: Callable[[], Plan], mark: Stamp
) -> tuple[pl.DataFrame, Plan]:
    """Give rows again in their order of need until the budget is used: the longest list that fits."""
    tokens, now = _tokens_of(space), plan()
    costs = np.cumsum([tokens[name] for name in wanted["id"]]) * now.passes
    count = int(np.searchsorted(costs, budget - _tokens(now), side="right")) if len(costs) else 0
    for _ in range(_ROUNDS):
        chosen = wanted.head(count)
        filled = made
        for (why,), rows in chosen.group_by("because", maintain_order=True):
            filled = _with(filled, rows["id"].to_list(), None, 1, str(why))
        if count:
            _write_moves(space, filled, mark)
            now = plan()
        over = _tokens(now) - budget
        if not count or over <= 0:
            return filled, now
        count = int(np.searchsorted(costs, costs[count - 1] - over, side="right"))
    _write_moves(space, made, mark)
    return made, plan()


def _with(made: pl.DataFrame, names: Iterable[str], fate: str | None, again: int, why: str) -> pl.DataFrame:
    """The moves and those of more rows; a row that moved already keeps its reason."""
    more = pl.DataFrame(
        [{"id": name, "fate": fate, "shift": 0, "again": again, "because": why} for name in names], schema=moves.MOVES
    )
    known = made.join(more.select("id", more="again"), on="id", how="left")
    kept = known.with_columns(again=pl.max_horizontal("again", "more")).drop("more")
    return pl.concat([kept, more.join(made, on="id", how="anti")]).sort("id")


def _moved_by(made: pl.DataFrame, before: pl.DataFrame) -> dict[str, int]:
    """How many rows the revision moves in each way, and how many of all moves its parent had already."""
    return {
        **{fate: int((made["fate"] == fate).sum()) for fate in ("learnt", "quarantined", "unused")},
        "later": int((made["shift"] > 0).sum()),
        "earlier": int((made["shift"] < 0).sum()),
        "again": int((made["again"] > 0).sum()),
        "as_before": len(made.join(before, on=list(moves.MOVES), how="semi", nulls_equal=True)),
    }


def _tokens(plan: Plan) -> int:
    return sum(stage.tokens for stage in plan.stages)


def _tokens_of(space: Workspace) -> dict[str, int]:
    counted = space.read_all("statistics/tokens", ["id", "tokens"])
    return dict(zip(counted.column("id").to_pylist(), counted.column("tokens").to_pylist(), strict=True))


def _ids(space: Workspace) -> list[str]:
    ids: list[str] = space.read_table("tiers.parquet", ["id"]).column("id").to_pylist()
    return ids


# --- ablate ---

_ABLATION = "study/ablation"
_TUNING_SEED = 1000
"""Seeds from here on tune, so that none of them is one of the verdict's."""


class Begun(Frozen):
    """What `study/ablation/begun.json` holds: what the trainings in this folder are of."""

    digest: str


def budget(space: Workspace, settings: ablation.Settings, lab: Lab) -> ablation.Budget:
    """What an ablation costs, and what of it stands already; nothing is trained but one update, to take the time."""
    cost = _work(space, settings, lab)
    each = lab.seconds(cost.tokens, settings.looks)
    return cost.model_copy(update={"seconds": round(each * (cost.trainings - cost.done))})


def _work(space: Workspace, settings: ablation.Settings, lab: Lab) -> ablation.Budget:
    """The same without the seconds."""
    names = _arms(settings, lab)
    tokens, updates = labs.size(lab, settings.budget)
    jobs = [job for name in names for job in (*_tuning(name, settings), *_verdict(name, settings))]
    done = sum(space.disk.exists(_trial_path(name, rate, seed)) for name, rate, seed in jobs)
    tunes = int(lab.held.tunes.sum())
    return ablation.Budget(
        arms=names,
        tokens=tokens,
        updates=updates,
        trainings=len(jobs),
        done=done,
        held_rows=(tunes, len(lab.held.tunes) - tunes),
        seconds=0,
    )


def ablate(
    space: Workspace, settings: ablation.Settings, lab: Lab, learning_rate: float, progress: Progress
) -> Ablation:
    """Train every arm at equal tokens and updates and write `study/ablation.json`; what stands is not trained again."""
    _begin(space, settings, lab, learning_rate)
    cost = _work(space, settings, lab)
    done = 0

    def made(name: str, factor: float, seed: int) -> ablation.Trial:
        nonlocal done
        path = _trial_path(name, factor, seed)
        if not space.disk.exists(path):
            size = (cost.tokens, cost.updates)
            space.write_json(path, labs.trial(lab, name, learning_rate * factor, seed, size, settings.looks))
        done += 1
        progress("ablate", done, cost.trainings, "trainings")
        return space.read_json(path, ablation.Trial)

    tuned = {}
    for name in cost.arms:
        trials = [made(*job) for job in _tuning(name, settings)]
        tuned[name] = judge.best_rate(trials, lab.held) if trials else (learning_rate * settings.factors[0], {})
    finals = {
        name: [made(name, tuned[name][0] / learning_rate, seed) for seed in range(settings.seeds)] for name in cost.arms
    }
    base = finals[arms.BASE]
    target = float(np.mean([judge.loss(each, lab.held, ~lab.held.tunes)[-1] for each in base]))
    contrasts = judge.contrasts(finals, lab.held, settings.margin)
    primary = next(each for each in contrasts if each.primary)
    results = tuple(judge.arm(name, finals[name], tuned[name], lab.held, target) for name in cost.arms)
    edges = [each.name for each in results if each.at_edge]
    notes = (
        [f"the best rate of {', '.join(edges)} is at the edge of those tried: try wider [ablate] factors"]
        if edges
        else []
    )
    told = Ablation(
        model=lab.model,
        settings=settings,
        budget=cost.model_copy(update={"done": cost.trainings}),
        verdict=primary.verdict,
        says=primary.says,
        arms=results,
        contrasts=contrasts,
        notes=tuple(notes),
    )
    space.write_json("study/ablation.json", told)
    return told


def restart(space: Workspace) -> None:
    """Forget the ablation that was begun in a run."""
    space.disk.remove(_ABLATION)
    space.disk.remove("study/ablation.json")


def _arms(settings: ablation.Settings, lab: Lab) -> tuple[str, ...]:
    names = arms.chosen(settings.arms, list(lab.stages))
    arms.check(names, lab.adapter, len(lab.held.tunes), int((~lab.held.tunes).sum()))
    return names


def _begin(space: Workspace, settings: ablation.Settings, lab: Lab, learning_rate: float) -> None:
    """Note what the trainings are of, or make sure that it is what was begun here. Arms and seeds may be added."""
    plain = settings.model_dump(mode="json", exclude={"arms", "seeds", "factors", "tuning_seeds", "margin"})
    begun = Begun(digest=digest(plain, lab.digest, learning_rate))
    path = f"{_ABLATION}/begun.json"
    if space.disk.exists(path) and space.read_json(path, Begun) != begun:
        raise SettingsError(
            f"{space.name}/{_ABLATION} holds trainings of another dataset, model, budget or rate",
            fix="give the settings that it was begun with, or begin anew with --restart",
        )
    space.write_json(path, begun)


def _tuning(name: str, settings: ablation.Settings) -> list[tuple[str, float, int]]:
    """The trainings that find an arm's rate; none where there is but one."""
    if len(settings.factors) < 2:
        return []
    seeds = range(_TUNING_SEED, _TUNING_SEED + settings.tuning_seeds)
    return [(name, factor, seed) for factor in settings.factors for seed in seeds]


def _verdict(name: str, settings: ablation.Settings) -> list[tuple[str, float, int]]:
    """As many trainings as the verdict takes, whatever the rate will be."""
    return [(name, settings.factors[0], seed) for seed in range(settings.seeds)]


def _trial_path(name: str, factor: float, seed: int) -> str:
    return f"{_ABLATION}/{name.replace(':', '-')}/{factor:.4g}-{seed}.json"


# --- diagnose ---


def diagnose(space: Workspace, limits: causes.Settings, trained: Workspace, stage: int | None, seed: int) -> Diagnosed:
    """Why the stages of a training do as they do, and what a model still gets wrong; written to `study/diagnosis.json`.

    *trained* is the run whose `training/` is looked at, mostly *space* itself; with *stage* that one alone.
    `StaleError` where there was no training, and `SettingsError` where it had no such stage.
    """
    if not trained.parts("training/order"):
        raise StaleError(f"{trained.name} holds no training to diagnose", fix=f"run `curate train {trained.name}`")
    about = _about(space)
    probes = _probes(trained) or _probes(space)
    realised = pl.concat([frame(part) for part in trained.read_parts("training/order")])
    data = read.stages(
        _signals(trained),
        realised,
        about,
        frame(space.read_table("mined/duplicates.parquet", ["id", "partners"])),
        space.read_json("plan.json", Plan).requires,
        {each.stage: read.probe_rows(each.rows) for each in probes if each.stage is not None},
    )
    chosen = [each for each in data if stage is None or each.stage == stage]
    if not chosen:
        known = ", ".join(str(each.stage) for each in data)
        raise SettingsError(f"the training has no stage {stage}", fix=f"choose from {known}")
    seen = tuple(evidence.figures(each) for each in chosen)
    failing = read.probe_rows(probes[-1].rows) if probes else None
    told = Diagnosed(
        stages=tuple(causes.diagnose(each, limits) for each in seen),
        evidence=seen,
        probe=probes[-1].name if probes else None,
        failing=(0, 0) if failing is None else (int(failing["fails"].sum()), len(failing)),
        patterns=() if failing is None or not failing["fails"].any() else _patterns(space, about, failing, seed),
        skipped=() if probes else ("error patterns: nothing was probed (`curate probe`, or gates with held-out rows)",),
    )
    space.write_json("study/diagnosis.json", told)
    return told


def _about(space: Workspace) -> pl.DataFrame:
    """What is known of every example: id, fate, skill, tier, difficulty, tokens."""
    tiers = frame(space.read_table("tiers.parquet", ["id", "fate", "tier", "difficulty"]))
    skills = frame(space.read_table("skills.parquet", ["id", "skill"])).unique("id", keep="first")
    tokens = frame(space.read_all("statistics/tokens", ["id", "tokens"]))
    return (
        tiers.join(skills, on="id", how="left")
        .join(tokens, on="id", how="left")
        .with_columns(pl.col("skill").fill_null(""))
    )


def _probes(space: Workspace) -> list[Measured]:
    """All probes of a run: those of its training by step, then those that were asked for, by number."""
    own = [space.read_json(f"training/probes/{name}", Measured) for name in space.disk.names("training/probes")]
    later = [
        space.read_json(f"probe/{name}", Measured)
        for name in space.disk.names("probe")
        if name.endswith(".json") and name != "transfer.json"
    ]
    return [*sorted(own, key=lambda each: each.step or 0), *sorted(later, key=lambda each: each.number)]


def _patterns(space: Workspace, about: pl.DataFrame, failing: pl.DataFrame, seed: int) -> tuple[Pattern, ...]:
    prompts = {
        name: text or ""
        for table in space.read_parts("examples", ["id", *views.RECORD_COLUMNS])
        for name, text in zip(table.column("id").to_pylist(), views.view(table, "prompt_view").to_pylist(), strict=True)
    }
    known = about.filter(pl.col("fate") == "train")
    ids = failing["id"].to_list()
    vectors = _vectors(space, prompts)
    asked = patterns.Asked(
        ids,
        [prompts[name] for name in ids],
        failing["skill"].to_list(),
        failing["loss"].to_numpy().astype(np.float64),
        failing["fails"].to_numpy(),
        vectors(ids),
    )
    names = known["id"].to_list()
    return patterns.patterns(
        asked, patterns.Taught(names, known["skill"].to_list(), known["tier"].to_list(), vectors(names)), seed
    )


def _vectors(space: Workspace, prompts: Mapping[str, str]) -> Callable[[list[str]], NDArray[np.float32]]:
    """What gives the vectors of rows: those of the run, or of hashed letters of the prompts where it has none."""
    if not space.parts("vectors"):
        return lambda names: patterns.hashed([prompts[name] for name in names])
    table = space.read_all("vectors", ["id", "vector"])
    vectors = matrix(table.column("vector")).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    place = {name: at for at, name in enumerate(table.column("id").to_pylist())}
    return lambda names: vectors[[place[name] for name in names]]
