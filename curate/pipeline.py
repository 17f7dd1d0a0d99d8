"""The one place that knows the order of steps: finds what is stale, and wires what rooms hand each other."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from curate import plugins
from curate.audit import findings
from curate.audit import step as audit
from curate.core.contract import TARGET_COLUMN, VECTOR_COLUMNS
from curate.core.ids import digest
from curate.core.manifest import Manifest
from curate.core.plan import Ingredient, Plan, ScoreSource
from curate.core.views import RECORD_COLUMNS, view
from curate.embed import step as embed
from curate.engines.local import LocalEngine, local_engine
from curate.errors import GateError, SettingsError, StaleError
from curate.ingest import step as ingest
from curate.mine import step as mine
from curate.models import load, names
from curate.pace import step as pace
from curate.probe import step as probe
from curate.protocol import Frozen, Rising, silent
from curate.recipe import Recipe, dump, held_recipe
from curate.score import agree as score_agree
from curate.score import step as score
from curate.store.disk import LocalDisk
from curate.store.overlay import OverlayDisk
from curate.store.stamps import Stamp, difference, stamp
from curate.store.work import Work
from curate.store.workspace import Workspace
from curate.tag import step as tag
from curate.tier import difficulty
from curate.tier import step as tier
from curate.write import step as write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.core.measured import Measured, Prober, Size
    from curate.engines.choice import Choice
    from curate.protocol import Engine, Progress
    from curate.tag.catalogue import Catalogue
    from curate.train import step as train

log = logging.getLogger(__name__)

STEPS = ("ingest", "embed", "score", "mine", "tag", "tier", "pace", "write", "audit")
"""All steps in order."""

_MAKERS = {"ingest": "score", "embed": "score", "score": "score", "audit": "audit"}
"""The command that makes a step up to date; `tier` where none is named."""


REVISION = "revision.parquet"
"""What `curate revise` moves in an edition; a run that was never revised has none."""

_NOT_RISING = ("random", "random-paced", "anti", "folding", "zigzag")
"""The policies whose last rows are not the hardest."""


@dataclass(frozen=True)
class _Step:
    """How one step is stamped, run and recognised as standing."""

    report: type[Frozen]
    stamp: Callable[[], Stamp]
    run: Callable[[Work], Frozen]
    stands: Callable[[Frozen, Stamp], bool]


@dataclass
class Pipeline:
    """One run folder and its recipe. Steps are looked at in order, and those that are missing or stale are run."""

    space: Workspace
    recipe: Recipe
    engine: Engine = field(default_factory=LocalEngine)
    progress: Progress = silent
    _held: dict[str, tuple[Frozen, Stamp]] = field(default_factory=dict)

    def build(self, upto: str) -> Frozen:
        """Run every missing or stale step up to *upto*; return its report."""
        for name in self.steps(upto):
            wanted = self._step(name).stamp()
            why = self._stale(name, wanted)
            if why is not None:
                log.info("%s: %s", name, why)
                self._run(name, wanted)
        return self._held[upto][0]

    def require(self, upto: str) -> None:
        """Raise `StaleError` where a step up to *upto* is missing or stale; run nothing."""
        for name in self.steps(upto):
            why = self._stale(name, self._step(name).stamp())
            if why is not None:
                command = f"curate {_MAKERS.get(name, 'tier')} {quote(self.space.name)}"
                raise StaleError(f"the step {name} of {self.space.name} is stale: {why}", fix=f"run `{command}`")

    def stale(self) -> dict[str, str | None]:
        """For every step why it must be run again, None where it stands. What follows a stale step is stale too."""
        found: dict[str, str | None] = {}
        for name in self.steps("audit"):
            if any(found.values()):
                found[name] = "an earlier step is stale"
            else:
                found[name] = self._stale(name, self._step(name).stamp())
        return found

    def steps(self, upto: str) -> list[str]:
        """The steps of this recipe up to *upto*: embed only where a scorer needs vectors."""
        wanted = STEPS[: STEPS.index(upto) + 1]
        return [name for name in wanted if name != "embed" or self.needs_vectors]

    def report(self, name: str) -> Frozen:
        """The report of a step that stands."""
        return self._held[name][0]

    @cached_property
    def chosen(self) -> tuple[score.Chosen, ...]:
        """The scorers of this run, with checked settings and the models that the recipe resolved."""
        return tuple(_choose(alias, self.recipe) for alias in aliases(self.recipe))

    @property
    def needs_vectors(self) -> bool:
        """Whether a scorer needs vectors or neighbours. Skills have vectors of their own, of prompts alone."""
        return any(set(each.scorer.needs) & set(VECTOR_COLUMNS) for each in self.chosen)

    @cached_property
    def catalogue(self) -> Catalogue | None:
        """The skill catalogue that the recipe names."""
        return tag.read_catalogue(self._skills)

    @property
    def _skills(self) -> tag.Settings:
        return tag.Settings(skills=self.recipe.tier.skills)

    def agreement(self) -> score_agree.Agreement:
        """How far the scores agree with each other, with length and with labels; `score` must have been built."""
        report = self.report("score")
        if not isinstance(report, score.Report):
            raise TypeError("the step score gave another report")
        sources, settings = self._score_sources(), self.recipe.tier

        def blend(scores: Mapping[str, NDArray[np.float32]], kind: NDArray[np.int8]) -> tuple[Ingredient, ...]:
            return difficulty.ingredients(sources, settings.weights, difficulty.telling(scores, kind))

        return score.agreement(self.space, self.recipe.score, report, settings.domain, blend)

    # --- training, which is no step: it never rebuilds, and nothing is built from it; a room that few commands need ---

    def fine_tune(self, *, trust: bool = False) -> train.Report:
        """Train on the dataset in stage order; a stale run is a `StaleError`, one whose audit failed a `GateError`."""
        from curate.train import step as train

        return train.run(self.space, self.recipe.train, self._given(trust=trust))

    def outline(self, *, trust: bool = False) -> train.Outline:
        """What that training would do, and about how long it would take."""
        from curate.train import step as train

        return train.outline(self.space, self.recipe.train, self._given(trust=trust))

    def export(self, target: train.Target) -> list[str]:
        """Write the configurations of one trainer; the paths of its files."""
        from curate.train import step as train

        self.require("write")
        found = names.resolve(self.recipe.train.model, "lm")
        return train.export(self.space, self.recipe.train, target, names.hub_name(found))

    def check_order(self, target: train.Target) -> train.Delivered | None:
        """How the real loader of a trainer deals with the plan; None where it cannot be driven from here."""
        from curate.train import step as train

        self.require("write")
        return train.check_order(self.space, self.recipe.train, target)

    def _given(self, *, trust: bool) -> train.Given:
        from curate.train import step as train

        self.require("write")
        plan = self._plan()
        return train.Given(
            model=names.resolve(self.recipe.train.model, "lm"),
            requires=plan.requires,
            ascending=plan.policy not in _NOT_RISING,
            prober=self.prober() if self._holds_out() else None,
            progress=self.progress,
            probe_tokens=probe.QUICK_TOKENS,
            refused=self._audit_failure(),
            trust=trust,
        )

    def paced(self, changes: Mapping[str, object], seed: int, *, by_length: bool = False) -> pa.Table:
        """The order that other settings of pacing and another seed would give the same tiers; nothing is written.

        *by_length* puts the number of tokens in the place of the difficulty.
        """
        self.require("write")
        beside = Workspace(self.space.name, OverlayDisk(self.space.disk))
        settings = pace.Settings.model_validate({**_plain(self.recipe.pace), **changes})
        work = replace(self._written(), seed=seed, progress=silent)
        if by_length:
            tier.by_length(beside, self.recipe.tier, work)
        pace.run(beside, settings, self._divided(pace.read_modules(settings)), work)
        return beside.read_table("order.parquet")

    def modules(self) -> tuple[pace.Module, ...]:
        """The modules that this run's curriculum is made of; none where its stages are described by number."""
        return pace.read_modules(self.recipe.pace)

    def _holds_out(self) -> bool:
        tiered = self.report("tier")
        return isinstance(tiered, tier.Report) and tiered.fates.get("holdout", 0) > 0

    def _audit_failure(self) -> str | None:
        """The gravest finding, where the audit was made and the recipe says that such a one must not be."""
        level = self.recipe.audit.fail_on
        held = self.space.finished("audit", audit.Report)
        if held is None or level == "none" or not findings.fails(held[0], level):
            return None
        return held[0].findings[0].says

    def probe(
        self,
        model: str,
        size: Size = "quick",
        name: str | None = None,
        stage: int | None = None,
        training: str | None = None,
    ) -> Measured:
        """Measure a model on what this run holds out; nothing is rebuilt, and a stale run is a `StaleError`."""
        asked = probe.Asked(names.resolve(model, "lm"), size, name, stage, training)
        return probe.run(self.space, self.recipe.probe, self.recipe.tier.holdout_domain, asked, self._written())

    def prober(self) -> Prober:
        """The quick probe of this run for a model in memory, as training takes it."""
        return probe.prober(self.space, self.recipe.probe, self.recipe.tier.holdout_domain, self._written())

    def _written(self) -> Work:
        """The circumstances of what follows a dataset that stands."""
        self.require("write")
        return Work(self._held["write"][1], self.engine, self.recipe.seed, self.recipe.part_rows, self.progress)

    # --- looking and running ---

    def _stale(self, name: str, wanted: Stamp) -> str | None:
        step = self._step(name)
        held = self.space.finished(name, step.report)
        why = difference(None if held is None else held[1], wanted)
        if held is None or why is not None:
            return why
        if not step.stands(*held):
            return "some of its files are missing"
        self._held[name] = held
        return None

    def _run(self, name: str, wanted: Stamp) -> None:
        work = Work(wanted, self.engine, self.recipe.seed, self.recipe.part_rows, self.progress, self.recipe.edition)
        self.progress(name, 0, None, "step")
        report = self._step(name).run(work)
        self.space.finish(name, wanted, report)
        self.progress(name, 1, 1, "step")
        self._held[name] = (report, wanted)

    def _digest(self, name: str) -> str:
        return self._held[name][1].digest

    def _step(self, name: str) -> _Step:
        made: _Step = getattr(self, f"_{name}")()
        return made

    # --- the steps ---

    def _ingest(self) -> _Step:
        recipe = self.recipe
        key = {"settings": _plain(recipe.ingest), "part_rows": recipe.part_rows}
        return _Step(
            ingest.Report,
            lambda: stamp(key, ingest.fingerprint(recipe.sources, recipe.ingest, self.space)),
            lambda work: ingest.run(self.space, recipe.ingest, recipe.sources, work),
            lambda report, _: self._parts_stand("examples", len(getattr(report, "parts", ()))),
        )

    def _embed(self) -> _Step:
        settings, target = self.recipe.embed, self.recipe.target
        encoder = self._model(settings.encoder, "encoder")
        key = {"version": embed.VERSION, "settings": _plain(settings), "encoder": encoder.fingerprint}

        def wanted() -> Stamp:
            aims = [ingest.fingerprint(target, ingest.Settings())] if target else []
            return stamp(key, self._digest("ingest"), *aims)

        return _Step(
            embed.Report,
            wanted,
            lambda work: embed.run(self.space, settings, _found(encoder), _read(target, work), work),
            lambda *_: all(
                self._parts_stand(folder, self._part_count()) for folder in ("neighbours", *["target"] * bool(target))
            ),
        )

    def _score(self) -> _Step:
        settings, chosen = self.recipe.score, self.chosen
        tokenizer = self._model(settings.tokenizer, "lm")
        key = {
            "version": score.VERSION,
            "tokenizer": tokenizer.fingerprint,
            "scorers": [each.folder for each in chosen],
            "labels": settings.labels,
            "max_failures": settings.max_failures,
        }
        if any(each.scorer.freezes for each in chosen):
            key["edition"] = self.recipe.edition

        def run(work: Work) -> Frozen:
            ready = [_with_found_models(each) for each in chosen]
            return score.run(self.space, settings, ready, _found(tokenizer), work, frozen=self._edition_stands())

        def wanted() -> Stamp:
            signals = score.signals_digest(self.space, settings, chosen)
            inputs = (self._digest("ingest"), self._digest("embed") if self.needs_vectors else "")
            return stamp(key, *inputs, *([signals] if signals else []))

        return _Step(
            score.Report,
            wanted,
            run,
            lambda *_: all(self._parts_stand(each.folder, self._part_count()) for each in chosen),
        )

    def _edition_stands(self) -> bool:
        """Whether the tiers of this edition were measured, so that what they rest on stays."""
        held = self.space.finished("tier", tier.Report)
        return held is not None and held[0].measured.edition == self.recipe.edition

    def _mine(self) -> _Step:
        settings, against = self.recipe.mine, self.recipe.against
        key = {"version": mine.VERSION, "settings": _plain(settings), "seed": self.recipe.seed}

        def wanted() -> Stamp:
            leaks = ingest.fingerprint(against, ingest.Settings()) if against else ""
            embedded = self._digest("embed") if self.needs_vectors else ""
            return stamp(key, self._digest("ingest"), embedded, self._digest("score"), leaks)

        def run(work: Work) -> Frozen:
            encode = self._encode() if against and self.needs_vectors else None
            harder, loss = self._signals()
            given = mine.Given(embedded=self.needs_vectors, encode=encode, difficulty=harder, loss=loss)
            return mine.run(self.space, settings, _read(against, work), work, given)

        return _Step(mine.Report, wanted, run, lambda *_: self.space.disk.exists("mined/noise.parquet"))

    def _signals(self) -> tuple[tuple[tuple[str, str], ...], tuple[str, str] | None]:
        """The scores that say how hard a row is, and a model's mean loss, as folder and field."""
        fields = [(source.folder, one) for source in self._score_sources() for one in source.fields]
        harder = [(folder, one) for folder, one in fields if one.headline and one.rising is Rising.HARDER]
        heavy = [(folder, one) for folder, one in harder if not one.weights or any(one.weights.values())]
        loss = next(((folder, one.name) for folder, one in fields if one.name == "mean_nll"), None)
        return tuple((folder, one.name) for folder, one in heavy or harder), loss

    def _tag(self) -> _Step:
        settings, catalogue = self._skills, self.catalogue
        key: dict[str, object] = {
            "version": tag.VERSION,
            "skills": settings.skills,
            "catalogue": _plain(catalogue) if catalogue else None,
        }
        if tag.discovers(settings):
            key |= {"edition": self.recipe.edition, "seed": self.recipe.seed}
        if tag.needs_vectors(settings, catalogue):
            key["encoder"] = self._model(self.recipe.embed.encoder, "encoder").fingerprint
            key["precision"] = self.recipe.embed.precision
        return _Step(
            tag.Report,
            lambda: stamp(key, self._digest("ingest")),
            lambda work: tag.run(self.space, settings, self._embed_prompts(work), work),
            self._tables_stand("skills.parquet"),
        )

    def _embed_prompts(self, work: Work) -> tag.Encode | None:
        """What turns seeds into vectors like those of the prompts, which it writes; None where no skill looks at any.

        The encoder then runs even if no scorer needs vectors, over prompts alone, and no score becomes stale for it.
        """
        if not tag.needs_vectors(self._skills, self.catalogue):
            return None
        encoder = _found(self._model(self.recipe.embed.encoder, "encoder"))
        log.info("skills: the encoder %s reads the prompts", encoder.name)
        embed.prompts(self.space, self.recipe.embed, encoder, work)
        return self._encode()

    def _encode(self) -> tag.Encode:
        """What turns texts into vectors of the kind that the examples have."""
        settings = self.recipe.embed
        encoder = load.load_encoder(
            _found(self._model(settings.encoder, "encoder")), settings.precision, settings.device
        )
        return encoder.encode

    def _tier(self) -> _Step:
        settings, recipe = self.recipe.tier, self.recipe
        key = {
            "version": tier.VERSION,
            "settings": _plain(settings),
            "seed": recipe.seed,
            "edition": recipe.edition,
        }
        if self.space.disk.exists(REVISION):
            key["revision"] = self.space.sha256(REVISION)[0]
        return _Step(
            tier.Report,
            lambda: stamp(key, self._digest("mine"), self._digest("tag"), self._digest("score")),
            lambda work: tier.run(self.space, settings, self._score_sources(), work, embedded=self.needs_vectors),
            self._tables_stand("tiers.parquet"),
        )

    def _pace(self) -> _Step:
        settings, stages = self.recipe.pace, self.recipe.tier.stages
        modules = pace.read_modules(settings)
        plain = settings.model_dump(mode="json", exclude={"module": {"__all__": {"verdict"}}})
        key = {"version": pace.VERSION, "settings": plain, "stages": stages, "seed": self.recipe.seed}
        key |= {"modules": [_plain(module) for module in modules]}
        return _Step(
            Plan,
            lambda: stamp(key, self._digest("tag"), self._digest("tier")),
            lambda work: pace.run(self.space, settings, self._divided(modules), work),
            lambda report, held: (
                self.space.stamp_of("order.parquet") == held
                and self._parts_stand("augmented", getattr(report, "augmented_parts", 0))
            ),
        )

    def _write(self) -> _Step:
        settings = self.recipe.write
        licences = [each.license for each in self.recipe.sources]
        key = {"version": write.VERSION, "settings": _plain(settings), "licences": licences}
        return _Step(
            write.Report,
            lambda: stamp(key, self._digest("pace"), *([_written(settings.parent)] if settings.parent else [])),
            lambda work: write.run(self.space, settings, self._plan(), self._told(), work),
            lambda *_: self.space.disk.exists("dataset/manifest.json"),
        )

    def _audit(self) -> _Step:
        settings, recipe = self.recipe.audit, self.recipe
        licences = [each.license for each in recipe.sources]
        told = settings.model_dump(mode="json", exclude={"fail_on"})  # a gate changes no report
        matching = [each.model_dump(mode="json", exclude={"path", "map", "license"}) for each in recipe.pairs]
        key = {"version": audit.VERSION, "settings": told, "licences": licences, "matching": matching}

        def wanted() -> Stamp:
            sources = [recipe.reference] * bool(recipe.reference) + [[each] for each in recipe.pairs]
            beside = [ingest.fingerprint(each, ingest.Settings()) for each in sources]
            before = "" if settings.parent is None else _written(settings.parent)
            return stamp(key, self._digest("write"), *beside, before, self._trained(), self._probed())

        return _Step(
            audit.Report,
            wanted,
            lambda work: audit.run(self.space, settings, work, self._of_audit(work)),
            lambda *_: self.space.disk.exists("audit/report.json"),
        )

    # --- what rooms hand each other ---

    def _score_sources(self) -> list[ScoreSource]:
        report = self.report("score")
        if not isinstance(report, score.Report):
            raise TypeError("the step score gave another report")
        return [ScoreSource(alias=each.alias, folder=each.folder, fields=each.fields) for each in report.scorers]

    def _divided(self, modules: tuple[pace.Module, ...]) -> pace.Divided:
        tiered, tagged = self.report("tier"), self.report("tag")
        if not isinstance(tiered, tier.Report) or not isinstance(tagged, tag.Report):
            raise TypeError("the steps tier and tag gave other reports")
        mined = self.report("mine")
        skipped = mined.skipped if isinstance(mined, mine.Report) else ()
        return pace.Divided(
            stages=self.recipe.tier.stages,
            tier_count=self.recipe.tier.tier_count,
            requires=tagged.requires,
            ingredients=tiered.measured.ingredients,
            calibration=tiered.measured.calibration,
            knots=tiered.measured.knots,
            tiers=tiered.tiers,
            skipped=(*skipped, *tiered.skipped),
            tokenizer=lambda: _found(self._model(self.recipe.score.tokenizer, "lm")),
            modules=modules,
            tiers_by=self.recipe.tier.tiers_by,
            choices=(tag.choices(self._skills, tagged), *tier.choices(self.recipe.tier, tiered)),
            margin=self.recipe.tier.margin if self.recipe.tier.label is None else 0.0,
            typical=self._typical(),
            embedded=self.needs_vectors,
        )

    def _of_audit(self, work: Work) -> audit.Given:
        """What the audit cannot read from the run folder."""
        recipe, parent = self.recipe, self.recipe.audit.parent
        return audit.Given(
            licences=ingest.licences(recipe.sources, self.space),
            card=recipe.write.license,
            domain=recipe.tier.domain,
            reference=self._reference(work) if recipe.reference else None,
            pairs=self._pairs(work) if recipe.pairs else None,
            parent=None if parent is None else Workspace(parent),
            days=None if parent is None else _days(recipe, parent),
        )

    def _reference(self, work: Work) -> audit.Asked:
        """A sample of the texts of --reference, as the examples are embedded."""
        settings = self.recipe.embed
        if not self.needs_vectors:
            raise SettingsError(
                "--reference needs vectors, and no scorer of this run asks for any",
                fix="add density to --scorers and score again, or leave --reference out",
            )
        tables = _read(self.recipe.reference, work)
        texts = [text or "" for table in tables for text in view(table, settings.view).to_pylist()]
        return audit.ask("reference", texts, self._encode())

    def _pairs(self, work: Work) -> Workspace:
        """The texts of --pairs in a folder in memory, scored as the run scored its own."""
        beside = _in_memory()
        readings = [
            audit.Reading(entry, source, column, _parsed(one, work))
            for entry, source in enumerate(self.recipe.pairs)
            for column, one in source.readings()
        ]
        audit.lay_out(beside, readings, work.stamp)
        ready = [_with_found_models(each) for each in self.chosen]
        tokenizer = _found(self._model(self.recipe.score.tokenizer, "lm"))
        score.run_beside(self.space, beside, ready, tokenizer, work)
        return beside

    def _trained(self) -> str:
        """A digest of the signals that training has written so far."""
        return digest(*(self.space.sha256(path)[0] for path in self.space.parts("training/signals")))

    def _probed(self) -> str:
        """A digest of what probes have measured so far."""
        held = [name for name in self.space.disk.names("probe") if name.endswith(".json")]
        return digest(*(self.space.sha256(f"probe/{name}")[0] for name in held))

    def _typical(self) -> tuple[str, str] | None:
        """The folder and field of a score called density, which says how representative a row is."""
        found = ((source.folder, field.name) for source in self._score_sources() for field in source.fields)
        return next((each for each in found if each[1] == "density"), None)

    def _plan(self) -> Plan:
        plan = self.report("pace")
        if not isinstance(plan, Plan):
            raise TypeError("the step pace gave another report")
        return plan

    def _told(self) -> write.Told:
        taken, tagged, scored = self.report("ingest"), self.report("tag"), self.report("score")
        tiered, licences = self.report("tier"), ingest.licences(self.recipe.sources, self.space)
        if not isinstance(taken, ingest.Report) or not isinstance(tagged, tag.Report):
            raise TypeError("the steps ingest and tag gave other reports")
        if not isinstance(scored, score.Report) or not isinstance(tiered, tier.Report):
            raise TypeError("the steps score and tier gave other reports")
        return write.Told(
            input_rows=taken.rows,
            examples=taken.examples,
            copies=taken.copies,
            rejected=taken.rejected,
            records=taken.records,
            tokenizer=scored.tokenizer.name,
            why=tagged.why,
            sources=tuple(
                write.Origin(each.name, each.sha256, each.rows, each.size_bytes, licences.get(each.name))
                for each in taken.sources
            ),
            parent=None if self.recipe.write.parent is None else _parent(self.recipe.write.parent),
            rejected_by_reason=taken.rejected_by_reason,
            repairs=taken.repairs,
            tools=tuple(_tool(each) for each in scored.scorers),
            sinking=tiered.sinking,
        )

    def _model(self, name: str, kind: names.Kind) -> names.Resolved:
        """What a model name stood for when the recipe was settled."""
        known = self.recipe.resolved.get(name)
        return names.resolve(name, kind) if known is None else known

    def _part_count(self) -> int:
        return len(self.space.parts("examples"))

    def _parts_stand(self, folder: str, count: int) -> bool:
        return len(self.space.parts(folder)) == count

    def _tables_stand(self, path: str) -> Callable[[Frozen, Stamp], bool]:
        return lambda _, held: self.space.stamp_of(path) == held


