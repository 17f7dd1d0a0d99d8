"""Wires the study of a run: hands the room what the pipeline makes and what other rooms know."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import views
from curate.core.chance import draw
from curate.core.ids import digest
from curate.core.plan import Plan
from curate.errors import DataError
from curate.explain import reasons
from curate.models import load, names
from curate.pipeline import save_recipe
from curate.recipe import changed, held_recipe
from curate.store.workspace import Workspace
from curate.study import arms
from curate.study import step as study
from curate.study.judge import Held
from curate.study.lab import Lab, Ordered
from curate.train import bare, build, rates
from curate.train.encode import IGNORED, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.models.untyped import Network, Tokenizer
    from curate.pipeline import Pipeline
    from curate.recipe import Recipe
    from curate.study.ablation import Ablation, Budget
    from curate.study.causes import Settings
    from curate.study.diagnosis import Diagnosed
    from curate.study.lab import Updates
    from curate.study.step import Difference, Revision
    from curate.train.encode import Encoded

SIGNALS = "training/signals"


def diff(before: str, after: str) -> Difference:
    """What changed from the edition in one run folder to that in another."""
    return study.diff(Workspace(before), Workspace(after), study.Tells(reasons.of_fate, reasons.of_place))


def fork(parent: str, into: str) -> None:
    """Copy an edition to a new folder, without what was measured of it."""
    study.fork(Workspace(parent), Workspace(into))


def recipe_of_edition(held: Recipe, add: Sequence[str], options: Mapping[str, object]) -> Recipe:
    """The recipe of the next edition: that of its parent with more sources and other thresholds."""
    sources = [*held.model_dump(mode="json")["sources"], *({"path": each} for each in add)]
    return changed(held, {"": {"sources": sources} if add else {}, "revise": options})


def revise(parent: str, pipeline: Pipeline, feedback: str | None = None) -> Revision:
    """Make a fork of *parent* the next edition, on which *pipeline* stands; its dataset is written.

    The recipe then names the parent, where anything moved, so that the audit tells how the two drifted apart.
    """
    space = pipeline.space
    if not pipeline.recipe.score.signals and Workspace(parent).parts(SIGNALS):
        pipeline.recipe = changed(pipeline.recipe, {"score": {"signals": str(Path(parent) / SIGNALS)}})
        save_recipe(space, pipeline.recipe)

    def plan() -> Plan:
        made = pipeline.build("pace")
        if not isinstance(made, Plan):
            raise TypeError("the step pace gave another report")
        return made

    path = None if feedback is None else Path(feedback)
    told = study.revise(Workspace(parent), space, pipeline.recipe.revise, path, plan)
    if told.changed:
        named = {"parent": parent}
        pipeline.recipe = changed(pipeline.recipe, {"audit": named, "write": named})
        save_recipe(space, pipeline.recipe)
    pipeline.build("write")
    return told


def diagnose(
    run: str, limits: Settings | None = None, signals: str | None = None, stage: int | None = None
) -> Diagnosed:
    """Why the stages of a training do as they do: of this run, or of another training (*signals*) of its dataset."""
    space = Workspace(run)
    recipe = held_recipe(space)
    trained = space if signals is None else Workspace(signals)
    return study.diagnose(space, limits or recipe.diagnose, trained, stage, recipe.seed)


def ablation_budget(pipeline: Pipeline) -> Budget:
    """What the ablation that the recipe describes would cost; one update is computed to take the time."""
    return study.budget(pipeline.space, pipeline.recipe.ablate, lab(pipeline))


def ablate(pipeline: Pipeline, *, restart: bool = False) -> Ablation:
    """Whether the curriculum pays: train every arm and give the verdict, which each module of the recipe then bears."""
    if restart:
        study.restart(pipeline.space)
    recipe = pipeline.recipe
    told = study.ablate(pipeline.space, recipe.ablate, lab(pipeline), recipe.train.learning_rate, pipeline.progress)
    verdicts = {
        each.arm.removeprefix(arms.WITHOUT): each.says for each in told.contrasts if each.arm.startswith(arms.WITHOUT)
    }
    if any(module.name in verdicts for module in recipe.pace.module):
        listed = [
            {**module.model_dump(mode="json"), "verdict": verdicts.get(module.name, module.verdict)}
            for module in recipe.pace.module
        ]
        pipeline.recipe = changed(recipe, {"pace": {"module": listed}})
        save_recipe(pipeline.space, pipeline.recipe)
    return told


def lab(pipeline: Pipeline) -> Lab:
    """The rows of a run, its orders, and trainings of its model, as an ablation takes them."""
    pipeline.require("write")
    settings, how = pipeline.recipe.train, pipeline.recipe.ablate
    model = names.resolve(settings.model, "lm")
    tokenizer = load.load_tokenizer(model)
    filler = build.filler(tokenizer)
    ids, rows, held_rows, held = _rows(pipeline, tokenizer)
    place = {name: at for at, name in enumerate(ids)}
    modules = pipeline.modules()

    @cache
    def order(arm: str, seed: int) -> Ordered:
        plain = pipeline.recipe.pace.model_dump(mode="json")
        table = pipeline.paced(arms.pacing(arm, plain), seed, by_length=arm == arms.LENGTH)
        known = table.filter(pc.is_in(table.column("id"), value_set=pa.array(ids)))
        row = np.array([place[name] for name in known.column("id").to_pylist()], np.int64)
        return Ordered(row, known.column("stage").to_numpy().astype(np.int64))

    def share(count: int) -> list[float]:
        shape = "constant" if settings.shape == "schedule" else settings.shape
        steps = (np.arange(count) + 1) / count
        return [rates.overall(shape, done, done, settings.final, settings.warm_up) for done in steps.tolist()]

    def begin(seed: int) -> Network:
        return bare.trainee(load.load_network(model), settings, seed, fresh=how.fresh)

    def train(updates: Updates, rate: float, seed: int, looks: Sequence[int]) -> NDArray[np.float64]:
        network, found = begin(seed), []

        def look(done: int) -> None:
            if done in looks:
                found.append(bare.losses(network, held_rows, filler))

        with build.quietly():
            lessons = [[rows[at] for at in update] for update in updates]
            bare.follow(network, lessons, [rate * each for each in share(len(updates))], settings, filler, look)
        return np.array(found)

    def merge(stages: Sequence[Updates], rate: float, seed: int) -> NDArray[np.float64]:
        lessons = [[[rows[at] for at in update] for update in updates] for updates in stages]
        paces = [[rate * each for each in share(len(updates))] for updates in stages]
        with build.quietly():
            network = bare.merged(load.load_network(model), lessons, paces, settings, seed, filler)
            return bare.losses(network, held_rows, filler)[None]

    def seconds(tokens: int, looks: int) -> float:
        network, update = begin(0), [rows[: settings.step_rows]] * 3
        marks = [time.perf_counter()]
        bare.follow(network, update, [1e-9] * 3, settings, filler, lambda _: marks.append(time.perf_counter()))
        bare.losses(network, held_rows, filler)
        look = time.perf_counter() - marks[-1]
        read = sum(len(one.ids) for one in update[0])
        return tokens / read * (marks[-1] - marks[1]) / 2 + looks * look

    return Lab(
        model=model.name,
        digest=digest(
            model.fingerprint,
            pipeline.space.sha256("dataset/manifest.json")[0],
            settings.model_dump(mode="json", exclude={"model", "learning_rate", "gates"}),
        ),
        adapter=settings.adapter,
        step_rows=settings.step_rows,
        tokens=np.array([len(one.ids) for one in rows], np.int64),
        held=held,
        stages={module.name: number for number, module in enumerate(modules)},
        order=order,
        train=train,
        merge=merge,
        seconds=seconds,
    )


def _rows(pipeline: Pipeline, tokenizer: Tokenizer) -> tuple[list[str], list[Encoded], list[Encoded], Held]:
    """The ids and tokens of the training rows, and the held-out ones with what is known of them.

    A row whose answer lies beyond the longest sequence is in no arm. Half of the held-out rows tune, by a hash.
    """
    space, longest = pipeline.space, pipeline.recipe.train.max_tokens
    tiers = space.read_table("tiers.parquet", ["id", "fate", "tier"]).to_pylist()
    known = {row["id"]: row for row in tiers}
    skills = dict(zip(*space.read_table("skills.parquet", ["id", "skill"]).to_pydict().values(), strict=True))
    kept: dict[str, dict[str, Encoded]] = {"train": {}, "learnt": {}, "holdout": {}}
    for table in space.read_parts("examples", ["id", *views.RECORD_COLUMNS]):
        listed = [{**row, "_record": row["record"]} for row in table.to_pylist() if known[row["id"]]["fate"] in kept]
        for row, one in zip(listed, encode(tokenizer, listed, "messages", longest), strict=True):
            if one is not None:
                kept[known[row["id"]]["fate"]][row["id"]] = one
    held, trained = kept["holdout"], kept["train"] | kept["learnt"]
    if not held or not trained:
        raise DataError(
            f"{len(held)} held-out and {len(trained)} training rows cannot be compared on",
            fix="hold rows out (`curate tier --holdout 0.1`), and raise [train] max_tokens if all are longer",
        )
    ids = list(held)
    luck = draw(ids, pipeline.recipe.seed, "study", "tuning")
    about = Held(
        ids=ids,
        tier=np.array([known[name]["tier"] for name in ids], np.int64),
        skill=np.array([skills[name] or "" for name in ids]),
        tokens=np.array([int((one.labels[1:] != IGNORED).sum()) for one in held.values()], np.int64),
        tunes=np.argsort(np.argsort(luck)) * 2 < len(ids),
    )
    return list(trained), list(trained.values()), list(held.values()), about
