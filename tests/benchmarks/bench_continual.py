"""What five instalments cost, step by step, against the same rows at once.

    python -m tests.benchmarks.bench_continual FOLDER ROWS

Each instalment brings ROWS rows. Prints the rows that were scored and the seconds of every step of each instalment.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from curate.pipeline import Pipeline, settle
from curate.recipe import changed
from curate.store.workspace import Workspace
from tests.pipeline_runs import Letters, recipe, rows

SCORERS = ["length", "readability", "structure", "letters"]


def main(folder: Path, size: int) -> None:
    """Print one line for each instalment, and one for all rows at once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made, files = rows(5 * size), []
    for number in range(5):
        files.append(folder / f"{number}.jsonl")
        text = "".join(json.dumps(row) + "\n" for row in made[number * size : (number + 1) * size])
        files[-1].write_text(text, encoding="utf-8")
    asked = changed(recipe(files[0]), {"": {"part_rows": 500}, "score": {"scorers": SCORERS}})
    for run, counts in (("grown", range(1, 6)), ("at-once", [5])):
        for count in counts:
            sources = [{"path": str(path)} for path in files[:count]]
            told = built(folder / run, settle(changed(asked, {"": {"sources": sources}})))
            sys.stdout.write(f"{run} {count}: {told}\n")


def built(run: Path, asked: object) -> str:
    """Build a run step by step; the rows scored, and the seconds of each step."""
    pipeline = Pipeline(Workspace(run), asked)  # type: ignore[arg-type]
    Letters.seen, seconds = 0, []
    for step in pipeline.steps("write"):
        began = time.perf_counter()
        pipeline.build(step)
        seconds.append(f"{step} {time.perf_counter() - began:.2f}")
    return f"{Letters.seen} rows scored; seconds: {', '.join(seconds)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
