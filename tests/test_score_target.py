"""A run may name a target set: each example is then scored by how near it is to those rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from curate.errors import SettingsError
from curate.pipeline import aliases, build
from curate.recipe import changed
from curate.store.workspace import Workspace
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

    from curate.recipe import Recipe


@pytest.fixture
def asked(tmp_path: Path) -> Recipe:
    source = write_source(tmp_path / "lessons.jsonl", 40)
    target = tmp_path / "target.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()[:30] if '"fractions"' in line]
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return changed(recipe(source), {"": {"target": [str(target)]}})


def test_a_target_set_brings_the_scorer_that_looks_at_it(asked: Recipe) -> None:
    assert aliases(asked) == ("length", "letters", "target")
    assert aliases(changed(asked, {"": {"target": []}})) == ("length", "letters")
    near: dict[str, dict[str, object]] = {"score": {"scorers": ["near"]}, "scorers": {"near": {"use": "target"}}}
    assert aliases(changed(asked, near)) == ("near",)


def test_a_scorer_of_targets_says_that_it_needs_one(asked: Recipe, tmp_path: Path) -> None:
    lost = changed(asked, {"": {"target": []}, "score": {"scorers": ["target"]}})

    with pytest.raises(SettingsError, match=r"'target' needs a target set.*\n.*--target SOURCE"):
        build(Workspace(tmp_path / "run"), lost, "score")


def test_learnability_says_that_it_needs_a_reference(asked: Recipe, tmp_path: Path) -> None:
    lost = changed(asked, {"": {"target": []}, "score": {"scorers": ["learnability"]}})

    with pytest.raises(SettingsError, match=r"lacks the setting 'reference'\n.*under \[scorers.learnability\]"):
        build(Workspace(tmp_path / "run"), lost, "score")


@pytest.mark.model
def test_rows_of_the_target_set_are_nearest_to_it_and_a_new_target_is_looked_at(asked: Recipe, tmp_path: Path) -> None:
    space = Workspace(tmp_path / "run")
    examples = build(space, asked, "score").space.read_all("examples", ["user", "prompt"]).to_pylist()
    inside = ["about fractions" in row["prompt"] and int(row["prompt"].split()[1]) < 30 for row in examples]

    near = _nearest(space)

    assert min(value for value, told in zip(near, inside, strict=True) if told) > 0.999
    assert max(value for value, told in zip(near, inside, strict=True) if not told) < 0.999
    (tmp_path / "target.jsonl").write_text('{"text": "Tides follow the moon."}\n')
    build(space, asked, "score")
    assert max(_nearest(space)) < 0.5


def _nearest(space: Workspace) -> list[float]:
    folder = next(name for name in space.disk.names("scores") if name.startswith("target@"))
    values: list[float] = space.read_all(f"scores/{folder}", ["nearest"]).column("nearest").to_pylist()
    return values
