"""Look for duplicates, leaked benchmarks, edge cases and suspected noise; write the four tables of ``mined/``."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import views
from curate.core.ids import digest
from curate.errors import SettingsError, did_you_mean
from curate.mine import contaminate, duplicates, edges, groups, jobs, local, noise, paraphrase, semantic
from curate.mine.propose import Ids, Proposal, table
from curate.mine.settings import Kind, Settings
from curate.mine.tokens import strings
from curate.protocol import Frozen
from curate.store.forms import matrix
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.mine.paraphrase import Encode
    from curate.protocol import Part
    from curate.store.work import Work

    Score = tuple[str, str]
    Signals = Mapping[str, NDArray[np.float32]]

__all__ = ["VERSION", "Given", "Report", "Settings", "run"]

VERSION = 4
TABLES: tuple[Kind, ...] = ("duplicates", "contamination", "edges", "noise")
_STRONGEST = 10
_SHOWN_CHARACTERS = 120
_CLUSTER_ROWS = 1000
"""A cluster of the search for semantic duplicates holds about so many rows."""


@dataclass(frozen=True)
class Given:
    """What the pipeline knows beside the run folder.

    ``embedded``: whether vectors and neighbours stand. ``encode``: texts to unit vectors, for paraphrases of
    benchmarks. ``difficulty``: scores that rise harder, ``loss``: one that is a model's mean loss, each as the folder
    of its parts and its field.
    """

    embedded: bool = False
    encode: Encode | None = None
    difficulty: tuple[Score, ...] = ()
    loss: Score | None = None


class Strong(Frozen):
    """One of the strongest findings of its kind, with the beginning of its text and of that of its first partner."""

    table: Kind
    kind: str
    id: str
    strength: float
    because: str
    text: str
    partner: str | None
    beside: str | None


class Report(Frozen):
    """What was found: rows by kind in each table, pairs kept apart, and what was not looked for, with the reason."""

    rows: int
    kinds: dict[str, dict[str, int]]
    groups: int
    protected: int
    against: dict[str, int]
    skipped: tuple[str, ...]
    strongest: tuple[Strong, ...]


@dataclass(frozen=True)
class _Space:
    """Vectors of shape (n, d), and neighbours with cosines of shape (n, k)."""

    vectors: NDArray[np.float32]
    neighbours: NDArray[np.int64]
    cosine: NDArray[np.float32]


def run(
    space: Workspace, settings: Settings, against: Sequence[pa.Table] | None, work: Work, given: Given | None = None
) -> Report:
    """Write `mined/{duplicates,contamination,edges,noise}.parquet`; an empty table where nothing was found.

    *against*: tables with the columns of examples (``record`` and the text columns, ``source``, ``row``).
    """
    told = given or Given()
    ids = space.read_all("examples", ["id"]).column("id")
    names = Ids(ids)
    dense = _read_space(space) if told.embedded and len(names) else None
    skipped = [] if dense else ["semantic duplicates, edge cases and paraphrases: the examples have no vectors"]
    signals = _signals(space, told, len(ids))
    twins = _duplicates(space, settings, ids, dense, signals, work)
    work.progress("mine", 1, len(TABLES), "tables")
    leaks = _contamination(space, settings, against or (), dense, told, work)
    if not against:
        skipped.append("contamination: no benchmark was named with --against")
    elif told.encode is None and dense:
        skipped.append("paraphrases of benchmarks: no encoder was given")
    work.progress("mine", 2, len(TABLES), "tables")
    labels = None if settings.labels is None else _column(space, settings.labels)
    rare, doubtful = [], []
    if dense is not None:
        rare = _edges(space, settings, dense, signals)
        work.progress("mine", 3, len(TABLES), "tables")
        if labels is None:
            skipped.append("label noise: no column of labels was named")
        else:
            doubtful = noise.proposals(dense.vectors, dense.neighbours, dense.cosine, labels, names, settings.suspects)
    found = (duplicates.proposals(twins, names), leaks, rare, doubtful)
    for kind, proposed in zip(TABLES, found, strict=True):
        space.write_table(f"mined/{kind}.parquet", table(proposed, names), work.stamp)
    work.progress("mine", len(TABLES), len(TABLES), "tables")
    hit = Counter(partner.rsplit(":", 1)[0] for leak in leaks for partner in leak.partners[:1])
    return Report(
        rows=len(names),
        kinds={
            kind: dict(sorted(Counter(one.kind for one in proposed).items()))
            for kind, proposed in zip(TABLES, found, strict=True)
        },
        groups=len(np.unique(twins.keeper[twins.keeper >= 0])),
        protected=len(twins.apart),
        against=dict(sorted(hit.items())),
        skipped=tuple(skipped),
        strongest=_strongest(space, found, ids),
    )


def _duplicates(
    space: Workspace, settings: Settings, ids: pa.ChunkedArray, dense: _Space | None, signals: Signals, work: Work
) -> duplicates.Found:
    whole = duplicates.joined(jobs.traces(space, work), len(ids))
    rank = groups.preference(settings.stays, ids, whole.characters, signals, work.seed)
    close = None
    if dense is not None and settings.semantic < 1:
        count = max(len(ids) // _CLUSTER_ROWS, 1)
        label, _ = semantic.cluster(dense.vectors, count, work.seed)
        inside = semantic.close_pairs(dense.vectors, label, settings.semantic)
        close = semantic.merged(inside, semantic.listed_pairs(dense.neighbours, dense.cosine, settings.semantic))
    limits = duplicates.Limits(settings.near, settings.changed, settings.length_ratio, settings.protect)
    return duplicates.find(whole, rank, close, _Reader(space).texts, limits)


def _contamination(
    space: Workspace, settings: Settings, against: Sequence[pa.Table], dense: _Space | None, told: Given, work: Work
) -> list[Proposal]:
    rows = [row for one in against for row in one.to_pylist()]
    if not rows:
        space.disk.remove(jobs.LEAKS)
        return []
    turned = [views.turns(row) for row in rows]
    questions = [views.prompt_view(pairs) or views.full_view(pairs) for pairs in turned]
    texts = [views.full_view(pairs) for pairs in turned]
    names = [f"{row['source']}:{row['row']}" for row in rows]
    sought = contaminate.index(strings(questions), strings(texts), names)
    job = jobs.LeakJob(space, sought, digest(questions, texts), settings.overlap)
    known = None if dense is None or told.encode is None else told.encode(questions)
    made: list[Proposal] = []
    first = 0
    for part, hits in jobs.leaks(job, work):
        if known is not None and dense is not None and told.encode is not None:
            near = paraphrase.suspects(dense.vectors[first : first + part.rows], known, settings.paraphrase)
            asked = _asked(space, part, near)
            alike = paraphrase.compare(asked, questions, known, told.encode, settings.paraphrase)
            seen = {(hit.row, hit.owner) for hit in hits}
            moved = [contaminate.Hit(int(near[hit.row]), hit.owner, hit.kind, hit.share) for hit in alike]
            hits += [hit for hit in moved if (hit.row, hit.owner) not in seen]
        made += contaminate.proposals(hits, names, first)
        first += part.rows
    return made


def _asked(space: Workspace, part: Part, rows: NDArray[np.int64]) -> list[str]:
    """What some rows of a part ask for, or their whole texts."""
    if not len(rows):
        return []
    table = space.read_table(Workspace.part("examples", part.index), list(views.RECORD_COLUMNS)).take(pa.array(rows))
    asked: list[str] = pc.coalesce(views.view(table, "prompt_view"), views.view(table, "full_view")).to_pylist()
    return asked


def _edges(space: Workspace, settings: Settings, dense: _Space, signals: Signals) -> list[Proposal]:
    examples = space.read_all("examples", ["id", *views.RECORD_COLUMNS])
    names = examples.column("id").to_pylist()
    prompts, answers = views.view(examples, "prompt_view"), views.view(examples, "answer_view")
    found = edges.find(dense.vectors, dense.neighbours, prompts, answers, signals, settings.edges)
    return edges.proposals(found, dense.neighbours, names)


def _signals(space: Workspace, told: Given, rows: int) -> Signals:
    """One float32 per example: ``difficulty``, the mean rank of the scores that rise harder, and ``loss``."""
    made: dict[str, NDArray[np.float32]] = {}
    if told.difficulty:
        made["difficulty"] = local.mean_rank((_score(space, score) for score in told.difficulty), rows)
    if told.loss is not None:
        made["loss"] = _score(space, told.loss)
    return made


def _score(space: Workspace, score: Score) -> NDArray[np.float32]:
    """A score of each example, NaN where it has none."""
    folder, name = score
    column = space.read_all(folder, [name]).column(name)
    return np.asarray(pc.fill_null(column, float("nan")), np.float32)


class _Reader:
    """Reads whole texts and answers of chosen examples, a part at a time."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._parts = space.parts("examples")
        self._starts = np.cumsum([0, *(space.rows(path) for path in self._parts)])

    def texts(self, places: NDArray[np.int64]) -> tuple[pa.Array, pa.Array]:
        """The whole texts and the answers of the examples at *places*, which rise."""
        full: list[str] = []
        answers: list[str] = []
        for number, path in enumerate(self._parts):
            low, high = np.searchsorted(places, self._starts[number : number + 2])
            if low == high:
                continue
            part = self._space.read_table(path, list(views.RECORD_COLUMNS))
            chosen = part.take(pa.array(places[low:high] - self._starts[number]))
            for pairs in views.all_turns(chosen):
                full.append(views.full_view(pairs))
                answers.append(views.answer_view(pairs))
        return strings(full), strings(answers)


