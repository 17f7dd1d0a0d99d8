"""Similarity to a target set: means of cosines, and rows of the target's kind come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.core.contract import check
from curate.embed.target import similarities
from curate.protocol import Status
from scorers.target import Target
from tests.scorer_runs import read_lines

if TYPE_CHECKING:
    from pathlib import Path


def test_the_similarity_is_the_mean_over_the_nearest_target_rows() -> None:
    lists = pa.array([[0.9, 0.7], [-0.5], [], None], pa.list_(pa.float32()))

    scores = Target().score(pa.table({"target_similarity": lists}))

    check("target", Target.gives, scores, 4)
    assert scores.values["similarity"][:2] == pytest.approx([0.8, -0.5])
    assert scores.values["nearest"][:2] == pytest.approx([0.9, -0.5])
    assert {row: reason.status for row, reason in scores.reasons.items()} == dict.fromkeys(
        (2, 3), Status.NOT_APPLICABLE
    )


def test_cosines_to_the_target_are_those_of_brute_force() -> None:
    dice = np.random.default_rng(0)
    vectors, target = (dice.normal(size=(rows, 8)).astype(np.float32) for rows in (40, 15))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    target /= np.linalg.norm(target, axis=1, keepdims=True)

    found = similarities(vectors, target, 4)

    assert found == pytest.approx(-np.sort(-(vectors @ target.T), axis=1)[:, :4], abs=1e-6)
    assert similarities(vectors, target[:2], 4).shape == (40, 2)
    assert similarities(vectors, target[:0], 4).shape == (40, 0)


@pytest.mark.model
@pytest.mark.real
def test_rows_of_the_targets_kind_come_first(real: Path) -> None:
    from sklearn.metrics import roc_auc_score

    from curate.models.load import load_encoder
    from curate.models.names import resolve

    rows = read_lines(real / "banking77" / "banking77.jsonl.gz")
    kinds = [str(row["intent"]) for row in rows]
    wanted = sorted(set(kinds))[:3]
    inside = [str(row["text"]) for row, kind in zip(rows, kinds, strict=True) if kind in wanted][::3]
    outside = [str(row["text"]) for row, kind in zip(rows, kinds, strict=True) if kind not in wanted][::100]
    encoder = load_encoder(resolve("auto", "encoder"), "fp32")
    target, pool = encoder.encode(inside[::4]), encoder.encode([*inside[1::4], *outside])

    lists = pa.array(list(similarities(pool, target, 10)), pa.list_(pa.float32()))
    values = Target().score(pa.table({"target_similarity": lists})).values["similarity"]

    assert roc_auc_score([1] * len(inside[1::4]) + [0] * len(outside), values) > 0.97
