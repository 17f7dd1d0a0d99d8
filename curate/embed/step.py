"""Embed all examples part by part, then write each one's nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict, Field

from curate.core import schemas, views
from curate.core.ids import digest
from curate.embed import kinds, search
from curate.embed.found import fits
from curate.embed.target import similarities
from curate.models import encode, load, names
from curate.protocol import Device, Done, EncoderName, Frozen, Part, Precision
from curate.store.forms import matrix
from curate.store.stamps import Stamp, stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.store.work import Work

VERSION = 2
_OF_THE_INDEX = ("neighbours", "index", "recall")


class Settings(Frozen):
    """How to embed."""

    encoder: EncoderName = Field(default="auto", description="Sentence encoder: hub id[@revision], folder or auto.")
    precision: Precision = Field(default="auto", description="Number format of the encoder.")
    device: Device = Field(default="auto", description="Where the encoder runs: auto, cpu, cuda[:i] or mps.")
    view: Literal["full_view", "prompt_view", "answer_view"] = Field(
        default="full_view", description="The text of an example that is embedded."
    )
    neighbours: int = Field(default=10, ge=1, le=1000, description="How many nearest neighbours each example keeps.")
    index: Literal["auto", "flat", "coarse", "ivf", "pq"] = Field(
        default="auto", description="Kind of index; auto chooses by the number of examples."
    )
    recall: float = Field(
        default=0.95, ge=0, le=1, description="Least share of the true neighbours that the index must find."
    )


class Report(Frozen):
    """How embedding went."""

    rows: int
    width: int
    encoder: names.Resolved
    precision: str
    index: str
    neighbours: int
    recall: float = Field(description="Share of their true neighbours that the lists of a sample of rows name.")
    target_rows: int = Field(default=0, description="Rows of the target set.")
    searched: tuple[str, ...] = Field(description="Digests of the parts of vectors, from which a larger run goes on.")


class _Searched(Frozen):
    """What a finished embed says of the vectors that it searched."""

    model_config = ConfigDict(extra="ignore")

    searched: tuple[str, ...] = ()


@dataclass
class EmbedJob:
    """Embeds one part of a folder: the view of the settings, and what is plain text whole."""

    space: Workspace
    settings: Settings
    encoder: names.Resolved
    folder: str = "vectors"
    beside: EmbedJob | None = None
    """A job that stands, from which a part is taken whose texts are the same."""
    name: str = "vectors"
    _encoder: encode.Encoder | None = field(default=None, repr=False)

    def stamp_for(self, index: int) -> Stamp:
        """The stamp of one part of vectors."""
        settings = self.settings.model_dump(mode="json", exclude={"encoder", *_OF_THE_INDEX})
        key = {"job": "vectors", "version": VERSION, **settings, "encoder": self.encoder.fingerprint}
        return stamp(key, self.space.digest(Workspace.part("examples", index)))

    def open(self) -> None:
        """Load the encoder once per worker."""
        self._encoder = load.load_encoder(self.encoder, self.settings.precision, self.settings.device)

    def run(self, part: Part) -> Done:
        """Write one part of unit vectors."""
        if self._encoder is None:
            raise RuntimeError("an embed job must be opened before it runs")
        examples = self.space.read_table(Workspace.part("examples", part.index), ["id", *views.RECORD_COLUMNS])
        vectors = self._made(part.index, examples)
        if vectors is None:
            vectors = self._encoder.encode(_texts(examples, self.settings))
        width = vectors.shape[1]
        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), width)
        table = pa.table({"id": examples.column("id"), "vector": flat}, schema=schemas.vectors(width))
        self.space.write_table(Workspace.part(self.folder, part.index), table, self.stamp_for(part.index))
        return Done(part.index, len(table))

    def stands(self, index: int) -> bool:
        """Whether this part is embedded already."""
        return self.space.stamp_of(Workspace.part(self.folder, index)) == self.stamp_for(index)

    def _made(self, index: int, examples: pa.Table) -> NDArray[np.float32] | None:
        """The vectors of this part where the job beside has made them of the same texts."""
        other = self.beside
        if other is None or not other.stands(index):
            return None
        if _texts(examples, self.settings) != _texts(examples, other.settings):
            return None
        return matrix(self.space.read_table(Workspace.part(other.folder, index), ["vector"]).column("vector"))


def run(
    space: Workspace, settings: Settings, encoder: names.Resolved, target: Sequence[pa.Table], work: Work
) -> Report:
    """Write the folders ``vectors`` and ``neighbours``, and ``target`` where *target* holds any rows.

    Parts that stand are kept. *target* are tables with the `views.RECORD_COLUMNS`.
    """
    parts = _embed(EmbedJob(space, settings, encoder), work)
    width, kind, found, searched = _write_neighbours(space, settings, parts, work)
    target_rows = _write_target(space, settings, encoder, target, parts, work)
    return Report(
        rows=sum(part.rows for part in parts),
        width=width,
        encoder=encoder,
        precision=settings.precision,
        index=kinds.ABOUT[kind],
        neighbours=settings.neighbours,
        recall=found,
        target_rows=target_rows,
        searched=searched,
    )


PROMPTS = "prompts"
"""The folder of vectors of what each example asks for, or of its whole text where it is plain text."""


def prompts(space: Workspace, settings: Settings, encoder: names.Resolved, work: Work) -> None:
    """Write the folder ``prompts``; parts that stand are kept, and vectors of the same texts are not made twice."""
    asked = settings.model_copy(update={"view": "prompt_view"})
    _embed(EmbedJob(space, asked, encoder, PROMPTS, EmbedJob(space, settings, encoder), name=PROMPTS), work)


def _embed(job: EmbedJob, work: Work) -> list[Part]:
    """Embed the parts that do not stand; all parts."""
    space = job.space
    parts = space.units("examples")
    missing = [part for part in parts if not job.stands(part.index)]
    for _ in work.each(job, parts, missing, job.name):
        pass
    space.trim(job.folder, len(parts))
    return parts


def _write_neighbours(
    space: Workspace, settings: Settings, parts: Sequence[Part], work: Work
) -> tuple[int, kinds.Kind, float, tuple[str, ...]]:
    """Write the neighbours part by part; each depends on all vectors.

    Gives the width, the kind of index, its recall, and the digests of the vectors that were searched.
    """
    digests = tuple(space.digest(Workspace.part("vectors", part.index)) for part in parts)
    made = _stamp_of_lists(settings, digests)
    missing = [part for part in parts if space.stamp_of(Workspace.part("neighbours", part.index)) != made]
    vectors = _read_vectors(space, parts)
    kind = kinds.choose(*vectors.shape) if settings.index == "auto" else settings.index
    found = _told_recall(space, parts, made)
    if missing:
        known = _known(space, settings, parts, digests)
        searched: search.Search
        if known is not None and 2 * len(known[0]) >= len(vectors) > len(known[0]):
            searched = search.Grown(vectors, known, settings.neighbours, work.seed)
        elif kind == "coarse" and fits(len(vectors), settings.neighbours):
            searched = search.Together(
                vectors,
                settings.neighbours,
                lambda done, all_: work.progress("neighbours", done, all_, "blocks"),
            )
        else:
            searched = search.Whole(vectors, kind, settings.neighbours, work.seed, settings.recall)
        if found is None:
            found = search.recall(searched, vectors, settings.neighbours, work.seed)
            kinds.hold(kind, found, settings.recall)
        _search_parts(space, parts, missing, searched, kinds.AT_ONCE.get(kind, 1), made, found, work)
    space.trim("neighbours", len(parts))
    return int(vectors.shape[1]), kind, 1.0 if found is None else found, digests


def _write_target(
    space: Workspace,
    settings: Settings,
    encoder: names.Resolved,
    target: Sequence[pa.Table],
    parts: Sequence[Part],
    work: Work,
) -> int:
    """Each row's cosines to the target set, part by part; the number of target rows."""
    texts = [text for table in target for text in _texts(table, settings)]
    if not texts:
        space.disk.remove("target")
        return 0
    key = {"job": "target", "version": VERSION, "k": settings.neighbours, "texts": digest(*texts)}
    stamps = [stamp(key, encoder.fingerprint, space.digest(Workspace.part("vectors", part.index))) for part in parts]
    missing = [part for part in parts if space.stamp_of(Workspace.part("target", part.index)) != stamps[part.index]]
    made = np.empty((0, 0), np.float32)
    if missing:
        made = load.load_encoder(encoder, settings.precision, settings.device).encode(texts)
    for count, part in enumerate(missing, 1):
        own = space.read_table(Workspace.part("vectors", part.index))
        flat = own.column("vector").combine_chunks().flatten().to_numpy()
        cosine = similarities(flat.reshape(len(own), -1), made, settings.neighbours)
        table = pa.table({"id": own.column("id"), "similarity": _lists(cosine, pa.float32())}, schema=schemas.TARGET)
        space.write_table(Workspace.part("target", part.index), table, stamps[part.index])
        work.progress("target", count, len(missing), "parts")
    space.trim("target", len(parts))
    return len(texts)