def _read(sources: Sequence[ingest.Source], work: Work) -> list[pa.Table]:
    """The examples of other sources, read in memory as the input itself is read."""
    if not sources:
        return []
    return list(_beside(sources, work).read_parts("examples", [*RECORD_COLUMNS, "source", "row"]))


def _beside(sources: Sequence[ingest.Source], work: Work) -> Workspace:
    """A folder in memory that holds the examples of other sources."""
    beside = _in_memory()
    ingest.run(beside, ingest.Settings(), sources, _quietly_here(work))
    return beside


def _parsed(source: ingest.Source, work: Work) -> list[pa.Table]:
    """The rows of another source, copies and rejects among them."""
    return ingest.parse(_in_memory(), [source], _quietly_here(work))


def _in_memory() -> Workspace:
    return Workspace("beside", OverlayDisk(LocalDisk(Path("beside"))))


def _quietly_here(work: Work) -> Work:
    return replace(work, progress=silent, engine=LocalEngine())


def _written(parent: str) -> str:
    """What the dataset of another edition was made from."""
    held = Workspace(parent).finished("write", write.Report)
    if held is None:
        raise SettingsError(f"{parent} holds no finished dataset", fix="name the run folder of an edition that does")
    return held[1].digest


def _parent(folder: str) -> write.Origin:
    """The dataset of another edition, by the hash of its manifest."""
    space = Workspace(folder)
    manifest = space.read_json("dataset/manifest.json", Manifest)
    return write.Origin(Path(folder).name, space.sha256("dataset/manifest.json")[0], manifest.training_rows)


