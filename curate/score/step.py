"""Score all examples: count tokens, gather the statistics of the corpus, then run each scorer part by part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.core import views
from curate.core.chance import draw
from curate.core.contract import SIGNALS_COLUMN, VECTOR_COLUMNS, check_needs
from curate.core.plan import ScoreSource
from curate.errors import ScorerError, SettingsError, did_you_mean
from curate.models import names
from curate.protocol import (
    Device,
    Frozen,
    LanguageModelName,
    Part,
    PartJob,
    Precision,
    Scope,
    ScoreField,
    Scorer,
    Status,
)
from curate.score import agree
from curate.score.jobs import (
    SIGNALS_FOLDER,
    TOKENS_FOLDER,
    CountJob,
    CountTokens,
    ScoreJob,
    ScoreTogether,
    SignalFiles,
)
from curate.store.stamps import stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.protocol import Done
    from curate.score.agree import Agreement
    from curate.store.work import Work

VERSION = 7
SAMPLE = 100_000
"""Rows that the report on agreement looks at."""


class Settings(Frozen):
    """What to score with."""

    scorers: tuple[str, ...] = Field(
        default=(),
        description="Scorers by alias, entry point name or module:Class; none means those offered by default.",
    )
    lm: LanguageModelName = Field(
        default="auto",
        description="Language model of the scorers that need one: hub id[@revision], folder, .gguf, auto.",
    )
    tokenizer: str = Field(default="auto", description="Model whose tokenizer counts tokens; auto is that of --lm.")
    precision: Precision = Field(default="auto", description="Number format of models: auto, fp32, bf16 or fp16.")
    device: Device = Field(default="auto", description="Where models run: auto, cpu, cuda[:i] or mps.")
    labels: str | None = Field(
        default=None, description="Column of yours that holds a label, for scorers that use one."
    )
    signals: str = Field(
        default="",
        description="Folder of training signals (part files), for scorers that use them; by default this run's own.",
    )
    max_failures: float = Field(
        default=0.01, ge=0, le=1, description="Share of rows on which a scorer may fail before the run stops."
    )


@dataclass(frozen=True)
class Chosen:
    """One scorer of this run: its alias, class, checked settings, and the models that it will load."""

    alias: str
    scorer: type[Scorer]
    settings: Frozen
    models: Mapping[str, names.Resolved]

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of each model, by the settings field that names it."""
        return {field: model.fingerprint for field, model in self.models.items()}

    @property
    def folder(self) -> str:
        """Where its sidecar parts lie: the name changes with the version, the settings and the models."""
        key = ScoreJob(Workspace(""), self.alias, self.scorer, self.settings, self.fingerprints, "").settings_key()
        return f"scores/{self.alias}@{self.scorer.version}-{stamp(key).settings[:8]}"


class ScorerReport(Frozen):
    """How one scorer went."""

    alias: str
    scorer: str
    version: str
    folder: str
    fields: tuple[ScoreField, ...]
    models: dict[str, names.Resolved]
    precision: str | None
    ok: int
    not_applicable: int
    failed: int
    reasons: dict[str, int]
    counted_rows: int | None = Field(
        default=None, description="Rows that its statistics were counted on; None for a scorer that needs none."
    )


class Report(Frozen):
    """How scoring went."""

    rows: int
    tokens: int
    tokenizer: names.Resolved
    scorers: tuple[ScorerReport, ...]


def run(
    space: Workspace,
    settings: Settings,
    chosen: Sequence[Chosen],
    tokenizer: names.Resolved,
    work: Work,
    *,
    frozen: bool = False,
) -> Report:
    """Write token counts, statistics and one folder of sidecar parts per scorer; parts that stand are kept.

    *frozen* says that an edition stands: statistics that can score later rows stay as they were counted for it.
    """
    parts = space.units("examples")
    for each in chosen:
        check_needs(each.alias, each.scorer.needs)
    if settings.labels is not None and any("label" in each.scorer.needs for each in chosen):
        _user_parts(space, settings.labels)
    tokens = _count_tokens(space, parts, tokenizer, work)
    for group in _groups(chosen):
        _score(space, settings, group, parts, work, frozen=frozen)
    reports = tuple(_report(space, settings, each, parts) for each in chosen)
    return Report(rows=sum(part.rows for part in parts), tokens=tokens, tokenizer=tokenizer, scorers=reports)


