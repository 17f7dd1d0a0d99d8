"""A run folder from Python: whatever the command line does is one call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from curate import estimate, plugins, session, studies
from curate.audit.step import Report as AuditReport
from curate.core.plan import Plan
from curate.embed.step import Settings as EmbedSettings
from curate.engines.choice import Choice, Kind
from curate.errors import SettingsError, did_you_mean
from curate.explain import step as explain
from curate.ingest.step import Settings as IngestSettings
from curate.mine.step import Report as MineReport
from curate.pace.step import Settings as PaceSettings
from curate.pipeline import Pipeline, hold_gate, settle, settle_encoder
from curate.protocol import Frozen, silent
from curate.recipe import Recipe, changed, read_recipe
from curate.score.step import Report as ScoreReport
from curate.score.step import Settings as ScoreSettings
from curate.store.overlay import OverlayDisk
from curate.store.workspace import Workspace
from curate.study.ablation import Settings as AblateSettings
from curate.tier.step import Settings as TierSettings
from curate.train.settings import Settings as TrainSettings
from curate.train.step import restart as restart_training
from curate.verify import step as verify
from curate.write.step import Settings as WriteSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Unpack

    from curate.core.measured import Measured, Size
    from curate.estimate import Estimate
    from curate.explain.step import Row, Story
    from curate.ingest.step import Source
    from curate.options import (
        AblateOptions,
        AuditOptions,
        ExportOptions,
        ProbeOptions,
        ReviseOptions,
        ScoreOptions,
        TierOptions,
        TrainOptions,
    )
    from curate.protocol import Progress, Scorer
    from curate.score.agree import Agreement
    from curate.study.ablation import Ablation, Budget
    from curate.study.diagnosis import Diagnosed
    from curate.study.difference import Difference
    from curate.study.revision import Revision
    from curate.train.delivered import Delivered
    from curate.train.export import Target
    from curate.train.outline import Outline
    from curate.train.report import Report as TrainReport
    from curate.verify.step import Report as VerifyReport

Given = TypeVar("Given", bound=Frozen)


class Run:
    """A run folder; each method is the command of that name, with its options as keywords.

    What stands is kept and what is missing or stale is made, as the command line would. Settings that no keyword
    names are in the recipe, which `change` takes by table. Nothing is printed: *progress* hears how far a step is,
    and what a user can mend is a `CurateError`. *workers* processes work; None is one for each graphics card.
    With ``engine="ray"`` they are actors of the cluster at *address*, each with *gpus* of a graphics card.

    >>> from curate import Run
    >>> run = Run("runs/lessons")
    >>> scored = run.score(["examples/data/lessons.jsonl"], scorers=["length", "structure"], limit=60)
    >>> [each.alias for each in scored.scorers]
    ['length', 'structure']
    >>> plan = run.tier(stages=3, skills="column:skill", keep=["level"])
    >>> [stage.name for stage in plan.stages]
    ['stage-00', 'stage-01', 'stage-02']
    >>> run.verify().holds
    True
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        workers: int | None = 1,
        engine: Kind = "local",
        address: str | None = None,
        gpus: float | None = None,
        progress: Progress = silent,
    ) -> None:
        self.folder = str(folder)
        self._engine = Choice(engine, workers, address, gpus)
        self._progress = progress

    def __repr__(self) -> str:
        return f"Run({self.folder!r})"

    # --- the recipe ---

    @property
    def recipe(self) -> Recipe:
        """The recipe of this run; `SettingsError` where the folder is no run yet."""
        return session.recipe_of(self.folder)

    def change(self, tables: Mapping[str, Mapping[str, object]]) -> Recipe:
        """Change keys of the recipe, by table, and write it: what depends on them is stale from then on.

        >>> Run("runs/lessons").change({"pace": {"edges": 0.2}}).pace.edges
        0.2
        """
        recipe = changed(self.recipe, tables)
        with self._writing(recipe):
            return recipe

    # --- making ---

    def build(self, recipe: Recipe | str | Path) -> AuditReport:
        """Do everything that a recipe says (`curate run`), down to the audit, whose report is returned.

        `GateError` where the audit finds what ``[audit] fail_on`` says must not be.
        """
        settled = settle(recipe if isinstance(recipe, Recipe) else read_recipe(Path(recipe)))
        with self._writing(settled) as pipeline:
            report = _of(AuditReport, pipeline.build("audit"))
        hold_gate(report, settled.audit)
        return report

    def score(
        self,
        sources: Sequence[str | Path | Source] = (),
        *,
        recipe: Recipe | str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        target: Sequence[str | Path] = (),
        seed: int | None = None,
        **options: Unpack[ScoreOptions],
    ) -> ScoreReport:
        """Read examples and score how hard each one is; parts that are scored already are kept.

        *columns* says which of yours is what (``--map``): ``{"prompt": "q", "completion": "a"}``.
        """
        beside = {"target": _paths(target), "seed": seed}
        settled = settle(self._scoring(sources, recipe, columns, beside, options))
        with self._writing(settled) as pipeline:
            return _of(ScoreReport, pipeline.build("score"))

    def estimate(
        self,
        sources: Sequence[str | Path | Source] = (),
        *,
        recipe: Recipe | str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        **options: Unpack[ScoreOptions],
    ) -> Estimate:
        """Tokens and seconds that `score` would take, extrapolated from the first rows; nothing is written."""
        return estimate.of(self._scoring(sources, recipe, columns, {}, options))

    def agreement(self) -> Agreement:
        """How far the scores agree with each other, with length and with labels (`curate score --report`)."""
        with self._writing(self.recipe) as pipeline:
            pipeline.build("score")
            return pipeline.agreement()

    def mine(self, against: Sequence[str | Path] = ()) -> MineReport:
        """Look for duplicates, rows of the benchmarks *against*, edge cases and suspected noise; `tier` decides."""
        with self._writing(changed(self.recipe, {"": {"against": _paths(against)}})) as pipeline:
            return _of(MineReport, pipeline.build("mine"))

    def tier(self, *, seed: int | None = None, refresh: bool = False, **options: Unpack[TierOptions]) -> Plan:
        """Give every example a fate and a tier, plan the stages, write the dataset; the plan is returned."""
        with self._writing(self._tiering(seed, options, refresh=refresh)) as pipeline:
            pipeline.build("write")
            return _of(Plan, pipeline.report("pace"))

    def plan(self, *, seed: int | None = None, refresh: bool = False, **options: Unpack[TierOptions]) -> Plan:
        """The plan that `tier` would make; nothing is written.

        >>> Run("runs/lessons").plan(stages=5).tiers[-1].tier
        3
        """
        space = Workspace(self.folder)
        unwritten = Workspace(self.folder, OverlayDisk(space.disk))
        pipeline = Pipeline(unwritten, self._tiering(seed, options, refresh=refresh), progress=self._progress)
        return _of(Plan, pipeline.build("pace"))

    def audit(
        self,
        *,
        reference: Sequence[str | Path] = (),
        pairs: Sequence[str | Path] = (),
        match: Mapping[str, str | Sequence[str]] | None = None,
        **options: Unpack[AuditOptions],
    ) -> AuditReport:
        """Report on balance, coverage and progression, also as ``audit/report.html``; nothing earlier is rebuilt.

        *match* says how the texts of *pairs* go together, as in ``{"texts": ["sent_more", "sent_less"]}``. `StaleError`
        where the dataset is behind, `GateError` where ``fail_on`` names what is found.
        """
        matched = [{"path": str(path), **(match or {})} for path in pairs] or None
        beside = {"reference": _paths(reference), "pairs": matched}
        recipe = changed(self.recipe, {"": beside, "audit": options})
        with self._writing(recipe) as pipeline:
            pipeline.require("write")
            report = _of(AuditReport, pipeline.build("audit"))
        hold_gate(report, recipe.audit)
        return report

    # --- models ---

    def probe(
        self,
        model: str = "auto",
        *,
        size: Size = "quick",
        stage: int | None = None,
        name: str | None = None,
        training: str | None = None,
        **options: Unpack[ProbeOptions],
    ) -> Measured:
        """Measure a model on what this run holds out; nothing is rebuilt."""
        with self._writing(changed(self.recipe, {"probe": options})) as pipeline:
            return pipeline.probe(model, size, name, stage, training)

    def train(self, *, trust: bool = False, restart: bool = False, **options: Unpack[TrainOptions]) -> TrainReport:
        """Fine-tune a model in stage order, with gates; what was stopped goes on at the row where it was."""
        session.reading(self.folder).require("write")
        with self._writing(changed(self.recipe, {"train": options})) as pipeline:
            if restart:
                restart_training(pipeline.space)
            return pipeline.fine_tune(trust=trust)

    def outline(self, *, trust: bool = False, **options: Unpack[TrainOptions]) -> Outline:
        """What `train` would do and about how long it would take; nothing is trained."""
        recipe = changed(self.recipe, {"train": options})
        return Pipeline(Workspace(self.folder), recipe, progress=self._progress).outline(trust=trust)

    def export(self, targets: Sequence[Target], **options: Unpack[ExportOptions]) -> dict[Target, list[str]]:
        """Write configurations for other trainers; the paths of the files, below this run, by trainer."""
        with self._writing(changed(self.recipe, {"train": options})) as pipeline:
            return {target: pipeline.export(target) for target in targets}

    def check_order(self, targets: Sequence[Target]) -> dict[Target, Delivered | None]:
        """What the real loader of each trainer makes of the order; None where it cannot be driven from here."""
        with self._writing(self.recipe) as pipeline:
            return {target: pipeline.check_order(target) for target in targets}

    def ablate(self, *, restart: bool = False, **options: Unpack[AblateOptions]) -> Ablation:
        """Say whether the order pays: train it and others at equal tokens and updates; what stands is kept."""
        session.reading(self.folder).require("write")
        with self._writing(self._ablating(options)) as pipeline:
            return studies.ablate(pipeline, restart=restart)

    def ablation_budget(self, **options: Unpack[AblateOptions]) -> Budget:
        """What `ablate` would cost; nothing is trained."""
        unwritten = Pipeline(Workspace(self.folder), self._ablating(options), progress=self._progress)
        return studies.ablation_budget(unwritten)

    def diagnose(self, *, stage: int | None = None, signals: Run | str | Path | None = None) -> Diagnosed:
        """Say why the stages of the training of this run, or of another on its dataset, do as they do."""
        trained = signals.folder if isinstance(signals, Run) else None if signals is None else str(signals)
        return studies.diagnose(self.folder, signals=trained, stage=stage)

    def revise(
        self,
        into: Run | str | Path,
        *,
        feedback: str | Path | None = None,
        add: Sequence[str | Path] = (),
        **options: Unpack[ReviseOptions],
    ) -> Revision:
        """Make the next edition of this run in a new folder, from training, gates, people and new rows."""
        folder = into.folder if isinstance(into, Run) else str(into)
        recipe = studies.recipe_of_edition(self.recipe, [str(each) for each in add], options)
        studies.fork(self.folder, folder)
        with session.writing(folder, recipe, engine=self._engine, progress=self._progress) as pipeline:
            return studies.revise(self.folder, pipeline, None if feedback is None else str(feedback))

    # --- looking ---

    def verify(self) -> VerifyReport:
        """Prove from the files alone that no row was lost or repeated, that the order holds, and every hash."""
        return verify.run(Workspace(self.folder))

    def explain(self, row: str) -> Story:
        """The story of one row, named by id (or its beginning) or as SOURCE:ROW.

        >>> story = Run("runs/lessons").explain("examples/data/lessons.jsonl:2")
        >>> story.fate, story.skill
        ('train', 'ratios')
        """
        space = Workspace(self.folder)
        held = space.finished("score", ScoreReport)
        folders = {} if held is None else {each.alias: each.folder for each in held[0].scorers}
        return explain.story(space, row, folders, self.recipe.tier.domain)

    def show(self, *, stage: int | None = None, tier: int | None = None, rows: int = 10) -> Sequence[Row]:
        """The first *rows* rows in training order, of one stage or tier where it is named.

        >>> [row.order for row in Run("runs/lessons").show(stage=0, rows=3)]
        [0, 1, 2]
        """
        return explain.rows(Workspace(self.folder), stage, tier, rows)

    def status(self) -> dict[str, str | None]:
        """For every step why it must be made again; None where it stands.

        >>> Run("runs/lessons").status()["ingest"] is None
        True
        """
        return session.reading(self.folder).stale()

    def diff(self, other: Run | str | Path) -> Difference:
        """What changed from this edition to another: rows added, removed and moved, and why."""
        after = other.folder if isinstance(other, Run) else str(other)
        return studies.diff(self.folder, after)

    # --- inside ---

    def _writing(self, recipe: Recipe) -> AbstractContextManager[Pipeline]:
        return session.writing(self.folder, recipe, engine=self._engine, progress=self._progress)

    def _scoring(
        self,
        sources: Sequence[str | Path | Source],
        recipe: Recipe | str | Path | None,
        columns: Mapping[str, str] | None,
        beside: Mapping[str, object],
        options: ScoreOptions,
    ) -> Recipe:
        begun = recipe if isinstance(recipe, Recipe) else session.begun(self.folder, recipe)
        shared = {key: value for key, value in options.items() if key in {"precision", "device"}}
        tables = _by_table(options, {"score": ScoreSettings, "ingest": IngestSettings, "embed": EmbedSettings})
        tables["embed"] = {**tables["embed"], **shared}
        made = changed(begun, {"": {"sources": _paths(sources, columns), **beside}, **tables})
        if not made.sources:
            raise SettingsError("no source is named", fix='name one: run.score(["FILE"])')
        return made

    def _ablating(self, options: AblateOptions) -> Recipe:
        return changed(self.recipe, _by_table(options, {"ablate": AblateSettings, "train": TrainSettings}))

    def _tiering(self, seed: int | None, options: TierOptions, *, refresh: bool) -> Recipe:
        held = self.recipe
        tables = _by_table(options, {"tier": TierSettings, "pace": PaceSettings, "write": WriteSettings})
        top = {"seed": seed, "edition": held.edition + 1 if refresh else None}
        return settle_encoder(changed(held, {"": top, **tables}))


