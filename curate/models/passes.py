"""What goes through a language model for one example: token sequences, and the positions in them that are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from curate.models.chat import Rendered


@dataclass(frozen=True, eq=False)
class Pass:
    """One sequence. ``targets`` are the positions (at least 1) of the tokens that are scored.

    ``turns`` says for each target which assistant turn of ``row`` it belongs to. ``instead`` is what could stand at the
    targets and is scored there, so that a place may be asked about several tokens; by default what does stand there.
    """

    row: int
    tokens: NDArray[np.int32]
    targets: NDArray[np.int32]
    turns: NDArray[np.int32]
    instead: NDArray[np.int32] | None = None

    @property
    def wanted(self) -> NDArray[np.int32]:
        """The tokens that are scored, shape of ``targets``."""
        return self.tokens[self.targets] if self.instead is None else self.instead


def conditioned(row: int, example: Rendered, context: int, stride: int) -> Iterator[Pass]:
    """The example as it is, every assistant turn scored in one pass.

    One that is longer than *context* tokens goes through in windows that advance by *stride* tokens: a token is
    scored in the first window that holds it, so it always sees at least ``context - stride`` tokens before it
    (fewer at the very start). Windows without a scored token are left out.
    """
    targets = np.concatenate([np.arange(span.start, span.end, dtype=np.int32) for span in example.answers])
    turns = np.repeat(
        np.arange(len(example.answers), dtype=np.int32), [span.end - span.start for span in example.answers]
    )
    for start, first, end in _windows(len(example.tokens), context, stride):
        inside = (targets >= first) & (targets < end)
        if inside.any():
            yield Pass(row, example.tokens[start:end], targets[inside] - np.int32(start), turns[inside])


def _windows(length: int, context: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """Start of each window, first position that it scores, and its end."""
    end = min(length, context)
    yield 0, 1, end
    while end < length:
        first, end = end, min(length, end + stride)
        yield max(0, end - context), first, end
