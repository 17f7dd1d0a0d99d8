"""The classes that torch's loader wants: an iterable set that deals its rows to workers, and a loader that resumes.

This module is imported where torch is needed anyway, since a class of torch cannot be inherited from without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info  # noqa: TID253 - base classes

from curate.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from curate.store.rows import Row, ShardRows
    from curate.train.deal import Deal

State = dict[str, Any]


class OrderedStream(IterableDataset[Any]):
    """Rows of one rank in order, one at a time; each worker of a loader yields the batches that are its own.

    Give the loader the ``batch_rows`` of the deal as its ``batch_size``. ``done`` rows of the whole order are passed
    over.
    """

    def __init__(self, rows: ShardRows, deal: Deal, rank: int = 0, done: int = 0) -> None:
        self._rows = rows
        self._deal = deal
        self._rank = rank
        self._done = done

    def __iter__(self) -> Iterator[Row]:
        """The rows of this worker."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        for places in self._deal.batches(self._rank, self._done, worker, workers):
            yield from self._rows.rows(places.tolist())


class OrderedBatches:
    """The batches of one rank as lists of places: a ``batch_sampler`` for a map-style set."""

    def __init__(self, deal: Deal, rank: int = 0, done: int = 0) -> None:
        self._deal = deal
        self._rank = rank
        self._done = done

    def __len__(self) -> int:
        return self._deal.steps(self._done)

    def __iter__(self) -> Iterator[list[int]]:
        """The places of each batch."""
        for places in self._deal.batches(self._rank, self._done):
            yield places.tolist()


class OrderedLoader:
    """Batches of one rank in order, and how far it is: what was handed out counts, not what workers have fetched.

    Its state says how many rows of the whole order are done, so it can be loaded with other numbers of workers,
    ranks and rows in a batch. *fingerprint* stands for the data; a state of other data is refused.
    """

    def __init__(
        self, rows: ShardRows, deal: Deal, rank: int, fingerprint: str, loader: Callable[[int], DataLoader[Any]]
    ) -> None:
        self._rows = rows
        self._deal = deal
        self._rank = rank
        self._fingerprint = fingerprint
        self._loader = loader
        self._done = 0

    def __len__(self) -> int:
        """Batches that are left."""
        return self._deal.steps(self._done)

    def __iter__(self) -> Iterator[Any]:
        """The batches that are left."""
        for batch in self._loader(self._done):
            self._done = min(self._done + self._deal.step_rows, self._deal.rows)
            yield batch

    def state_dict(self) -> State:
        """How many rows of the whole order are done, over all ranks."""
        return {"done": self._done, "rows": self._deal.rows, "fingerprint": self._fingerprint}

    def load_state_dict(self, state: State) -> None:
        """Go on from a state; `IntegrityError` where it belongs to other data."""
        if state["fingerprint"] != self._fingerprint or state["rows"] != self._deal.rows:
            raise IntegrityError(
                f"this state was saved on other data ({state['rows']} rows, here are {self._deal.rows})",
                fix="go on with the dataset that training began with, or begin anew",
            )
        self._done = int(state["done"])


def map_loader(
    rows: ShardRows, deal: Deal, rank: int, workers: int, collate: Callable[[Sequence[Row]], Any]
) -> Callable[[int], DataLoader[Any]]:
    """How to make a loader of the map-style set that begins where *done* rows are done."""
    return lambda done: DataLoader(
        rows,  # type: ignore[arg-type]
        batch_sampler=OrderedBatches(deal, rank, done),
        num_workers=workers,
        collate_fn=collate,
    )


def stream_loader(
    rows: ShardRows, deal: Deal, rank: int, workers: int, collate: Callable[[Sequence[Row]], Any]
) -> Callable[[int], DataLoader[Any]]:
    """The same of the iterable set."""
    return lambda done: DataLoader(
        OrderedStream(rows, deal, rank, done),
        batch_size=deal.batch_rows,
        num_workers=workers,
        collate_fn=collate,
    )
