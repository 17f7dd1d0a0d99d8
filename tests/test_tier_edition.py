"""Ranks, weights and borders of the first edition hold for later ones, until they are measured anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from curate.cli.main import call
from curate.core.plan import Plan
from curate.pipeline import build
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.tier.step import Report
from curate.verify import step as verify
from tests.pipeline_runs import recipe, rows

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


def write(path: Path, count: int, longer: int = 0) -> Path:
    """*count* rows as other tests have them, then *longer* much longer ones; all with a level that follows length."""
    made = rows(count) + [
        {**row, "output": f"{row['output']} And more: {at} " * 9} for at, row in enumerate(rows(longer))
    ]
    for row in made:
        row["level"] = len(str(row["output"])) // 20
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return path


def placed(run: Path) -> dict[str, tuple[float, int]]:
    table = pq.read_table(run / "tiers.parquet", columns=["id", "difficulty", "tier"]).to_pylist()
    return {row["id"]: (row["difficulty"], row["tier"]) for row in table}


@pytest.mark.parametrize("tier", [{}, {"within": "skill"}, {"cut": "natural"}, {"labels": "level"}])
def test_a_row_keeps_its_difficulty_and_tier_to_the_byte_when_rows_are_added(
    tmp_path: Path, tier: dict[str, object]
) -> None:
    source, space = write(tmp_path / "rows.jsonl", 80), Workspace(tmp_path / "run")
    asked = recipe(source, tier={"stages": 4, "skills": "column:skill", "holdout": 0.1, **tier})
    build(space, asked, "tier")
    first = placed(space.root)
    write(source, 80, longer=60)

    build(space, asked, "write")

    later = placed(space.root)
    assert {one: later[one] for one in first} == first
    assert len(later) == 140
    assert verify.run(space).holds
    measured = space.read_json("steps/tier.json", Report).measured
    assert (measured.edition, measured.rows) == (1, 80)


def test_a_higher_edition_measures_anew(tmp_path: Path) -> None:
    source, space = write(tmp_path / "rows.jsonl", 80), Workspace(tmp_path / "run")
    build(space, recipe(source), "tier")
    first = placed(space.root)
    write(source, 80, longer=60)

    build(space, changed(recipe(source), {"": {"edition": 2}}), "tier")

    later = placed(space.root)
    assert {one: later[one] for one in first} != first
    fresh = Workspace(tmp_path / "fresh")
    build(fresh, recipe(source), "tier")
    assert later == placed(fresh.root)


def test_other_stages_cut_new_borders_of_the_same_difficulty(tmp_path: Path) -> None:
    source, space = write(tmp_path / "rows.jsonl", 80), Workspace(tmp_path / "run")
    build(space, recipe(source), "tier")
    first = placed(space.root)

    build(space, changed(recipe(source), {"tier": {"stages": 5}}), "tier")

    later = placed(space.root)
    assert {one: hard for one, (hard, _) in later.items()} == {one: hard for one, (hard, _) in first.items()}
    assert {tier for _, tier in later.values()} == {0, 1, 2, 3}


def test_refresh_on_the_command_line_starts_the_next_edition(tmp_path: Path) -> None:
    source, run = write(tmp_path / "rows.jsonl", 40), tmp_path / "run"
    assert call(["score", str(source), "-o", str(run), "--scorers", "length,readability", "-q"]) == 0
    assert call(["tier", str(run), "--stages", "3", "-q"]) == 0
    write(source, 40, longer=30)
    assert call(["tier", str(run), "-q"]) == 0
    kept = Workspace(run).read_json("steps/tier.json", Report).measured

    assert call(["tier", str(run), "--refresh", "-q"]) == 0

    anew = Workspace(run).read_json("steps/tier.json", Report).measured
    assert (kept.edition, kept.rows, anew.edition, anew.rows) == (1, 40, 2, 70)


def test_labels_fit_the_weights_and_the_plan_says_how_well(tmp_path: Path) -> None:
    source, space = write(tmp_path / "rows.jsonl", 80, longer=60), Workspace(tmp_path / "run")

    build(space, recipe(source, tier={"stages": 3, "labels": "level"}), "write")

    (told,) = space.read_json("plan.json", Plan).calibration
    assert (told.kind, told.rows, told.folds) == ("chat", 140, 5)
    assert told.fitted is not None
    assert told.declared is not None
    assert told.fitted >= 0.95
    assert told.length is not None
    card = (space.root / "dataset" / "README.md").read_text()
    assert f"**Labels** of 140 rows (chat): {told.uses} weights are used" in card