def agreement(
    space: Workspace, settings: Settings, report: Report, domain: str | None, blend: agree.Blend
) -> Agreement:
    """How far the scores of a finished run agree with each other, with length, and with `settings.labels`.

    *domain* is the column inside which rows are ranked, language and kind where None; *blend* the weights of the
    difficulty. Of a larger corpus `SAMPLE` rows are looked at, drawn by their ids.
    """
    sources = [ScoreSource(alias=each.alias, folder=each.folder, fields=each.fields) for each in report.scorers]
    luck = draw(space.read_all("examples", ["id"]).column("id"), 0, "score", "agreement")
    chosen = np.sort(np.argsort(luck, kind="stable")[:SAMPLE])
    tokens = space.read_all(TOKENS_FOLDER, ["tokens", "kind"]).take(pa.array(chosen))
    scores = {
        f"{each.alias}.{field.name}": space.read_all(each.folder, [field.name]).column(0).to_numpy()[chosen]
        for each in sources
        for field in each.fields
    }
    kinds = tokens.column("kind")
    own = space.read_all("examples", ["language"]).column(0).take(pa.array(chosen))
    domains = views.domains(own, kinds)
    if domain is not None:
        domains = views.own_domains(_user_column(space, domain).take(pa.array(chosen)))
    encoded = domains.combine_chunks().dictionary_encode()
    rows = agree.Rows(
        scores={name: values.astype(np.float32) for name, values in scores.items()},
        domain=encoded.indices.to_numpy().astype(np.int32),
        domains=encoded.dictionary.to_pylist(),
        kind=pc.index_in(kinds, pa.array(views.KINDS)).to_numpy().astype(np.int8),
        length=np.log1p(tokens.column("tokens").to_numpy()),
        luck=luck[chosen],
        label=None if settings.labels is None else _labels(space, settings.labels)[chosen],
    )
    return agree.agree(rows, sources, settings.labels, blend)


def _labels(space: Workspace, name: str) -> NDArray[np.float64]:
    """The labels as numbers, NaN where there is none."""
    column = _user_column(space, name)
    try:
        numbers = column.cast(pa.int8() if pa.types.is_boolean(column.type) else pa.float64()).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SettingsError(
            f"the labels in {name!r} are no numbers, so they have no order: {error}",
            fix="name a column of numbers that rise with difficulty",
        ) from error
    found: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def _user_column(space: Workspace, name: str) -> pa.ChunkedArray:
    values = [views.user_column(table, name) for table in _user_parts(space, name)]
    common = next(each.type for each in values if not pa.types.is_null(each.type))
    return pa.chunked_array([each.cast(common) for each in values], common)


def _user_parts(space: Workspace, name: str) -> list[pa.Table]:
    """The user's columns of each part; `SettingsError` where none is called so."""
    tables = list(space.read_parts("examples", ["user"]))
    known = {each for table in tables for each in views.user_names(table)}
    if name not in known:
        raise SettingsError(f"no example has a column {name!r}", fix=did_you_mean(name, known))
    return tables


