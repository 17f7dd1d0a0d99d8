"""SmolLM2-135M with a low-rank adapter through a curriculum of about 300 real rows, with gates that decide.

    python -m tests.benchmarks.bench_train [FOLDER] [--rows 90] [-- OPTIONS OF curate train]

Five skills of FLAN's chain-of-thought sets with bare answers, *rows* of each: facts (creak), everyday questions (ecqa),
science (qasc), what makes sense (sensemaking), questions of several steps (strategyqa). Three in ten rows are held out
for the gates. Told are the time that `--dry-run` foresees and the time that it took, by the clock and in processor
seconds, every decision, and loss by stage and skill. Stopped with Ctrl-C it goes on where it was, and the times add up.
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
    from collections.abc import Iterator, Sequence

SKILLS = ("creak", "ecqa", "qasc", "sensemaking", "strategyqa")
GATES = ("--score", "0.42", "--drop", "0.05", "--gain", "0.05", "--gain-steps", "8", "--gate-every", "8")
TRAINING = ("--learning-rate", "0.0005", "--batch-rows", "8", "--max-tokens", "256", "--checkpoint-every", "4")
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
    parser.add_argument("--rows", type=int, default=90)
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
    plan = options.folder / "foreseen.json"
    if not plan.is_file():
        plan.write_text(said([*training, "--dry-run", "--json"]), encoding="utf-8")
    outline = json.loads(plan.read_bytes())
    foreseen = outline["seconds"] + outline["looks"] * outline["look_seconds"]
    say(f"foreseen: {outline['steps']} steps in {outline['seconds']} s, and {outline['looks']} looks")
    say(f"at gates of at most {outline['look_seconds']} s each, {foreseen:.0f} s in all")
    with clock(options.folder / "spent.json") as spent:
        report = json.loads(said([*training, "--json"]))
    told(report, Path(run))
    tokens = sum(stage["tokens"] for stage in outline["stages"])
    say(f"{report['steps']} steps in {spent['seconds']:.0f} s, {spent['cpu_seconds']:.0f} processor seconds:")
    say(f"{spent['seconds'] / foreseen:.2f} of what was foreseen for the plan's {tokens} tokens")


@contextlib.contextmanager
def clock(file: Path) -> Iterator[dict[str, float]]:
    """Seconds that the block takes, added to those that *file* holds of earlier tries."""
    spent = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"seconds": 0.0, "cpu_seconds": 0.0}
    began, before = time.perf_counter(), time.process_time()
    try:
        yield spent
    finally:
        spent["seconds"] += time.perf_counter() - began
        spent["cpu_seconds"] += time.process_time() - before
        file.write_text(json.dumps(spent), encoding="utf-8")


def rows(each: int) -> list[dict[str, str]]:
    """*each* rows of every skill."""
    with gzip.open(DATA / "flan_cot" / "flan_cot.jsonl.gz", "rt", encoding="utf-8") as lines:
        flan = [json.loads(line) for line in lines]
    return [
        {"prompt": row["input"], "completion": row["target"], "skill": task}
        for task in SKILLS
        for row in [row for row in flan if row["task"] == task][:each]
    ]


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