def _texts(examples: pa.Table, settings: Settings) -> list[str]:
    """The text of each example that is embedded; plain text has no prompt, so it is taken whole."""
    texts = views.view(examples, settings.view)
    if settings.view == "prompt_view":
        texts = pc.coalesce(texts, views.view(examples, "full_view"))
    return [text or "" for text in texts.to_pylist()]


def _search_parts(
    space: Workspace,
    parts: Sequence[Part],
    missing: Sequence[Part],
    searched: search.Search,
    at_once: int,
    made: Stamp,
    found: float,
    work: Work,
) -> None:
    """Search so many parts together, counted from the first, that the same rows are asked together every time."""
    starts = np.concatenate(([0], np.cumsum([part.rows for part in parts]))).astype(np.int64)
    done = 0
    for low in range(0, len(parts), at_once):
        high = min(low + at_once, len(parts))
        wanted = [part for part in missing if low <= part.index < high]
        if not wanted:
            continue
        place, cosine = searched.lists(np.arange(starts[low], starts[high], dtype=np.int64))
        for part in wanted:
            own = slice(starts[part.index] - starts[low], starts[part.index + 1] - starts[low])
            ids = space.read_table(Workspace.part("vectors", part.index), ["id"]).column("id")
            lists = {"neighbours": _lists(place[own], pa.int64()), "similarity": _lists(cosine[own], pa.float32())}
            table = pa.table({"id": ids, **lists}, schema=schemas.NEIGHBOURS)
            space.write_table(Workspace.part("neighbours", part.index), table, made, {"recall": found})
            done += 1
            work.progress("neighbours", done, len(missing), "parts")


