"""A corpus that grows in five instalments comes out as if it had come at once, and only its new rows are scored."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

from curate import studies
from curate.pipeline import build
from curate.recipe import changed
from curate.store.workspace import Workspace
from tests.pipeline_runs import Letters, recipe, rows, tree
from tests.train_runs import tiny_model

if TYPE_CHECKING:
    from pathlib import Path

    from curate.recipe import Recipe

pytestmark = pytest.mark.timeout(300)
INSTALMENTS, ROWS = 5, 75


def instalments(folder: Path, size: int = ROWS) -> list[Path]:
    """Files of so many rows each."""
    made, files = rows(INSTALMENTS * size), []
    for number in range(INSTALMENTS):
        files.append(folder / f"{number}.jsonl")
        lines = (json.dumps(row) + "\n" for row in made[number * size : (number + 1) * size])
        files[-1].write_text("".join(lines), encoding="utf-8")
    return files


def grown_and_at_once(
    folder: Path, asked: Recipe, files: list[Path], upto: str = "audit"
) -> tuple[Path, Path, list[int]]:
    """A run that grew file by file, one that had the state of the first and then all files; rows scored each time."""
    seen = []
    for count in range(1, INSTALMENTS + 1):
        sources = {"": {"sources": [{"path": str(path)} for path in files[:count]]}}
        Letters.seen = 0
        build(Workspace(folder / "grown"), changed(asked, sources), upto)
        seen.append(Letters.seen)
        if count == 1:
            shutil.copytree(folder / "grown", folder / "once")
    build(Workspace(folder / "once"), changed(asked, sources), upto)
    return folder / "grown", folder / "once", seen


@pytest.mark.parametrize("hold", [{"holdout": 0.1}, {"holdout": 0, "holdout_domain": ["author=bo"]}])
def test_five_instalments_equal_one_shot_from_the_same_frozen_state_byte_by_byte(
    tmp_path: Path, hold: dict[str, object]
) -> None:
    files = instalments(tmp_path)

    grown, once, seen = grown_and_at_once(tmp_path, changed(recipe(files[0]), {"tier": hold}), files)

    assert tree(grown) == tree(once)
    assert seen == [ROWS] * INSTALMENTS
    assert studies.diff(str(grown), str(once)).counts == {"same": INSTALMENTS * ROWS}
    held = pl.read_parquet(grown / "tiers.parquet").filter(pl.col("fate") == "holdout")
    assert len(held) >= 0.06 * INSTALMENTS * ROWS


def test_scores_of_a_language_model_move_no_row_to_another_tier(tmp_path: Path) -> None:
    """Instalments that end inside a part make batches of other rows; the tiers stay all the same."""
    model = str(tiny_model(tmp_path / "model"))
    files = instalments(tmp_path, 60)
    lm = {"use": "perplexity", "lm": model, "precision": "fp32", "device": "cpu"}
    asked = changed(
        recipe(files[0]),
        {"score": {"scorers": ["lm"], "tokenizer": model}, "": {"scorers": {"lm": lm}}, "tier": {"holdout": 0.1}},
    )

    first = Workspace(tmp_path / "first")
    build(first, asked, "tier")
    grown, once, _ = grown_and_at_once(tmp_path, asked, files, "tier")

    tiers = [
        dict(pl.read_parquet(run / "tiers.parquet").select("id", "tier").iter_rows())
        for run in (first.root, grown, once)
    ]
    assert len(tiers[1]) == 300
    moved = sum(tiers[1][name] != tier for name, tier in tiers[0].items())
    moved += sum(tiers[1][name] != tier for name, tier in tiers[2].items())
    assert moved <= 0.001 * len(tiers[1])
