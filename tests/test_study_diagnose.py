"""A planted fault is named, a healthy stage is left alone, and what fails is grouped."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from curate import studies
from curate.cli.main import call
from curate.store.workspace import Workspace
from curate.study import patterns, read
from curate.study.causes import KIND, PROPOSAL, Settings, diagnose
from curate.study.diagnosis import Diagnosed
from tests.benchmarks.bench_diagnose import confusion, figures
from tests.planted_faults import FAULTS, evidence
from tests.train_runs import finished_run, settings, tiny_model, trained

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_with_its_figures_and_a_proposal(fault: str) -> None:
    found = diagnose(evidence(fault, 3), Settings())

    if fault == "none":
        assert (found.cause, found.suspicions) == (None, ())
        return
    assert found.cause == fault
    first = found.suspicions[0]
    assert (first.cause, first.kind, first.proposal) == (fault, KIND[first.cause], PROPOSAL[first.cause])
    assert any(letter.isdigit() for letter in first.because)


@pytest.mark.slow
def test_the_thresholds_hold_on_the_seeds_that_they_were_set_on() -> None:
    recall, alarms = figures(confusion(0, 9))

    assert recall >= 0.95
    assert alarms <= 0.1


def test_the_same_seed_gives_the_same_evidence_and_another_another() -> None:
    assert evidence("noise", 5) == evidence("noise", 5)
    assert evidence("noise", 5) != evidence("noise", 6)


def test_a_loss_that_is_no_number_is_divergence() -> None:
    seen = evidence("none", 1)
    assert diagnose(seen.model_copy(update={"peak": 1e6}), Settings()).cause == "divergence"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained and probed."""
    folder = tmp_path_factory.mktemp("run")
    space = finished_run(folder, 90)
    model = tiny_model(folder / "model")
    trained(space, model, settings(max_steps=12))
    assert (
        call(["probe", str(space.root), "--model", str(space.root / "training" / "model"), "--device", "cpu", "-q"])
        == 0
    )
    return space.root


def test_a_real_training_is_diagnosed_stage_by_stage(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["diagnose", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    order = pl.concat([pl.read_parquet(path) for path in sorted((run / "training" / "order").iterdir())])
    taught = order.filter(pl.col("role") != "review")
    assert [each["stage"] for each in told["evidence"]] == sorted(taught["stage"].unique().to_list())
    first = told["evidence"][0]
    assert first["rows"] == taught.filter(pl.col("stage") == 0)["curate_id"].n_unique()
    assert first["jump"] is None
    assert told["failing"][1] > 0
    assert told == json.loads((run / "study" / "diagnosis.json").read_bytes())


def test_every_failing_example_has_training_rows_near_it(run: Path) -> None:
    told = studies.diagnose(str(run))
    fates = dict(pl.read_parquet(run / "tiers.parquet").select("id", "fate").iter_rows())

    assert told.failing[0] > 0
    for pattern in told.patterns:
        assert pattern.share > pattern.elsewhere
        for each in pattern.examples:
            assert fates[each.id] == "holdout"
            assert [fates[near.id] for near in each.nearest] == ["train"] * 3
            assert [near.similarity for near in each.nearest] == sorted(
                (near.similarity for near in each.nearest), reverse=True
            )


def test_one_stage_alone_and_a_stage_that_is_not_there(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [each.stage for each in studies.diagnose(str(run), stage=1).stages] == [1]
    assert call(["diagnose", str(run), "--stage", "9"]) == 2
    assert "has no stage 9" in capsys.readouterr().err


def test_the_command_shows_causes_and_groups(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(run, tmp_path / "run")
    recipe = tmp_path / "run" / "recipe.toml"
    recipe.write_text(
        recipe.read_text().replace("peak = 6.0", "peak = 1.0000001").replace("wrong = 0.03", "wrong = 0.001")
    )

    assert call(["diagnose", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr()

    assert "loss at first" in shown.out
    assert "all figures" in shown.err
    assert Workspace(tmp_path / "run").read_json("study/diagnosis.json", Diagnosed).stages


def test_without_a_training_there_is_nothing_to_diagnose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = finished_run(tmp_path, 40)

    assert call(["diagnose", str(space.root)]) == 2
    assert "holds no training" in capsys.readouterr().err


def planted(count: int, bad: str) -> patterns.Asked:
    """Rows of two skills and two kinds of prompt; all of one kind fail."""
    texts = [f"what is {number} plus 12345" if number % 2 else f"name a colour {number % 7}" for number in range(count)]
    fails = np.array([bad in text for text in texts])
    return patterns.Asked(
        ids=[f"{number:032x}" for number in range(count)],
        prompts=texts,
        skills=["x" if number % 3 else "y" for number in range(count)],
        loss=np.arange(count, dtype=np.float64),
        fails=fails,
        vectors=patterns.hashed(texts),
    )


def test_the_trait_and_the_cluster_that_fail_are_found_and_the_skill_that_does_not_is_not() -> None:
    asked = planted(60, "12345")
    taught = patterns.Taught(["a", "b"], ["x", "y"], [0, 1], patterns.hashed(["what is 3 plus 12345", "a colour"]))

    found = patterns.patterns(asked, taught, seed=0)

    sure = {(each.by, each.name.split(" ")[0]) for each in found if each.p < 0.05}
    assert ("trait", "numbers") in sure
    assert "cluster" in {by for by, _ in sure}
    assert "skill" not in {by for by, _ in sure}
    best = next(each for each in found if each.by == "trait" and each.p < 0.05)
    assert (best.share, best.elsewhere, best.rows) == (1.0, 0.0, 30)
    assert best.examples[0].nearest[0].id == "a"


def test_the_exact_test_is_scipys() -> None:
    from scipy.stats import fisher_exact

    inside, fails = np.arange(40) < 12, np.isin(np.arange(40), [0, 1, 2, 3, 4, 5, 20, 21])
    table = np.array([[6, 6], [2, 26]])

    assert patterns._exact(inside, fails) == pytest.approx(fisher_exact(table, "greater").pvalue)


def test_a_probe_row_fails_by_the_most_telling_measure() -> None:
    from curate.core.measured import Rows

    rows = Rows(
        id=("a", "b", "c", "d"), parent=("a", "b", "c", "d"), family=("plain",) * 3 + ("variation",),
        kind=("plain",) * 4, skill=("s",) * 4, tier=(0,) * 4, domain=(None,) * 4, group=(0, 1, 2, 3),
        nll=(2.0, 1.0, 3.0, 1.0), tokens=(2, 1, 3, 1), hits=(2, 0, 2, 1), chose_right=(None, True, None, None),
        sure=(None,) * 4, resists=(None,) * 4, matched=(False, None, None, None),
    )  # fmt: skip

    found = read.probe_rows(rows)

    assert found["fails"].to_list() == [True, False, True]
    assert found["loss"].to_list() == [1.0, 1.0, 1.0]


def test_a_skill_that_was_never_taught_is_not_mastered() -> None:
    visits = pl.DataFrame({"id": ["a", "a", "b"], "step": [0, 1, 1], "margin": [-1.0, 1.0, -1.0]})
    about = pl.DataFrame({"id": ["a", "b"], "skill": ["sums", "sums"]})
    requires = {"code": ("sums", "logic"), "sums": ()}

    assert read._mastery(visits, about, ["code"], requires, 5) == {"logic": 0.0, "sums": 0.5}


def test_the_last_probe_names_the_patterns(run: Path) -> None:
    (made,) = (json.loads(path.read_bytes()) for path in (run / "probe").glob("*-quick.json"))

    assert studies.diagnose(str(run)).probe == made["name"]
