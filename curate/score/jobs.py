"""The part jobs of scoring: count tokens, gather statistics, score."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.core import batch, contract, schemas, views
from curate.core.ids import digest
from curate.models import chat, load, names
from curate.protocol import Done, Frozen, Scorer, Status
from curate.score import check
from curate.score.signals import Signals, conform
from curate.store import parquet
from curate.store.stamps import Stamp, stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from curate.protocol import Part

TOKENS_FOLDER = "statistics/tokens"
SIGNALS_FOLDER = "training/signals"
REASONS_KEPT = 20
"""How many different reasons of one part are counted; each row's own reason stands in the sidecar."""


@dataclass
class CountTokens:
    """Counts each row's tokens as the chat template renders it, and tells code, chats, tasks and plain text apart."""

    space: Workspace
    tokenizer: names.Resolved
    name: str = "tokens"
    _tokenizer: object = field(default=None, repr=False)

    def stamp_for(self, index: int) -> Stamp:
        """The stamp of one part of counts."""
        key = {"job": "tokens", "version": 7, "tokenizer": self.tokenizer.fingerprint}
        return stamp(key, self.space.digest(Workspace.part("examples", index)))

    def stands(self, index: int) -> bool:
        """Whether this part is counted already."""
        return self.space.stamp_of(Workspace.part(TOKENS_FOLDER, index)) == self.stamp_for(index)

    def open(self) -> None:
        """Load the tokenizer; no weights are needed."""
        self._tokenizer = load.load_tokenizer(self.tokenizer)

    def run(self, part: Part) -> Done:
        """Write one part of counts."""
        examples = self.space.read_table(Workspace.part("examples", part.index), ["id", *views.RECORD_COLUMNS, "tools"])
        tokens, prompt, answer = chat.count_tokens(self._tokenizer, examples)
        table = pa.table(
            {
                "id": examples.column("id"),
                "tokens": tokens,
                "prompt_tokens": prompt,
                "answer_tokens": answer,
                "kind": views.view(examples, "kind"),
            }
        )
        target = Workspace.part(TOKENS_FOLDER, part.index)
        conformed = parquet.conform(table, schemas.TOKENS, target)
        self.space.write_table(target, conformed, self.stamp_for(part.index))
        return Done(part.index, len(table), {"tokens": int(tokens.sum())})


@dataclass(frozen=True)
class SignalFiles:
    """Where the signals of training lie, and a digest of all of them."""

    space: Workspace
    folder: str
    digest: str

    @classmethod
    def find(cls, space: Workspace, elsewhere: str) -> SignalFiles | None:
        """Those of this run, or in the folder *elsewhere* where one is named; None where there are none."""
        held, folder = space, SIGNALS_FOLDER
        if elsewhere:
            run, _, folder = elsewhere.rstrip("/").rpartition("/")
            held = Workspace(run or ".")
        paths = held.parts(folder)
        return cls(held, folder, digest(*(held.sha256(path)[0] for path in paths))) if paths else None

    def read(self) -> Signals:
        """All of them; a worker reads them once."""
        tables = [conform(self.space.read_table(path), path) for path in self.space.parts(self.folder)]
        return Signals(pa.concat_tables(tables))


