"""A run is whole, repeatable, and goes on where it was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from curate.errors import ScorerError, SettingsError, StaleError
from curate.pipeline import Pipeline, build
from curate.recipe import Recipe, changed
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.pipeline_runs import Letters, WatchedDisk, recipe, tree, write_source

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "lessons.jsonl")


def test_a_run_accounts_for_every_row_and_verifies(tmp_path: Path, source: Path) -> None:
    pipeline = build(Workspace(tmp_path / "run"), recipe(source))

    checks = verify.run(pipeline.space).checks
    assert [each.claim for each in checks if not each.holds] == []
    ingest = pipeline.report("ingest").model_dump()
    assert (ingest["rows"], ingest["examples"], ingest["copies"], ingest["rejected"]) == (62, 60, 1, 1)


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path, source: Path) -> None:
    for name in ("one", "two"):
        build(Workspace(tmp_path / name), recipe(source))

    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_at_any_store_operation_goes_on_to_the_same_bytes(tmp_path: Path, source: Path) -> None:
    quick = recipe(source, audit={"render": []})
    disk = WatchedDisk(tmp_path / "whole", tmp_path / "states")
    build(Workspace(disk.root, disk), quick)
    wanted = tree(disk.root)

    seen: list[dict[str, str]] = []
    for state in sorted(disk.states.iterdir()):
        space = Workspace(state)
        space.disk.sweep()
        if (left := tree(state)) not in seen:
            seen.append(left)
            build(space, quick)
            assert tree(state) == wanted, f"killed at {state.name}, when {sorted(left)} were there"
    assert len(seen) > 40


def test_nothing_is_scored_twice(tmp_path: Path, source: Path) -> None:
    build(Workspace(tmp_path / "run"), recipe(source))
    Letters.seen = Letters.opened = 0

    build(Workspace(tmp_path / "run"), recipe(source))

    assert (Letters.seen, Letters.opened) == (0, 0)


def test_only_new_parts_are_scored_when_a_source_is_added(tmp_path: Path, source: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(
        "".join(f'{{"instruction": "more {n}", "output": "yes {n}", "skill": "sums"}}\n' for n in range(30))
    )
    first = recipe(source, part_rows=31)
    build(Workspace(tmp_path / "run"), first)
    Letters.seen = 0

    build(Workspace(tmp_path / "run"), changed(first, {"": {"sources": [str(source), str(more)]}}))

    assert Letters.seen == 30


def test_other_stages_do_not_score_again_but_write_anew(tmp_path: Path, source: Path) -> None:
    first = recipe(source)
    build(Workspace(tmp_path / "run"), first)
    Letters.seen = 0

    build(Workspace(tmp_path / "run"), changed(first, {"tier": {"stages": 4}}))

    assert Letters.seen == 0
    assert (tmp_path / "run" / "dataset" / "data" / "stage-03").is_dir()
    assert verify.run(Workspace(tmp_path / "run")).holds


def test_fewer_stages_leave_no_shard_of_the_former_plan(tmp_path: Path, source: Path) -> None:
    first = recipe(source)
    build(Workspace(tmp_path / "run"), first)

    build(Workspace(tmp_path / "run"), changed(first, {"tier": {"stages": 2}}))

    assert not (tmp_path / "run" / "dataset" / "data" / "stage-02").exists()
    assert verify.run(Workspace(tmp_path / "run")).holds


def test_a_removed_part_is_made_again(tmp_path: Path, source: Path) -> None:
    space = Workspace(tmp_path / "run")
    build(space, recipe(source))
    wanted = tree(space.root)
    lost = next(path for path in (space.root / "scores").rglob("part-*.parquet"))
    lost.unlink()

    build(space, recipe(source))

    assert tree(space.root) == wanted


def test_looking_at_a_stale_run_names_the_command_and_runs_nothing(tmp_path: Path, source: Path) -> None:
    space = Workspace(tmp_path / "run")
    done = build(space, recipe(source), "score")
    before = tree(space.root)

    with pytest.raises(StaleError, match=r"step mine .* is stale: not made yet\n  fix: run `curate tier"):
        Pipeline(space, done.recipe).require("write")

    assert tree(space.root) == before
    stale = Pipeline(space, done.recipe).stale()
    assert [step for step, why in stale.items() if why is None] == ["ingest", "score"]


def test_too_many_failures_stop_the_run_with_the_commonest_reason(tmp_path: Path, source: Path) -> None:
    fussy = {"scorers": {"fussy": {"use": "tests.pipeline_runs:Fussy"}}, "score": {"scorers": ["length", "fussy"]}}

    with pytest.raises(ScorerError, match="too fussy"):
        build(Workspace(tmp_path / "run"), recipe(source, **fussy))

    finished = [path.parent.name for path in (tmp_path / "run" / "scores").rglob("*.parquet")]
    assert any(name.startswith("length@") for name in finished)


def test_failures_within_the_allowance_are_counted_and_kept(tmp_path: Path, source: Path) -> None:
    fussy: dict[str, object] = {
        "scorers": {"fussy": {"use": "tests.pipeline_runs:Fussy", "every": 20}},
        "score": {"scorers": ["length", "fussy"], "max_failures": 0.2},
    }

    report = build(Workspace(tmp_path / "run"), recipe(source, **fussy), "score").report("score").model_dump()

    fussy_report = report["scorers"][1]
    assert (fussy_report["failed"], fussy_report["ok"]) == (5, 55)
    assert fussy_report["reasons"] == {"failed: too fussy": 5}


def test_two_workers_give_the_same_bytes(tmp_path: Path, source: Path) -> None:
    from curate.engines.local import LocalEngine

    build(Workspace(tmp_path / "one"), recipe(source))
    build(Workspace(tmp_path / "two"), recipe(source), engine=LocalEngine(2))

    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_the_dataset_loads_in_the_planned_order(tmp_path: Path, source: Path) -> None:
    from datasets import load_dataset

    space = Workspace(tmp_path / "run")
    build(space, recipe(source))
    order = pq.read_table(space.root / "order.parquet")

    folder = str(space.root / "dataset")
    ordered = load_dataset(folder, "ordered", split="train", cache_dir=str(tmp_path / "cache"))
    first = load_dataset(folder, "stage-00", split="train", cache_dir=str(tmp_path / "cache"))
    held = load_dataset(folder, "holdout", split="test", cache_dir=str(tmp_path / "cache"))

    assert ordered["curate_id"] == order.column("id").to_pylist()
    assert ordered["curate_order"] == list(range(len(order)))
    assert first["curate_id"] == [row["id"] for row in order.to_pylist() if row["stage"] == 0]
    assert set(held["curate_id"]).isdisjoint(ordered["curate_id"])
    assert set(ordered["skill"]) == {"sums", "fractions", "code"}


def test_passes_repeat_each_stage_and_still_verify(tmp_path: Path, source: Path) -> None:
    space = Workspace(tmp_path / "run")

    build(space, recipe(source, pace={"passes": 2}))

    assert verify.run(space).holds
    roles = pq.read_table(space.root / "order.parquet").column("role").to_pylist()
    assert roles.count("repeat") == roles.count("new") + roles.count("review")


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"tier": {"skills": "column:skil"}}, "did you mean 'skill'"),
        ({"write": {"keep": ["autor"]}}, "did you mean 'author'"),
        ({"score": {"scorers": ["lenght"]}}, "did you mean 'length'"),
        ({"scorers": {"letters": {"use": "tests.pipeline_runs:Leters"}}}, "did you mean 'Letters'"),
        ({"scorers": {"letters": {"use": "tests.pipeline_runs:Letters", "x": 1}}}, "has no setting 'x'"),
        ({"tier": {"weights": {"letter": 1}}}, "did you mean 'letters'"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(
    tmp_path: Path, source: Path, tables: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        build(Workspace(tmp_path / "run"), recipe(source, **tables))


def test_a_recipe_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="source"):
        build(Workspace(tmp_path / "run"), Recipe())
