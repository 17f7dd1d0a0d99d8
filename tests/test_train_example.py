"""The example from scratch runs, and its model learns."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_model_from_scratch_learns_through_the_stages(tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym")
    example = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "train_from_scratch.py"))

    assert example["main"](tmp_path / "sums") == 0
    report = json.loads((tmp_path / "sums" / "training" / "report.json").read_bytes())

    assert [stage["stage"] for stage in report["stages"]] == [0, 1, 2, 3, 4, 5]
    assert report["stages"][0]["last_loss"] < report["stages"][0]["first_loss"] / 2
    assert report["decisions"].keys() >= {"review", "reframe", "advance", "stop"}
    assert {each["skill"] for each in report["stages"][-1]["skills"]} == {"addition", "subtraction"}
