"""Near duplicates of short texts beside rensa, text-dedup and datatrove.

    python -m tests.benchmarks.bench_duplicates --rows 100000 [--ways ours,rensa] [--rounds 3]

Texts are made-up words whose frequencies fall as in a language (Zipf), with one planted copy for every two, 3 % of
whose words are changed. Each way runs in a process of its own, one of each per round. Imports and writing the texts for
the peers that read files are outside the clock. Prints seconds, processor seconds (children too), for which share of
the copies one of the pair left, and how many texts are lost that have no copy left. Peers that are not installed are
named as missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from itertools import accumulate, chain
from pathlib import Path
from statistics import median
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from curate.mine import duplicates
from curate.mine.tokens import strings
from tests.benchmarks.runs import paired, say

if TYPE_CHECKING:
    from collections.abc import Callable


PART, TOGETHER = 2048, 4


def texts(rows: int) -> tuple[list[str], list[int]]:
    """Texts of 40 to 80 words, a third of them planted copies; and the original of each copy."""
    rng = random.Random(0)
    words = ["".join(rng.choices(ascii_lowercase, k=rng.randint(2, 10))) for _ in range(20_000)]
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    base = [rng.choices(words, cum_weights=weights, k=rng.randint(40, 80)) for _ in range(rows * 2 // 3)]
    origin = rng.sample(range(len(base)), rows - len(base))
    copies = []
    for row in origin:
        copy = list(base[row])
        for place in rng.sample(range(len(copy)), int(len(copy) * 0.03)):
            copy[place] = rng.choice(words)
        copies.append(copy)
    return [" ".join(one) for one in base + copies], origin


def ours(pool: list[str], _: Path) -> Callable[[], set[int]]:
    """What the step does, which traces four parts at a time; its reading and writing of files is left out."""
    import rensa  # noqa: F401

    def run() -> set[int]:
        full = strings(pool)
        limits = duplicates.Limits(0.75, 0.04, 0.6, ("identity", "names", "numbers", "negation"))
        parts = [full.slice(start, PART) for start in range(0, len(pool), PART)]
        traced = (duplicates.trace(parts[low : low + TOGETHER], 0) for low in range(0, len(parts), TOGETHER))
        traces = duplicates.joined(chain.from_iterable(traced), len(pool))
        found = duplicates.find(traces, np.arange(len(pool)), None, lambda rows: (full.take(rows),) * 2, limits)
        return set(np.flatnonzero(found.keeper < 0).tolist())

    return run


def rensa(pool: list[str], _: Path) -> Callable[[], set[int]]:
    """The loop of its documentation, over sets of five characters."""
    from rensa import RMinHash, RMinHashLSH

    def run() -> set[int]:
        index = RMinHashLSH(0.75, 128, 16)
        kept = set()
        for key, text in enumerate(pool):
            made = RMinHash(128, 0)
            made.update([text[at : at + 5] for at in range(len(text) - 4)])
            if not index.query(made):
                kept.add(key)
            index.insert(key, made)
        return kept

    return run


def text_dedup(pool: list[str], folder: Path, ngram: str, permutations: str) -> Callable[[], set[int]]:
    """Its command over a data set on disk, with two processes."""
    from datasets import Dataset, load_from_disk
    from text_dedup import minhash

    Dataset.from_dict({"text": pool, "row": list(range(len(pool)))}).save_to_disk(folder / "in")
    options = {"--path": folder / "in", "--output": folder / "out", "--column": "text", "--batch_size": 10_000}
    options |= {"--ngram": ngram, "--num_perm": permutations, "--num_proc": 2, "--cache_dir": folder / "cache"}
    words = ["--local", *(str(each) for pair in options.items() for each in pair)]

    def run() -> set[int]:
        minhash.main(words, standalone_mode=False)
        return set(load_from_disk(folder / "out")["row"])

    return run


def datatrove(pool: list[str], folder: Path) -> Callable[[], set[int]]:
    """Its four stages at their defaults, over two files with two workers."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import minhash
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter
    from datatrove.utils.word_tokenizers import load_word_tokenizer

    load_word_tokenizer("eng").word_tokenize("one word")
    (folder / "in").mkdir()
    for part in range(2):
        with (folder / "in" / f"{part}.jsonl").open("w") as file:
            for row in range(part, len(pool), 2):
                file.write(json.dumps({"text": pool[row], "id": str(row)}) + "\n")
    sigs, buckets, gone, out = (str(folder / name) for name in ("signatures", "buckets", "gone", "out"))
    config = minhash.MinhashConfig()

    def run() -> set[int]:
        reader = JsonlReader(str(folder / "in"))
        stages: list[tuple[list[Any], int]] = [
            ([reader, minhash.MinhashDedupSignature(sigs, config)], 2),
            ([minhash.MinhashDedupBuckets(sigs, buckets, config=config)], config.num_buckets),
            ([minhash.MinhashDedupCluster(buckets, gone, config=config)], 1),
            ([reader, minhash.MinhashDedupFilter(gone), JsonlWriter(out, compression=None)], 2),
        ]
        for number, (steps, tasks) in enumerate(stages):
            logs = str(folder / f"logs-{number}")
            LocalPipelineExecutor(steps, tasks=tasks, workers=2, logging_dir=logs).run()
        lines = (line for path in sorted(Path(out).iterdir()) for line in path.read_text().splitlines())
        return {int(json.loads(line)["id"]) for line in lines}

    return run


