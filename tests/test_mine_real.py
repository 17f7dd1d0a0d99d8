"""What mine reaches on real sets with known answers; thresholds are those measured, a little below the figure."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from curate.embed.neighbours import build, nearest
from curate.mine import contaminate, duplicates, edges, local, noise
from curate.mine.tokens import strings
from curate.models import load, names
from tests.test_mine_duplicates import find

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
pytestmark = [pytest.mark.real, pytest.mark.skipif(not DATA.is_dir(), reason="no data beside the project")]
DOLLY, CLINC = DATA / "dolly_6400" / "dolly_6400.jsonl.gz", DATA / "clinc_oos" / "clinc_oos.jsonl.gz"
Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def rows(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.decode().splitlines()]


def auroc(positive: np.ndarray[Any, Any], score: np.ndarray[Any, Any]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, score))


def embed(texts: list[str]) -> Vectors:
    encoder = load.load_encoder(names.resolve("auto", "encoder"), "auto", "cpu")
    made: Vectors = encoder.encode(texts)
    return made


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


def test_planted_near_duplicates_are_found_and_nothing_else_is() -> None:
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
    chosen = rng.sample(range(len(pool)), 1200)
    planted = [changes[number % len(changes)](pool[row]) for number, row in enumerate(chosen)]
    natural = find(pool).keeper

    keeper = find(pool + planted).keeper

    root = np.where(keeper >= 0, keeper, np.arange(len(keeper)))
    right = root[len(pool) :] == root[chosen]
    wrong = int(((keeper[: len(pool)] >= 0) & (natural < 0)).sum()) + int((~right & (keeper[len(pool) :] >= 0)).sum())
    assert right.mean() >= 0.99
    assert wrong / (keeper >= 0).sum() <= 0.01


def test_at_most_one_in_a_hundred_twins_is_merged() -> None:
    twins = rows(DATA / "crows_pairs" / "crows_pairs.jsonl")
    found = find([row["sent_more"] for row in twins] + [row["sent_less"] for row in twins])
    root = np.where(found.keeper >= 0, found.keeper, np.arange(len(found.keeper)))

    assert (root[: len(twins)] == root[len(twins) :]).mean() <= 0.005


def test_no_winobias_twin_is_merged() -> None:
    texts = sorted(
        {row["text"].replace("[", "").replace("]", "") for row in rows(DATA / "winobias" / "winobias.jsonl")}
    )

    found = find(texts)

    assert (found.keeper >= 0).sum() == 0
    assert len(found.apart) > 400


def test_most_of_what_we_drop_from_gpteacher_its_authors_dropped_too() -> None:
    pool = rows(DATA / "gpteacher_toolformer_dups" / "toolformer.jsonl.gz")
    texts = ["\n\n".join((row["instruction"], row["input"], row["response"])) for row in pool]
    gone = find(texts, answers=[row["response"] for row in pool]).keeper >= 0
    theirs = np.array([not row["kept"]["0.6"] for row in pool])

    assert (gone & theirs).sum() / gone.sum() >= 0.95


def benchmark() -> tuple[list[str], contaminate.Benchmark]:
    code = [row["prompt"] for row in rows(DATA / "humaneval" / "humaneval.jsonl")]
    asked = ["\n\n".join(row["turns"]) for row in rows(DATA / "mt_bench" / "mt_bench_vicuna_bench.jsonl")]
    sums = [row["question"] for row in rows(DATA / "mgsm" / "mgsm.jsonl.gz")]
    questions = [*code, *asked, *sums]
    named = [f"benchmark:{number}" for number in range(len(questions))]
    return questions, contaminate.index(strings(questions), strings(questions), named)


@pytest.mark.parametrize(("change", "least"), [("verbatim", 1.0), ("lower", 1.0), ("marks", 1.0), ("words", 0.97)])
def test_planted_benchmark_rows_are_found(change: str, least: float) -> None:
    pool = rows(DOLLY)
    questions, sought = benchmark()
    rng, words = random.Random(1), sorted({word for row in pool for word in row["response"].split()})
    ways: dict[str, Callable[[str], str]] = {
        "verbatim": str,
        "lower": str.lower,
        "marks": lambda text: re.sub(r"[.,;:!?'\"()-](?!\d)", "", text),
        "words": lambda text: changed(text, 0.1, words, rng),
    }
    prompts = [ways[change](question) for question in questions]
    texts = [f"{prompt}\n\n{rng.choice(pool)['response']}" for prompt in prompts]

    hits = contaminate.find(sought, strings(texts), strings(prompts), 0.3)

    assert len({hit.row for hit in hits if hit.row == hit.owner}) >= least * len(questions)


def test_a_clean_pool_has_no_contamination() -> None:
    pool = rows(DOLLY)
    _, sought = benchmark()
    texts = [f"{row['instruction']}\n\n{row['response']}" for row in pool]

    hits = contaminate.find(sought, strings(texts), strings([row["instruction"] for row in pool]), 0.3)

    assert len({hit.row for hit in hits}) < 0.001 * len(pool)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_out_of_scope_questions_are_the_rarest() -> None:
    pool = rows(CLINC)
    vectors = embed([row["text"] for row in pool])
    place, cosine = nearest(build(vectors), vectors, np.arange(len(pool)), 10, len(pool))
    outside = np.array([row["oos"] for row in pool])

    found = auroc(outside, local.rarity(*local.widen(vectors, place)))

    assert found >= 0.985
    assert found > auroc(outside, -cosine.mean(axis=1)) + 0.005


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_flipped_labels_are_found_uniform_or_confusable() -> None:
    pool = [row for row in rows(DATA / "banking77" / "banking77.jsonl.gz") if row["split"] == "test"]
    vectors = embed([row["text"] for row in pool])
    place, cosine = nearest(build(vectors), vectors, np.arange(len(pool)), 10, len(pool))
    known, label = np.unique([row["intent"] for row in pool], return_inverse=True)
    count, rng = len(known), np.random.default_rng(0)
    flipped = rng.random(len(pool)) < 0.1
    centres = np.stack([vectors[label == one].mean(axis=0) for one in range(count)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    alike = centres @ centres.T - 9 * np.eye(count)
    uniform, confusable = label.copy(), label.copy()
    uniform[flipped] = (label[flipped] + rng.integers(1, count, flipped.sum())) % count
    confusable[flipped] = alike.argmax(axis=1)[label[flipped]]

    found = [auroc(flipped, noise.suspicion(vectors, place, cosine, one, count)[1]) for one in (uniform, confusable)]

    assert found[0] >= 0.99
    assert found[1] >= 0.96


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_swapped_answers_are_told_from_a_rare_task() -> None:
    pool = rows(DATA / "flan_cot" / "flan_cot.jsonl.gz")
    usual = [row for row in pool if row["task"] in {"qasc", "sensemaking"}][:900]
    rare = [row for row in pool if row["task"] == "strategyqa"][:100]
    prompts = [row["input"] for row in usual + rare]
    answers = [f"{row['rationale']}\n{row['target']}" for row in usual + rare]
    swapped = random.Random(0).sample(range(len(usual)), 100)
    moved = [answers[row] for row in [*swapped[1:], swapped[0]]]
    for row, answer in zip(swapped, moved, strict=True):
        answers[row] = answer
    texts = [f"{prompt}\n\n{answer}" for prompt, answer in zip(prompts, answers, strict=True)]
    vectors = embed(texts)
    place, cosine = nearest(build(vectors), vectors, np.arange(len(texts)), 10, len(texts))

    found = edges.find(vectors, place, cosine, strings(prompts), strings(answers), {}, 0.1)

    broken = np.zeros(len(texts), np.bool_)
    broken[swapped] = True
    asked = broken | (np.arange(len(texts)) >= len(usual))
    assert auroc(broken[asked], -np.nan_to_num(found.fit[asked], nan=1.0)) >= 0.95


def test_reading_the_pool_by_parts_changes_nothing() -> None:
    texts = [row["response"] for row in rows(DOLLY)][:1000]
    whole = duplicates.trace(strings(texts), 0)

    parts = (duplicates.trace(strings(texts[low : low + 300]), 0) for low in range(0, 1000, 300))
    parted = duplicates.joined(parts, 1000)

    assert (whole.keys == parted.keys).all()
    assert (whole.bands == parted.bands).all()
