"""One cheap filter job beside Data-Juicer and datatrove: read JSON lines, keep texts of 250 to 750 characters, write.

Each way is a process of its own with as many workers, timed from its start to its end; the ways take turns. Ours is the
step ingest, which also gives ids, finds copies and accounts for every row. All must keep the same number of rows; a
peer that is not installed is named. The peers are best installed apart, with the libraries of the project in sight:

    python -m venv /tmp/peers
    echo $PWD/.venv/lib/python3.*/site-packages > $(echo /tmp/peers/lib/*/site-packages)/ours.pth
    /tmp/peers/bin/pip install py-data-juicer aiohttp datatrove
    python -m tests.benchmarks.bench_filter --peers /tmp/peers/bin/python
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click
import numpy as np
import orjson
from pyarrow.parquet import read_metadata

LEAST, MOST = 250, 750
FILES = 2

OURS = """
import sys
from curate.engines.choice import Choice
from curate.pipeline import Pipeline, chosen_engine, save_recipe, settle
from curate.recipe import check
from curate.store.workspace import Workspace
if __name__ == "__main__":
    source, out, least, most, workers = sys.argv[1:]
    bounds = {"min_characters": least, "max_characters": most}
    recipe = settle(check({"sources": [source], "ingest": bounds, "score": {"scorers": ["length"]}}, "bench"))
    space = Workspace(out)
    save_recipe(space, recipe)
    with chosen_engine(recipe, Choice(workers=int(workers))) as engine:
        Pipeline(space, recipe, engine).build("ingest")
"""

DATA_JUICER = """
import sys
from pathlib import Path
source, out, least, most, workers = sys.argv[1:]
config = Path(out) / "job.yaml"
config.write_text(
    f"project_name: bench\\ndataset_path: {source}\\nexport_path: {out}/kept/all.jsonl\\nnp: {workers}\\n"
    f"process:\\n  - text_length_filter:\\n      min_len: {least}\\n      max_len: {most}\\n"
)
sys.argv = ["dj-process", "--config", str(config)]
from data_juicer.config import init_configs
from data_juicer.core.executor import DefaultExecutor
if __name__ == "__main__":
    DefaultExecutor(init_configs()).run()
"""

DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
if __name__ == "__main__":
    source, out = sys.argv[1:3]
    least, most, workers = map(int, sys.argv[3:])
    LocalPipelineExecutor(
        [
            JsonlReader(source),
            LambdaFilter(lambda document, low=least, high=most: low <= len(document.text) <= high),
            JsonlWriter(f"{out}/kept", compression=None),
        ],
        tasks=2,
        workers=workers,
        logging_dir=f"{out}/logs",
    ).run()
"""


def make(folder: Path, rows: int) -> None:
    """*rows* texts of 100 to 900 characters, in files of equal size."""
    random = np.random.default_rng(0)
    letters = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz      ", np.uint8)
    for number in range(FILES):
        with (folder / f"texts-{number}.jsonl").open("wb") as file:
            for size in random.integers(100, 900, rows // FILES).tolist():
                text = "x" + letters[random.integers(0, len(letters), size - 2)].tobytes().decode() + "x"
                file.write(orjson.dumps({"text": text}, option=orjson.OPT_APPEND_NEWLINE))


def run(python: str, code: str, source: Path, workers: int) -> tuple[float, int]:
    """The seconds of one process, and how many rows it kept."""
    with tempfile.TemporaryDirectory(prefix="filter-") as out:
        script = Path(out) / "job.py"
        script.write_text(code, encoding="utf-8")
        own = {"HF_DATASETS_CACHE": f"{out}/cache", "DATA_JUICER_CACHE_HOME": f"{out}/juice", "TQDM_DISABLE": "1"}
        own["PYTHONDONTWRITEBYTECODE"] = ""  # as an installed package has its bytecode
        began = time.perf_counter()
        ended = subprocess.run(
            [python, str(script), str(source), out, str(LEAST), str(MOST), str(workers)],
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.perf_counter() - began
        if ended.returncode:
            raise click.ClickException(ended.stderr[-2000:])
        return took, count(Path(out))


def count(out: Path) -> int:
    """How many rows a way has left: lines in `kept/` (without Data-Juicer's statistics), or rows of our examples."""
    kept = (path for path in (out / "kept").glob("*.jsonl") if not path.stem.endswith("_stats"))
    lines = sum(path.read_bytes().count(b"\n") for path in kept)
    return lines + sum(int(read_metadata(path).num_rows) for path in (out / "examples").glob("*.parquet"))


def has(python: str, module: str) -> bool:
    """Whether that interpreter finds a module."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


@click.command()
@click.option("--rows", type=int, default=100_000)
@click.option("--repetitions", type=int, default=3)
@click.option("--workers", type=int, default=1)
@click.option("--peers", default=sys.executable, help="The interpreter that the peers are installed for.")
def main(rows: int, repetitions: int, workers: int, peers: str) -> None:
    """Print the median seconds of each way, with the least and the most."""
    ways = {"curate": (sys.executable, OURS)}
    for name, module, code in (("Data-Juicer", "data_juicer", DATA_JUICER), ("datatrove", "datatrove", DATATROVE)):
        if has(peers, module):
            ways[name] = peers, code
        else:
            click.echo(f"{name} is not installed for {peers}")
    with tempfile.TemporaryDirectory(prefix="filter-") as place:
        make(Path(place), rows)
        took: dict[str, list[float]] = {name: [] for name in ways}
        kept: dict[str, int] = {}
        for _ in range(repetitions):
            for name, (python, code) in ways.items():
                seconds, kept[name] = run(python, code, Path(place), workers)
                took[name].append(seconds)
    if len(set(kept.values())) > 1:
        raise click.ClickException(f"the ways kept different rows: {kept}")
    for name, times in took.items():
        spread = f"{min(times):.2f} to {max(times):.2f}"
        click.echo(f"{name:<12}{median(times):8.2f} s ({spread}), {kept[name]:,} kept")


if __name__ == "__main__":
    main()