def _stamp_of_lists(settings: Settings, digests: Sequence[str]) -> Stamp:
    key = {"job": "neighbours", "version": VERSION, "k": settings.neighbours, "index": settings.index}
    return stamp(key, digest(*digests))


def _told_recall(space: Workspace, parts: Sequence[Part], made: Stamp) -> float | None:
    """The recall that was measured when the neighbours that stand were searched."""
    for path in (Workspace.part("neighbours", part.index) for part in parts):
        told = space.about(path).get("recall") if space.stamp_of(path) == made else None
        if isinstance(told, float):
            return told
    return None


def _known(space: Workspace, settings: Settings, parts: Sequence[Part], digests: Sequence[str]) -> search.Lists | None:
    """The neighbours that the last finished search found for the first parts, which have not changed since.

    Places and cosines, shape (rows of these parts, k); a row of a part that is made anew already has places of -1.
    """
    finished = space.finished("embed", _Searched)
    before = finished[0].searched if finished else ()
    same = next((at for at, pair in enumerate(zip(before, digests, strict=False)) if pair[0] != pair[1]), len(before))
    same = min(same, len(digests))
    stood = _stamp_of_lists(settings, before)
    rows = sum(part.rows for part in parts[:same])
    if not rows:
        return None
    place = np.full((rows, settings.neighbours), -1, np.int64)
    cosine = np.full((rows, settings.neighbours), -1, np.float32)
    first = 0
    for part in parts[:same]:
        path = Workspace.part("neighbours", part.index)
        if space.stamp_of(path) == stood:
            table = space.read_table(path, ["neighbours", "similarity"])
            listed = [table.column(name).combine_chunks().flatten().to_numpy() for name in table.column_names]
            if len(listed[0]) == part.rows * settings.neighbours:
                place[first : first + part.rows] = listed[0].reshape(part.rows, -1)
                cosine[first : first + part.rows] = listed[1].reshape(part.rows, -1)
        first += part.rows
    return place, cosine


def _read_vectors(space: Workspace, parts: Sequence[Part]) -> NDArray[np.float32]:
    """All vectors as one array of shape (n, d); on disk where they are many."""
    total, filled = sum(part.rows for part in parts), 0
    vectors: NDArray[np.float32] | None = None
    for part in parts:
        table = space.read_table(Workspace.part("vectors", part.index), ["vector"])
        width = table.schema.field("vector").type.list_size
        if vectors is None:
            vectors = _room(total, width)
        for chunk in table.column("vector").chunks:
            flat = chunk.flatten().to_numpy().reshape(-1, width)
            vectors[filled : filled + len(flat)] = flat
            filled += len(flat)
    return np.empty((0, 1), np.float32) if vectors is None else vectors


def _room(rows: int, width: int) -> NDArray[np.float32]:
    if rows * width * 4 <= kinds.PQ_FROM_BYTES:
        return np.empty((rows, width), np.float32)
    with TemporaryFile() as file:
        return np.memmap(file, np.float32, "w+", shape=(rows, width))


def _lists(rows: NDArray[np.generic], kind: pa.DataType) -> pa.ListArray:
    """An array of shape (n, k) as a column of n lists."""
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(rows.reshape(-1), kind))
