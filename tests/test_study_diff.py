"""Two editions side by side: what moved, why, and which settings and findings changed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from curate import studies
from curate.cli.main import call
from curate.pipeline import build
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.study import compare
from tests.pipeline_runs import recipe, rows, write_source

if TYPE_CHECKING:
    from pathlib import Path

    from curate.recipe import Recipe


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe]:
    folder = tmp_path_factory.mktemp("first")
    asked = recipe(write_source(folder / "rows.jsonl", 60))
    build(Workspace(folder / "run"), asked)
    return folder / "run", asked


def edition(first: Path, folder: Path, asked: Recipe, upto: str = "audit") -> Path:
    """A copy of the run, built again with another recipe."""
    shutil.copytree(first, folder)
    build(Workspace(folder), asked, upto)
    return folder


def test_an_edition_does_not_differ_from_itself(first: tuple[Path, Recipe]) -> None:
    found = studies.diff(str(first[0]), str(first[0]))

    assert found.counts == {"same": 60}
    assert (found.moved, found.tiers, found.stages, found.recipe, found.audit) == ((), (), (), (), ())
    assert found.examples == (60, 60)


def test_added_and_removed_rows_are_named_with_their_source(first: tuple[Path, Recipe], tmp_path: Path) -> None:
    run, asked = first
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows(64)[4:]), encoding="utf-8")
    other = edition(run, tmp_path / "other", asked.model_copy(update={"sources": recipe(source).sources}))

    found = studies.diff(str(run), str(other))

    assert (found.counts["added"], found.counts["removed"]) == (4, 4)
    added = [each for each in found.moved if each.what == "added"]
    assert [each.before for each in added] == [None] * 4
    assert all(f"{source}:" in each.because[0] and "is new among the sources" in each.because[0] for each in added)
    removed = [each for each in found.moved if each.what == "removed"]
    assert all("no source holds it any longer" in each.because[0] for each in removed)
    assert sum(after for _, after in found.fates.values()) == 60


def test_rows_that_change_tier_say_that_borders_were_cut_anew(first: tuple[Path, Recipe], tmp_path: Path) -> None:
    run, asked = first
    other = edition(run, tmp_path / "other", changed(asked, {"tier": {"stages": 4}}), "write")

    found = studies.diff(str(run), str(other))

    moved = [each for each in found.moved if each.what == "tier"]
    assert found.counts["tier"] == len(moved) == sum(flow.rows for flow in found.tiers) > 0
    assert all("the borders of the tiers were cut anew" in each.because[0] for each in moved)
    later = [each for each in moved if each.before and each.after and each.before.stage != each.after.stage]
    assert any("before: new in stage-0" in each.because[-1] and "; now: new in" in each.because[-1] for each in later)
    assert [(each.key, each.before, each.after) for each in found.recipe] == [("tier.stages", 3, 4)]
    assert [each.rows for each in found.sizes][-1][0] is None
    assert found.skipped == ()


def test_difficulty_that_was_weighed_otherwise_says_so(first: tuple[Path, Recipe], tmp_path: Path) -> None:
    run, asked = first
    other = edition(run, tmp_path / "other", changed(asked, {"tier": {"weights": {"letters": -1.0}}}), "pace")

    found = studies.diff(str(run), str(other))

    assert any("the weights of letters.letters changed" in " ".join(each.because) for each in found.moved)
    assert {each.key for each in found.recipe} == {"tier.weights.letters"}


def test_a_changed_fate_is_told_in_words(first: tuple[Path, Recipe], tmp_path: Path) -> None:
    run, asked = first
    other = edition(run, tmp_path / "other", changed(asked, {"tier": {"holdout": 0.3}}), "pace")

    found = studies.diff(str(run), str(other))

    held = [each for each in found.moved if each.after and each.after.fate == "holdout"]
    assert len(held) == found.fates["holdout"][1] - found.fates["holdout"][0] > 0
    assert {each.what for each in held} == {"fate"}
    assert all("before: it is trained on; now: it is held out" in each.because[0] for each in held)


def test_an_unaudited_run_is_told_and_a_run_without_plan_refused(
    first: tuple[Path, Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, asked = first
    bare = Workspace(tmp_path / "bare")
    build(bare, asked, "write")
    assert call(["diff", str(run), str(bare.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == [
        f"the audit: {bare.root} has none (`curate audit {bare.root}`)"
    ]
    scored = Workspace(tmp_path / "scored")
    build(scored, asked, "score")

    assert call(["diff", str(run), str(scored.root)]) == 2
    assert "has no plan.json" in capsys.readouterr().err


def test_the_command_shows_rows_settings_and_findings(
    first: tuple[Path, Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, asked = first
    other = edition(run, tmp_path / "other", changed(asked, {"tier": {"stages": 4}}))

    assert call(["diff", str(run), str(other), "-n", "2"]) == 0
    shown = capsys.readouterr().out

    assert "Rows that moved, 2 of" in shown
    assert "tier.stages" in shown
    assert "New in stage" in shown


def test_named_tables_of_a_recipe_are_compared_name_by_name() -> None:
    before = {"pace": {"module": [{"name": "a", "review": 0.1}, {"name": "b"}]}, "sources": [{"path": "x"}]}
    after = {
        "pace": {"module": [{"name": "b"}, {"name": "a", "review": 0.2}]},
        "sources": [{"path": "x"}, {"path": "y"}],
    }

    found = [(each.key, each.before, each.after) for each in compare.recipe(before, after)]

    assert found == [("pace.module[a].review", 0.1, 0.2), ("sources[y]", None, "")]


def test_findings_are_known_by_what_they_are_about() -> None:
    about = {"kind": "balance", "column": "author", "value": "bo"}
    before = [{**about, "severity": "warning", "says": "few"}, {"kind": "length", "severity": "note", "says": "long"}]
    after = [{**about, "severity": "error", "says": "fewer"}]

    found = [(each.kind, each.about, each.before, each.after, each.says) for each in compare.findings(before, after)]

    assert found == [("balance", "author = bo", "warning", "error", "fewer"), ("length", "", "note", None, "long")]
