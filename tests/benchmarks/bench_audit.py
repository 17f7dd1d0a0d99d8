"""Audits a synthetic run folder as the step does it, and says how long it took, its memory, and the size of the page.

Run with: python -m tests.benchmarks.bench_audit --rows 100000
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

VOCABULARY = """
the of and to in is that it was for on are with as his they at be this from have or by one had not but what all
were when we there can an your which their said if do will each about how up out them then she many some so these
would other into has more her two like him see time could no make than first been its who now people my made over
did down only way find use may water long little very after words called just where most know nurse doctor teacher
engineer kind poor honest lazy german african christian number 3.14 12 x = y + 2 2026-01-01 https://example.org
"""


def texts(rows: int, random: np.random.Generator) -> list[str]:
    """Texts of 20 to 160 words, about 500 characters, with a few addresses, keys and numbers among them."""
    vocabulary = np.array(VOCABULARY.split(), dtype=object)
    drawn = random.integers(0, len(vocabulary), int(rows * 90 * 1.1))
    words = vocabulary[drawn]
    length = random.integers(20, 160, rows)
    starts = random.integers(0, len(words) - 160, rows)
    made = [" ".join(words[start : start + size]) for start, size in zip(starts, length, strict=True)]
    for at in range(0, rows, 997):
        made[at] += f" write to user{at}@uni-bonn.de or call +49 30 90182{at % 10}"
    for at in range(0, rows, 9973):
        made[at] += " ghp_" + "a1B2" * 9
    return made


def prepare(folder: Path, rows: int) -> None:
    """What the steps before the audit would have written: 150 skills, 6 stages, vectors, duplicates, three columns."""
    from tests.audit_runs import Rows, write

    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, 151)
    skill = random.choice(150, rows, p=weights / weights.sum())
    centres = random.normal(size=(150, 384)).astype(np.float32)
    vectors = np.empty((rows, 384), np.float32)
    for start in range(0, rows, 10_000):
        part = slice(start, min(start + 10_000, rows))
        vectors[part] = centres[skill[part]] + random.normal(size=(part.stop - start, 384)).astype(np.float32)
        vectors[part] /= np.linalg.norm(vectors[part], axis=1, keepdims=True)
    length, lm = random.random(rows), random.random(rows)
    fate = np.where(random.random(rows) < 0.05, "holdout", "train").astype(object)
    twins = np.flatnonzero(random.random(rows) < 0.03)[1:]
    fate[twins] = "duplicate"
    columns = {
        "author": [f"author {each}" for each in random.integers(0, 30, rows)],
        "topic": [f"topic {each}" for each in random.zipf(1.5, rows).clip(max=500)],
        "age": random.integers(16, 90, rows).tolist(),
    }
    write(
        folder,
        Rows(
            rows,
            stages=6,
            part_rows=2048,
            skill=[f"skill {each:03d}" for each in skill],
            source=[f"part-{each}.jsonl" for each in random.integers(0, 8, rows)],
            texts=texts(rows, random),
            columns=columns,
            difficulty=(length.astype(np.float32).astype(np.float64) + lm.astype(np.float32)) / 2,
            scores={"length": length, "lm": lm},
            fate=fate,
            partner={int(row): int(row) - 1 for row in twins},
            vectors=vectors,
        ),
    )


def audit(folder: Path, reference: int) -> None:
    """Audit the folder, and say what it took."""
    from curate.audit.step import Asked, Given, Settings, run
    from curate.store.workspace import Workspace
    from tests.audit_runs import WORK

    random = np.random.default_rng(1)
    vectors = random.normal(size=(reference, 384)).astype(np.float32)
    asked = Asked("reference", vectors / np.linalg.norm(vectors, axis=1, keepdims=True)) if reference else None
    settings = Settings(by=("author", "topic", "age"), render=("html", "md"))
    space = Workspace(folder)
    began, spent = time.perf_counter(), time.process_time()
    report = run(space, settings, WORK, Given(reference=asked))
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sizes = {name: len(space.read_bytes(f"audit/report.{name}")) / 1e3 for name in ("json", "html", "md")}
    click.echo(
        f"{report.summaries[0].rows} rows, {report.tests} tests: {seconds:.1f} s ({cpu:.1f} s of processors), "
        f"peak {peak:.2f} GiB; " + ", ".join(f"{name} {size:,.0f} kB" for name, size in sizes.items())
    )


@click.command()
@click.option("--rows", default=100_000)
@click.option("--reference", default=2000, help="Texts of a reference set.")
@click.option("--folder", type=click.Path(path_type=Path), help="A run folder made by an earlier call; kept.")
@click.option("--made", is_flag=True, hidden=True)
def main(rows: int, reference: int, folder: Path | None, *, made: bool) -> None:
    """Time the audit of ROWS rows, in a process of its own."""
    if made and folder is not None:
        audit(folder, reference)
        return
    with tempfile.TemporaryDirectory() as place:
        run = folder or Path(place) / "run"
        if not run.exists():
            prepare(run, rows)
        command = [sys.executable, "-m", "tests.benchmarks.bench_audit", "--made", "--folder", str(run)]
        subprocess.run([*command, "--reference", str(reference)], check=True, env=os.environ)


if __name__ == "__main__":
    main()
