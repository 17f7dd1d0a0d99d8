"""The stage loop: the plan's rows in its order through transformers' and TRL's trainers, and what is written of it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.core.manifest import Schedule
from curate.core.plan import Gate
from curate.errors import SettingsError
from curate.store.stamps import Stamp
from curate.store.workspace import Workspace
from curate.train.settings import Settings
from curate.train.step import asked
from tests.train_runs import finished_run, settings, tiny_model, trained

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from curate.train.loop import Kind


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("built")).root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def space(built: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(built, tmp_path / "run")
    return Workspace(tmp_path / "run")


def planned(space: Workspace) -> list[str]:
    ids: list[str] = space.read_table("order.parquet", ["id"]).column("id").to_pylist()
    return ids


def realised(space: Workspace) -> list[dict[str, object]]:
    return [row for table in space.read_parts("training/order") for row in table.to_pylist()]


def weights(space: Workspace) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    file = next((space.root / "training" / "model").glob("*.safetensors"))
    return dict(load_file(file))


@pytest.mark.parametrize("kind", ["transformers", "trl"])
def test_the_rows_are_taken_in_the_plans_order(space: Workspace, model: Path, kind: Kind) -> None:
    report = trained(space, model, settings(trainer=kind))
    taken = realised(space)

    assert [row["curate_id"] for row in taken] == planned(space)
    assert [row["place"] for row in taken] == list(range(len(taken)))
    assert report.rows == len(taken)
    assert report.ended == "its rows are used up, in the last stage"


def test_no_step_holds_rows_of_two_stages(space: Workspace, model: Path) -> None:
    trained(space, model, settings())
    stages: dict[object, set[object]] = {}
    for row in realised(space):
        stages.setdefault(row["step"], set()).add(row["stage"])

    assert all(len(held) == 1 for held in stages.values())


def test_both_trainers_come_to_the_same_weights(built: Path, model: Path, tmp_path: Path) -> None:
    found = []
    for kind in ("transformers", "trl"):
        shutil.copytree(built, tmp_path / kind)
        space = Workspace(tmp_path / kind)
        trained(space, model, settings(trainer=kind, max_steps=6))
        found.append(weights(space))

    assert found[0].keys() == found[1].keys()
    assert all((found[0][name] - found[1][name]).abs().max() < 1e-6 for name in found[0])


def test_micro_batches_add_up_to_the_same_update(built: Path, model: Path, tmp_path: Path) -> None:
    found = []
    for rows, times in ((4, 1), (1, 4)):
        shutil.copytree(built, tmp_path / str(rows))
        space = Workspace(tmp_path / str(rows))
        trained(space, model, settings(batch_rows=rows, accumulation=times, max_steps=5))
        found.append(weights(space))

    assert all((found[0][name] - found[1][name]).abs().max() < 2e-5 for name in found[0])


def test_a_model_learns_and_the_report_says_so_by_stage_and_skill(space: Workspace, model: Path) -> None:
    report = trained(space, model, settings())

    assert [stage.stage for stage in report.stages] == [0, 1, 2]
    first, last = report.stages[0].first_loss, report.stages[-1].last_loss
    assert first is not None
    assert last is not None
    assert last < first - 0.5
    assert {each.skill for each in report.stages[0].skills} == {"sums", "fractions", "code"}
    assert sum(stage.rows for stage in report.stages) == report.rows


def test_settings_ask_where_the_schedule_asks_nothing(space: Workspace) -> None:
    schedule = space.read_json("dataset/schedule.json", Schedule)
    asks = schedule.stages[1].model_copy(update={"gate": Gate(gain=0.3, window_steps=7)})
    mixed = schedule.model_copy(update={"stages": (schedule.stages[0], asks)})

    made = asked(Settings(gain=0.1, gain_steps=12, drop=0.2), mixed)

    assert made == (Gate(gain=0.1, window_steps=12, drop=0.2), Gate(gain=0.3, window_steps=7, drop=0.2))
    assert asked(Settings(gain_steps=12), schedule) == ()


def test_signals_hold_each_visit_with_its_number(space: Workspace, model: Path) -> None:
    trained(space, model, settings())
    signals = [row for table in space.read_parts("training/signals") for row in table.to_pylist()]
    ids = [row["curate_id"] for row in signals]

    assert ids == planned(space)
    assert [row["visit"] for row in signals] == [ids[:place].count(each) for place, each in enumerate(ids)]
    assert all(0 < row["gold_prob"] < 1 and row["loss"] > 0 and row["tokens"] > 0 for row in signals)


def test_the_signals_loss_is_the_models_own(space: Workspace, model: Path) -> None:
    from transformers import AutoModelForCausalLM

    from curate.models import load, names
    from curate.train.encode import encode
    from curate.train.step import open_reader

    trained(space, model, settings(max_steps=1, batch_rows=1))
    signal = space.read_table("training/signals/part-00000.parquet").to_pylist()[0]
    found = names.resolve(str(model), "lm")
    row = encode(load.load_tokenizer(found), open_reader(space).rows.rows([0]), "prompt-completion", 256)[0]
    assert row is not None
    import torch

    loss = AutoModelForCausalLM.from_pretrained(model)(
        input_ids=torch.from_numpy(row.ids)[None], labels=torch.from_numpy(row.labels)[None]
    ).loss
    assert signal["loss"] == pytest.approx(loss.item(), abs=1e-5)


def test_decisions_are_written_with_their_reasons(space: Workspace, model: Path) -> None:
    trained(space, model, settings())
    lines = [json.loads(line) for line in (space.root / "training" / "decisions.jsonl").read_text().splitlines()]

    assert [line["action"] for line in lines] == ["start", "advance", "advance", "stop"]
    assert all(line["reason"] for line in lines)


def test_tensorboard_can_read_the_run(space: Workspace, model: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    report = trained(space, model, settings())
    read = EventAccumulator(str(space.root / "training" / "logs"))
    read.Reload()

    assert len(read.Scalars("train/loss")) == report.steps
    rates = [each.value for each in read.Scalars("train/learning_rate")]
    assert max(rates) == pytest.approx(3e-3, rel=1e-3)
    assert rates[-1] == pytest.approx(0.9e-3, rel=1e-3)


def test_a_row_without_an_answer_in_reach_is_passed_over_and_counted(space: Workspace, model: Path) -> None:
    report = trained(space, model, settings(max_tokens=110))
    taken = realised(space)

    assert [row["curate_id"] for row in taken] == planned(space)
    assert sum(report.cut.values()) == sum(bool(row["cut"]) for row in taken) > 0
    assert sum(report.passed_over.values()) == sum(row["role"] == "passed-over" for row in taken)


def test_the_average_of_checkpoints_is_their_mean(space: Workspace, model: Path) -> None:
    from safetensors.torch import load_file

    trained(space, model, settings(average=2))
    held = sorted((space.root / "training" / "checkpoints").iterdir(), key=lambda path: int(path.name[11:]))
    states = [load_file(path / "model.safetensors") for path in held[-2:]]

    assert len(held) == 2
    for name, weight in weights(space).items():
        assert (weight - (states[0][name] + states[1][name]) / 2).abs().max() < 1e-7


def test_an_adapter_is_trained_and_the_rest_is_left(space: Workspace, model: Path) -> None:
    pytest.importorskip("peft")
    report = trained(space, model, settings(adapter="lora", lora_rank=4))

    assert (space.root / "training" / "model" / "adapter_model.safetensors").is_file()
    assert report.stages[-1].last_loss is not None
    assert any(np.abs(weight.numpy()).max() > 0 for name, weight in weights(space).items() if "lora_B" in name)


def test_a_training_of_other_settings_is_not_gone_on_with(space: Workspace, model: Path) -> None:
    trained(space, model, settings(max_steps=1))

    with pytest.raises(SettingsError, match="max_steps was 1"):
        trained(space, model, settings(max_steps=2))


def test_a_training_that_is_over_is_not_done_again(space: Workspace, model: Path) -> None:
    first = trained(space, model, settings(max_steps=2))
    steps: list[int] = []

    assert trained(space, model, settings(max_steps=2), progress=lambda *call: steps.append(call[1])) == first
    assert steps == []


def test_an_adapter_without_peft_is_refused_before_any_model_is_loaded(
    space: Workspace, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.train.build.find_spec", lambda name: None if name == "peft" else object())
    monkeypatch.setattr("curate.models.load.load_network", lambda _: pytest.fail("the model was loaded"))

    with pytest.raises(SettingsError, match="peft is not installed"):
        trained(space, model, settings(adapter="lora"))
    assert not (space.root / "training").exists()


def test_gates_that_ask_for_a_probe_are_refused_where_there_is_none(space: Workspace, model: Path) -> None:
    with pytest.raises(SettingsError, match="no held-out rows"):
        trained(space, model, settings(score=0.9))


def test_full_decay_on_a_rising_order_is_warned_of(
    space: Workspace, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(space, model, settings(shape="wsd", final=0.0, max_steps=1))

    assert "ends at 0 % of its peak" in caplog.text


@pytest.mark.parametrize("adaptive", ["plan", "leitner", "self-paced"])
def test_verify_proves_the_realised_order(space: Workspace, model: Path, adaptive: str) -> None:
    from curate.verify import step as verify

    trained(space, model, settings(adaptive=adaptive, window_steps=2))
    checks = {each.claim: each.holds for each in verify.run(space).checks}

    assert all(checks.values())
    assert "every signal is of a row that was taken in its step" in checks
    assert ("training took the rows of each stage in the plan's order" in checks) == (adaptive == "plan")


def test_verify_finds_a_realised_order_that_was_not_the_plans(space: Workspace, model: Path) -> None:
    from curate.verify import step as verify

    trained(space, model, settings(max_steps=4))
    path = "training/order/part-00000.parquet"
    rows = space.read_table(path)
    swapped = rows.set_column(
        rows.schema.get_field_index("place"), "place", rows.column("place").take([1, 0, *range(2, 16)])
    )
    stamp = Stamp(settings="0" * 32, inputs="0" * 32)
    space.write_table(path, swapped, stamp)

    assert [each.claim for each in verify.run(space).checks if not each.holds] == [
        "training took rows of the dataset only",
        "training took the rows of each stage in the plan's order",
    ]
