"""The proof that no probe row is trained on holds for a run, and fails for each way in which it could be untrue."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest

from curate.pipeline import build
from curate.probe import step as probe
from curate.store.work import Work
from curate.store.workspace import Workspace
from curate.verify import probed
from curate.verify import step as verify
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

CLAIMS = [
    "every probe row's content has its id",
    "every probe row was made of a held-out row",
    "no probe row is trained on, nor the row that it was made of",
]
TIERS = pl.DataFrame({"id": ["h", "t"], "fate": ["holdout", "train"]})
TRAINED = pl.DataFrame({"id": ["t", "variation of t"]})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    asked = recipe(write_source(folder / "lessons.jsonl", 90))
    pipeline = build(Workspace(folder / "run"), asked, "write")
    held = pipeline.space.finished("write", pipeline.report("write").__class__)
    assert held is not None
    probe.suite(pipeline.space, pipeline.recipe.probe, (), "quick", Work(held[1], pipeline.engine))
    return folder / "run"


def failing(folder: Path) -> list[str]:
    return [each.claim for each in verify.run(Workspace(folder)).checks if not each.holds]


@pytest.mark.model
def test_a_run_that_was_probed_is_proven_apart_from_its_training(run: Path) -> None:
    report = verify.run(Workspace(run))

    assert report.holds
    assert [each.claim for each in report.checks][-3:] == CLAIMS


@pytest.mark.model
def test_an_altered_probe_row_is_found(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    space = Workspace(copy)
    path = "probe/suite-quick.parquet"
    table, held = space.read_table(path), space.stamp_of(path)
    assert held is not None
    ids = ["0" * 32, *table.column("id").to_pylist()[1:]]
    space.write_table(path, table.set_column(0, "id", pa.array(ids)), held)

    assert failing(copy) == CLAIMS[:1]


@pytest.mark.model
def test_a_suite_of_an_earlier_dataset_claims_nothing(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    space = Workspace(copy)
    build(space, recipe(run.parent / "lessons.jsonl", tier={"stages": 4, "skills": "column:skill"}), "write")

    assert not set(CLAIMS) & {each.claim for each in verify.run(space).checks}


@pytest.mark.parametrize(
    ("asked", "broken"),
    [
        ({"id": ["h", "x"], "parent": ["h", "h"]}, []),
        ({"id": ["x"], "parent": ["t"]}, CLAIMS[1:]),
        ({"id": ["variation of t"], "parent": ["h"]}, CLAIMS[2:]),
        ({"id": ["y"], "parent": ["stranger"]}, CLAIMS[1:2]),
    ],
)
def test_each_leak_is_a_claim_that_fails(asked: dict[str, list[str]], broken: list[str]) -> None:
    checks = probed.suite(pl.DataFrame(asked), TIERS, TRAINED, [])

    assert [each.claim for each in checks if not each.holds] == broken