def _tool(scorer: score.ScorerReport) -> str:
    """A scorer as lineage names it: with its version and the models that it asked."""
    asked = ", ".join(f"{model.reference} ({model.fingerprint[:19]})" for model in scorer.models.values())
    return f"{scorer.scorer} {scorer.version}" + (f" with {asked}" if asked else "")


def _days(recipe: Recipe, parent: str) -> int | None:
    """Days between the dates of two editions' cards, where both are known."""
    dates = (recipe.write.date, held_recipe(Workspace(parent)).write.date)
    try:
        now, before = (date.fromisoformat(each or "") for each in dates)
    except ValueError:
        return None
    return (now - before).days


def aliases(recipe: Recipe) -> tuple[str, ...]:
    """The scorers of a recipe by alias: those it lists, else those it has tables for, else all that are offered.

    Where it names a target set and none of them looks at that, those that are installed and do come with them.
    """
    listed = recipe.score.scorers or tuple(recipe.scorers)
    wanted = () if listed and not recipe.target else sorted(plugins.available())
    installed = {name: plugins.load(name) for name in wanted}
    chosen = listed or tuple(name for name, scorer in installed.items() if scorer.default)
    if not recipe.target or any(TARGET_COLUMN in _choose(alias, recipe).scorer.needs for alias in chosen):
        return chosen
    return (*chosen, *(name for name, scorer in installed.items() if TARGET_COLUMN in scorer.needs))


