"""A curriculum dataset as trainers read it: map-style and iterable, for torch and `datasets`, in exact order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from curate.core.ids import digest
from curate.errors import SettingsError
from curate.train.deal import Deal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from curate.core.manifest import Manifest, Schedule
    from curate.store.rows import Row, ShardRows
    from curate.train.streams import OrderedLoader, OrderedStream

Style = Literal["map", "stream"]


@dataclass(frozen=True)
class Reader:
    """The training rows of a dataset, or of one of its stages.

    ``rows`` is itself a map-style set: it has a length and gives a row by its place. ``fingerprint`` stands for the
    bytes of the shards, so that a state is never loaded on other data.
    """

    rows: ShardRows
    schedule: Schedule
    fingerprint: str

    def __len__(self) -> int:
        return len(self.rows)

    def stage(self, number: int) -> Reader:
        """The rows of one stage."""
        known = {stage.stage: stage for stage in self.schedule.stages}
        if number not in known:
            raise SettingsError(f"there is no stage {number}", fix=f"choose from 0 to {len(known) - 1}")
        held = known[number]
        part = self.rows.part(held.first_order, held.first_order + held.rows)
        return replace(self, rows=part, fingerprint=digest(self.fingerprint, number))

    def stream(self, batch_rows: int, *, rank: int = 0, ranks: int = 1, done: int = 0) -> OrderedStream:
        """An iterable set for torch; give the loader *batch_rows* as its ``batch_size``, and any number of workers."""
        from curate.train.streams import OrderedStream

        return OrderedStream(self.rows, self._deal(batch_rows, rank, ranks), rank, done)

    def loader(
        self,
        batch_rows: int,
        *,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        style: Style = "map",
        collate: Callable[[Sequence[Row]], Any] = list,
    ) -> OrderedLoader:
        """A loader of torch that has ``state_dict`` and ``load_state_dict``.

        A batch is what *collate* makes of its rows. With several ranks the rows just before the end come again where
        the last step would leave a rank without rows; with one rank the last batch is short.
        """
        from curate.train import streams

        deal = self._deal(batch_rows, rank, ranks)
        make = streams.map_loader if style == "map" else streams.stream_loader
        return streams.OrderedLoader(
            self.rows, deal, rank, self.fingerprint, make(self.rows, deal, rank, workers, collate)
        )

    def dataset(self) -> Any:  # noqa: ANN401 - a class of an untyped library
        """A `datasets.Dataset` of all rows in order, held in memory."""
        from datasets import Dataset

        return Dataset(self.rows.take(range(len(self.rows))))

    def iterable_dataset(self, *, rank: int = 0, ranks: int = 1) -> Any:  # noqa: ANN401 - the same
        """A `datasets.IterableDataset` of the rows of one rank.

        It has one shard on purpose: `datasets` deals shards, not rows, to the workers of a loader, so that several
        would change the order. Its own ``state_dict`` resumes at the row. A rank takes every *ranks*-th row, so that
        the batches of one step together are the next rows of the plan.
        """
        from datasets import IterableDataset

        self._deal(1, rank, ranks)
        return IterableDataset.from_generator(_Rows(self.rows, rank, ranks))

    def _deal(self, batch_rows: int, rank: int, ranks: int) -> Deal:
        if batch_rows < 1 or not 0 <= rank < ranks:
            raise SettingsError(
                f"batches of {batch_rows} rows for rank {rank} of {ranks} cannot be dealt",
                fix="give at least one row a batch, and a rank from 0 to one less than the number of ranks",
            )
        return Deal(len(self.rows), batch_rows, ranks)


@dataclass(frozen=True)
class _Rows:
    """Every *ranks*-th row; a class, because `datasets` pickles what it generates from."""

    rows: ShardRows
    rank: int
    ranks: int

    def __call__(self) -> Iterator[Row]:
        for places in Deal(len(self.rows), 1, self.ranks).batches(self.rank):
            yield from self.rows.rows(places.tolist())


def fingerprint_of(manifest: Manifest) -> str:
    """One digest for the bytes of all training shards."""
    return digest([(shard.path, shard.sha256) for shard in manifest.shards if shard.stage is not None])
