"""Difficulty as labelled examples have it: a regression from what all examples have to what some are known to be."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.core.agreement import mid_ranks
from curate.errors import SettingsError
from curate.protocol import Frozen, Reason, Rising, Scope, ScoreField, Scorer, Scores, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FOLDS = 5
LEAST = 50
"""Fewer labelled examples than this are no basis for a regression."""

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Ridge penalties for each row; vectors have length 1, so at the largest little more than lengths is left."""

_ALL = -1
_LENGTHS = ("tokens", "prompt_tokens", "answer_tokens")
_COUNTED = pa.schema([("fold", pa.int8()), ("label", pa.float64()), ("features", pa.list_(pa.float32()))])
_FITTED = pa.schema([("fold", pa.int8()), ("rows", pa.int64()), ("weights", pa.list_(pa.float64()))])


class Settings(Frozen):
    """What the labels mean."""

    order: tuple[str, ...] = Field(
        default=(), description="The labels from easiest to hardest, where they are words; none: they are numbers."
    )


class Regression(Scorer):
    """Ridge regression (Hoerl and Kennard 1970) of the labels' ranks on sentence vectors and numbers of tokens.

    What the column of ``--labels`` says of some examples is carried to all: weights w minimise
    sum_i (r_i - w x_i)^2 + n penalty |w|^2 over labelled examples, x the encoder's vector and the logarithms of the
    tokens in all, in the prompt and in the answer, r the label's rank from 0 to 1. The penalty is the one of the least
    error on folds left out. An example with a label is scored by weights from the other folds, which have not seen
    it (stacking: Wolpert 1992); examples with the same prompt share a fold. Regression on representations of the text
    is what the survey of Benedetto et al. 2023 finds to estimate the difficulty of questions best.
    """

    name = "regression"
    version = "1"
    about = "difficulty as labelled examples have it, from sentence vectors and lengths"
    source = "Hoerl and Kennard 1970; Wolpert 1992; Benedetto et al. 2023, Question Difficulty Estimation from Text"
    cost = "encoder"
    scope = Scope.CORPUS
    needs = ("label", "vector", *_LENGTHS, "prompt_view", "full_view")
    gives = (
        ScoreField(
            name="difficulty",
            rising=Rising.HARDER,
            unit="rank",
            about="the rank among labels, from 0 to 1, that is expected of the example",
            headline=True,
            weights={"text": 1.0, "task": 1.0, "chat": 2.0, "code": 1.0},
        ),
    )
    settings: ClassVar[type[Frozen]] = Settings
    freezes = True
    options: Settings
    _weights: NDArray[np.float64]
    _rows: int

    def count(self, batch: pa.Table) -> pa.Table:
        """The labelled examples of one part: fold, label, features."""
        label = self._labels(batch)
        known = np.flatnonzero(~np.isnan(label))
        features = _features(batch)[known]
        offsets = np.arange(len(known) + 1, dtype=np.int32) * features.shape[1]
        lists = pa.ListArray.from_arrays(offsets, pa.array(features.reshape(-1), pa.float32()))
        return pa.table({"fold": _folds(batch)[known], "label": label[known], "features": lists}, schema=_COUNTED)

    def merge(self, tables: Sequence[pa.Table]) -> pa.Table:
        """One row of weights for each fold, from the others, and one from all (fold -1); the intercept stands last.

        The weights are empty where fewer than `LEAST` examples have a label, or all have the same label or prompt.
        """
        label = np.concatenate([np.empty(0), *(table.column("label").to_numpy() for table in tables)])
        folds = {fold for table in tables for fold in table.column("fold").to_pylist()}
        if len(label) < LEAST or len(folds) < 2 or (label == label[0]).all():
            return pa.table({"fold": [_ALL], "rows": [len(label)], "weights": [[]]}, schema=_FITTED)
        moments = _Moments(tables, mid_ranks(label))
        left_out = [_ALL, *range(FOLDS)]
        fitted = [moments.fit([fold for fold in range(FOLDS) if fold != out]).tolist() for out in left_out]
        return pa.table({"fold": left_out, "rows": [len(label)] * len(left_out), "weights": fitted}, schema=_FITTED)

    def open(self, statistics: pa.Table | None) -> None:
        """Keep the weights."""
        if statistics is None:
            raise TypeError("regression needs the weights that were fitted to its corpus")
        self._rows = statistics.column("rows")[0].as_py()
        self._weights = np.array(statistics.column("weights").to_pylist(), np.float64)

    def score(self, batch: pa.Table) -> Scores:
        """Without enough labels no row is applicable; shapes (n,)."""
        if not self._weights.size:
            why = f"{self._rows} examples have a label; a regression takes {LEAST}, of several prompts and labels"
            none = np.full(len(batch), np.nan, np.float32)
            return Scores({"difficulty": none}, dict.fromkeys(range(len(batch)), Reason(Status.NOT_APPLICABLE, why)))
        unseen = np.where(np.isnan(self._labels(batch)), _ALL, _folds(batch))
        weights = self._weights[unseen + 1]
        expected = np.einsum("nd,nd->n", _features(batch).astype(np.float64), weights[:, :-1]) + weights[:, -1]
        return Scores({"difficulty": expected.astype(np.float32)})

    def _labels(self, batch: pa.Table) -> NDArray[np.float64]:
        """The labels as numbers, NaN where there is none."""
        order, found = self.options.order, batch.column("label").to_pylist()
        try:
            return np.array(
                [np.nan if one is None else order.index(str(one)) if order else float(one) for one in found], np.float64
            )
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"labels are not numbers, or not all in [scorers.regression] order: {error}",
                fix='name a column of numbers, or write the words easiest first: order = ["easy", "hard"]',
            ) from error