def run_beside(
    space: Workspace, beside: Workspace, chosen: Sequence[Chosen], tokenizer: names.Resolved, work: Work
) -> None:
    """Score the examples of another folder as *space* scored its own: the same models, settings and statistics.

    Scorers that need neighbours, a target set or the signals of training are left out: another folder's rows have none.
    """
    parts = beside.units("examples")
    _count_tokens(beside, parts, tokenizer, work)
    alone = [each for each in chosen if not set(each.scorer.needs) & {*VECTOR_COLUMNS, SIGNALS_COLUMN}]
    for group in _groups(alone):
        jobs = []
        for each in group:
            job = ScoreJob(beside, each.alias, each.scorer, each.settings, each.fingerprints, each.folder)
            if each.scorer.scope is Scope.CORPUS:
                merged = _merged(each.folder)
                job = replace(job, statistics=space.read_table(merged), statistics_digest=space.digest(merged))
            jobs.append(job)
        for _ in _each_missing(ScoreTogether(tuple(jobs)), parts, work, ", ".join(each.alias for each in group)):
            pass


def _count_tokens(space: Workspace, parts: Sequence[Part], tokenizer: names.Resolved, work: Work) -> int:
    for _ in _each_missing(CountTokens(space, tokenizer), parts, work, "tokens"):
        pass
    space.trim(TOKENS_FOLDER, len(parts))
    return sum(int(table.column("tokens").to_numpy().sum()) for table in space.read_parts(TOKENS_FOLDER, ["tokens"]))


def _groups(chosen: Sequence[Chosen]) -> list[list[Chosen]]:
    """Scorers that run a language model go through the parts together, any other by itself."""
    together = [each for each in chosen if each.scorer.cost == "lm" and each.scorer.scope is Scope.ROW]
    alone = [[each] for each in chosen if each not in together]
    return [*alone, together] if together else alone


def signals_digest(space: Workspace, settings: Settings, chosen: Sequence[Chosen]) -> str:
    """What stands for the signals of training in the stamp of this step; empty where no scorer needs or finds any."""
    wanted = any(SIGNALS_COLUMN in each.scorer.needs for each in chosen)
    found = SignalFiles.find(space, settings.signals) if wanted else None
    return "" if found is None else found.digest


def _score(
    space: Workspace, settings: Settings, group: Sequence[Chosen], parts: Sequence[Part], work: Work, *, frozen: bool
) -> None:
    """Score the parts that are missing; stop as soon as one scorer has failed on too many rows."""
    jobs = []
    for each in group:
        job = ScoreJob(space, each.alias, each.scorer, each.settings, each.fingerprints, each.folder, settings.labels)
        job.name = each.alias
        job.signals = _signals(space, settings, each) if SIGNALS_COLUMN in each.scorer.needs else None
        if each.scorer.scope is Scope.CORPUS:
            job = _with_statistics(space, job, parts, work, frozen=frozen and each.scorer.freezes)
        jobs.append(job)
    rows = sum(part.rows for part in parts)
    counts: Counter[str] = Counter()
    for done in _each_missing(ScoreTogether(tuple(jobs)), parts, work, ", ".join(each.alias for each in group)):
        counts.update(done.counts)
        for each in group:
            _stop_at_failures(each.alias, _of_alias(counts, each.alias), rows, settings.max_failures)
    for each in group:
        space.trim(each.folder, len(parts))


def _signals(space: Workspace, settings: Settings, each: Chosen) -> SignalFiles:
    found = SignalFiles.find(space, settings.signals)
    if found is None:
        place = settings.signals or f"{SIGNALS_FOLDER} of this run"
        raise SettingsError(
            f"scorer {each.alias!r} needs the signals of a training, and {place} holds none",
            fix="train first (`curate train` writes them), or name the folder of another training in [score] signals",
        )
    return found