WAYS: dict[str, Callable[[list[str], Path], Callable[[], set[int]]]] = {
    "ours": ours,
    "rensa": rensa,
    "text-dedup": lambda pool, folder: text_dedup(pool, folder, "5", "250"),
    "text-dedup-pairs": lambda pool, folder: text_dedup(pool, folder, "2", "128"),
    "datatrove": datatrove,
}
"""``text-dedup`` is at its defaults (runs of 5 words, 250 permutations), ``text-dedup-pairs`` takes pairs of words."""


def alone(name: str, rows: int) -> dict[str, Any]:
    """Run one way here."""
    pool, origin = texts(rows)
    with tempfile.TemporaryDirectory() as place:
        try:
            run = WAYS[name](pool, Path(place))
        except ImportError as error:
            return {"way": name, "missing": str(error)}
        began, spent = time.perf_counter(), _spent()
        kept = run()
        seconds, spent = time.perf_counter() - began, _spent() - spent
    base = len(pool) - len(origin)
    stays = np.isin(np.arange(len(pool)), list(kept))
    pairs = stays[origin].astype(int) + stays[base:]
    lost = int((~stays[np.setdiff1d(np.arange(base), origin)]).sum() + (pairs == 0).sum())
    found = float((pairs < 2).mean())
    return {"way": name, "seconds": seconds, "cpu_seconds": spent, "found": found, "lost": lost}


def _spent() -> float:
    return sum(os.times()[:4])


def main() -> None:
    """Interleave the ways, so that the load of the machine falls on all alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", choices=tuple(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        say(json.dumps(alone(options.variant, options.rows)))
        return
    variants = dict.fromkeys(options.ways.split(","), options.rounds)
    taken = paired(__file__, variants, ["--rows", str(options.rows)]).runs
    say(f"{options.rows:,} texts, median of {options.rounds}")
    for name, runs in taken.items():
        if "missing" in runs[0]:
            say(f"  {name:<18}missing: {runs[0]['missing']}")
            continue
        seconds, spent = (median(run[clock] for run in runs) for clock in ("seconds", "cpu_seconds"))
        told = f"found {runs[0]['found']:.4f}, texts lost {runs[0]['lost']}"
        say(f"  {name:<18}{seconds:8.2f} s ({spent:8.2f} s of processors)   {told}")


if __name__ == "__main__":
    main()
