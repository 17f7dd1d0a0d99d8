"""A run's hold-out is asked of a model: figures with intervals, the same twice, and no row that training has."""

from __future__ import annotations

import math
from shutil import copytree
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from curate.cli.main import call
from curate.core.measured import Measured, Transfer
from curate.core.views import turns
from curate.pipeline import Pipeline, build
from curate.store.workspace import Workspace
from tests.lm_fakes import tiny_network, tiny_tokenizer
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import LlamaForCausalLM as Network

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe")
    source = write_source(folder / "lessons.jsonl", 90)
    build(Workspace(folder / "run"), recipe(source, probe={"precision": "fp32", "generate": 0}))
    network().save_pretrained(folder / "tiny")
    tiny_tokenizer().save_pretrained(folder / "tiny")
    assert asked(folder / "run", "before") == 0
    return folder / "run"


@pytest.fixture(scope="module")
def pipeline(run: Path) -> Pipeline:
    return of_run(run)


def of_run(run: Path) -> Pipeline:
    from curate.recipe import read_recipe

    return Pipeline(Workspace(run), read_recipe(run / "recipe.toml"))


def copied(run: Path, folder: Path) -> Path:
    """The run elsewhere, so that what is probed there does not count as the last probe here."""
    copytree(run.parent / "tiny", folder / "tiny")
    return copytree(run, folder / "run")


def network() -> Network:
    return tiny_network(max_position_embeddings=2048)


def asked(run: Path, name: str, *more: str) -> int:
    return call(["probe", str(run), "--model", str(run.parent / "tiny"), "--name", name, "-q", *more])


def read(run: Path, name: str) -> Measured:
    return Workspace(run).read_json(f"probe/{name}-quick.json", Measured)


def test_no_row_that_is_asked_is_trained_on(run: Path) -> None:
    trained = set(pq.read_table(run / "order.parquet").column("id").to_pylist())
    measured = read(run, "before")

    assert measured.rows.id
    assert not set(measured.rows.id) & trained
    assert not set(measured.rows.parent) & trained


def test_the_loss_of_a_plain_row_is_that_of_transformers(run: Path, pipeline: Pipeline) -> None:
    import torch

    measured = read(run, "before")
    at = measured.rows.family.index("plain")
    (example,) = (
        row
        for table in pipeline.space.read_parts("examples")
        for row in table.to_pylist()
        if row["id"] == measured.rows.id[at]
    )
    tokenizer = tiny_tokenizer()
    chat = [{"role": role, "content": content} for role, content in turns(example)]
    whole = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=False)
    head = tokenizer.apply_chat_template(chat[:-1], tokenize=True, add_generation_prompt=True, return_dict=False)
    with torch.inference_mode():
        logits = network()(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    end = len(head) + measured.rows.tokens[at]
    expected = -sum(float(logits[place - 1, whole[place]]) for place in range(len(head), end))

    assert whole[: len(head)] == head
    assert measured.rows.nll[at] == pytest.approx(expected, rel=1e-4)


def test_every_figure_lies_in_its_interval(run: Path) -> None:
    measured = read(run, "before")
    whole = measured.at()

    assert whole is not None
    assert whole.loss.low is not None
    assert whole.loss.high is not None
    assert whole.loss.low <= whole.loss.value <= whole.loss.high
    assert sum(cell.result.loss.rows for cell in measured.cells if None not in (cell.skill, cell.tier)) == (
        whole.loss.rows
    )
    assert {gap.family for gap in measured.gaps} == {"variation", "adversarial"}
    assert all(0 <= each.ece.value <= 1 for each in measured.calibration)


def test_the_same_model_gives_the_same_figures_and_no_change(run: Path) -> None:
    assert asked(run, "again") == 0

    first, second = read(run, "before"), read(run, "again")
    assert second.rows == first.rows
    assert second.cells == first.cells
    assert second.since == "before"
    assert second.changes
    assert all(each.loss.value == 0 for each in second.changes)


def test_a_model_in_memory_is_probed_as_it_stands_and_left_so(run: Path, tmp_path: Path) -> None:
    import torch

    pipeline = of_run(copied(run, tmp_path))
    blank = network().train()
    with torch.no_grad():
        blank.get_output_embeddings().weight.mul_(0.0)

    measured = pipeline.prober()(blank, tiny_tokenizer(), name="blank", stage=0, step=7)

    assert blank.training
    whole = measured.at()
    assert whole is not None
    assert whole.loss.value == pytest.approx(math.log(blank.config.vocab_size), rel=1e-3)
    assert (measured.stage, measured.step) == (0, 7)


def test_what_stages_did_to_skills_is_told_from_their_checkpoints(run: Path, tmp_path: Path) -> None:
    run = copied(run, tmp_path)
    assert asked(run, "later", "--stage", "1") == 0

    told = Workspace(run).read_json("probe/transfer.json", Transfer)
    assert 1 in told.checkpoints
    assert any(lesson.skill is None for lesson in told.lessons)