def settle(recipe: Recipe) -> Recipe:
    """The recipe with every ``auto`` written out: model names, fingerprints and number formats.

    Torch is imported only where a number format has to be found out.
    """
    resolved: dict[str, names.Resolved] = {}
    listed = aliases(recipe)
    _hold_target(listed, recipe)
    tables = {alias: dict(recipe.scorers.get(alias, {})) for alias in listed}
    for alias, table in tables.items():
        chosen = _choose(alias, recipe)
        for name, model in chosen.models.items():
            table[name] = model.reference
            resolved[model.reference] = model
        if getattr(chosen.settings, "precision", None) == "auto":
            table["precision"] = _settled(chosen.settings)
    settings = recipe.score
    tokenizer = names.resolve(settings.lm if settings.tokenizer == "auto" else settings.tokenizer, "lm")
    resolved[tokenizer.reference] = tokenizer
    scoring = settings.model_copy(update={"scorers": listed, "tokenizer": tokenizer.reference})
    updates: dict[str, object] = {"score": scoring, "scorers": tables, "resolved": resolved}
    return settle_encoder(recipe.model_copy(update=updates))


def settle_encoder(recipe: Recipe) -> Recipe:
    """The recipe with its encoder written out, where scorers or skills need one and it is not known yet."""
    skills = tag.Settings(skills=recipe.tier.skills)
    scorers = (_choose(alias, recipe).scorer for alias in aliases(recipe))
    needed = any(set(scorer.needs) & set(VECTOR_COLUMNS) for scorer in scorers)
    known = recipe.resolved.get(recipe.embed.encoder)
    if (known is not None and known.kind == "encoder") or not (
        needed or tag.needs_vectors(skills, tag.read_catalogue(skills))
    ):
        return recipe
    encoder = names.resolve(recipe.embed.encoder, "encoder")
    embedding = recipe.embed.model_copy(update={"encoder": encoder.reference, "precision": _settled(recipe.embed)})
    return recipe.model_copy(update={"embed": embedding, "resolved": {**recipe.resolved, encoder.reference: encoder}})


