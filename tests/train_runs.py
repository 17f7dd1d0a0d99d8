"""Small finished runs to train on, and a tiny model in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.core.measured import Cell, Estimate, Measured, Result, Rows
from curate.models import names
from curate.pipeline import build
from curate.protocol import silent
from curate.store.workspace import Workspace
from curate.train import step as train
from curate.train.step import Given, Settings
from tests.lm_fakes import tiny_network, tiny_tokenizer
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

    from curate.core.measured import Prober
    from curate.protocol import Progress
    from curate.train.report import Report

QUICK = {"batch_rows": 4, "adapter": "none", "learning_rate": 3e-3, "max_tokens": 256, "device": "cpu"}


def finished_run(folder: Path, count: int = 60) -> Workspace:
    """A run that is built and audited, and not stale: three stages, three skills."""
    source = write_source(folder / "rows.jsonl", count)
    space = Workspace(folder / "run")
    build(space, recipe(source))
    return space


def tiny_model(folder: Path) -> Path:
    """A folder with a tiny network of random weights and its tokenizer of bytes."""
    tiny_network(initializer_range=0.02).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def measured(accuracy: dict[tuple[str | None, int | None], float], loss: float, stage: int, step: int) -> Measured:
    """What a probe could have measured: these accuracies, and one loss everywhere."""

    def estimate(value: float) -> Estimate:
        return Estimate(value=value, low=None, high=None, rows=10, groups=10)

    cells = tuple(
        Cell(
            skill=skill,
            tier=tier,
            result=Result(loss=estimate(loss), token_accuracy=estimate(value), choice_accuracy=None),
        )
        for (skill, tier), value in accuracy.items()
    )
    return Measured(
        name=f"step-{step}",
        model="tiny",
        stage=stage,
        step=step,
        size="quick",
        precision="fp32",
        suite="0" * 32,
        confidence_level=0.95,
        cells=cells,
        mixes=(),
        domains=(),
        calibration=(),
        gaps=(),
        resistance=(),
        since=None,
        changes=(),
        skipped={},
        rows=no_rows(),
        number=0,
    )


def no_rows() -> Rows:
    return Rows(**dict.fromkeys(Rows.model_fields, ()))


def slipping(network: object, tokenizer: object, **about: object) -> Measured:
    """A probe on which tier 0 is forgotten from step 8 to 10, whatever the network."""
    del network, tokenizer
    step, stage = int(str(about["step"])), int(str(about["stage"]))
    fallen = 0.5 if 8 <= step <= 10 else 0.8
    return measured({(None, None): 0.6, (None, 0): fallen, (None, 1): 0.5}, 2.0 - step / 100, stage, step)


def settings(**changes: object) -> Settings:
    """Settings that train a tiny model in seconds."""
    return Settings.model_validate({**QUICK, **changes})


def trained(
    space: Workspace,
    model: Path,
    how: Settings,
    *,
    prober: Prober | None = None,
    progress: Progress = silent,
    requires: dict[str, tuple[str, ...]] | None = None,
) -> Report:
    """Train on a run with a model in a folder."""
    found = names.resolve(str(model), "lm")
    return train.run(space, how, Given(found, requires or {}, ascending=True, prober=prober, progress=progress))
