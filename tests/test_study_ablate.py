"""An ablation on a tiny model: equal budgets, resumed, and a verdict that goes with its modules."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curate import studies
from curate.cli.main import call
from curate.pipeline import Pipeline, build
from curate.recipe import Recipe, changed, read_recipe
from curate.store.workspace import Workspace
from curate.study import lab as labs
from curate.study.ablation import Ablation, Trial
from tests.pipeline_runs import recipe, write_source
from tests.train_runs import settings, tiny_model

pytestmark = pytest.mark.timeout(300)

MODULES = [
    {"name": "basics", "skills": ["sums"], "why": "first things"},
    {"name": "more", "skills": ["fractions", "code"]},
]
QUICK = [
    "--adapter",
    "none",
    "--batch-rows",
    "16",
    "--max-tokens",
    "160",
    "--device",
    "cpu",
    "--learning-rate",
    "0.003",
]
SMALL = ["--seeds", "2", "--tuning-seeds", "1", "--budget", "0.5", "--looks", "2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    asked = recipe(write_source(folder / "rows.jsonl", 60), pace={"module": MODULES})
    build(Workspace(folder / "run"), changed(asked, {"tier": {"holdout": 0.2}}), "write")
    return folder / "run"


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "run")
    return tmp_path / "run"


def told(run: Path) -> Ablation:
    return Workspace(run).read_json("study/ablation.json", Ablation)


def trials(run: Path) -> dict[str, Trial]:
    return {
        f"{path.parent.name}/{path.name}": Trial.model_validate_json(path.read_bytes())
        for path in (run / "study" / "ablation").glob("*/*.json")
    }


def laboratory(run: Path, model: str, **more: object) -> labs.Lab:
    asked = {"train": {**settings().model_dump(), "model": model, **more}}
    return studies.lab(Pipeline(Workspace(run), changed(read_recipe(run / "recipe.toml"), asked)))


def test_all_arms_hold_the_same_tokens_and_updates(run: Path, model: str) -> None:
    lab = laboratory(run, model)
    size = labs.size(lab, 1.0)
    longest = int(lab.tokens.max())
    quiet = replace(lab, train=lambda *given: np.zeros((len(given[-1]), len(lab.held.ids))))
    names = ("random", "random-paced", "curriculum", "no-review", "anti", "warm-up", "length", "without:more")

    made = [labs.trial(quiet, name, 1e-3, seed, size, 3) for name in names for seed in (0, 1)]

    assert {each.updates for each in made} == {size[1]}
    assert all(abs(each.tokens - size[0]) <= longest for each in made)


def test_the_orders_of_arms_are_what_they_say(run: Path, model: str) -> None:
    lab = laboratory(run, model)

    assert sorted(lab.order("random", 0).row.tolist()) == list(range(len(lab.tokens)))
    assert lab.order("random", 0).row.tolist() != lab.order("random", 1).row.tolist()
    assert len(lab.order("no-review", 0).row) == len(lab.tokens) < len(lab.order("curriculum", 0).row)
    assert lab.stages == {"basics": 0, "more": 1}


def test_an_ablation_is_resumed_and_seeds_can_be_added(run: Path, model: str) -> None:
    options = ["ablate", str(run), "--model", model, *QUICK, *SMALL, "--arms", "anti,without:more", "-q"]
    assert call(options) == 0
    first = told(run)
    gone = run / "study" / "ablation" / "anti" / next(name for name in trials(run) if "anti" in name).split("/")[1]
    gone.unlink()
    before = {name: (run / "study" / "ablation" / name).stat().st_mtime_ns for name in trials(run)}

    assert call(options) == 0

    assert told(run) == first
    assert all((run / "study" / "ablation" / name).stat().st_mtime_ns == at for name, at in before.items())
    assert call([*options[:-1], "--seeds", "3", "-q"]) == 0
    assert told(run).contrasts[0].loss.pairs == 3
    assert call([*options, "--budget", "0.7"]) == 2


def test_the_module_bears_its_verdict_and_reuse_takes_it_along(run: Path, model: str, tmp_path: Path) -> None:
    assert call(["ablate", str(run), "--model", model, *QUICK, *SMALL, "--arms", "without:more", "-q"]) == 0
    contrast = next(each for each in told(run).contrasts if each.arm == "without:more")
    modules = read_recipe(run / "recipe.toml").pace.module

    assert [module.verdict for module in modules] == ["", contrast.says]
    assert all(
        why is None
        for step, why in Pipeline(Workspace(run), read_recipe(run / "recipe.toml")).stale().items()
        if step != "audit"
    )

    other = Workspace(tmp_path / "other")
    build(other, recipe(write_source(tmp_path / "rows.jsonl", 60), pace={"reuse": str(run)}), "write")
    schedule = json.loads((tmp_path / "other" / "dataset" / "schedule.json").read_bytes())
    assert schedule["stages"][1]["why"] == f"(measured: {contrast.says})"


def test_a_dry_run_shows_the_budget_and_trains_nothing(
    run: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["ablate", str(run), "--model", model, *QUICK, "--seeds", "4", "--dry-run", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)

    assert cost["trainings"] == len(cost["arms"]) * (3 * 2 + 4)
    assert len(cost["arms"]) == 9
    assert cost["held_rows"] == [7, 6]
    assert not (run / "study").exists()


def test_fresh_weights_differ_by_seed_and_repeat_under_it(run: Path, model: str) -> None:
    from curate.models import load, names
    from curate.train import bare

    network = load.load_network(names.resolve(model, "lm"))
    one, again, other = (
        bare.trainee(network, settings(), seed, fresh=True).get_input_embeddings().weight for seed in (1, 1, 2)
    )

    assert (one == again).all()
    assert not (one == other).all()


def test_a_rate_that_diverges_is_no_crash(run: Path, model: str) -> None:
    lab = laboratory(run, model)

    made = labs.trial(lab, "random", 1e6, 0, (2000, 8), 2)

    assert np.isfinite(made.nll).all()


def test_the_bare_loop_makes_the_updates_of_transformers_trainer(run: Path, model: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from curate.models import load, names
    from curate.train import bare, build
    from curate.train.encode import encode
    from curate.train.step import open_reader
    from tests.train_runs import trained

    how = settings(batch_rows=4, max_steps=5, shape="constant", warm_up=0.0)
    space = Workspace(run)
    reader = open_reader(space)
    tokenizer = load.load_tokenizer(names.resolve(model, "lm"))
    rows = [one for one in encode(tokenizer, reader.rows.rows(list(range(20))), "prompt-completion", 256) if one]
    network = bare.trainee(load.load_network(names.resolve(model, "lm")), how, 0, fresh=False)
    bare.follow(
        network, [rows[at : at + 4] for at in range(0, 20, 4)], [3e-3] * 5, how, build.filler(tokenizer), lambda _: None
    )
    trained(space, Path(model), how)

    held = load_file(next((run / "training" / "model").glob("*.safetensors")))
    own = dict(network.state_dict())
    assert all((own[name] - weight).abs().max() < 1e-5 for name, weight in held.items())


def test_adapters_of_stages_add_up(run: Path, model: str) -> None:
    pytest.importorskip("peft")
    lab = laboratory(run, model, adapter="lora", lora_rank=2)

    made = labs.trial(lab, "merged", 1e-2, 0, labs.size(lab, 0.5), 2)

    assert len(made.nll) == 1
    assert made.updates in range(labs.size(lab, 0.5)[1] - 1, labs.size(lab, 0.5)[1] + 2)
    started = labs.trial(lab, "merged", 1e-12, 0, labs.size(lab, 0.5), 2)
    assert sum(made.nll[0]) < sum(started.nll[0])


def test_merging_beside_whole_models_is_refused(run: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["ablate", str(run), "--model", model, *QUICK, "--arms", "merged", "-q"]) == 2
    assert "--adapter lora" in capsys.readouterr().err


def test_an_empty_recipe_has_the_settings_of_the_protocol() -> None:
    assert (Recipe().ablate.seeds, Recipe().ablate.margin, len(Recipe().ablate.factors)) == (8, 0.01, 3)
