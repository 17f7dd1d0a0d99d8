"""On real queries, many of which say nearly the same, nothing that is trained on lies near the hold-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.core.chance import draw
from curate.core.ids import digest
from curate.embed import neighbours
from curate.models.load import load_encoder
from curate.models.names import resolve
from curate.tier import clusters, holdout
from tests.scorer_runs import read_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.tier.clusters import Ties

pytestmark = [pytest.mark.model, pytest.mark.real]
LEAST, ROWS, SHARE = 0.9, 360, 0.1


@pytest.fixture(scope="module")
def queries() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Vectors of the first banking queries, their intents as codes, and their luck."""
    from tests.conftest import REAL

    rows = read_lines(REAL / "banking77" / "banking77.jsonl.gz")[:ROWS]
    texts = [str(row["text"]) for row in rows]
    _, intent = np.unique([str(row["intent"]) for row in rows], return_inverse=True)
    vectors = load_encoder(resolve("auto", "encoder"), "fp32", "cpu").encode(texts)
    luck = draw([digest(text, place) for place, text in enumerate(texts)], 0, "tier", "holdout")
    return vectors, intent.astype(np.int64), luck


def ties_of(vectors: NDArray[np.float32], k: int) -> Ties:
    """As the step makes them: from lists of *k* neighbours, and by measuring where a list was cut short."""
    own = np.arange(len(vectors))
    place, cosine = neighbours.nearest(neighbours.build(vectors), vectors, own, k, len(vectors))
    listed, short = clusters.listed_pairs(place, cosine, 0, LEAST)
    measured = clusters.measured_pairs(short, lambda: [vectors], LEAST)
    return clusters.tie(len(vectors), clusters.distinct(np.concatenate([listed, measured])), np.empty((0, 2), np.int64))


@pytest.mark.parametrize("k", [2, 10])
def test_no_trained_query_is_nearer_to_a_held_out_one_than_the_similarity(
    queries: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]], k: int
) -> None:
    vectors, intent, luck = queries
    ties = ties_of(vectors, k)

    held = holdout.hold_out(luck, intent, SHARE, None, ties)
    trained = ~held & ~holdout.near(held, np.ones(len(held), bool), ties)

    assert len(ties.pairs) > 50
    assert (vectors[held] @ vectors[trained].T).max() < LEAST + 1e-6
    assert all(held[intent == each].sum() >= int(SHARE * (intent == each).sum()) for each in np.unique(intent))
    assert held.mean() < 2 * SHARE


def test_the_hold_out_of_real_queries_stays_and_stays_apart_when_more_come(
    queries: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]],
) -> None:
    vectors, intent, luck = queries
    half = len(vectors) // 2
    first = holdout.hold_out(luck[:half], intent[:half], SHARE, None, ties_of(vectors[:half], 10))
    before = np.append(first, np.zeros(len(vectors) - half, bool))
    ties = ties_of(vectors, 10)

    held = holdout.hold_out(luck, intent, SHARE, before, ties)
    trained = ~held & ~holdout.near(held, np.ones(len(held), bool), ties)

    assert held[before].all()
    assert (vectors[held] @ vectors[trained].T).max() < LEAST + 1e-6


def test_whole_clusters_of_real_queries_cost_fewer_rows_than_rows_held_out_one_by_one(
    queries: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]],
) -> None:
    vectors, intent, luck = queries
    ties, every = ties_of(vectors, 10), np.ones(len(vectors), bool)

    together = holdout.near(holdout.hold_out(luck, intent, SHARE, None, ties), every, ties)
    single = holdout.near(holdout.hold_out(luck, intent, SHARE), every, ties)

    assert together.sum() < single.sum() / 2
