"""Sequences that begin alike: what they have in common need go through a causal model only once.

The options of one choice share its prompt, and all chats that a template opens with the same system message share that.
A token's state depends on what is before it and on nothing else, so it is the same in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_SHARE = 0.5
"""Neighbours are of one family where they share at least this part of the longer one."""


@dataclass(frozen=True, eq=False)
class Beginnings:
    """n sequences in an order in which those that begin alike are neighbours. Shapes (n,).

    ``shared`` is how many tokens each has in common with the one before it in that order.
    """

    order: NDArray[np.intp]
    shared: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Joined:
    """The distinct tokens of a batch, k in all, and where each sequence finds its own.

    ``position`` is the place of a token in its sequence, shape (k,); ``place`` goes through the tokens of all
    sequences one after another, and ``own`` says which of them stand for their place. Shape (sum of lengths,) each.
    """

    tokens: NDArray[np.int64]
    position: NDArray[np.int64]
    place: NDArray[np.int64]
    own: NDArray[np.bool_]


def beginnings(sequences: Sequence[NDArray[np.int32]]) -> Beginnings:
    """What *sequences* have in common with each other at their beginning."""
    keys = [one.tobytes() for one in sequences]
    order = np.array(sorted(range(len(keys)), key=lambda one: (keys[one], one)), np.intp)
    shared = np.zeros(len(order), np.int64)
    shared[1:] = [_common(sequences[a], sequences[b]) for a, b in pairwise(order.tolist())]
    return Beginnings(order, shared)


def joined(sequences: Sequence[NDArray[np.int32]]) -> Joined:
    """The tokens of a batch with what is shared given once."""
    lengths = np.array([len(one) for one in sequences], np.int64)
    held = beginnings(sequences)
    fresh = lengths.copy()
    fresh[held.order] -= held.shared
    starts, firsts = (np.concatenate([[0], np.cumsum(each)]) for each in (lengths, fresh))
    place, own = np.empty(int(starts[-1]), np.int64), np.ones(int(starts[-1]), np.bool_)
    before = 0
    for one, shared in zip(held.order.tolist(), held.shared.tolist(), strict=True):
        start, end = int(starts[one]), int(starts[one + 1])
        place[start : start + shared] = place[before : before + shared]
        own[start : start + shared] = False
        place[start + shared : end] = np.arange(firsts[one], firsts[one + 1])
        before = start
    tokens, position = np.empty(int(firsts[-1]), np.int64), np.empty(int(firsts[-1]), np.int64)
    tokens[place] = np.concatenate(sequences)
    position[place] = np.concatenate([np.arange(length) for length in lengths.tolist()])
    return Joined(tokens, position, place, own)


def batches(sequences: Sequence[NDArray[np.int32]], budget: int) -> Iterator[NDArray[np.intp]]:
    """Positions of each batch, whose distinct tokens stay within *budget*; each with its longest sequence first.

    Sequences that share half of their tokens come in one batch; families, and sequences without one, come longest
    first. A sequence that is longer than the budget is a batch of its own.
    """
    lengths = np.array([len(one) for one in sequences], np.int64)
    held = beginnings(sequences)
    always = int(held.shared[1:].min()) if len(lengths) > 1 else 0
    batch: list[int] = []
    spent = 0
    for family in _families(held, lengths):
        for one, shared in family:
            cost = int(lengths[one]) - (max(shared, always) if batch else 0)
            if batch and spent + cost > budget:
                yield _longest_first(batch, lengths)
                batch, spent, cost = [], 0, int(lengths[one])
            batch.append(one)
            spent += cost
    if batch:
        yield _longest_first(batch, lengths)


def _families(held: Beginnings, lengths: NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    """Sequences that share much, each with what it shares with the one before it in its family; longest first."""
    families: list[list[tuple[int, int]]] = []
    before = 0
    for one, shared in zip(held.order.tolist(), held.shared.tolist(), strict=True):
        if families and shared >= _SHARE * max(lengths[one], before):
            families[-1].append((one, shared))
        else:
            families.append([(one, 0)])
        before = int(lengths[one])
    return sorted(families, key=lambda each: (-max(int(lengths[one]) for one, _ in each), min(one for one, _ in each)))


def _longest_first(batch: Sequence[int], lengths: NDArray[np.int64]) -> NDArray[np.intp]:
    chosen = np.sort(np.array(batch, np.intp))
    return chosen[np.argsort(-lengths[chosen], kind="stable")]


def _common(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """How many tokens two sequences have in common at their beginning."""
    shorter = min(len(one), len(other))
    differ = np.flatnonzero(one[:shorter] != other[:shorter])
    return int(differ[0]) if len(differ) else shorter
