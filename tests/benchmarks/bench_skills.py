"""How well ten seeds a skill assign the rest: accuracy, its standard deviation over draws, calibration, what stays out.

    python tests/benchmarks/bench_skills.py [--draws 10] [--seeds 10] [--sets clinc,flan,banking] [--cache FOLDER]

The sets are CLINC150 (its queries in scope; those out of scope are rows that no skill should take), the six tasks of
FLAN's chain-of-thought data (what is asked, and beside it the whole text) and BANKING77. Each draw takes its seeds by
chance and assigns all other rows, as `curate tier --skills skills.toml` does. ``mean`` goes to the nearest mean seed,
``classifier`` to the likeliest skill, both without a threshold; ``kept`` is what the default threshold leaves in, and
``right`` how much of all is assigned rightly with it. ECE: expected calibration error over 15 bins of equal width.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from curate.tag import classify, similar
from tests.benchmarks.real_rows import DATA
from tests.benchmarks.runs import say
from tests.scorer_runs import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Encode = Callable[[list[str]], NDArray[np.float32]]

Texts = list[tuple[str, str]]


def clinc() -> Texts:
    rows = read_lines(DATA / "clinc_oos/clinc_oos.jsonl.gz")
    return [(str(row["text"]), "" if row["oos"] else str(row["intent"])) for row in rows]


def flan() -> Texts:
    return [(str(row["input"]), str(row["task"])) for row in read_lines(DATA / "flan_cot/flan_cot.jsonl.gz")]


def flan_whole() -> Texts:
    rows = read_lines(DATA / "flan_cot/flan_cot.jsonl.gz")
    return [(f"{row['input']}\n\n{row['rationale']} {row['target']}", str(row["task"])) for row in rows]


def banking() -> Texts:
    rows = read_lines(DATA / "banking77/banking77.jsonl.gz")
    return [(str(row["text"]), str(row["intent"])) for row in rows]


SETS = {"clinc": clinc, "flan": flan, "flan_whole": flan_whole, "banking": banking}


def main() -> None:
    """Measure each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", default="clinc,flan,flan_whole,banking")
    parser.add_argument("--cache", type=Path, help="Folder where vectors are kept between runs.")
    options = parser.parse_args()
    if not DATA.is_dir():
        say("skipped: the real data sets are not beside the project (../shared/data)")
        return
    say(f"{'set':<11} {'skills':>6} {'mean':>14} {'classifier':>14} {'ECE':>6} {'kept':>6} {'right':>6} {'strange':>7}")
    for name in options.sets.split(","):
        rows = SETS[name]()
        vectors = _vectors(name, [text for text, _ in rows], options.cache)
        found = np.array(
            [_draw(vectors, [skill for _, skill in rows], options.seeds, at) for at in range(options.draws)]
        )
        mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1) if len(found) > 1 else found[0] * 0
        skills = len({skill for _, skill in rows if skill})
        strange = "-" if np.isnan(mean[5]) else f"{mean[5]:.3f}"
        say(
            f"{name:<11} {skills:>6} {mean[0]:.4f} ({spread[0]:.4f}) {mean[1]:.4f} ({spread[1]:.4f}) {mean[2]:6.3f} "
            f"{mean[3]:6.3f} {mean[4]:6.3f} {strange:>7}"
        )


def _vectors(name: str, texts: list[str], cache: Path | None) -> NDArray[np.float32]:
    kept = None if cache is None else cache / f"{name}.npy"
    if kept is not None and kept.is_file():
        held: NDArray[np.float32] = np.load(kept)
        return held
    from curate.models.load import load_encoder
    from curate.models.names import resolve

    made = load_encoder(resolve("auto", "encoder")).encode(texts)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, made)
    return made


def _draw(vectors: NDArray[np.float32], skills: list[str], count: int, seed: int) -> list[float]:
    """One draw: accuracy of mean and classifier, ECE, share kept, share right with it, strange rows left out."""
    words, code = np.unique(skills, return_inverse=True)
    known = np.flatnonzero(words != "")
    chance = np.random.default_rng(seed)
    chosen = np.concatenate([chance.choice(np.flatnonzero(code == each), count, replace=False) for each in known])
    owner = np.repeat(np.arange(len(known)), count)
    rest = np.isin(code, known)
    rest[chosen] = False
    truth = code[rest] - known[0]
    middle = similar.centroids(vectors[chosen], owner)
    least = similar.threshold(vectors[chosen], owner)
    mean, cosine = similar.nearest(vectors[rest], middle, -1.0, 0.0)
    model = classify.fit(vectors[chosen], owner)
    place, share = model.predict(vectors[rest])
    right, kept = place == truth, cosine >= least
    strange = ~np.isin(code, known)
    out = similar.nearest(vectors[strange], middle, least, 0.0)[0] < 0 if strange.any() else np.array([np.nan])
    return [
        float((mean == truth).mean()),
        float(right.mean()),
        _calibration_error(share, right),
        float(kept.mean()),
        float((right & kept).mean()),
        float(out.mean()),
    ]


def _calibration_error(share: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((share * 15).astype(int), 14)
    return float(sum(abs(share[bins == each].sum() - right[bins == each].sum()) for each in range(15)) / len(right))


if __name__ == "__main__":
    main()
