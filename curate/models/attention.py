"""Attention over sequences that lie one after another without padding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import NDArray

_SAME_LENGTH = 0.8
"""Sequences go together while the shortest has at least this share of the longest one's tokens."""

_STEP = 16
"""Groups are as long as the next multiple of this: fewer shapes to make machine code for, no rests in softmax."""

_MOST_TOKENS = 8192
"""Tokens of a group, pads included, unless it is one sequence."""


@dataclass(frozen=True, eq=False)
class Group:
    """Neighbouring sequences of nearly one length, padded to the longest for attention alone.

    ``inside``: positions in the batch of the padded tokens (rows x longest), a real one standing for each pad;
    ``real``: which of these are no pads. Both None where all have the same length. ``lengths`` has shape (rows,).
    ``into``: where in the batch the results go; None for ``start`` to ``end``.
    """

    start: int
    end: int
    rows: int
    longest: int
    inside: torch.Tensor | None
    real: torch.Tensor | None
    lengths: torch.Tensor
    into: torch.Tensor | None = None


def groups(lengths: Sequence[int]) -> list[Group]:
    """Cut a batch, longest sequence first, into groups."""
    return list(_groups(lengths))


def branching(lengths: Sequence[int], place: NDArray[np.int64], own: NDArray[np.bool_]) -> list[Group]:
    """The same for sequences that share tokens: *place* is where each token stands, *own* whether it stands for it.

    Both go through the tokens of all sequences one after another. What sequences share is gathered by each of them and
    kept once.
    """
    import torch

    if own.all():
        return groups(lengths)
    found = []
    for group in _groups(lengths):
        size = group.end - group.start
        inside = np.arange(size) if group.inside is None else group.inside.numpy()
        real = np.arange(size) if group.real is None else group.real.numpy()
        mine, kept = place[group.start : group.end], own[group.start : group.end]
        found.append(
            replace(
                group,
                inside=torch.from_numpy(mine[inside]),
                real=torch.from_numpy(real[kept]),
                into=torch.from_numpy(mine[kept]),
            )
        )
    return found


def _groups(lengths: Sequence[int]) -> Iterator[Group]:
    import torch

    starts = np.concatenate([[0], np.cumsum(lengths)])
    first = 0
    while first < len(lengths):
        last = first + 1
        most = first + max(1, _MOST_TOKENS // lengths[first])
        while last < min(most, len(lengths)) and lengths[last] >= _SAME_LENGTH * lengths[first]:
            last += 1
        own, longest = np.array(lengths[first:last]), -(-lengths[first] // _STEP) * _STEP
        inside = real = None
        if own.min() < longest:
            column = np.arange(longest)[None, :]
            place = starts[first:last, None] - starts[first] + np.minimum(column, own[:, None] - 1)
            inside = torch.from_numpy(place.reshape(-1))
            real = torch.from_numpy(np.flatnonzero(column < own[:, None]))
        yield Group(int(starts[first]), int(starts[last]), last - first, longest, inside, real, torch.from_numpy(own))
        first = last


def gathered(
    made: torch.Tensor, group: Group, query: int, key: int, *, causal: bool = False, hidden: torch.Tensor | None = None
) -> torch.Tensor:
    """What the tokens of *group* gather from each other, heads side by side. Shape (tokens, query x width).

    *made* has one row a token: *query* heads, then *key* heads of keys and as many of values, all of one width. Where
    *causal* a token sees itself and what is before it; *hidden* is added to the weights before softmax.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if group.inside is not None:
        made = made.index_select(0, group.inside)
    apart = made.view(group.rows, group.longest, query + 2 * key, -1).transpose(1, 2)
    asked, keys, values = torch.split(apart, [query, key, key], dim=1)
    found = scaled_dot_product_attention(asked, keys, values, attn_mask=hidden, is_causal=causal, enable_gqa=True)
    joined = found.transpose(1, 2).reshape(group.rows * group.longest, -1)
    return joined if group.real is None else joined.index_select(0, group.real)
