"""Ranks, weights and borders of the first edition hold for later ones, until they are measured anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from curate.cli import summary
from curate.cli.main import call
from curate.core.plan import Plan
from curate.pipeline import build
from curate.recipe import changed
from curate.score.step import Report as Scored
from curate.store.workspace import Workspace
from curate.tier.step import Report
from curate.verify import step as verify
from tests.pipeline_runs import recipe, rows

if TYPE_CHECKING:
    from pathlib import Path

    from curate.recipe import Recipe

pytestmark = pytest.mark.model


WORDS = ("harbour", "lantern", "meadow", "pebble", "orchard", "kettle", "saddle")


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


@pytest.mark.parametrize(
    "tier",
    [{}, {"within": "skill"}, {"cut": "natural"}, {"labels": "level"}, {"label": "level", "tiers": 60}],
)
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


def rare(path: Path, count: int, more: str = "") -> Recipe:
    """Rows whose difficulty is the rarity of their words in this corpus, and then one more."""
    made = [{**row, "output": f"{row['output']} {WORDS[at % 7]} {WORDS[at % 5]}"} for at, row in enumerate(rows(count))]
    made += [{**made[0], "instruction": more, "output": f"{more} " * 40}] * bool(more)
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    tier = {"stages": 4, "skills": "column:skill", "holdout": 0.1, "weights": {"rarity.mean_rarity": 1.0}}
    return recipe(path, score={"scorers": ["rarity"]}, scorers={}, tier=tier)


def test_words_are_counted_once_for_an_edition_and_only_parts_with_new_rows_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, space = tmp_path / "rows.jsonl", Workspace(tmp_path / "run")
    build(space, rare(source, 50), "tier")
    first = placed(space.root)
    (folder,) = space.root.glob("scores/rarity*")
    scored = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}

    run = build(space, asked := rare(source, 50, WORDS[0]), "write")

    later = placed(space.root)
    assert len(later) == 51
    assert {one: later[one] for one in first} == first
    again = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert {name: again[name] for name in scored} == scored
    assert len(again) == 3
    report = run.report("score")
    assert isinstance(report, Scored)
    assert (report.rows, report.scorers[0].counted_rows) == (51, 50)
    assert verify.run(space).holds
    summary.scored(report)
    assert "rarity is held against statistics of 50 rows, now there are 51" in capsys.readouterr().err

    anew = build(space, changed(asked, {"": {"edition": 2}}), "tier").report("score")

    assert isinstance(anew, Scored)
    assert anew.scorers[0].counted_rows == 51
    build(Workspace(tmp_path / "fresh"), asked, "tier")
    assert placed(space.root) == placed(tmp_path / "fresh")
    assert placed(space.root) != later


def test_words_are_counted_anew_while_no_tiers_stand(tmp_path: Path) -> None:
    source, space = tmp_path / "rows.jsonl", Workspace(tmp_path / "run")
    build(space, rare(source, 50), "score")

    report = build(space, rare(source, 50, WORDS[0]), "score").report("score")

    assert isinstance(report, Scored)
    assert report.scorers[0].counted_rows == 51


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
