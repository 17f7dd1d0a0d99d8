"""What mine finds on real sets with known answers, beside cleanlab and scikit-learn.

    python -m tests.benchmarks.bench_mine [rare] [labels] [broken] [leaks] [copies] [representatives]

prints the tables of docs/neighbourhood.md, or those that are named. cleanlab is none of the project's dependencies:
without it its lines say so (`pip install cleanlab`, or a folder that holds it in PYTHONPATH).
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import numpy as np

from curate.mine import contaminate, edges, local, noise, paraphrase
from curate.mine.tokens import strings
from curate.pace import prototypes
from tests import mined_sets as sets
from tests.benchmarks.runs import say
from tests.test_mine_duplicates import find

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MISSING = "cleanlab is not installed: its lines are left out (pip install cleanlab)"
DRAWS = 2000


def rare() -> None:
    """Out-of-scope questions of CLINC150 among those of 150 intents: AUROC of each way to rank them."""
    pool = [row for row in sets.rows(sets.CLINC) if row["split"] == "val" or not row["oos"]]
    _rare(pool, "out-of-scope questions of validation alone")
    _rare(sets.rows(sets.CLINC), "those of training too")
    _strays()


def _rare(pool: list[sets.Row], about: str) -> None:
    around = sets.space(_encoded([row["text"] for row in pool]))
    outside = np.array([row["oos"] for row in pool])
    say(f"CLINC150, {len(pool):,} rows, {outside.sum()} outside ({about}): AUROC")
    ours = edges.rarity(around.vectors, around.place)
    ways = {"ours": ours, "mean of the 10 nearest": -around.cosine.mean(axis=1)}
    ways |= {f"LocalOutlierFactor, {k} neighbours": _factor(around.vectors, k) for k in (10, 20)}
    if (cleanlab := _outliers(around.vectors)) is not None:
        ways["cleanlab OutOfDistribution"] = cleanlab
    for name, score in ways.items():
        say(f"  {name:<34}{sets.auroc(outside, score):.4f}{_ahead(outside, ours, score) if score is not ours else ''}")


def _strays() -> None:
    """A few rows of a task, an intent or another set among many: where the way to rank rarity was chosen."""
    tasks, intents, pool = sets.rows(sets.FLAN), sets.rows(sets.BANKING), sets.rows(sets.DOLLY)
    task, intent = np.array([row["task"] for row in tasks]), np.array([row["intent"] for row in intents])
    asked, said = _encoded([row["input"] for row in tasks]), _encoded([row["text"] for row in intents])
    some = np.random.default_rng(0).choice
    cases = {}
    for name in sorted(set(task)):
        for count in (5, 30):
            few = some(np.flatnonzero(task == name), count, replace=False)
            cases[f"{count} rows of FLAN's {name}"] = asked[task != name], asked[few]
    for draw in range(3):
        names = some(sorted(set(intent)), 10, replace=False)
        few = np.concatenate([some(np.flatnonzero(intent == name), 3, replace=False) for name in names])
        cases[f"3 rows each of 10 intents of BANKING77 ({draw})"] = said[~np.isin(intent, names)], said[few]
    few = np.concatenate([some(np.flatnonzero(task == name), 5, replace=False) for name in sorted(set(task))])
    odd = np.concatenate([asked[few], some(said, 10, replace=False)])
    cases["40 rows of both in Dolly"] = _encoded([row["instruction"] for row in pool]), odd
    found = []
    say("Strays among others, AUROC: ours, and with cosines as they are")
    for name, (usual, odd) in cases.items():
        around = sets.space(np.concatenate([usual, odd]))
        outside = np.arange(len(around.vectors)) >= len(usual)
        ours, plain = edges.rarity(around.vectors, around.place), local.widen([around.vectors], around.place)
        found.append((sets.auroc(outside, ours), sets.auroc(outside, local.rarity(*plain))))
        say(f"  {name:<46}{found[-1][0]:.4f}  {found[-1][1]:.4f}")
    say(f"  {'mean':<46}{np.mean(found, axis=0)[0]:.4f}  {np.mean(found, axis=0)[1]:.4f}")


def _ahead(positive: NDArray[np.bool_], ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> str:
    """By how much ours is ahead, with the 95 % interval of a paired bootstrap over the rows."""
    draws = np.random.default_rng(0)
    orders = np.argsort(ours), np.argsort(theirs)
    gaps = []
    for _ in range(DRAWS):
        often = np.bincount(draws.integers(0, len(positive), len(positive)), minlength=len(positive))
        first, second = (_in_order(positive[order], often[order]) for order in orders)
        gaps.append(first - second)
    low, high = np.quantile(gaps, (0.025, 0.975))
    gap = sets.auroc(positive, ours) - sets.auroc(positive, theirs)
    return f"   ours is ahead by {gap:.4f} ({low:.4f} to {high:.4f})"


def _in_order(positive: NDArray[np.bool_], often: NDArray[np.int64]) -> float:
    """AUROC of rows in rising order, each as often as told; no two rows are equal."""
    inside = often * ~positive
    below = np.cumsum(inside) - inside
    return float((often * positive * below).sum() / (often[positive].sum() * inside.sum()))


def _factor(vectors: NDArray[np.float32], k: int) -> NDArray[np.floating]:
    from sklearn.neighbors import LocalOutlierFactor

    score: NDArray[np.floating] = -LocalOutlierFactor(n_neighbors=k).fit(vectors).negative_outlier_factor_
    return score


def _outliers(vectors: NDArray[np.float32]) -> NDArray[np.floating] | None:
    try:
        from cleanlab.outlier import OutOfDistribution
    except ImportError:
        say(MISSING)
        return None
    score: NDArray[np.floating] = -OutOfDistribution().fit_score(features=vectors, verbose=False)
    return score


def labels() -> None:
    """A tenth of the labels flipped: AUROC of finding them, and how many of the flagged rows were flipped."""
    for path, split in ((sets.BANKING, "test"), (sets.CLINC, "val")):
        pool = [row for row in sets.rows(path) if row["split"] == split and not row.get("oos")]
        around = sets.space(_encoded([row["text"] for row in pool]))
        known, label = np.unique([row["intent"] for row in pool], return_inverse=True)
        say(f"{path.parent.name} {split}, {len(pool):,} rows, {len(known)} labels: AUROC of two seeds")
        found: dict[str, list[str]] = {}
        for seed in (0, 1):
            flipped, given = sets.flips(around.vectors, label, len(known), seed)
            for how, one in given.items():
                for name, score in _doubts(around, one, len(known)).items():
                    found.setdefault(f"{how:<24}{name}", []).append(f"{sets.auroc(flipped, score):.3f}")
        for name, figures in found.items():
            say(f"  {name:<52}{', '.join(figures)}")


def _doubts(around: sets.Space, given: NDArray[np.int64], count: int) -> dict[str, NDArray[np.floating]]:
    """How doubtful each label is by each way; cleanlab ranks held-out probabilities of the same ridge regression."""
    ways: dict[str, NDArray[np.floating]] = {
        "ours": noise.suspicion(around.vectors, around.place, around.cosine, given, count)[1]
    }
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        say(MISSING)
        return ways
    scores = noise.SHARPNESS * noise.held_out(around.vectors, given, count)
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    for method in ("self_confidence", "normalized_margin"):
        ways[f"cleanlab {method}"] = -get_label_quality_scores(given, chance, method=method)
    return ways


def broken() -> None:
    """200 swapped answers against 200 rows of a rare task of FLAN-CoT, each task in turn the rare one."""
    pool = sets.rows(sets.FLAN)
    tasks = sorted({row["task"] for row in pool})
    figures = []
    say("FLAN-CoT, 4,500 rows of five tasks, 200 answers swapped, 200 rows of the sixth: AUROC")
    for task in tasks:
        drawn = random.Random(1).sample([row for row in pool if row["task"] == task], 200)
        made = sets.swapped([row for row in pool if row["task"] != task], drawn)
        figures.append(sets.told_apart(made, sets.mined(made, sets.space(_encoded(made.texts)))))
        say(f"  {task:<16}{figures[-1]:.3f}")
    say(f"  {'mean':<16}{np.mean(figures):.3f}")


def leaks() -> None:
    """Benchmark rows planted in Dolly after a change: the share found; and what is found in Dolly as it is."""
    asked = sets.questions()
    every = [question for some in asked.values() for question in some]
    sought = sets.benchmark(every)
    owner = np.repeat(list(asked), [len(some) for some in asked.values()])
    say(f"benchmark rows planted in Dolly, recall: {', '.join(asked)}")
    for change in sets.CHANGES:
        prompts, texts = sets.leaked(every, change)
        hits = contaminate.find(sought, strings(texts), strings(prompts), 0.3)
        found = np.isin(np.arange(len(every)), [hit.row for hit in hits if hit.row == hit.owner])
        say(f"  {change:<12}{'  '.join(f'{found[owner == name].mean():.3f}' for name in asked)}")
    pool = sets.rows(sets.DOLLY)
    prompts = [row["instruction"] for row in pool]
    texts = [f"{row['instruction']}\n\n{row['response']}" for row in pool]
    hits = contaminate.find(sought, strings(texts), strings(prompts), 0.3)
    alike = paraphrase.compare(prompts, every, _encoded(every), _encoded, 0.9)
    say(f"  Dolly as it is, {len(pool):,} rows: {len({hit.row for hit in hits})} by words")
    for hit in alike:
        say(f"    paraphrase {hit.share:.3f}: {prompts[hit.row]!r} of {every[hit.owner]!r}")


def copies() -> None:
    """Planted near duplicates in Dolly, and what GPTeacher's authors dropped from their own set."""
    pool, planted, chosen = sets.near_copies()
    natural, keeper = find(pool).keeper, find(pool + planted).keeper
    root = np.where(keeper >= 0, keeper, np.arange(len(keeper)))
    right = root[len(pool) :] == root[chosen]
    wrong = ((keeper[: len(pool)] >= 0) & (natural < 0)).sum() + (~right & (keeper[len(pool) :] >= 0)).sum()
    gone = (keeper >= 0).sum()
    say(f"Dolly, {len(planted)} planted copies: recall {right.mean():.4f}, precision {1 - wrong / gone:.4f}")
    texts, answers, theirs = sets.tool_rows()
    ours = find(texts, answers=answers).keeper >= 0
    say(f"GPTeacher Toolformer, {len(texts):,} rows, {ours.sum():,} leave by us; its authors' lists:")
    for limit, dropped in theirs.items():
        both = (ours & dropped).sum()
        say(
            f"  at {limit}: {dropped.sum():,} dropped; {both / ours.sum():.3f} of ours are in theirs, "
            f"{both / dropped.sum():.3f} of theirs in ours"
        )