def scorers() -> dict[str, type[Scorer]]:
    """The scorers that are installed, ours and strangers', by name.

    >>> from curate import scorers
    >>> scorers()["length"].cost
    'cheap'
    """
    return {name: plugins.load(name) for name in plugins.available()}


def _of(kind: type[Given], report: Frozen) -> Given:
    if not isinstance(report, kind):
        raise TypeError(f"the step gave {type(report).__name__}, not {kind.__name__}")
    return report


def _paths(
    sources: Sequence[str | Path | Source], columns: Mapping[str, str] | None = None
) -> list[dict[str, object]] | None:
    """The entries of ``sources`` as a recipe holds them; None, for not given, where there are none."""
    plain: list[dict[str, object]] = [
        {"path": str(each), "map": dict(columns or {})} if isinstance(each, str | Path) else each.model_dump()
        for each in sources
    ]
    return plain or None


def _by_table(options: Mapping[str, object], tables: Mapping[str, type[Frozen]]) -> dict[str, dict[str, object]]:
    """The options sorted into the tables of the recipe, each into the first that has such a key."""
    made: dict[str, dict[str, object]] = {table: {} for table in tables}
    for name, value in options.items():
        owner = next((table for table, model in tables.items() if name in model.model_fields), None)
        if owner is None:
            known = [key for model in tables.values() for key in model.model_fields]
            raise SettingsError(f"there is no option {name!r}", fix=did_you_mean(name, known))
        made[owner][name] = value
    return made
