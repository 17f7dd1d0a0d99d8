"""What five instalments of rows cost, step by step, against the same rows at once.

    python -m tests.benchmarks.bench_continual FOLDER ROWS
    python -m tests.benchmarks.bench_continual FOLDER 20000 --made

Each instalment brings ROWS rows, prompts and answers of four real sets (3,000 at most); with --made, made-up rows with
drawn scores (those of bench_growth --drawn), as many as you like. Prints the processor's seconds of every step of each
instalment, which others on the machine change less than the clock.
"""

from __future__ import annotations

import json
import os
import shutil
from itertools import islice
from pathlib import Path

import click

from curate.pipeline import Pipeline, settle
from curate.recipe import changed, check
from curate.store.workspace import Workspace
from tests.benchmarks.bench_growth import make, write_words
from tests.benchmarks.real_rows import exchanges

SCORERS = ["length", "readability", "structure", "rarity"]
INSTALMENTS = 5


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("rows", type=int)
@click.option("--made", is_flag=True, help="Take made-up rows, and draw their scores.")
@click.option("--against", multiple=True, help="A benchmark to keep out; may be given again.")
def main(folder: Path, rows: int, made: bool, against: tuple[str, ...]) -> None:
    """Print one line for each instalment, and one for all rows at once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = made_up(folder, rows) if made else real(folder, rows)
    score: dict[str, object] = {"scorers": SCORERS}
    if made:
        score = {"scorers": ["tests.benchmarks.bench_growth:Drawn"], "tokenizer": str(write_words(folder / "run"))}
    tier = {"stages": 3, "skills": "source", "holdout": 0.1}
    asked = check({"sources": [], "against": list(against), "score": score, "tier": tier}, "bench")
    for run, counts in (("grown", range(1, INSTALMENTS + 1)), ("at-once", [INSTALMENTS])):
        for count in counts:
            sources = [{"path": str(path)} for path in files[:count]]
            told = built(folder / run, settle(changed(asked, {"": {"sources": sources}})))
            click.echo(f"{run} {count}: {told}")


def real(folder: Path, rows: int) -> list[Path]:
    """Files of so many real rows each."""
    made, files = exchanges(INSTALMENTS * rows), []
    for number in range(INSTALMENTS):
        files.append(folder / f"{number}.jsonl")
        some = made[number * rows : (number + 1) * rows]
        text = "".join(json.dumps({"prompt": one, "completion": other}) + "\n" for one, other in some)
        files[-1].write_text(text, encoding="utf-8")
    return files


def made_up(folder: Path, rows: int) -> list[Path]:
    """Files of so many made-up rows each."""
    make(folder / "all", INSTALMENTS * rows)
    files = [folder / f"{number}.jsonl" for number in range(INSTALMENTS)]
    with (folder / "all").open("rb") as lines:
        for path in files:
            path.write_bytes(b"".join(islice(lines, rows)))
    return files


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
    main()
