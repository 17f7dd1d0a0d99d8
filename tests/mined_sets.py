"""Real sets with something planted that mine should find: copies, benchmark rows, wrong labels, swapped answers."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.embed.neighbours import build, nearest
from curate.mine import contaminate, edges
from curate.mine.tokens import strings
from curate.models import load, names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DOLLY = DATA / "dolly_6400" / "dolly_6400.jsonl.gz"
CLINC, BANKING = DATA / "clinc_oos" / "clinc_oos.jsonl.gz", DATA / "banking77" / "banking77.jsonl.gz"
FLAN, TOOLS = DATA / "flan_cot" / "flan_cot.jsonl.gz", DATA / "gpteacher_toolformer_dups" / "toolformer.jsonl.gz"
Row = dict[str, Any]


def rows(path: Path) -> list[Row]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.decode().splitlines()]


def auroc(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, score))


@dataclass(frozen=True)
class Space:
    """Texts in the encoder's space: unit vectors, and the places and cosines of the ten nearest of each."""

    vectors: NDArray[np.float32]
    place: NDArray[np.int64]
    cosine: NDArray[np.float32]


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    encoder = load.load_encoder(names.resolve("auto", "encoder"), "auto", "cpu")
    made: NDArray[np.float32] = encoder.encode(list(texts))
    return made


def space(vectors: NDArray[np.float32]) -> Space:
    return Space(vectors, *nearest(build(vectors), vectors, np.arange(len(vectors)), 10, len(vectors)))


def changed(text: str, share: float, words: list[str], rng: random.Random) -> str:
    """The text with this share of its words (or characters, where it has no spaces) replaced."""
    alone = " " not in text.strip()
    pieces = list(text) if alone else text.split()
    for place in rng.sample(range(len(pieces)), int(len(pieces) * share)):
        word = rng.choice(words)
        pieces[place] = word[0] if alone else word
    return ("" if alone else " ").join(pieces)


def appended(text: str, words: list[str], rng: random.Random) -> str:
    return " ".join([text, *rng.choices(words, k=int(len(text.split()) * 0.1))])


def near_copies(count: int = 1200) -> tuple[list[str], list[str], list[int]]:
    """The texts of Dolly; copies of some with small changes; and of which row each copy is."""
    pool = [f"{row['instruction']}\n\n{row['response']}" for row in rows(DOLLY)]
    rng, words = random.Random(0), sorted({word for text in pool for word in text.split()})
    changes: list[Callable[[str], str]] = [
        str.upper,
        lambda text: re.sub(r"(?<!\d)[.,;:!?()\"'-](?!\d)", "", text),
        lambda text: text.replace(" ", "  "),
        lambda text: changed(text, 0.03, words, rng),
        lambda text: appended(text, words, rng),
        lambda text: appended(changed(text, 0.03, words, rng), words, rng),
    ]
    chosen = rng.sample(range(len(pool)), count)
    return pool, [changes[number % len(changes)](pool[row]) for number, row in enumerate(chosen)], chosen


def tool_rows() -> tuple[list[str], list[str], dict[str, NDArray[np.bool_]]]:
    """GPTeacher's Toolformer rows: texts, answers, and which of them its authors dropped at each threshold."""
    pool = rows(TOOLS)
    texts = ["\n\n".join((row["instruction"], row["input"], row["response"])) for row in pool]
    theirs = {limit: np.array([not row["kept"][limit] for row in pool]) for limit in ("0.9", "0.8", "0.7", "0.6")}
    return texts, [row["response"] for row in pool], theirs


def questions() -> dict[str, list[str]]:
    """The questions of three benchmarks."""
    return {
        "HumanEval": [row["prompt"] for row in rows(DATA / "humaneval" / "humaneval.jsonl")],
        "MT-Bench": ["\n\n".join(row["turns"]) for row in rows(DATA / "mt_bench" / "mt_bench_vicuna_bench.jsonl")],
        "MGSM": [row["question"] for row in rows(DATA / "mgsm" / "mgsm.jsonl.gz")],
    }


def benchmark(asked: Sequence[str]) -> contaminate.Benchmark:
    texts = strings(list(asked))
    return contaminate.index(texts, texts, [f"benchmark:{number}" for number in range(len(asked))])


CHANGES = ("verbatim", "lower", "marks", "words")
"""As it is; in lower case; without punctuation; with one word in ten replaced."""


def leaked(asked: Sequence[str], change: str) -> tuple[list[str], list[str]]:
    """Questions after a change as prompts, and whole texts: each with the answer of some row of Dolly."""
    pool = rows(DOLLY)
    rng, words = random.Random(1), sorted({word for row in pool for word in row["response"].split()})
    ways: dict[str, Callable[[str], str]] = {
        "verbatim": str,
        "lower": str.lower,
        "marks": lambda text: re.sub(r"[.,;:!?'\"()-](?!\d)", "", text),
        "words": lambda text: changed(text, 0.1, words, rng),
    }
    prompts = [ways[change](question) for question in asked]
    return prompts, [f"{prompt}\n\n{rng.choice(pool)['response']}" for prompt in prompts]


def flips(
    vectors: NDArray[np.float32], label: NDArray[np.int64], count: int, seed: int
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.int64]]]:
    """Which tenth of the rows is flipped, and the labels then: to any other label, or to the most like the true one."""
    rng = np.random.default_rng(seed)
    flipped = rng.random(len(label)) < 0.1
    centres = np.stack([vectors[label == one].mean(axis=0) for one in range(count)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    alike = centres @ centres.T - 9 * np.eye(count)
    uniform, confusable = label.copy(), label.copy()
    uniform[flipped] = (label[flipped] + rng.integers(1, count, flipped.sum())) % count
    confusable[flipped] = alike.argmax(axis=1)[label[flipped]]
    return flipped, {"uniform": uniform, "to the most confusable": confusable}


@dataclass(frozen=True)
class Pool:
    """Prompts and answers of which some are ``broken`` (their answers were swapped) and some are ``rare``."""

    prompts: list[str]
    answers: list[str]
    broken: NDArray[np.bool_]
    rare: NDArray[np.bool_]

    @property
    def texts(self) -> list[str]:
        return [f"{prompt}\n\n{answer}" for prompt, answer in zip(self.prompts, self.answers, strict=True)]


def swapped(usual: Sequence[Row], rare: Sequence[Row], seed: int = 0) -> Pool:
    """Rows of FLAN, as many of them with each other's answers as there are of the *rare* task."""
    pool = [*usual, *rare]
    answers = [f"{row['rationale']}\n{row['target']}" for row in pool]
    chosen = random.Random(seed).sample(range(len(usual)), len(rare))
    moved = [answers[row] for row in [*chosen[1:], chosen[0]]]
    for row, answer in zip(chosen, moved, strict=True):
        answers[row] = answer
    broken = np.zeros(len(pool), np.bool_)
    broken[chosen] = True
    return Pool([row["input"] for row in pool], answers, broken, np.arange(len(pool)) >= len(usual))


def told_apart(pool: Pool, found: edges.Edges) -> float:
    """How well mine tells the broken rows from the rare ones, as AUROC; rows that nothing is known of count as fit."""
    asked = pool.broken | pool.rare
    return auroc(pool.broken[asked], -np.nan_to_num(found.fit[asked], nan=1.0))


def mined(pool: Pool, around: Space) -> edges.Edges:
    prompts, answers = strings(pool.prompts), strings(pool.answers)
    return edges.find(around.vectors, around.place, prompts, answers, {}, 0.1)