class _Moments:
    """Sums of products of the features (and of 1) with each other and with the target, fold by fold."""

    def __init__(self, tables: Sequence[pa.Table], target: NDArray[np.float64]) -> None:
        width = next(len(table.column("features")[0]) for table in tables if len(table)) + 1
        self._rows = np.zeros(FOLDS)
        self._square = np.zeros((FOLDS, width, width))
        self._pull = np.zeros((FOLDS, width))
        self._energy = np.zeros(FOLDS)
        first = 0
        for table in tables:
            fold, own = table.column("fold").to_numpy(), target[first : first + len(table)]
            flat = table.column("features").combine_chunks().flatten().to_numpy().astype(np.float64)
            features = np.column_stack([flat.reshape(len(table), width - 1), np.ones(len(table))])
            for each in np.unique(fold):
                inside = fold == each
                self._rows[each] += inside.sum()
                self._square[each] += features[inside].T @ features[inside]
                self._pull[each] += own[inside] @ features[inside]
                self._energy[each] += own[inside] @ own[inside]
            first += len(table)

    def fit(self, folds: Sequence[int]) -> NDArray[np.float64]:
        """Weights from these folds, the intercept last; the penalty errs least on each of them left out in turn."""
        errors = [
            sum(self._error(self._solve([one for one in folds if one != out], penalty), out) for out in folds)
            for penalty in PENALTIES
        ]
        return self._solve(folds, PENALTIES[int(np.argmin(errors))])

    def _solve(self, folds: Sequence[int], penalty: float) -> NDArray[np.float64]:
        square, pull, rows = (sums[folds].sum(axis=0) for sums in (self._square, self._pull, self._rows))
        held_back = np.append(np.full(len(pull) - 1, penalty * max(rows, 1)), 0.0 if rows else 1.0)
        solved: NDArray[np.float64] = np.linalg.solve(square + np.diag(held_back), pull)
        return solved

    def _error(self, weights: NDArray[np.float64], fold: int) -> float:
        """The sum of squared errors on a fold."""
        return float(self._energy[fold] - 2 * self._pull[fold] @ weights + weights @ self._square[fold] @ weights)


def _features(batch: pa.Table) -> NDArray[np.float32]:
    """The vector and the logarithms of the numbers of tokens. Shape (n, d + 3)."""
    column = batch.column("vector").combine_chunks()
    vectors = column.flatten().to_numpy().reshape(len(batch), column.type.list_size)
    lengths = [np.log1p(batch.column(name).to_numpy().astype(np.float32)) for name in _LENGTHS]
    return np.column_stack([vectors, *lengths]).astype(np.float32)


def _folds(batch: pa.Table) -> NDArray[np.int8]:
    """The fold of each row, by the text of its prompt, or by all of its text where it has none. Shape (n,)."""
    pairs = zip(batch.column("prompt_view").to_pylist(), batch.column("full_view").to_pylist(), strict=True)
    texts = ((prompt or text or "").encode("utf-8", "surrogatepass") for prompt, text in pairs)
    return np.array([int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % FOLDS for text in texts], np.int8)
