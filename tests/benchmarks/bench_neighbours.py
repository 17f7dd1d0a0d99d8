"""The ten nearest neighbours of all rows side by side: ours, faiss flat, scikit-learn and cleanlab.

    python -m tests.benchmarks.real_sentences VECTORS.npy
    python -m tests.benchmarks.bench_neighbours --rows 100000 --vectors VECTORS.npy [--ways ours,flat] [--rounds 3]

Each way runs in a process of its own, one of each per round; imports are outside the clock, the index is built inside.
LocalOutlierFactor and cleanlab always query all rows.
faiss flat is run with each kernel of OpenBLAS, since the default is not the best everywhere. Where more rows are asked
for than the file has, the rest are copies with noise of .03 in each number. Without a file vectors are synthetic.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from curate.embed import kinds, selfjoin
from curate.embed.measure import drawn
from curate.embed.neighbours import build, nearest
from tests.benchmarks.runs import clocked, paired, say, use_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

K = 10
SAMPLE = 2000


def vectors_of(path: str | None, rows: int) -> Vectors:
    """Unit vectors of width 384: real ones of the file, or clustered ones."""
    rng = np.random.default_rng(0)
    if path is None:
        centres = rng.normal(size=(max(rows // 100, 1), 384)).astype(np.float32)
        return _unit(centres[rng.integers(0, len(centres), rows)] + rng.standard_normal((rows, 384), np.float32))
    held: Vectors = np.load(path)[:rows]
    made = np.empty((rows, held.shape[1]), np.float32)
    for start in range(0, rows, len(held)):
        some = made[start : start + len(held)]
        some[:] = held[: len(some)]
        if start:
            some += np.float32(0.03) * rng.standard_normal(some.shape, np.float32)
            some[:] = _unit(some)
    return made


def _unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def ours(vectors: Vectors, queries: int) -> NDArray[np.int64]:
    kind = kinds.choose(*vectors.shape)
    if kind == "coarse" and queries == len(vectors):
        return selfjoin.join(vectors, K)[0]
    index = kinds.make(kind, vectors, K + 1, 0)
    return nearest(index, vectors[:queries], np.arange(queries), K, len(vectors))[0]


def flat(vectors: Vectors, queries: int) -> NDArray[np.int64]:
    return build(vectors).search(vectors[:queries], K + 1)[1][:, 1:]


def scikit(vectors: Vectors, queries: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=K + 1, algorithm="brute", metric="cosine", n_jobs=-1).fit(vectors)
    listed: NDArray[np.int64] = found.kneighbors(vectors[:queries])[1][:, 1:]
    return listed


def factor(vectors: Vectors, _: int) -> None:
    from sklearn.neighbors import LocalOutlierFactor

    LocalOutlierFactor(n_neighbors=K, n_jobs=-1).fit(vectors)


def cleanlab(vectors: Vectors, _: int) -> None:
    from cleanlab.outlier import OutOfDistribution

    OutOfDistribution({"k": K}).fit_score(features=vectors, verbose=False)


@dataclass(frozen=True)
class Way:
    """What is run, what must be there for it, and with which variables of the environment."""

    name: str
    run: Callable[[Vectors, int], NDArray[np.int64] | None]
    needs: str
    variables: dict[str, str] = field(default_factory=dict)
    avx512: bool = False


WAYS = {
    "ours": Way("ours", ours, "torch"),
    "flat": Way("faiss flat", flat, "faiss"),
    "flat-haswell": Way("faiss flat, Haswell kernels", flat, "faiss", {"OPENBLAS_CORETYPE": "Haswell"}),
    "flat-skylakex": Way("faiss flat, SkylakeX kernels", flat, "faiss", {"OPENBLAS_CORETYPE": "SkylakeX"}, avx512=True),
    "scikit": Way("scikit-learn NearestNeighbors", scikit, "sklearn.neighbors"),
    "factor": Way("scikit-learn LocalOutlierFactor", factor, "sklearn.neighbors"),
    "cleanlab": Way("cleanlab OutOfDistribution", cleanlab, "cleanlab.outlier"),
}


def alone(way: Way, vectors: Vectors, queries: int) -> dict[str, Any]:
    """Run one way here, and say what it took and how much of the truth it found for a sample of the queries."""
    import torch

    if way.avx512 and not torch.cpu._is_avx512_supported():
        return {"way": way.name, "missing": "this processor has no AVX-512"}
    try:
        import faiss  # noqa: F401

        __import__(way.needs)
    except ImportError:
        return {"way": way.name, "missing": f"{way.needs} is not installed"}
    run = clocked(lambda: {"way": way.name, "found": way.run(vectors, queries)})
    found = run.pop("found")
    if found is not None:
        rows = drawn(queries, np.random.default_rng(1), SAMPLE)
        true = nearest(build(vectors), vectors[rows], rows, K, len(vectors))[1]
        cosine = np.einsum("md,mkd->mk", vectors[rows], vectors[found[rows]])
        run["recall"] = kinds.share_found(np.sort(cosine, axis=1)[:, ::-1], true)
    return run


def main() -> None:
    """Interleave the ways, so that the load of the machine falls on all alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--vectors")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--queries", type=int, help="the first so many rows are queried; none: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", choices=tuple(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        use_threads(options.threads)
        vectors = vectors_of(options.vectors, options.rows)
        say(json.dumps(alone(WAYS[options.variant], vectors, options.queries or options.rows)))
        return
    variants = dict.fromkeys(options.ways.split(","), options.rounds)
    shared = [f"--rows={options.rows}", f"--threads={options.threads}"]
    shared += [f"--queries={options.queries}"] if options.queries else []
    shared += [f"--vectors={options.vectors}"] if options.vectors else []
    threads = {"OMP_NUM_THREADS": str(options.threads)}
    taken = paired(__file__, variants, shared, {name: threads | WAYS[name].variables for name in variants}).runs
    asked = f"{options.queries:,} of them queried" if options.queries else "all queried"
    say(f"{options.rows:,} rows, {asked}, k = {K}; median of {options.rounds}")
    for name, runs in taken.items():
        if "missing" in runs[0]:
            say(f"  {WAYS[name].name:<34}{runs[0]['missing']}")
            continue
        seconds, spent = (median(run[clock] for run in runs) for clock in ("seconds", "cpu_seconds"))
        peak, recall = max(run["peak_mib"] for run in runs), runs[0].get("recall")
        told = "" if recall is None else f"   recall {recall:.4f}"
        say(f"  {WAYS[name].name:<34}{seconds:9.2f} s ({spent:9.2f} s of processors)  {peak:7.0f} MiB{told}")


if __name__ == "__main__":
    main()
