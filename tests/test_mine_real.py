"""What mine reaches on real sets with known answers; thresholds are those measured, a little below the figure."""

from __future__ import annotations

import numpy as np
import pytest

from curate.mine import contaminate, duplicates, edges, noise
from curate.mine.tokens import strings
from tests import mined_sets as sets
from tests.test_mine_duplicates import find

pytestmark = [pytest.mark.real, pytest.mark.skipif(not sets.DATA.is_dir(), reason="no data beside the project")]


def test_planted_near_duplicates_are_found_and_nothing_else_is() -> None:
    pool, planted, chosen = sets.near_copies()
    natural = find(pool).keeper

    keeper = find(pool + planted).keeper

    root = np.where(keeper >= 0, keeper, np.arange(len(keeper)))
    right = root[len(pool) :] == root[chosen]
    wrong = int(((keeper[: len(pool)] >= 0) & (natural < 0)).sum()) + int((~right & (keeper[len(pool) :] >= 0)).sum())
    assert right.mean() >= 0.99
    assert wrong / (keeper >= 0).sum() <= 0.01


def test_at_most_one_in_a_hundred_twins_is_merged() -> None:
    twins = sets.rows(sets.DATA / "crows_pairs" / "crows_pairs.jsonl")
    found = find([row["sent_more"] for row in twins] + [row["sent_less"] for row in twins])
    root = np.where(found.keeper >= 0, found.keeper, np.arange(len(found.keeper)))

    assert (root[: len(twins)] == root[len(twins) :]).mean() <= 0.005


def test_no_winobias_twin_is_merged() -> None:
    texts = sorted(
        {row["text"].replace("[", "").replace("]", "") for row in sets.rows(sets.DATA / "winobias" / "winobias.jsonl")}
    )

    found = find(texts)

    assert (found.keeper >= 0).sum() == 0
    assert len(found.apart) > 400


def test_most_of_what_we_drop_from_gpteacher_its_authors_dropped_too() -> None:
    texts, answers, theirs = sets.tool_rows()
    gone = find(texts, answers=answers).keeper >= 0

    assert (gone & theirs["0.6"]).sum() / gone.sum() >= 0.95


@pytest.mark.parametrize(("change", "least"), [("verbatim", 1.0), ("lower", 1.0), ("marks", 1.0), ("words", 0.97)])
def test_planted_benchmark_rows_are_found(change: str, least: float) -> None:
    asked = [question for some in sets.questions().values() for question in some]
    prompts, texts = sets.leaked(asked, change)

    hits = contaminate.find(sets.benchmark(asked), strings(texts), strings(prompts), 0.3)

    assert len({hit.row for hit in hits if hit.row == hit.owner}) >= least * len(asked)


def test_a_clean_pool_has_no_contamination() -> None:
    pool = sets.rows(sets.DOLLY)
    sought = sets.benchmark([question for some in sets.questions().values() for question in some])
    texts = [f"{row['instruction']}\n\n{row['response']}" for row in pool]

    hits = contaminate.find(sought, strings(texts), strings([row["instruction"] for row in pool]), 0.3)

    assert len({hit.row for hit in hits}) < 0.001 * len(pool)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_out_of_scope_questions_are_the_rarest() -> None:
    pool = sets.rows(sets.CLINC)
    around = sets.space(sets.encode([row["text"] for row in pool]))
    outside = np.array([row["oos"] for row in pool])

    found = sets.auroc(outside, edges.rarity(around.vectors, around.place))

    assert found >= 0.985
    assert found > sets.auroc(outside, -around.cosine.mean(axis=1)) + 0.005


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_flipped_labels_are_found_uniform_or_confusable() -> None:
    pool = [row for row in sets.rows(sets.BANKING) if row["split"] == "test"]
    around = sets.space(sets.encode([row["text"] for row in pool]))
    known, label = np.unique([row["intent"] for row in pool], return_inverse=True)
    flipped, given = sets.flips(around.vectors, label, len(known), 0)

    found = [
        sets.auroc(flipped, noise.suspicion(around.vectors, around.place, around.cosine, one, len(known))[1])
        for one in given.values()
    ]

    assert found[0] >= 0.99
    assert found[1] >= 0.96


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_swapped_answers_are_told_from_a_rare_task() -> None:
    pool = sets.rows(sets.FLAN)
    usual = [row for row in pool if row["task"] in {"qasc", "sensemaking"}][:900]
    made = sets.swapped(usual, [row for row in pool if row["task"] == "strategyqa"][:100])

    found = sets.mined(made, sets.space(sets.encode(made.texts)))

    assert sets.told_apart(made, found) >= 0.95


def test_reading_the_pool_by_parts_changes_nothing() -> None:
    texts = [row["response"] for row in sets.rows(sets.DOLLY)][:1000]
    (whole,) = duplicates.trace([strings(texts)], 0)

    parts = [strings(texts[low : low + 300]) for low in range(0, 1000, 300)]
    parted = duplicates.joined(duplicates.trace(parts, 0), 1000)
    parted_alone = duplicates.joined((one for part in parts for one in duplicates.trace([part], 0)), 1000)

    for one, other in ((whole, parted), (whole, parted_alone)):
        assert all(
            (getattr(one, name) == getattr(other, name)).all() for name in ("keys", "bands", "words", "characters")
        )
        assert one.cases.names == other.cases.names
