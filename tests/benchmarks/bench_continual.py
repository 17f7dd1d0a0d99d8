"""What five instalments of real rows cost, step by step, against the same rows at once.

    python -m tests.benchmarks.bench_continual FOLDER ROWS

Each instalment brings ROWS rows, prompts and answers of four real sets (3,000 at most). Prints the processor's seconds
of every step of each instalment, which others on the machine change less than the clock.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from curate.pipeline import Pipeline, settle
from curate.recipe import changed, check
from curate.store.workspace import Workspace
from tests.benchmarks.real_rows import exchanges

SCORERS = ["length", "readability", "structure", "rarity"]


def main(folder: Path, size: int) -> None:
    """Print one line for each instalment, and one for all rows at once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made, files = exchanges(5 * size), []
    for number in range(5):
        files.append(folder / f"{number}.jsonl")
        rows = made[number * size : (number + 1) * size]
        text = "".join(json.dumps({"prompt": one, "completion": other}) + "\n" for one, other in rows)
        files[-1].write_text(text, encoding="utf-8")
    tier = {"stages": 3, "skills": "source", "holdout": 0.1}
    asked = check({"sources": [], "score": {"scorers": SCORERS}, "tier": tier}, "bench")
    for run, counts in (("grown", range(1, 6)), ("at-once", [5])):
        for count in counts:
            sources = [{"path": str(path)} for path in files[:count]]
            told = built(folder / run, settle(changed(asked, {"": {"sources": sources}})))
            sys.stdout.write(f"{run} {count}: {told}\n")
            sys.stdout.flush()


def built(run: Path, asked: object) -> str:
    """Build a run step by step; the processor's seconds of each step."""
    pipeline = Pipeline(Workspace(run), asked)  # type: ignore[arg-type]
    seconds = []
    for step in pipeline.steps("write"):
        began = spent()
        pipeline.build(step)
        seconds.append(f"{step} {spent() - began:.2f}")
    return ", ".join(seconds)


def spent() -> float:
    """The processor's seconds of this process and of those it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
