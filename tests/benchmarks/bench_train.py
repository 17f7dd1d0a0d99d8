"""SmolLM2-135M with a low-rank adapter through a curriculum of about 300 real rows, with gates that decide.

    python -m tests.benchmarks.bench_train [FOLDER] [--rows 75] [-- OPTIONS OF curate train]

Six skills, *rows* of each: facts, common sense, science, everyday questions, algebra (multiple choices of FLAN's
chain-of-thought sets, bare answers) and grade school mathematics (GSM8K, worked answers); three in ten rows are held
out for the gates. Told are the time that `--dry-run` foresees and the time that it took,
by the clock and in processor seconds, every decision, and loss by stage and skill.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from curate.cli.main import call
from tests.benchmarks.real_rows import DATA, is_there
from tests.benchmarks.runs import say

if TYPE_CHECKING:
    from collections.abc import Sequence

CHOICES = ("creak", "sensemaking", "qasc", "ecqa", "aqua")
GATES = ("--score", "0.6", "--drop", "0.05", "--gain", "0.05", "--gain-steps", "8", "--gate-every", "6")
TRAINING = ("--learning-rate", "0.0005", "--batch-rows", "8", "--max-tokens", "384")
RECIPE = """
sources = [{source}]
[score]
scorers = ["length", "readability", "lm"]
[scorers.lm]
use = "perplexity"
[tier]
stages = 4
skills = "column:skill"
holdout = 0.3
[pace]
review = 0.15
[train]
block_rows = 16
"""


def main() -> None:
    """Make the run where it is not there, and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/bench-train"))
    parser.add_argument("--rows", type=int, default=75)
    options, more = parser.parse_known_args()
    if not is_there():
        say("skipped: the real data sets are not beside the project (../shared/data)")
        return
    run = str(options.folder / "run")
    options.folder.mkdir(parents=True, exist_ok=True)
    recipe, source = options.folder / "recipe.toml", options.folder / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows(options.rows)), encoding="utf-8")
    recipe.write_text(RECIPE.format(source=json.dumps(str(source))), encoding="utf-8")
    said(["run", str(recipe), "-o", run, "-q"])
    training = ["train", run, "--model", "auto", *TRAINING, *GATES, *(one for one in more if one != "--")]
    foreseen = json.loads(said([*training, "--dry-run", "--json"]))["seconds"]
    began, spent = time.perf_counter(), time.process_time()
    report = json.loads(said([*training, "--restart", "--json"]))
    took, processor = time.perf_counter() - began, time.process_time() - spent
    told(report, Path(run))
    say(f"{took:.0f} s, {processor:.0f} processor seconds; foreseen {foreseen} s without probes: {took / foreseen:.2f}")


def rows(each: int) -> list[dict[str, str]]:
    """*each* rows of every skill."""
    with gzip.open(DATA / "flan_cot" / "flan_cot.jsonl.gz", "rt", encoding="utf-8") as lines:
        flan = [json.loads(line) for line in lines]
    with gzip.open(DATA / "gsm8k" / "gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        worked = [json.loads(line) for line in lines]
    made = [
        {"prompt": row["input"], "completion": row["target"], "skill": task}
        for task in CHOICES
        for row in [row for row in flan if row["task"] == task][:each]
    ]
    return made + [{"prompt": row["question"], "completion": row["answer"], "skill": "gsm8k"} for row in worked[:each]]


def said(words: Sequence[str]) -> str:
    """What a command of ours prints; ends the benchmark where it fails."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = call(list(words))
    if code:
        sys.exit(f"curate {' '.join(words)} gives {code}")
    return printed.getvalue()


def told(report: dict[str, object], run: Path) -> None:
    """Every decision, and the stages by skill."""
    for line in (run / "training" / "decisions.jsonl").read_text(encoding="utf-8").splitlines():
        made = json.loads(line)
        figures = {name: made["figures"].get(name) for name in ("accuracy all", "loss all")}
        say(f"step {made['step']:3d} stage {made['stage']}: {made['action']:9s} {made['reason']} {figures}")
    for stage in report["stages"]:  # type: ignore[attr-defined]
        by_skill = ", ".join(f"{each['skill']} {each['loss']:.2f} ({each['visits']})" for each in stage["skills"])
        ends = f"loss {stage['first_loss']:.2f} to {stage['last_loss']:.2f}"
        probe = f"held out: loss {stage['probe_loss']:.2f}, accuracy of tokens {stage['probe_accuracy']:.3f}"
        say(f"stage {stage['stage']}: {stage['steps']} steps, {stage['roles']}, {ends}, {probe}; {by_skill}")


if __name__ == "__main__":
    main()
