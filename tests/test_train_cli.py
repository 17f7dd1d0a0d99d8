"""`curate train` as people call it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from curate.cli.main import call
from tests.train_runs import finished_run, tiny_model

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ["--adapter", "none", "--batch-rows", "4", "--max-tokens", "256", "--device", "cpu", "--learning-rate", "0.003"]


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("built")).root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def run(built: Path, tmp_path: Path) -> str:
    shutil.copytree(built, tmp_path / "run")
    return str(tmp_path / "run")


def test_a_dry_run_tells_stages_steps_rates_gates_and_time(
    run: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", model, *QUICK, "--gain", "0.01", "--gate-every", "2"]
    assert call(["train", run, "--dry-run", "--json", *options]) == 0
    outline = json.loads(capsys.readouterr().out)

    assert [stage["rows"] for stage in outline["stages"]] == [24, 28, 7]
    assert [stage["steps"] for stage in outline["stages"]] == [6, 7, 2]
    assert outline["stages"][-1]["last_rate"] == pytest.approx(0.0009)
    assert outline["stages"][0]["gate"] == "loss falls by less than 0.01 in 50 steps"
    assert outline["seconds"] >= 0
    assert outline["looks"] == 8  # after each second step, and at the end of each stage
    assert outline["look_seconds"] > 0


def test_training_shows_loss_by_stage_and_skill(run: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["train", run, "--model", model, *QUICK, "--max-steps", "8"]) == 0
    shown = capsys.readouterr()

    assert "the most steps are done: 8" in " ".join(shown.out.split())
    assert "Loss by skill" in shown.out
    assert "fractions" in shown.out
    assert "tensorboard --logdir" in shown.err


def test_a_stale_run_is_not_trained_on(run: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pathlib import Path

    recipe = Path(run) / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("stages = 3", "stages = 4"))

    assert call(["train", run, "--model", model, *QUICK]) == 2
    assert "is stale" in capsys.readouterr().err


def test_another_training_is_begun_with_restart_only(run: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["train", run, "--model", model, *QUICK, "--max-steps", "1", "-q"]) == 0
    assert call(["train", run, "--max-steps", "2", "-q"]) == 2
    assert "begin anew with --restart" in capsys.readouterr().err
    assert call(["train", run, "--max-steps", "2", "--restart", "-q"]) == 0
