"""How time and memory grow with the rows: all steps of a run with cheap scorers, each size in a process of its own.

Rows have about 500 characters of made-up words whose frequencies fall as in a language (Zipf), a skill and an author.
They are made before the clock starts. Run with:

    python -m tests.benchmarks.bench_growth --rows 10000 --rows 100000
    python -m tests.benchmarks.bench_growth --rows 1000000 --workers 2
    python -m tests.benchmarks.bench_growth --rows 10000 --engine ray --workers 1

The start of the engine and of its first worker, with the libraries that scoring loads, is told apart from the steps.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import click
import numpy as np
import orjson

from curate.engines.choice import Choice
from curate.pipeline import Pipeline, chosen_engine, save_recipe, settle
from curate.protocol import Done, Part, Rising, ScoreField, Scorer, Scores
from curate.recipe import check
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

SCORERS = ("length", "readability", "rarity", "structure")
WORDS, WORD_ROWS = 20_000, 1 << 14


class Drawn(Scorer):
    """A number for each row that its answer's bytes decide: next to no work, for measuring the steps after scoring."""

    name = "drawn"
    version = "1"
    about = "A number that means nothing."
    source = "none"
    needs = ("answer_view",)
    gives = (ScoreField(name="drawn", rising=Rising.HARDER, unit="", low=0, about="", headline=True),)

    def score(self, batch: pa.Table) -> Scores:
        """Shape (n,), from 0 to 1."""
        texts = batch.column("answer_view").to_pylist()
        return Scores({"drawn": np.array([crc32(text.encode()) / 2**32 for text in texts], np.float32)})


@dataclass
class Loaded:
    """Loads what scoring needs and does nothing with the parts: a worker that ran it has started."""

    name: str = "start"

    def open(self) -> None:
        """Import the libraries."""
        import transformers.models.auto.tokenization_auto  # noqa: F401

        import curate.score.jobs  # noqa: F401

    def run(self, part: Part) -> Done:
        """Nothing."""
        return Done(part.index, part.rows)


def write_words(folder: Path) -> Path:
    """The folder of a model without weights whose tokens are words, which are counted in a tenth of the time."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    place = folder.parent / "words"
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?").save_pretrained(place)
    save_file({}, place / "model.safetensors")
    (place / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    return place


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
    """The most memory that this process has had since `forget_peak`, in GiB."""
    held = Path("/proc/self/status").read_text(encoding="ascii")
    return int(held.partition("VmHWM:")[2].split()[0]) / 2**20


def forget_peak() -> None:
    """Let the highest memory be counted anew from what is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure(source: Path, folder: Path, rows: int, choice: Choice, drawn: bool) -> None:
    """Run all steps and print each one's time, rate and highest memory."""
    value: dict[str, object] = {
        "sources": [str(source)],
        "score": {"scorers": list(SCORERS)},
        "tier": {"stages": 5, "skills": "column:skill", "holdout": 0.02},
        "audit": {"by": ["author"], "render": []},
    }
    if drawn:
        value["score"] = {"scorers": ["tests.benchmarks.bench_growth:Drawn"], "tokenizer": str(write_words(folder))}
    recipe = settle(check(value, "the benchmark"))
    space = Workspace(folder)
    save_recipe(space, recipe)
    total = time.perf_counter()
    with chosen_engine(recipe, choice) as engine:
        from tests.benchmarks.bench_growth import Loaded as Start  # by a name that a worker can import

        begun = time.perf_counter()
        list(engine.map(Start(), iter([Part(0, 1)])))
        click.echo(
            f"{rows:,} rows, engine {choice.kind} started in {begun - total:.1f} s, "
            f"its first worker in {time.perf_counter() - begun:.1f} s"
        )
        pipeline = Pipeline(space, recipe, engine)
        began = time.perf_counter()
        for step in pipeline.steps("audit"):
            forget_peak()
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
@click.option("--drawn", is_flag=True, help="Draw scores and count words as tokens: for the steps after scoring.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Leave rows and runs in this folder; steps that stand go on."
)
def main(rows: tuple[int, ...], kind: str, workers: int, drawn: bool, keep: Path | None) -> None:
    """Measure each size in a fresh process."""
    choice = Choice("ray" if kind == "ray" else "local", workers)
    with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="growth-") as place:
        for count in rows:
            source, folder = (
                Path(place) / f"rows-{count}.jsonl",
                Path(place) / f"run-{count}{'-drawn' if drawn else ''}",
            )
            if not source.exists():
                make(source, count)
            process = get_context("spawn").Process(target=measure, args=(source, folder, count, choice, drawn))
            process.start()
            process.join()
            if process.exitcode:
                raise click.ClickException(f"{count} rows ended with {process.exitcode}")


if __name__ == "__main__":
    main()
