"""Readers give the rows of the plan in its order, however they are dealt and wherever they are cut."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import GateError, IntegrityError, SettingsError
from curate.store.rows import ShardRows
from curate.train.deal import Deal
from curate.train.step import open_reader
from tests.train_runs import finished_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from curate.store.rows import Row
    from curate.store.workspace import Workspace
    from curate.train.reader import Reader, Style


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return finished_run(tmp_path_factory.mktemp("train"))


@pytest.fixture(scope="module")
def planned(space: Workspace) -> list[str]:
    ids: list[str] = space.read_table("order.parquet", ["id"]).column("id").to_pylist()
    return ids


@pytest.fixture
def reader(space: Workspace) -> Reader:
    return open_reader(space)


def ids(rows: Iterable[Row] | ShardRows) -> list[str]:
    rows = rows.rows(range(len(rows))) if isinstance(rows, ShardRows) else rows
    return [row["curate_id"] for row in rows]


def merged(of_rank: list[list[np.ndarray[Any, np.dtype[np.int64]]]]) -> list[int]:
    """The places in the order in which all ranks together take them."""
    return [int(place) for step in zip(*of_rank, strict=True) for batch in step for place in batch]


@given(
    rows=st.integers(1, 60),
    batch=st.integers(1, 7),
    ranks=st.integers(1, 5),
    workers=st.integers(1, 4),
    cut=st.integers(0, 30),
)
@settings(max_examples=300, deadline=None)
def test_any_ranks_workers_and_cuts_give_the_plan(rows: int, batch: int, ranks: int, workers: int, cut: int) -> None:
    deal = Deal(rows, batch, ranks)
    done = min(cut * deal.step_rows, rows)
    of_rank = []
    for rank in range(ranks):
        of_worker = [list(deal.batches(rank, done, worker, workers)) for worker in range(workers)]
        of_rank.append([of_worker[step % workers][step // workers] for step in range(deal.steps(done))])

    taken = merged(of_rank)

    assert taken[: rows - done] == list(range(done, rows))
    assert len(taken) == rows - done + deal.filled(done)
    assert all(len(batches) == len(of_rank[0]) for batches in of_rank)


def test_the_last_step_is_filled_with_rows_of_the_end_and_not_of_the_beginning() -> None:
    deal = Deal(rows=10, batch_rows=2, ranks=4)

    assert [deal.places(1, rank).tolist() for rank in range(4)] == [[8, 9], [4, 5], [6, 7], [8, 9]]


def test_one_rank_ends_with_a_short_batch_and_repeats_nothing() -> None:
    assert [batch.tolist() for batch in Deal(rows=5, batch_rows=2).batches()] == [[0, 1], [2, 3], [4]]


def test_the_map_style_set_is_the_plan(reader: Reader, planned: list[str]) -> None:
    assert [reader.rows[place]["curate_id"] for place in range(len(reader))] == planned
    assert [reader.rows[place]["curate_order"] for place in range(len(reader))] == list(range(len(planned)))


def test_places_are_read_in_the_order_asked_for(reader: Reader, planned: list[str]) -> None:
    places = [len(planned) - 1, 0, 17, 3, 3]

    assert ids(reader.rows.rows(places)) == [planned[place] for place in places]
    with pytest.raises(IndexError):
        reader.rows[len(planned)]


def test_a_stage_is_read_alone(reader: Reader, planned: list[str]) -> None:
    second = reader.schedule.stages[1]

    assert ids(reader.stage(1).rows) == planned[second.first_order : second.first_order + second.rows]
    with pytest.raises(SettingsError, match="no stage 9"):
        reader.stage(9)


@pytest.mark.parametrize("style", ["map", "stream"])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_loader_with_any_number_of_workers_gives_the_plan(
    reader: Reader, planned: list[str], style: Style, workers: int
) -> None:
    loader = reader.loader(4, workers=workers, style=style)

    assert [ids(batch) for batch in loader] == [planned[at : at + 4] for at in range(0, len(planned), 4)]


@pytest.mark.parametrize("style", ["map", "stream"])
def test_a_loader_goes_on_with_other_workers_and_ranks_where_it_was_cut(
    reader: Reader, planned: list[str], style: Style
) -> None:
    first = reader.loader(4, workers=2, style=style)
    batches = iter(first)
    before = [row for _ in range(3) for row in ids(next(batches))]
    state = pickle.loads(pickle.dumps(first.state_dict()))
    after = []
    loaders = [reader.loader(2, rank=rank, ranks=3, style=style) for rank in range(3)]
    for loader in loaders:
        loader.load_state_dict(state)
    for step in zip(*loaders, strict=True):
        after += [row for batch in step for row in ids(batch)]

    assert state["done"] == 12
    assert before == planned[:12]
    assert after[: len(planned) - 12] == planned[12:]


def test_a_state_of_other_data_is_refused(reader: Reader) -> None:
    with pytest.raises(IntegrityError, match="other data"):
        reader.loader(4).load_state_dict(reader.stage(0).loader(4).state_dict())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_under_a_plain_torch_loader_gives_the_plan(reader: Reader, planned: list[str], workers: int) -> None:
    from torch.utils.data import DataLoader

    loader = DataLoader(reader.stream(3), batch_size=3, num_workers=workers, collate_fn=list)

    assert [row for batch in loader for row in ids(batch)] == planned


def test_datasets_hold_the_plan(reader: Reader, planned: list[str]) -> None:
    assert reader.dataset()["curate_id"][:] == planned


def test_streamed_datasets_of_all_ranks_together_take_the_plan(reader: Reader, planned: list[str]) -> None:
    streams = [reader.iterable_dataset(rank=rank, ranks=2) for rank in range(2)]
    together = [row["curate_id"] for pair in zip(*streams, strict=True) for row in pair]

    assert together[: len(planned)] == planned


def test_a_streamed_dataset_goes_on_where_it_was_cut(reader: Reader, planned: list[str]) -> None:
    stream = reader.iterable_dataset()
    before = [row["curate_id"] for _, row in zip(range(7), stream, strict=False)]
    state = stream.state_dict()
    again = reader.iterable_dataset()
    again.load_state_dict(state)

    assert before == planned[:7]
    assert ids(again) == planned[7:]


def test_a_streamed_dataset_keeps_the_order_under_workers(reader: Reader, planned: list[str]) -> None:
    from torch.utils.data import DataLoader

    loader = DataLoader(reader.iterable_dataset(), batch_size=4, num_workers=2, collate_fn=list)

    assert [row for batch in loader for row in ids(batch)] == planned


def test_a_rank_that_there_is_not_is_refused(reader: Reader) -> None:
    with pytest.raises(SettingsError, match="rank 2 of 2"):
        reader.loader(4, rank=2, ranks=2)


def test_an_altered_shard_is_refused_unless_trusted(tmp_path_factory: pytest.TempPathFactory) -> None:
    space = finished_run(tmp_path_factory.mktemp("altered"))
    shard = sorted((space.root / "dataset" / "data" / "stage-00").iterdir())[0]
    rows = space.read_table(f"dataset/data/stage-00/{shard.name}")
    stamp = space.stamp_of(f"dataset/data/stage-00/{shard.name}")
    assert stamp is not None
    space.write_table(f"dataset/data/stage-00/{shard.name}", rows.take(list(range(len(rows)))[::-1]), stamp)

    with pytest.raises(IntegrityError, match="its hash differs"):
        open_reader(space)
    assert ids(open_reader(space, trust=True).rows)[: len(rows)] == rows.column("curate_id").to_pylist()[::-1]


def test_a_failed_audit_is_refused_unless_trusted(space: Workspace) -> None:
    with pytest.raises(GateError, match="anna is under-represented"):
        open_reader(space, "anna is under-represented")
    assert len(open_reader(space, "anna is under-represented", trust=True)) == len(open_reader(space))
