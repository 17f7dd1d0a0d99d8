"""Near duplicates of short texts beside rensa's own loop; `python -m tests.benchmarks.bench_duplicates ROWS`.

Texts are sentences of random words with one planted copy for every two, 3 % of whose words are changed. Writes one line
of JSON per repetition: seconds, and the share of planted copies that were found.
"""

from __future__ import annotations

import json
import random
import sys
import time

import numpy as np

from curate.mine import duplicates
from curate.mine.tokens import strings

REPETITIONS = 3


def texts(rows: int) -> tuple[list[str], list[int]]:
    """Texts of 40 to 80 words, a third of them planted copies; and the original of each copy."""
    rng = random.Random(0)
    words = [f"w{rng.randrange(10**6)}" for _ in range(20_000)]
    base = [rng.choices(words, k=rng.randint(40, 80)) for _ in range(rows * 2 // 3)]
    origin = rng.sample(range(len(base)), rows - len(base))
    copies = []
    for row in origin:
        copy = list(base[row])
        for place in rng.sample(range(len(copy)), int(len(copy) * 0.03)):
            copy[place] = rng.choice(words)
        copies.append(copy)
    return [" ".join(one) for one in base + copies], origin


def ours(pool: list[str]) -> list[bool]:
    full = strings(pool)
    limits = duplicates.Limits(0.75, 0.04, 0.6, ("identity", "names", "numbers", "negation"))
    traces = duplicates.trace(full, 0)
    found = duplicates.find(traces, np.arange(len(pool)), None, lambda rows: (full.take(rows), full.take(rows)), limits)
    gone: list[bool] = (found.keeper >= 0).tolist()
    return gone


def rensa(pool: list[str]) -> list[bool]:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(0.75, 128, 16)
    gone = []
    for key, text in enumerate(pool):
        made = RMinHash(128, 0)
        made.update([text[at : at + 5] for at in range(len(text) - 4)])
        gone.append(bool(index.query(made)))
        index.insert(key, made)
    return gone


def main() -> None:
    """Interleave the ways, so that the load of the machine falls on both alike."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    pool, origin = texts(rows)
    for _ in range(REPETITIONS):
        for name, way in (("ours", ours), ("rensa", rensa)):
            start = time.perf_counter()
            gone = way(pool)
            seconds = time.perf_counter() - start
            found = sum(gone[-len(origin) :]) / len(origin)
            wrong = sum(gone[: -len(origin)])
            line = {"way": name, "rows": rows, "seconds": round(seconds, 2), "found": round(found, 4), "wrong": wrong}
            sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
