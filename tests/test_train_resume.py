"""A training that is killed anywhere ends as if it had not been: same rows, same decisions, same weights."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from curate.store.workspace import Workspace
from tests.train_kills import GATED
from tests.train_runs import finished_run, settings, slipping, tiny_model, trained

if TYPE_CHECKING:
    import torch

PLACES = ("step-1", "step-5", "step-13", "step-18", "save-3")
"""Before the first checkpoint, in each stage, inside a review block, and while a checkpoint is written."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One uninterrupted training, and one that was killed for each place."""
    folder = tmp_path_factory.mktemp("resume")
    built = finished_run(folder).root
    tiny_model(folder / "model")
    for place in ("whole", *PLACES):
        shutil.copytree(built, folder / place)
    command = [sys.executable, "-m", "tests.train_kills", str(folder), str(folder / "model"), *PLACES]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
    trained(Workspace(folder / "whole"), folder / "model", settings(**GATED), prober=slipping)
    return folder


def written(space: Workspace) -> dict[str, object]:
    return {
        "order": [row for table in space.read_parts("training/order") for row in table.to_pylist()],
        "signals": [row for table in space.read_parts("training/signals") for row in table.to_pylist()],
        "decisions": space.read_bytes("training/decisions.jsonl"),
        "report": space.read_bytes("training/report.json"),
        "probes": space.disk.names("training/probes"),
    }


def weights(root: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(root / "training" / "model" / "model.safetensors"))


def test_the_whole_training_reviews_what_slipped(folder: Path) -> None:
    rows = written(Workspace(folder / "whole"))["order"]

    assert b'"review"' in (folder / "whole" / "training" / "decisions.jsonl").read_bytes()
    assert isinstance(rows, list)
    assert {(row["tier"], row["role"]) for row in rows if 11 <= row["step"] <= 13} == {(0, "review")}


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_training_goes_on_to_the_same_end(folder: Path, place: str) -> None:
    import torch

    space = Workspace(folder / place)
    assert not space.disk.exists("training/report.json")
    trained(space, folder / "model", settings(**GATED), prober=slipping)
    ours, theirs = weights(folder / place), weights(folder / "whole")

    assert written(space) == written(Workspace(folder / "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
