"""Does the order pay? `curate ablate` on real trainings of a model of 0.1 million weights that starts from nothing.

    python -m tests.benchmarks.bench_ablation FOLDER EXPERIMENT

Sums from `reasoning-gym` in four skills, of which later ones require earlier ones, in three modules. `short`: the
tokens of one pass, too few to learn it all; `noise`: two passes, and 30 % of the training rows (none of those held out)
have a wrong answer; `long`: four passes over clean rows, where theory predicts nothing; `merge`: adapters on a model
that went through the curriculum once, trained apart on each module and merged, against one that goes through all.
`tiered` and `tiered-noise`: `short` and `noise` without modules, in the order that `curate` makes by default;
`reviewed`: `tiered` with 40 % of review; `sorted`: `tiered` with the easiest rows of each stage first; `interleaved`:
`short` under that policy, without modules and prerequisites. The table and the verdict are those of the command.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.cli.main import call
from tests.lm_fakes import tiny_network, tiny_tokenizer

SKILLS = {
    "sum-1": (2, 1, ()),
    "chain-1": (3, 1, ("sum-1",)),
    "sum-2": (2, 2, ("sum-1",)),
    "chain-2": (3, 2, ("chain-1", "sum-2")),
}
"""Terms, digits, and the skills that it requires."""
ROWS, HELD = 700, 60
WRONG = 0.3
TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '</s>' }}{% endif %}{% endfor %}"
)
RECIPE = """
sources = [{source}]
[score]
scorers = ["length"]
tokenizer = {model}
[tier]
label = "level"                       # the level is the tier
tiers = 4
skills = {skills}
remove = []                           # sums differ in a digit, which is no copy
holdout = 0
holdout_domain = ["split=test"]
[pace]
review = {review}
{pace}
[train]
model = {model}
adapter = "none"
learning_rate = 0.003
batch_rows = 16
max_tokens = 64
device = "cpu"
[ablate]
fresh = true
looks = 8
tuning_seeds = 1
factors = [0.1111111111111111, 0.3333333333333333, 1.0, 3.0]
"""
MODULES = """
[[pace.module]]
name = "one-digit"
skills = ["sum-1"]
[[pace.module]]
name = "wider"
skills = ["chain-1", "sum-2"]
[[pace.module]]
name = "both"
skills = ["chain-2"]
"""


@dataclass(frozen=True)
class Experiment:
    """What an experiment asks of `curate ablate`, the share of wrong answers, and its lines of the recipe."""

    arguments: str
    wrong: float = 0.0
    pace: str = MODULES
    requires: bool = True
    review: float = 0.15


EXPERIMENTS = {
    "short": Experiment("--budget 1"),
    "noise": Experiment("--budget 2 --arms random-paced", wrong=WRONG),
    "long": Experiment("--budget 4 --arms curriculum"),
    "merge": Experiment("--budget 1 --adapter lora --arms merged"),
    "tiered": Experiment("--budget 1 --arms random-paced,no-review,anti,warm-up", pace=""),
    "tiered-noise": Experiment("--budget 2 --arms random-paced", wrong=WRONG, pace=""),
    "reviewed": Experiment("--budget 1 --arms curriculum", pace="", review=0.4),
    "sorted": Experiment("--budget 1 --arms curriculum", pace='first = "easy"'),
    "interleaved": Experiment("--budget 1 --arms random-paced", pace='policy = "interleaved"', requires=False),
}


def tasks(*, wrong: float) -> list[dict[str, object]]:
    """Questions, answers, skills and levels, each question once; a share of the training rows has a wrong answer."""
    import reasoning_gym

    dice, rows = np.random.default_rng(0), dict[str, dict[str, object]]()
    for level, (skill, (terms, digits, _)) in enumerate(SKILLS.items()):
        held = 0
        size = {"min_terms": terms, "max_terms": terms, "min_digits": digits, "max_digits": digits}
        for row in reasoning_gym.create_dataset("chain_sum", size=ROWS, seed=level, **size):
            question = row["metadata"]["expression"].replace(" ", "")
            if question in rows:
                continue
            split = "test" if held < HELD else "train"
            held += 1
            answer = int(row["answer"])
            if split == "train" and dice.random() < wrong:
                answer += int(dice.choice([-3, -2, -1, 1, 2, 3]))
            rows[question] = {
                "prompt": f"{question}=", "completion": str(answer), "level": level, "skill": skill, "split": split
            }  # fmt: skip
    return list(rows.values())


def prepare(folder: Path, experiment: Experiment) -> Path:
    """The model, the rows, the catalogue and the recipe; the path of the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_key_value_heads": 4, "max_position_embeddings": 64}
    network = tiny_network(**shape, initializer_range=0.05, tie_word_embeddings=True)
    network.save_pretrained(folder / "model")
    tiny_tokenizer(TEMPLATE).save_pretrained(folder / "model")
    lines = "".join(json.dumps(row) + "\n" for row in tasks(wrong=experiment.wrong))
    (folder / "rows.jsonl").write_text(lines, encoding="utf-8")
    listed = [
        f'[[skill]]\nname = "{name}"\nrequires = {json.dumps(needs if experiment.requires else ())}\n'
        f'rule = {{ column = "skill", equals = "{name}" }}\n'
        for name, (_, _, needs) in SKILLS.items()
    ]
    (folder / "skills.toml").write_text("".join(listed), encoding="utf-8")
    paths = {"source": "rows.jsonl", "model": "model", "skills": "skills.toml"}
    quoted = {name: json.dumps(str(folder / path)) for name, path in paths.items()}
    recipe = RECIPE.format(**quoted, pace=experiment.pace, review=experiment.review)
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    return folder / "recipe.toml"


def main(folder: Path, name: str) -> int:
    """Make the run and ablate it, in *folder*/*name*; what stands is kept."""
    here, experiment = folder / name, EXPERIMENTS[name]
    recipe = prepare(here, experiment)
    code = call(["run", str(recipe), "-o", str(here / "run"), "-q"])
    if code in {0, 6} and name == "merge":
        code = warmed(here)
    return code if code not in {0, 6} else call(["ablate", str(here / "run"), *experiment.arguments.split()])


def warmed(here: Path) -> int:
    """Give adapters something to stand on: one training through the stages, whose weights take the model's place."""
    recipe = here / "run" / "recipe.toml"
    text = recipe.read_text(encoding="utf-8").replace("fresh = true", "fresh = false")
    recipe.write_text(text, encoding="utf-8")
    if (here / "run" / "training").exists():
        return 0
    code = call(["train", str(here / "run"), "--checkpoint-every", "1000", "-q"])
    if code == 0:
        for file in (here / "run" / "training" / "model").iterdir():
            file.replace(here / "model" / file.name)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