@dataclass
class ScoreJob:
    """One scorer on one part."""

    space: Workspace
    alias: str
    scorer: type[Scorer]
    settings: Frozen
    fingerprints: Mapping[str, str]
    folder: str
    label: str | None = None
    statistics: pa.Table | None = None
    statistics_digest: str | None = None
    signals: SignalFiles | None = None
    name: str = "score"
    _opened: Scorer | None = field(default=None, repr=False)
    _signals: Signals | None = field(default=None, repr=False)

    def settings_key(self) -> dict[str, object]:
        """What the scores depend on beside the part: the scorer, its settings, its models, the label column."""
        return {
            "scorer": self.scorer.name,
            "version": self.scorer.version,
            "settings": self.settings.model_dump(mode="json"),
            "models": dict(self.fingerprints),
            "label": self.label if "label" in self.scorer.needs else None,
        }

    def stamp_for(self, index: int) -> Stamp:
        """The stamp of one part of scores."""
        inputs = [self.space.digest(path) for path in self._inputs(index)]
        if self.statistics_digest is not None:
            inputs.append(self.statistics_digest)
        if self.signals is not None:
            inputs.append(self.signals.digest)
        return stamp(self.settings_key(), *inputs)

    def stands(self, index: int) -> bool:
        """Whether this part is scored already, from the same inputs with the same settings."""
        return self.space.stamp_of(Workspace.part(self.folder, index)) == self.stamp_for(index)

    def _inputs(self, index: int) -> list[str]:
        folders = ["examples"]
        if set(self.scorer.needs) & set(contract.TOKEN_COLUMNS):
            folders.append(TOKENS_FOLDER)
        folders += [folder for need, folder in contract.VECTOR_COLUMNS.items() if need in self.scorer.needs]
        return [Workspace.part(folder, index) for folder in folders]

    def open(self) -> None:
        """Make the scorer and let it load its weights."""
        self._opened = self.scorer(self.settings)
        self._opened.open(self.statistics)
        self._signals = None if self.signals is None else self.signals.read()

    def run(self, part: Part) -> Done:
        """Score one part and write it, with its counts in the metadata."""
        if self._opened is None:
            raise RuntimeError("a score job must be opened before it runs")
        ids, rows = self.batch(part.index)
        scores = self._opened.score(rows)
        fields = self.scorer.gives
        contract.check(self.alias, fields, scores, len(ids))
        table = check.to_table(ids, fields, scores)
        outcome = outcomes(table)
        self.space.write_table(
            Workspace.part(self.folder, part.index),
            table,
            self.stamp_for(part.index),
            {
                "alias": self.alias,
                "scorer": self.scorer.name,
                "version": self.scorer.version,
                "fields": [each.model_dump(mode="json") for each in fields],
                "counts": outcome,
            },
        )
        return Done(part.index, len(ids), outcome)

    def batch(self, index: int) -> tuple[pa.ChunkedArray, pa.Table]:
        """The ids of one part and the batch that the scorer sees."""
        needs = self.scorer.needs
        columns = batch.example_columns(needs, self.label)
        examples = self.space.read_table(Workspace.part("examples", index), columns)
        extras: dict[str, pa.ChunkedArray] = {}
        if set(needs) & set(contract.TOKEN_COLUMNS):
            tokens = self.space.read_table(Workspace.part(TOKENS_FOLDER, index))
            extras |= {name: tokens.column(name) for name in contract.TOKEN_COLUMNS}
        if "vector" in needs:
            extras["vector"] = self.space.read_table(Workspace.part("vectors", index)).column("vector")
        if "neighbour_similarity" in needs:
            near = self.space.read_table(Workspace.part("neighbours", index), ["similarity"])
            extras["neighbour_similarity"] = near.column("similarity")
        if contract.TARGET_COLUMN in needs:
            target = self.space.read_table(Workspace.part("target", index), ["similarity"])
            extras[contract.TARGET_COLUMN] = target.column("similarity")
        if self._signals is not None:
            extras[contract.SIGNALS_COLUMN] = pa.chunked_array([self._signals.of(examples.column("id"))])
        return examples.column("id"), batch.assemble(needs, examples, extras, self.label)


@dataclass
class ScoreTogether:
    """Several scorers on one part, one after the other, so that what they share (a model's pass) is made once."""

    jobs: tuple[ScoreJob, ...]
    name: str = "score"

    def stands(self, index: int) -> bool:
        """Whether all of them have written this part."""
        return all(job.stands(index) for job in self.jobs)

    def open(self) -> None:
        """Open each scorer."""
        for job in self.jobs:
            job.open()

    def run(self, part: Part) -> Done:
        """Score the part with those that have not yet; counts are told apart by alias."""
        counts = {
            f"{job.alias} {key}": count
            for job in self.jobs
            if not job.stands(part.index)
            for key, count in job.run(part).counts.items()
        }
        return Done(part.index, part.rows, counts)


@dataclass
class CountJob:
    """The first pass of a corpus scorer: the statistics of one part."""

    job: ScoreJob
    folder: str
    name: str = "score"
    _scorer: Scorer | None = field(default=None, repr=False)

    def stands(self, index: int) -> bool:
        """Whether this part is counted already."""
        return self.job.space.stamp_of(Workspace.part(self.folder, index)) == self.job.stamp_for(index)

    def open(self) -> None:
        """Make the scorer; counting needs no statistics yet."""
        self._scorer = self.job.scorer(self.job.settings)

    def run(self, part: Part) -> Done:
        """Count one part."""
        if self._scorer is None:
            raise RuntimeError("a count job must be opened before it runs")
        ids, rows = self.job.batch(part.index)
        counted = self._scorer.count(rows)
        self.job.space.write_table(Workspace.part(self.folder, part.index), counted, self.job.stamp_for(part.index))
        return Done(part.index, len(ids))


def outcomes(table: pa.Table) -> dict[str, int]:
    """How many rows are ok, not applicable and failed, and how often each reason was given (``status: reason``)."""
    statuses, reasons = table.column("status").to_pylist(), table.column("reason").to_pylist()
    counts = {status.value: statuses.count(status.value) for status in Status}
    told = Counter(f"{status}: {text}" for status, text in zip(statuses, reasons, strict=True) if text is not None)
    return counts | dict(sorted(told.most_common(REASONS_KEPT)))