def _hold_target(listed: Sequence[str], recipe: Recipe) -> None:
    """Raise `SettingsError` where a scorer looks at a target set and none is named."""
    lost = [alias for alias in listed if TARGET_COLUMN in _choose(alias, recipe).scorer.needs]
    if lost and not recipe.target:
        raise SettingsError(
            f"scorer {lost[0]!r} needs a target set, and none is named", fix="name one with --target SOURCE"
        )


def chosen_engine(recipe: Recipe, choice: Choice) -> AbstractContextManager[Engine]:
    """The engine that was asked for, to be closed after use.

    Where no number is given there is a worker of this machine for each graphics card that models may use, else one.
    """
    if choice.kind == "ray":
        from curate.engines.ray_actors import ray_engine

        return ray_engine(choice.workers, choice.address, choice.gpus, models=_runs_models(recipe))
    cards: tuple[str, ...] = ()
    if choice.workers != 1 and _runs_models(recipe):
        from curate.models import device

        cards = device.cards(recipe.score.device)
    return local_engine(choice.workers or max(1, len(cards)), cards)


def _runs_models(recipe: Recipe) -> bool:
    return any(_choose(alias, recipe).scorer.cost != "cheap" for alias in aliases(recipe))


def save_recipe(space: Workspace, recipe: Recipe) -> None:
    """Write `recipe.toml` into the run folder."""
    space.write_bytes("recipe.toml", dump(recipe))


