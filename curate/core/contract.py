"""The contract of a scorer: what it may need, and what it must return."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core import views
from curate.core.schemas import EXAMPLES
from curate.errors import ScorerError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from curate.protocol import ScoreField, Scores

EXAMPLE_COLUMNS = tuple(name for name in EXAMPLES.names if name != "id")
TOKEN_COLUMNS = ("tokens", "prompt_tokens", "answer_tokens", "kind")
VECTOR_COLUMNS = {"vector": "vectors", "neighbour_similarity": "neighbours", "target_similarity": "target"}
"""What a scorer may need from the embedding, and the folder that it comes from."""

TARGET_COLUMN, SIGNALS_COLUMN = "target_similarity", "signals"
"""What is there only where a target set is named, and only after a training."""

KNOWN_NEEDS = (*EXAMPLE_COLUMNS, *views.VIEWS, *TOKEN_COLUMNS, *VECTOR_COLUMNS, SIGNALS_COLUMN, "label")
"""All that a batch can hold, beside the user's own columns (``user.NAME``)."""


def check_needs(scorer: str, needs: Iterable[str]) -> None:
    """Refuse a scorer that needs something that no batch can hold."""
    for need in needs:
        if need not in KNOWN_NEEDS and not need.startswith("user."):
            raise ScorerError(
                f"scorer {scorer!r} needs {need!r}, which no batch can hold", fix=did_you_mean(need, KNOWN_NEEDS)
            )


def check(scorer: str, fields: Sequence[ScoreField], scores: Scores, rows: int) -> None:
    """Raise `ScorerError` where *scores* break the contract for a batch of *rows* rows."""
    expected = [field.name for field in fields]
    if sorted(scores.values) != sorted(expected):
        raise _broken(scorer, f"gave the fields {sorted(scores.values)}, declared are {sorted(expected)}")
    wild = [place for place in scores.reasons if not 0 <= place < rows]
    if wild:
        raise _broken(scorer, f"gave a reason for row {wild[0]} of a batch of {rows}")
    explained = np.zeros(rows, dtype=bool)
    explained[list(scores.reasons)] = True
    present = np.zeros(rows, dtype=bool)
    for field in fields:
        present |= _check_field(scorer, field, scores.values[field.name], rows)
    silent = np.flatnonzero(~present & ~explained)
    if len(silent):
        raise _broken(scorer, f"gave {len(silent)} of {rows} rows neither a value nor a reason")
    both = np.flatnonzero(present & explained)
    if len(both):
        raise _broken(scorer, f"gave {len(both)} of {rows} rows both a value and a reason for having none")


def _check_field(scorer: str, field: ScoreField, values: NDArray[np.float32], rows: int) -> NDArray[np.bool_]:
    kind = getattr(values, "dtype", type(values).__name__)
    if kind != np.float32:
        raise _broken(scorer, f"gave {field.name} as {kind}, not float32")
    if values.shape != (rows,):
        raise _broken(scorer, f"gave {field.name} the shape {values.shape} for a batch of {rows} rows")
    present = ~np.isnan(values)
    known = values[present]
    if np.isinf(known).any():
        raise _broken(scorer, f"gave {field.name} an infinite value")
    low, high = field.low, field.high
    if low is not None and len(known) and known.min() < low:
        raise _broken(scorer, f"gave {field.name} {known.min()}, below its bound {low}")
    if high is not None and len(known) and known.max() > high:
        raise _broken(scorer, f"gave {field.name} {known.max()}, above its bound {high}")
    return present


def _broken(scorer: str, what: str) -> ScorerError:
    return ScorerError(
        f"scorer {scorer!r} {what}",
        fix="mend the scorer; curate.testing.check_scorer shows where it breaks its contract",
    )
