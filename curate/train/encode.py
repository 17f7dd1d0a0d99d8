"""Rows as token ids with labels on the answers, cut to the longest sequence that training takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.core.schemas import EXAMPLES
from curate.models.chat import COLUMNS, Rendered, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.models.untyped import Tokenizer
    from curate.store.rows import Row

IGNORED = -100
"""The label of a token that no loss is taken of, as torch and transformers have it."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """One row: token ids and labels, both of shape (t,); *whole* is False where it was cut."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    whole: bool


def encode(tokenizer: Tokenizer, rows: Sequence[Row], record: str, longest: int) -> list[Encoded | None]:
    """Each row as the model is trained on it; None where no token of its answer is within *longest* tokens.

    The chat template and the masks are those that scoring uses, so that a row's loss here is its loss there.
    """
    return [
        _cut(one, longest) if isinstance(one, Rendered) else None for one in render(tokenizer, _table(rows, record))
    ]


def varied(row: Row, turns: Sequence[tuple[str, str]]) -> Row:
    """The row with other turns, as messages."""
    return {**row, "messages": [{"role": role, "content": content} for role, content in turns], "_record": "messages"}


def pad(batch: Sequence[Encoded], filler: int) -> Mapping[str, NDArray[np.int64]]:
    """A micro-batch, padded to its longest row on the right: ids, mask and labels of shape (rows, t)."""
    longest = max(len(one.ids) for one in batch)
    ids = np.full((len(batch), longest), filler, np.int64)
    labels = np.full((len(batch), longest), IGNORED, np.int64)
    mask = np.zeros((len(batch), longest), np.int64)
    for row, one in enumerate(batch):
        ids[row, : len(one.ids)] = one.ids
        labels[row, : len(one.ids)] = one.labels
        mask[row, : len(one.ids)] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _table(rows: Sequence[Row], record: str) -> pa.Table:
    """The rows with the columns that rendering reads."""
    plain = [{**{name: row.get(name) for name in COLUMNS}, "record": row.get("_record", record)} for row in rows]
    return pa.Table.from_pylist(plain, schema=pa.schema([EXAMPLES.field(name) for name in COLUMNS]))


def _cut(one: Rendered, longest: int) -> Encoded | None:
    ids = one.tokens.astype(np.int64)
    labels = np.full(len(ids), IGNORED, np.int64)
    for span in one.answers:
        labels[span.start : span.end] = ids[span.start : span.end]
    labels[:1] = IGNORED  # nothing precedes the first token
    if (labels[:longest] == IGNORED).all():
        return None
    return Encoded(ids[:longest], labels[:longest], len(ids) <= longest)
