"""Regression: the weights are scikit-learn's, labels are carried to other rows, and no row has seen its own label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.core.agreement import mid_ranks
from curate.core.contract import check
from curate.errors import SettingsError
from curate.protocol import Status
from curate.testing import check_scorer, make_examples
from scorers.regression import FOLDS, LEAST, Regression, Settings
from tests.scorer_runs import read_lines, spearman

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.protocol import Scores


def batch_of(
    vectors: NDArray[np.float32], labels: Sequence[object], prompts: Sequence[str] | None = None, tokens: int = 9
) -> pa.Table:
    """Rows with these vectors and labels; each has a prompt of its own where none are given."""
    rows = len(vectors)
    lengths = pa.array([tokens] * rows, pa.int32())
    asked = [f"Question {row}" for row in range(rows)] if prompts is None else prompts
    return pa.table(
        {
            "label": pa.array(labels),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
            "tokens": lengths,
            "prompt_tokens": lengths,
            "answer_tokens": lengths,
            "prompt_view": pa.array(asked),
            "full_view": pa.array(asked),
        }
    )


def vectors_of(rows: int, width: int = 6) -> NDArray[np.float32]:
    made = np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)
    unit: NDArray[np.float32] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


def scored(batch: pa.Table, settings: Settings | None = None) -> Scores:
    scorer = Regression(settings)
    scorer.open(scorer.merge([scorer.count(batch)]))
    return scorer.score(batch)


def test_the_contract_holds_with_and_without_enough_labels() -> None:
    rows = [(f"Question {row} of {row % 7}?", f"Answer {row * row}") for row in range(240)]
    numbered = make_examples(rows, user={"label": [None if row % 4 == 0 else row % 5 for row in range(240)]})

    check_scorer(Regression, numbered)
    check_scorer(Regression, settings=Settings(order=("easy", "hard")))


def test_weights_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    vectors = vectors_of(200)
    label = vectors[:, 0] + 0.1 * vectors[:, 1]
    batch = batch_of(vectors, label.tolist())
    scorer = Regression()

    fitted = scorer.merge([scorer.count(batch.slice(0, 90)), scorer.count(batch.slice(90))])

    features = np.column_stack([vectors, np.full((200, 3), np.log1p(9))])
    found = [
        Ridge(alpha=penalty * 200).fit(features, mid_ranks(label.astype(np.float64)))
        for penalty in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    ]
    weights = np.array(fitted.column("weights")[0].as_py())
    distance = [np.abs(weights[:-1] - one.coef_).max() for one in found]
    assert min(distance) < 1e-6
    assert weights[-1] == pytest.approx(found[int(np.argmin(distance))].intercept_, abs=1e-6)


def test_labels_are_carried_to_rows_without_one() -> None:
    vectors = vectors_of(300)
    label = [float(value) if row < 200 else None for row, value in enumerate(vectors[:, 0])]

    values = scored(batch_of(vectors, label)).values["difficulty"]

    assert spearman(values[200:], vectors[200:, 0]) > 0.95


def test_a_row_has_not_seen_its_own_label_nor_that_of_the_same_prompt() -> None:
    """Labels are noise, alike in the two rows of each prompt: weights that saw them would tell."""
    dice = np.random.default_rng(1)
    vectors = np.repeat(vectors_of(100, 90), 2, axis=0)
    label = np.repeat(dice.permutation(100), 2)
    prompts = [f"Question {row // 2}" for row in range(200)]

    apart = scored(batch_of(vectors, label.tolist(), prompts)).values["difficulty"]
    seen = scored(batch_of(vectors, label.tolist())).values["difficulty"]

    assert spearman(apart, label) < 0.25
    assert spearman(seen, label) > 0.4  # its twin is in another fold


def test_words_need_an_order() -> None:
    vectors = vectors_of(120)
    words = np.where(vectors[:, 0] > 0, "hard", "easy").tolist()

    values = scored(batch_of(vectors, words), Settings(order=("easy", "hard"))).values["difficulty"]

    assert spearman(values, vectors[:, 0]) > 0.6
    with pytest.raises(SettingsError, match="labels are not numbers"):
        scored(batch_of(vectors, words))


@pytest.mark.parametrize(
    ("labels", "prompts"),
    [([1.0, 2.0] * (LEAST // 2 - 1), None), ([3] * 80, None), ([1, 2] * 40, ["the same"] * 80)],
)
def test_too_few_labels_or_prompts_give_no_value(labels: list[float], prompts: list[str] | None) -> None:
    found = scored(batch_of(vectors_of(len(labels)), labels, prompts))

    check("regression", Regression.gives, found, len(labels))
    assert {reason.status for reason in found.reasons.values()} == {Status.NOT_APPLICABLE}
    assert f"{len(labels)} examples have a label" in found.reasons[0].text


def test_rows_that_come_later_take_the_weights_that_stand() -> None:
    vectors = vectors_of(200)
    scorer = Regression()
    scorer.open(scorer.merge([scorer.count(batch_of(vectors, vectors[:, 0].tolist()))]))

    later = scorer.score(batch_of(-vectors, [None] * 200)).values["difficulty"]

    assert spearman(later, -vectors[:, 0]) > 0.95
    assert len(scorer._weights) == FOLDS + 1


@pytest.mark.model
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_levels_of_sentences_are_told_beyond_length(real: Path) -> None:
    from curate.models.load import load_encoder
    from curate.models.names import resolve

    rows = read_lines(real / "cefr_sp_wikiauto" / "cefr_sp.jsonl.gz")
    rows = rows[:: len(rows) // 600]
    texts = [str(row["text"]) for row in rows]
    label = [float(str(row["cefr_a"])) + float(str(row["cefr_b"])) for row in rows]
    vectors = load_encoder(resolve("auto", "encoder"), "fp32").encode(texts)

    values = scored(batch_of(vectors, label, texts)).values["difficulty"]

    assert spearman(values, label) >= 0.55
    assert spearman(values, label) >= spearman([len(text) for text in texts], label) + 0.05