def _report(space: Workspace, settings: Settings, chosen: Chosen, parts: Sequence[Part]) -> ScorerReport:
    """What the metadata of a scorer's parts says, those of earlier runs included."""
    counts: Counter[str] = Counter()
    for path in space.parts(chosen.folder):
        counts.update(_held_counts(space, path))
    _stop_at_failures(chosen.alias, counts, sum(part.rows for part in parts), settings.max_failures)
    return ScorerReport(
        alias=chosen.alias,
        scorer=chosen.scorer.name,
        version=chosen.scorer.version,
        folder=chosen.folder,
        fields=chosen.scorer.gives,
        models=dict(chosen.models),
        precision=getattr(chosen.settings, "precision", None),
        ok=counts[Status.OK],
        not_applicable=counts[Status.NOT_APPLICABLE],
        failed=counts[Status.FAILED],
        reasons=dict(sorted((key, count) for key, count in counts.items() if ": " in key)),
        counted_rows=_counted_rows(space, chosen),
    )


def _counted_rows(space: Workspace, chosen: Chosen) -> int | None:
    if chosen.scorer.scope is Scope.ROW:
        return None
    rows = space.about(_merged(chosen.folder)).get("rows")
    return rows if isinstance(rows, int) else None


def _counts(scores: str) -> str:
    """The folder of the statistics that the scores of a folder are made with, counted by part."""
    return scores.replace("scores/", "statistics/", 1)


def _merged(scores: str) -> str:
    """The same statistics of all parts together."""
    return f"{_counts(scores)}/merged.parquet"


def _with_statistics(space: Workspace, job: ScoreJob, parts: Sequence[Part], work: Work, *, frozen: bool) -> ScoreJob:
    """The same job with the statistics of the whole corpus, counted by part and merged in part order.

    Where they are *frozen* and counted with the same settings they stay, whatever rows came since.
    """
    folder, merged = _counts(job.folder), _merged(job.folder)
    held = space.stamp_of(merged)
    if frozen and held is not None and held.settings == stamp(job.settings_key()).settings:
        return replace(job, statistics=space.read_table(merged), statistics_digest=held.digest)
    for _ in _each_missing(CountJob(job, folder, job.name), parts, work, f"{job.alias} statistics"):
        pass
    space.trim(folder, len(parts))
    paths = [Workspace.part(folder, part.index) for part in parts]
    made = stamp(job.settings_key(), *(space.digest(path) for path in paths))
    if held != made:
        tables = [space.read_table(path) for path in paths]
        rows = sum(part.rows for part in parts)
        space.write_table(merged, job.scorer(job.settings).merge(tables), made, {"rows": rows})
    return replace(job, statistics=space.read_table(merged), statistics_digest=made.digest)


class _Resumable(PartJob, Protocol):
    """A part job that knows which parts it has finished."""

    def stands(self, index: int) -> bool:
        """Whether this part need not be done again."""


def _each_missing(job: _Resumable, parts: Sequence[Part], work: Work, name: str) -> Iterator[Done]:
    """Run the job on the parts whose output does not stand yet; nothing is opened where all of it stands."""
    missing = [part for part in parts if not job.stands(part.index)]
    return work.each(job, parts, missing, name)


def _of_alias(counts: Counter[str], alias: str) -> Counter[str]:
    return Counter({key.removeprefix(f"{alias} "): n for key, n in counts.items() if key.startswith(f"{alias} ")})


def _held_counts(space: Workspace, path: str) -> Mapping[str, int]:
    counts = space.about(path).get("counts")
    return counts if isinstance(counts, dict) else {}


def _stop_at_failures(alias: str, counts: Counter[str], rows: int, allowed: float) -> None:
    """Raise `ScorerError` with the commonest reason where more than *allowed* of all rows failed."""
    failed = counts[Status.FAILED]
    if failed <= allowed * rows:
        return
    reasons = Counter({key: count for key, count in counts.items() if key.startswith(f"{Status.FAILED}: ")})
    commonest, times = reasons.most_common(1)[0]
    raise ScorerError(
        f"scorer {alias!r} failed on {failed} of {rows} rows, more than the {allowed:.1%} allowed; "
        f"{times} times: {commonest.removeprefix('failed: ')}",
        fix="mend the cause and give the command again (finished parts are kept), or allow more with --max-failures",
    )
