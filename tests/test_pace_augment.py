"""Varied rows are made of training rows, within their share, and go the whole way to the dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.cli.main import call
from curate.core.plan import Plan
from curate.core.vary import KINDS
from curate.engines.local import LocalEngine
from curate.pace.goals import Goal
from curate.pace.variations import Variations, taken, tried, wanted
from curate.pipeline import Pipeline, build
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.pipeline_runs import recipe, tree

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from curate.recipe import Recipe

VARY = {"typos": 0.2, "template": 0.1, "clarify": 0.1, "without-hints": 0.2}
PROGRAM = "def add(first, second):\n    return first + second\n\nprint(add(1, 2))"


def lesson(number: int) -> dict[str, str]:
    """Every third row has a hint, every fifth is a program, every seventh refers to a text."""
    skill = ("reading", "history", "code")[number % 3]
    prompt = f"Please explain to my younger brother what happened in chapter {number} of the story about the harbour"
    answer = "Because the tide came in. " * (1 + number % 9)
    if number % 5 == 0:
        prompt, answer = f"# {number}\n{PROGRAM}", "3"
    elif number % 7 == 0:
        prompt = f"Summarise the following text:\n\nThe ship number {number} left the harbour early."
    elif number % 3 == 0:
        prompt += "\n\nHint: remember the tide."
    return {"instruction": prompt, "output": f"{answer} {number}", "skill": skill}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    path = tmp_path_factory.mktemp("varied") / "rows.jsonl"
    path.write_text("".join(json.dumps(lesson(number)) + "\n" for number in range(400)), encoding="utf-8")
    tier = {"stages": 4, "skills": "column:skill", "holdout": 0.05, "holdout_similarity": 1, "remove": []}
    write = {"keep": ["skill"], "shard_rows": 100}
    return recipe(path, tier=tier, pace={"vary": VARY}, write=write, audit={"by": ["skill"]}, part_rows=100)


@pytest.fixture(scope="module")
def run(asked: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "varied"
    build(Workspace(folder), asked, "audit")
    return folder


def rows_of(folder: Path, pattern: str) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob(pattern)) for row in pq.read_table(path).to_pylist()]


pytestmark = pytest.mark.model


def test_a_run_with_varied_rows_verifies(run: Path) -> None:
    assert [each for each in verify.run(Workspace(run)).checks if not each.holds] == []


def test_every_varied_row_is_marked_with_its_parent_and_its_kind(run: Path) -> None:
    made = {row["id"]: row for row in rows_of(run, "augmented/part-*")}
    written = [row for row in rows_of(run, "dataset/data/stage-*/*") if row["curate_role"] == "augmented"]

    assert {row["curate_id"]: row["curate_parent"] for row in written} == {
        name: row["parent"] for name, row in made.items()
    }
    assert {row["how"] for row in made.values()} == set(VARY)
    assert len(written) == len(made) > 30


def test_no_held_out_row_is_varied(run: Path) -> None:
    fate = {row["id"]: row["fate"] for row in rows_of(run, "tiers.parquet")}

    assert {fate[row["parent"]] for row in rows_of(run, "augmented/part-*")} == {"train"}
    assert not set(fate) & {row["id"] for row in rows_of(run, "augmented/part-*")}


def test_no_program_is_varied(run: Path) -> None:
    programs = {row["id"] for row in rows_of(run, "examples/part-*") if PROGRAM in row["prompt"]}

    assert programs
    assert not programs & {row["parent"] for row in rows_of(run, "augmented/part-*")}


def test_each_stage_keeps_to_the_share_of_each_kind_and_variations_come_before_the_middle(run: Path) -> None:
    plan = Workspace(run).read_json("plan.json", Plan)

    for stage in plan.stages:
        assert all(count <= VARY[kind] * stage.new for kind, count in stage.variations.items())
    assert [sorted(stage.variations) for stage in plan.stages] == [
        ["clarify", "template", "typos"],
        ["clarify", "template", "typos", "without-hints"],
        ["without-hints"],
        ["without-hints"],
    ]


def test_the_retrieval_form_comes_in_a_later_stage_than_its_row_without_the_hint_and_with_the_same_answer(
    run: Path,
) -> None:
    placed = rows_of(run, "dataset/data/stage-*/*")
    new = {row["curate_id"]: row for row in placed if row["curate_role"] == "new"}
    by_id = {row["curate_id"]: row for row in placed}
    recalled = [by_id[row["id"]] for row in rows_of(run, "augmented/part-*") if row["how"] == "without-hints"]

    assert recalled
    for row in recalled:
        parent = new[row["curate_parent"]]
        assert row["curate_stage"] > parent["curate_stage"]
        assert row["messages"][0]["content"] + "\n\nHint: remember the tide." == parent["messages"][0]["content"]
        assert row["messages"][1:] == parent["messages"][1:]


def test_a_clarifying_exchange_makes_the_dataset_one_of_chats(run: Path) -> None:
    asked_back = {row["id"] for row in rows_of(run, "augmented/part-*") if row["how"] == "clarify"}
    chats = [row["messages"] for row in rows_of(run, "dataset/data/stage-*/*") if row["curate_id"] in asked_back]

    assert [[turn["role"] for turn in chat] for chat in chats] == [["user", "assistant"] * 2] * len(chats)
    assert chats


def test_varied_by_two_workers_the_run_has_the_same_bytes(run: Path, asked: Recipe, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "again")
    for gone in ("augmented", "dataset"):
        shutil.rmtree(tmp_path / "again" / gone)

    build(Workspace(tmp_path / "again"), asked, "audit", engine=LocalEngine(2))

    assert tree(tmp_path / "again") == tree(run)


def test_a_plan_without_varied_rows_leaves_none_behind(asked: Recipe, run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "run")
    plain = changed(asked, {"pace": {"vary": {}}})
    build(Workspace(tmp_path / "run"), plain, "write")

    assert rows_of(tmp_path / "run", "augmented/part-*") == []
    assert verify.run(Workspace(tmp_path / "run")).holds


def test_a_run_that_lost_varied_rows_is_stale(asked: Recipe, run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "run")
    next((tmp_path / "run" / "augmented").iterdir()).unlink()
    settled = build(Workspace(run), asked, "audit").recipe

    assert Pipeline(Workspace(tmp_path / "run"), settled).stale()["pace"] == "some of its files are missing"


def test_verify_sees_a_variation_of_a_held_out_row(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "run")
    held = next(row["id"] for row in rows_of(run, "tiers.parquet") if row["fate"] == "holdout")
    part = next((tmp_path / "run" / "augmented").iterdir())
    table = pq.read_table(part)
    parents = [held, *table.column("parent").to_pylist()[1:]]
    pq.write_table(table.set_column(table.schema.get_field_index("parent"), "parent", [parents]), part)

    failed = [each.claim for each in verify.run(Workspace(tmp_path / "run")).checks if not each.holds]

    assert "every varied row was made of a training row" in failed
    assert "every file it was made from has its hash" in failed


def test_explain_tells_a_variation_its_parent_and_why_each_stands_where_it_does(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = rows_of(run, "augmented/part-*")[0]

    assert call(["explain", str(run), made["id"], "--json"]) == 0

    story = json.loads(capsys.readouterr().out)
    assert (story["id"], story["parent"]) == (made["id"], made["parent"])
    assert {made["id"], made["parent"]} <= {place["id"] for place in story["places"]}
    assert any(place["because"].startswith("varied in stage-0") for place in story["places"])


def test_show_lists_varied_rows_with_their_text(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["show", str(run), "-n", "2000", "--json"]) == 0

    shown = [row for row in json.loads(capsys.readouterr().out) if row["role"] == "augmented"]
    assert len(shown) == len(rows_of(run, "augmented/part-*"))
    assert all(row["text"] and row["skill"] for row in shown)


def test_passes_repeat_varied_rows_too(asked: Recipe, tmp_path: Path) -> None:
    space = Workspace(tmp_path / "run")

    build(space, changed(asked, {"pace": {"passes": 2}}), "write")

    assert verify.run(space).holds
    order = rows_of(tmp_path / "run", "order.parquet")
    made = {row["id"] for row in rows_of(tmp_path / "run", "augmented/part-*")}
    assert [row["role"] for row in order if row["id"] in made].count("repeat") == len(made)


def test_at_most_the_share_is_wanted_and_twenty_rows_are_tried_for_each() -> None:
    goal = Goal(module="", policy="tiered", vary={"typos": 0.01})
    luck = np.random.default_rng(0).random(200_000)

    found = tried(
        [goal, Goal(module="", policy="tiered")], np.repeat(np.array([0, 1], np.int16), 100_000), {"typos": luck}
    )

    assert wanted(goal, 100_000) == {"typos": 1000}
    assert wanted(goal, 99) == {}
    assert len(found["typos"]) == 20_000
    assert luck[found["typos"]].max() < np.sort(luck[:100_000])[20_000]


def test_those_of_the_lowest_luck_are_taken_first_and_none_twice() -> None:
    goal = Goal(module="", policy="tiered", vary={"typos": 0.5})
    typos = np.full(4, KINDS.index("typos"), np.int8)
    ready = Variations(np.array([0, 1, 2, 3]), typos, np.ones(4, np.int64), np.array([0.4, 0.1, 0.2, 0.3]))
    left = np.array([True, True, False, True])

    found = taken(goal, 0, ready, left, np.array([0, 0, 0, 1], np.int16), 4)

    assert found.tolist() == [1, 0]