def build(
    space: Workspace,
    recipe: Recipe,
    upto: str = "audit",
    *,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> Pipeline:
    """Do everything up to a step: settle the recipe, write it into the run folder, run what is missing or stale."""
    settled = settle(recipe)
    save_recipe(space, settled)
    pipeline = Pipeline(space, settled, engine or LocalEngine(), progress)
    pipeline.build(upto)
    return pipeline


def hold_gate(report: audit.Report, settings: audit.Settings) -> None:
    """Raise `GateError` where the audit found what the recipe says must not be."""
    if settings.fail_on != "none" and findings.fails(report, settings.fail_on):
        raise GateError(
            f"the audit has findings of level {settings.fail_on} or graver, first: {report.findings[0].says}",
            fix="read audit/report.html, where each finding names the option that would mend it; "
            "`--fail-on none` lifts the gate",
        )


def _choose(alias: str, recipe: Recipe) -> score.Chosen:
    """One scorer with checked settings: its own table, else what `[score]` says for all."""
    table = dict(recipe.scorers.get(alias, {}))
    use = str(table.pop("use", alias))
    scorer = plugins.load(use)
    defaults = {"lm": recipe.score.lm, "precision": recipe.score.precision, "device": recipe.score.device}
    known = scorer.settings.model_fields
    given = {key: value for key, value in defaults.items() if key in known} | table
    settings = plugins.check_settings(alias, scorer, given)
    models = {}
    for name, info in known.items():
        kind: names.Kind | None = "lm" if "lm" in info.metadata else "encoder" if "encoder" in info.metadata else None
        if kind is not None:
            asked = str(getattr(settings, name))
            models[name] = recipe.resolved.get(asked) or names.resolve(asked, kind)
    return score.Chosen(alias if ":" not in alias else scorer.name, scorer, settings, models)


def _with_found_models(chosen: score.Chosen) -> score.Chosen:
    found = {name: _found(model) for name, model in chosen.models.items()}
    return score.Chosen(chosen.alias, chosen.scorer, chosen.settings, found)


def _found(model: names.Resolved) -> names.Resolved:
    """The model with its place on this machine; it must still be the one that the recipe was settled with."""
    found = names.resolve(model.reference, model.kind)
    if found.fingerprint != model.fingerprint:
        raise StaleError(
            f"the model {model.name} is not the one that this run was made with",
            fix="run `curate score` again to use it",
        )
    return found


def _settled(settings: Frozen) -> str:
    """The number format that the settings' precision means on their device."""
    precision = getattr(settings, "precision", "fp32")
    if precision != "auto":
        return str(precision)
    from curate.models import device

    return device.settle("auto", device.pick_device(getattr(settings, "device", "auto")))


def _plain(model: Frozen) -> Mapping[str, object]:
    return model.model_dump(mode="json")