def representatives() -> None:
    """Rows that stand for the others, chosen without their labels, beside as many drawn at random."""
    say(
        "rows chosen, intents among them, and rows whose nearest chosen row has their intent (random: mean of 20 draws)"
    )
    for path, split in ((sets.BANKING, "train"), (sets.CLINC, "train")):
        pool = [row for row in sets.rows(path) if row["split"] == split and not row.get("oos")]
        around = sets.space(_encoded([row["text"] for row in pool]))
        known, label = np.unique([row["intent"] for row in pool], return_inverse=True)
        one, every = np.zeros(len(pool), np.int32), np.ones(len(pool), np.bool_)
        near = prototypes.Nearby(around.place, around.cosine)
        for wanted in (len(known), 2 * len(known), len(pool) // 20):
            random_rows = np.random.default_rng(0)
            chosen = prototypes.chosen(near, one, every, np.array([wanted]), random_rows.permutation(len(pool)))
            drawn = [random_rows.choice(len(pool), wanted, replace=False) for _ in range(20)]
            ours = _stood_for(around.vectors, label, np.flatnonzero(chosen))
            theirs = np.mean([_stood_for(around.vectors, label, some) for some in drawn], axis=0)
            say(
                f"  {path.parent.name} {split}, {wanted:>4} of {len(pool):,}: {ours[0]:.0f} of {len(known)} intents "
                f"(random {theirs[0]:.1f}), {ours[1]:.3f} (random {theirs[1]:.3f})"
            )


def _stood_for(
    vectors: NDArray[np.float32], label: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[float, float]:
    """How many labels the chosen rows bear, and the share of the others whose nearest chosen row bears theirs."""
    nearest = chosen[(vectors @ vectors[chosen].T).argmax(axis=1)]
    others = np.setdiff1d(np.arange(len(label)), chosen)
    return len(np.unique(label[chosen])), float((label[nearest] == label)[others].mean())


_VECTORS: dict[str, NDArray[np.float32]] = {}


def _encoded(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of texts; each is encoded once."""
    if fresh := [text for text in dict.fromkeys(texts) if text not in _VECTORS]:
        _VECTORS.update(zip(fresh, sets.encode(fresh), strict=True))
    return np.stack([_VECTORS[text] for text in texts])


def main() -> None:
    """Print the tables that are named, or all."""
    tables: dict[str, Callable[[], None]] = {
        each.__name__: each for each in (rare, labels, broken, leaks, copies, representatives)
    }
    for name in sys.argv[1:] or tables:
        tables[name]()


if __name__ == "__main__":
    main()
