"""How time and memory grow with the rows: all steps of a run with cheap scorers, each size in a process of its own.

Rows have about 500 characters of made-up words whose frequencies fall as in a language (Zipf), a skill and an author.
They are made before the clock starts. Run with:

    python -m tests.benchmarks.bench_growth --rows 10000 --rows 100000
    python -m tests.benchmarks.bench_growth --rows 1000000 --workers 2
    python -m tests.benchmarks.bench_growth --rows 10000 --engine ray --workers 1
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import orjson

from curate.engines.choice import Choice
from curate.pipeline import Pipeline, chosen_engine, save_recipe, settle
from curate.recipe import check
from curate.store.workspace import Workspace

SCORERS = ("length", "readability", "rarity", "structure")
WORDS, WORD_ROWS = 20_000, 1 << 14


def make(path: Path, rows: int) -> None:
    """A JSONL file of *rows* rows, each of its own."""
    random = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    share = 1 / np.arange(1, len(letters) + 1)
    lengths = random.integers(2, 10, WORDS)
    drawn = random.choice(letters, lengths.sum(), p=share / share.sum())
    words = np.array(["".join(each) for each in np.split(drawn, np.cumsum(lengths)[:-1])], object)
    weight = np.cumsum(1 / np.arange(1, WORDS + 1))
    with path.open("wb") as file:
        for begin in range(0, rows, WORD_ROWS):
            count = min(WORD_ROWS, rows - begin)
            chosen = words[np.searchsorted(weight, random.uniform(0, weight[-1], (count, 90)))]
            for row, own in enumerate(chosen, begin):
                asked = f"Question {row}: {' '.join(own[:15])}?"
                answer = ". ".join(" ".join(own[at : at + 12]) for at in range(15, 90, 12))[:400]
                value = {"instruction": asked, "output": answer, "skill": f"s{row % 7}", "author": f"a{row % 5}"}
                file.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def peak_gib() -> float:
    """The most memory that this process, or the largest of its children, has had."""
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(own, others) / 2**20


def measure(source: Path, folder: Path, rows: int, choice: Choice) -> None:
    """Run all steps and print each one's time, rate and the highest memory so far."""
    value = {
        "sources": [str(source)],
        "score": {"scorers": list(SCORERS)},
        "tier": {"stages": 5, "skills": "column:skill", "holdout": 0.02},
        "audit": {"by": ["author"], "render": []},
    }
    recipe = settle(check(value, "the benchmark"))
    space = Workspace(folder)
    save_recipe(space, recipe)
    total = time.perf_counter()
    with chosen_engine(recipe, choice) as engine:
        click.echo(f"{rows:,} rows, engine {choice.kind} started in {time.perf_counter() - total:.1f} s")
        pipeline = Pipeline(space, recipe, engine)
        began = time.perf_counter()
        for step in pipeline.steps("audit"):
            start, worked = time.perf_counter(), time.process_time()
            pipeline.build(step)
            took, worked = time.perf_counter() - start, time.process_time() - worked
            click.echo(
                f"  {step:<8}{took:9.1f} s {rows / took:12,.0f} rows/s   {worked:8.1f} s of the processor here"
                f"   peak {peak_gib():5.2f} GiB"
            )
        took = time.perf_counter() - began
    click.echo(f"  {'all':<8}{took:9.1f} s {rows / took:12,.0f} rows/s")


@click.command()
@click.option("--rows", multiple=True, type=int, default=(10_000,), help="Size; may be given again.")
@click.option("--engine", "kind", type=click.Choice(["local", "ray"]), default="local")
@click.option("--workers", type=int, default=1)
@click.option("--keep", type=click.Path(path_type=Path), help="Leave the made rows in this folder.")
def main(rows: tuple[int, ...], kind: str, workers: int, keep: Path | None) -> None:
    """Measure each size in a fresh process."""
    choice = Choice("ray" if kind == "ray" else "local", workers)
    for count in rows:
        folder = Path(tempfile.mkdtemp(prefix="growth-"))
        try:
            source = (keep or folder) / f"rows-{count}.jsonl"
            if not source.exists():
                make(source, count)
            process = get_context("spawn").Process(target=measure, args=(source, folder / "run", count, choice))
            process.start()
            process.join()
            if process.exitcode:
                raise click.ClickException(f"{count} rows ended with {process.exitcode}")
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
