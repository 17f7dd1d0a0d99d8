"""Signals of training are found by id, whoever wrote them, and what cannot be signals is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.core.schemas import SIGNALS, VISITS
from curate.errors import DataError, SettingsError
from curate.pipeline import build
from curate.score.signals import Signals, conform
from curate.store.workspace import Workspace
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE = (f"{number:032x}" for number in (1, 2, 256))


def signals(*visits: tuple[str, int, int]) -> pa.Table:
    """Visits as (id, seed, number)."""
    made = [
        {"curate_id": each, "seed": seed, "visit": visit, "gold_prob": 0.5, "margin": float(visit)}
        for each, seed, visit in visits
    ]
    return pa.Table.from_pylist(made, schema=SIGNALS)


def test_each_row_gets_its_own_visits_in_order() -> None:
    held = Signals(signals((TWO, 1, 0), (ONE, 0, 1), (TWO, 0, 0), (ONE, 0, 0)))

    found = held.of(pa.chunked_array([[TWO, THREE], [ONE, TWO]]))

    assert found.type == VISITS
    assert [[(one["seed"], one["visit"]) for one in row] for row in found.to_pylist()] == [
        [(0, 0), (1, 0)],
        [],
        [(0, 0), (0, 1)],
        [(0, 0), (1, 0)],
    ]


def test_no_signals_at_all_are_no_visits() -> None:
    found = Signals(SIGNALS.empty_table()).of(pa.chunked_array([[ONE, TWO]]))

    assert found.to_pylist() == [[], []]
    assert len(Signals(signals((ONE, 0, 0))).of(pa.chunked_array([[]], pa.string()))) == 0


def test_signals_from_elsewhere_may_lack_what_no_score_must_have() -> None:
    told = pa.table({"margin": [1.0], "curate_id": [ONE], "gold_prob": [0.5], "visit": [3]})

    made = conform(told, "part-0")

    assert made.schema == SIGNALS
    assert made.to_pylist()[0] == dict.fromkeys(SIGNALS.names) | {
        "curate_id": ONE, "seed": 0, "visit": 3, "gold_prob": 0.5, "margin": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"curate_id": None}, "has no column 'curate_id'"),
        ({"visit": pa.array(["first"])}, "is no table of signals"),
        ({"margin": pa.array([float("nan")])}, "1 visits without a finite 'margin'"),
        ({"gold_prob": pa.array([None], pa.float32())}, "1 visits without a finite 'gold_prob'"),
    ],
)
def test_what_cannot_be_signals_is_named(change: dict[str, pa.Array | None], complaint: str) -> None:
    columns = {name: signals((ONE, 0, 0)).column(name) for name in SIGNALS.names} | change
    told = pa.table({name: column for name, column in columns.items() if column is not None})

    with pytest.raises(DataError, match=complaint):
        conform(told, "part-0")


def test_an_id_that_is_none_is_named() -> None:
    with pytest.raises(DataError, match="what is no id"):
        Signals(signals(("row 7", 0, 0)))


@pytest.mark.model
def test_a_run_is_scored_by_the_signals_of_a_training(tmp_path: Path) -> None:
    source = write_source(tmp_path / "lessons.jsonl", 30)
    space = Workspace(tmp_path / "run")
    asked = recipe(source, score={"scorers": ["letters", "dynamics"]})
    with pytest.raises(SettingsError, match="'dynamics' needs the signals of a training"):
        build(space, asked, "score")
    ids = space.read_all("examples", ["id"]).column("id").to_pylist()
    place = tmp_path / "run" / "training" / "signals"
    place.mkdir(parents=True)
    pq.write_table(signals(*((each, 0, 0) for each in ids[:20])), place / "part-00000.parquet")

    first = build(space, asked, "score").report("score").model_dump()["scorers"][1]
    pq.write_table(signals(*((each, 0, 1) for each in ids[:25])), place / "part-00001.parquet")
    again = build(space, asked, "score").report("score").model_dump()["scorers"][1]

    assert (first["ok"], first["not_applicable"], first["failed"]) == (20, 10, 0)
    assert (again["ok"], again["not_applicable"], again["failed"]) == (25, 5, 0)


@pytest.mark.model
def test_the_signals_of_another_run_are_taken_where_they_are_named(tmp_path: Path) -> None:
    source = write_source(tmp_path / "lessons.jsonl", 30)
    build(Workspace(tmp_path / "run"), recipe(source), "score")
    ids = Workspace(tmp_path / "run").read_all("examples", ["id"]).column("id").to_pylist()
    place = tmp_path / "signals"
    place.mkdir()
    pq.write_table(signals(*((each, 0, 0) for each in ids)), place / "part-00000.parquet")

    named = {"scorers": ["letters", "dynamics"], "signals": str(place)}
    report = build(Workspace(tmp_path / "next"), recipe(source, score=named), "score").report("score").model_dump()

    assert report["scorers"][1]["ok"] == 30
