"""The examples of scorers keep the contract, are found as a stranger's would be, and say what they claim."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate import plugins
from curate.testing import batch_for, check_scorer, make_examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.syspath_prepend(str(EXAMPLES / "own_scorer"))


def test_a_strangers_scorer_has_fewer_than_twenty_lines_and_keeps_the_contract() -> None:
    lines = (EXAMPLES / "own_scorer" / "questions.py").read_text().splitlines()

    assert sum(bool(line.strip()) for line in lines) < 20
    check_scorer(plugins.load("questions:Questions"))


def test_it_is_found_as_module_and_class_where_it_lies(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({"prompt": "Why? And how?", "completion": "Because."}) + "\n")
    command = [sys.executable, "-m", "curate", "score", str(source), "-o", str(tmp_path / "run"), "--json"]

    done = subprocess.run(
        [*command, "--scorers", "questions:Questions"], cwd=EXAMPLES / "own_scorer", capture_output=True, check=True
    )

    (scorer,) = json.loads(done.stdout)["score"]["scorers"]
    assert (scorer["scorer"], scorer["ok"]) == ("questions", 1)


@pytest.mark.slow
def test_it_is_found_by_its_entry_point_once_it_is_installed(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("questions.py", "pyproject.toml"):
        (copy / name).write_bytes((EXAMPLES / "own_scorer" / name).read_bytes())
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(tmp_path / "site"), str(copy)], check=True, capture_output=True)

    told = subprocess.run(
        [sys.executable, "-m", "curate", "scorers", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        check=True,
    )

    assert json.loads(told.stdout)["questions"]["gives"][0]["name"] == "marks"


def _certain(prompts: Sequence[str]) -> NDArray[np.float64]:
    """A judge that gives questions 2 and answers 5, and wavers where the prompt is long."""
    made = np.full((len(prompts), 6), -np.inf)
    for row, prompt in enumerate(prompts):
        made[row, 1 if "##Complexity" in prompt else 4] = np.log(0.5)
        if "waver" in prompt:
            made[row, 5] = np.log(0.5)
    return made


def test_the_judges_score_is_the_mean_of_its_own_distribution() -> None:
    judge = import_module("judge")
    rows = [("How?", "So."), ("Do you waver?", "Yes."), "plain text", ("Why?", " ")]
    scorer = judge.Judge(judge.Settings(ask=f"{__name__}:_certain"))

    scores = scorer.score(batch_for(judge.Judge.needs, make_examples(rows)))  # type: ignore[arg-type]

    assert scores.values["complexity"][:2].tolist() == [2, 4]
    assert scores.values["quality"][:2].tolist() == [5, 5.5]
    assert scores.values["deita"][:2].tolist() == [10, 22]
    assert sorted(scores.reasons) == [2, 3]


def test_the_judge_keeps_the_contract() -> None:
    judge = import_module("judge")

    check_scorer(judge.Judge, settings=judge.Settings(ask=f"{__name__}:_certain"))


@pytest.mark.model
def test_the_local_judge_has_a_distribution_over_the_six_scores() -> None:
    judge = import_module("judge")

    told = judge.ask_local([judge.COMPLEXITY.format(prompt="What is 1 + 1?"), "Say a number from 1 to 6."])

    assert told.shape == (2, 6)
    assert (told < 0).all()
    assert np.ptp(told, axis=1).min() > 0