def _read_space(space: Workspace) -> _Space:
    vectors = space.read_all("vectors", ["vector"]).column("vector")
    width = vectors.type.list_size
    flat = [chunk.flatten().to_numpy() for chunk in vectors.chunks]
    listed = space.read_all("neighbours", ["neighbours", "similarity"])
    place, cosine = (matrix(column) for column in listed.columns)
    return _Space(np.concatenate(flat).reshape(-1, width), place, cosine)


def _column(space: Workspace, name: str) -> list[str | None]:
    """One of the user's columns as strings."""
    known: set[str] = set()
    values: list[str | None] = []
    for part in space.read_parts("examples", ["user"]):
        known |= set(views.user_names(part))
        values += views.as_text(views.user_column(part, name)).to_pylist()
    if name not in known:
        raise SettingsError(
            f"labels come from the column {name!r}, which no example has", fix=did_you_mean(name, known)
        )
    return values


def _strongest(space: Workspace, found: Sequence[Sequence[Proposal]], ids: pa.ChunkedArray) -> tuple[Strong, ...]:
    """The ten strongest of each kind in each table, table by table, kind by kind."""
    names = Ids(ids)
    chosen = [
        (name, one)
        for name, proposed in zip(TABLES, found, strict=True)
        for kind in sorted({one.kind for one in proposed})
        for one in heapq.nsmallest(
            _STRONGEST, (one for one in proposed if one.kind == kind), key=lambda one: (-one.strength, one.row)
        )
    ]
    firsts = [one.partners[0] if one.partners else None for _, one in chosen]
    begins = _beginnings(space, ids, {names[one.row] for _, one in chosen} | {one for one in firsts if one is not None})
    return tuple(
        Strong(
            table=name,
            kind=one.kind,
            id=names[one.row],
            strength=one.strength,
            because=one.because,
            text=begins[names[one.row]],
            partner=first,
            beside=None if first is None else begins.get(first),
        )
        for (name, one), first in zip(chosen, firsts, strict=True)
    )


def _beginnings(space: Workspace, ids: pa.ChunkedArray, wanted: set[str]) -> dict[str, str]:
    """The first characters of each wanted example, white space made single, by its id."""
    places = np.flatnonzero(pc.is_in(ids, value_set=pa.array(sorted(wanted), ids.type)))
    texts, _ = _Reader(space).texts(places)
    named = ids.take(pa.array(places)).to_pylist()
    return {
        key: " ".join(text[: 4 * _SHOWN_CHARACTERS].split())[:_SHOWN_CHARACTERS]
        for key, text in zip(named, texts.to_pylist(), strict=True)
    }
