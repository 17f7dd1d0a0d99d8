"""Embed all examples part by part, then write each one's nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.core import schemas, views
from curate.core.chance import chance
from curate.core.ids import digest
from curate.embed import kinds, neighbours
from curate.embed.target import similarities
from curate.models import encode, load, names
from curate.protocol import Device, Done, EncoderName, Frozen, Part, Precision
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
    recall: float | None = Field(
        default=None, description="Share of the true neighbours that a sample found; None where no index was built."
    )
    target_rows: int = Field(default=0, description="Rows of the target set.")


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
        column = self.space.read_table(Workspace.part(other.folder, index), ["vector"]).column("vector")
        return np.asarray(column.combine_chunks().flatten()).reshape(len(column), -1)


def run(
    space: Workspace, settings: Settings, encoder: names.Resolved, target: Sequence[pa.Table], work: Work
) -> Report:
    """Write the folders ``vectors`` and ``neighbours``, and ``target`` where *target* holds any rows.

    Parts that stand are kept. *target* are tables with the `views.RECORD_COLUMNS`.
    """
    parts = _embed(EmbedJob(space, settings, encoder), work)
    width, kind, found = _write_neighbours(space, settings, parts, work)
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
    parts = [Part(index, space.rows(path)) for index, path in enumerate(space.parts("examples"))]
    missing = [part for part in parts if not job.stands(part.index)]
    total = sum(part.rows for part in parts)
    finished = total - sum(part.rows for part in missing)
    work.progress(job.name, finished, total, "rows")
    for done in work.engine.map(job, iter(missing)):
        finished += done.rows
        work.progress(job.name, finished, total, "rows")
    space.trim(job.folder, len(parts))
    return parts


def _write_neighbours(
    space: Workspace, settings: Settings, parts: Sequence[Part], work: Work
) -> tuple[int, kinds.Kind, float | None]:
    """Search part by part; every part of neighbours depends on all vectors. The width, the index and its recall."""
    everything = digest(*(space.digest(Workspace.part("vectors", part.index)) for part in parts))
    key = {"job": "neighbours", "version": VERSION, "k": settings.neighbours, "index": settings.index}
    made = stamp(key, everything)
    missing = [part for part in parts if space.stamp_of(Workspace.part("neighbours", part.index)) != made]
    vectors, ids = _read_vectors(space)
    kind = kinds.choose(*vectors.shape) if settings.index == "auto" else settings.index
    found = _told_recall(space)
    starts = np.concatenate(([0], np.cumsum([part.rows for part in parts]))).astype(np.int64)
    if missing:
        index = kinds.make(kind, vectors, work.seed)
        found = 1.0
        if kind != "flat":
            drawn = chance(work.seed, "embed", "recall")
            found = kinds.recall(index, vectors, settings.neighbours, drawn)
            kinds.hold(kind, found, settings.recall)
        for count, part in enumerate(missing, 1):
            own = np.arange(starts[part.index], starts[part.index] + part.rows, dtype=np.int64)
            place, cosine = neighbours.nearest(index, vectors[own], own, settings.neighbours, len(vectors))
            table = pa.table(
                {
                    "id": ids.slice(int(own[0]) if len(own) else 0, part.rows),
                    "neighbours": _lists(place, pa.int64()),
                    "similarity": _lists(cosine, pa.float32()),
                },
                schema=schemas.NEIGHBOURS,
            )
            space.write_table(Workspace.part("neighbours", part.index), table, made, {"recall": found})
            work.progress("neighbours", count, len(missing), "parts")
    space.trim("neighbours", len(parts))
    return int(vectors.shape[1]), kind, found


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


def _told_recall(space: Workspace) -> float | None:
    """The recall that was measured when the neighbours that stand were searched."""
    told = space.about(Workspace.part("neighbours", 0)).get("recall")
    return told if isinstance(told, float) else None


def _read_vectors(space: Workspace) -> tuple[NDArray[np.float32], pa.ChunkedArray]:
    """All vectors as one array of shape (n, d), and their ids."""
    table = space.read_all("vectors", ["id", "vector"])
    width = table.schema.field("vector").type.list_size
    flat = [chunk.flatten().to_numpy() for chunk in table.column("vector").chunks]
    return np.concatenate([*flat, np.empty(0, np.float32)]).reshape(-1, width), table.column("id")


def _lists(rows: NDArray[np.generic], kind: pa.DataType) -> pa.ListArray:
    """An array of shape (n, k) as a column of n lists."""
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(rows.reshape(-1), kind))
