"""Exports: whole, one epoch, in order; read by the trainers' own loaders where those are installed."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import util
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from curate.cli.main import call
from curate.errors import SettingsError
from curate.train.export import TARGETS
from tests.train_runs import finished_run, tiny_model

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the exports to all trainers."""
    folder = tmp_path_factory.mktemp("export")
    root = finished_run(folder).root
    model = tiny_model(folder / "model")
    options = ["--model", str(model), "--adapter", "none", "--batch-rows", "4", "--max-tokens", "300", "-q"]
    assert call(["export", str(root), "--to", ",".join(TARGETS), *options]) == 0
    return root


def planned(run: Path) -> list[str]:
    from curate.store.workspace import Workspace

    ids: list[str] = Workspace(run).read_table("order.parquet", ["id"]).column("id").to_pylist()
    return ids


def read(run: Path, target: str, name: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((run / "exports" / target / name).read_text())
    return made


def script(run: Path, target: str) -> ModuleType:
    """The exported script as a module, its guarded main not run."""
    path = run / "exports" / target / "train.py"
    spec = util.spec_from_file_location(f"export_{target}", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("target", "epochs", "keeping"),
    [
        (
            "axolotl",
            "num_epochs",
            {"curriculum_sampling": True, "shuffle_merged_datasets": False, "sample_packing": False, "val_set_size": 0},
        ),
        (
            "llamafactory",
            "num_train_epochs",
            {"disable_shuffling": True, "mix_strategy": "concat", "streaming": False, "packing": False, "val_size": 0},
        ),
        (
            "ms-swift",
            "num_train_epochs",
            {"dataset_shuffle": False, "train_dataloader_shuffle": False, "split_dataset_ratio": 0, "packing": False},
        ),
    ],
)
def test_every_configuration_has_one_epoch_and_the_settings_that_keep_the_order(
    run: Path, target: str, epochs: str, keeping: dict[str, object]
) -> None:
    for name in ("ordered", "stage-00", "stage-01", "stage-02"):
        config = read(run, target, f"{name}.yaml")
        assert config[epochs] == 1
        assert {key: config[key] for key in keeping} == keeping


def test_every_file_that_an_export_names_is_there_and_in_order(run: Path) -> None:
    import pyarrow.parquet as pq

    info = json.loads((run / "exports" / "llamafactory" / "dataset_info.json").read_text())
    sets = read(run, "llamafactory", "ordered.yaml")["dataset"].split(",")
    files = {
        "llamafactory": [info[name]["file_name"] for name in sets],
        "axolotl": read(run, "axolotl", "ordered.yaml")["datasets"][0]["data_files"],
        "ms-swift": read(run, "ms-swift", "ordered.yaml")["dataset"],
    }

    for target, paths in files.items():
        tables = [pq.read_table(run / "exports" / target / path) for path in paths]
        assert [each for table in tables for each in table.column("curate_id").to_pylist()] == planned(run)


def test_a_stage_goes_on_from_the_one_before(run: Path) -> None:
    assert read(run, "axolotl", "stage-01.yaml")["base_model"] == "./out/stage-00"
    assert read(run, "llamafactory", "stage-02.yaml")["model_name_or_path"] == "out/stage-01"


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("target", ["transformers", "trl"])
def test_the_exported_script_gives_the_plans_rows_through_its_own_loader(
    run: Path, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(target)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    module = script(run, target)
    from transformers import AutoModelForCausalLM

    rows = module.rows_of("ordered")
    trainer = module.trainer(AutoModelForCausalLM.from_pretrained(module.MODEL), "ordered")
    came = [
        ids[: int(mask.sum())].tolist()
        for batch in trainer.get_train_dataloader()
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]

    assert came == rows["input_ids"][:]
    assert len(came) == len(planned(run))
    assert trainer.args.num_train_epochs == 1


def test_the_exported_script_trains_stage_by_stage_with_one_optimiser(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", "--staged"])
    script(run, "transformers").main()

    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()


def test_the_labels_of_the_exported_script_are_those_of_our_own_loop(run: Path) -> None:
    from curate.models import load, names
    from curate.store.workspace import Workspace
    from curate.train.encode import encode
    from curate.train.step import open_reader

    module = script(run, "transformers")
    rows = open_reader(Workspace(run)).rows.rows(range(10))
    tokenizer = load.load_tokenizer(names.resolve(str(module.MODEL), "lm"))
    for row, ours in zip(rows, encode(tokenizer, rows, "prompt-completion", 300), strict=True):
        theirs = module.encode(row)
        assert ours is not None
        assert theirs["input_ids"] == ours.ids.tolist()
        answer = [label for label in ours.labels.tolist() if label != -100]
        assert [label for label in theirs["labels"] if label != -100][: len(answer)] == answer


def test_the_lightning_script_gives_each_rank_its_rows_of_each_step(run: Path) -> None:
    pytest.importorskip("lightning")
    module = script(run, "lightning")
    ranks = [list(module.InOrder(18, rank, 2)) for rank in range(2)]

    assert [place for step in zip(*ranks, strict=True) for batch in step for place in batch] == list(range(16))
    assert [place for batch in module.InOrder(18, 0, 1) for place in batch] == list(range(18))


def test_axolotls_own_schema_takes_the_configuration(run: Path) -> None:
    schemas = pytest.importorskip(
        "axolotl.utils.schemas.config", reason="axolotl is not installed; docs/training.md says how to check with it"
    )
    for path in sorted((run / "exports" / "axolotl").glob("*.yaml")):
        taken = schemas.AxolotlInputConfig(**yaml.safe_load(path.read_text()))
        assert taken.curriculum_sampling is True
        assert taken.shuffle_merged_datasets is False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("disable_shuffling", [True, False])
def test_llamafactorys_own_training_takes_the_plans_rows(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, disable_shuffling: bool
) -> None:
    tuner = pytest.importorskip(
        "llamafactory.train.tuner", reason="LLaMA-Factory is not installed; docs/training.md says how to check with it"
    )
    trainer = pytest.importorskip("llamafactory.train.sft.trainer").CustomSeq2SeqTrainer

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(run / "exports" / "llamafactory")
    taken: list[list[int]] = []
    step = trainer.training_step

    def watched(self: Any, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401
        taken.extend(inputs["labels"].tolist())
        return step(self, model, inputs, *more, **named)

    monkeypatch.setattr(trainer, "training_step", watched)
    config = {**read(run, "llamafactory", "ordered.yaml"), "output_dir": str(tmp_path / "out"), "do_eval": False}
    tuner.run_exp({**config, "disable_shuffling": disable_shuffling, "save_strategy": "no"})

    assert (answers(run, taken) == planned_answers(run)) is disable_shuffling
    assert sorted(answers(run, taken)) == sorted(planned_answers(run))


def answers(run: Path, labels: list[list[int]]) -> list[str]:
    """What labels teach, as text."""
    from curate.models import load, names

    tokenizer = load.load_tokenizer(names.resolve(str(run.parent / "model"), "lm"))
    kept = [[token for token in row if token >= 0] for row in labels]
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in kept]


def planned_answers(run: Path) -> list[str]:
    from curate.store.workspace import Workspace
    from curate.train.step import open_reader

    reader = open_reader(Workspace(run))
    return [row["completion"].strip() for row in reader.rows.rows(range(len(reader)))]


def test_an_unknown_trainer_is_refused_with_the_nearest_name(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["export", str(run), "--to", "axolotle"]) == SettingsError.exit_code
    assert "did you mean 'axolotl'?" in capsys.readouterr().err


def test_the_check_reads_the_real_loaders(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = run.parent / "checked"
    shutil.copytree(run, copy)
    assert call(["export", str(copy), "--to", "transformers,lightning,axolotl", "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    for target in ("transformers", "lightning"):
        order = found[target]["order"]
        assert (order["first_divergence"], order["rank_correlation"], order["dropped"]) == (None, 1.0, {})
    assert found["axolotl"]["order"] is None
