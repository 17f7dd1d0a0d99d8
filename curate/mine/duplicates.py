"""Duplicates of a corpus: exact, near and semantic, each with the row that stays and the similarity that joins them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.mine import groups, near, pairs, protect, tokens
from curate.mine.propose import Proposal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from curate.mine.protect import Cases, Protection

READ_AT_ONCE = 20_000
"""Texts of so many candidate pairs are held at a time."""

_MERGED_AT_ONCE = 64
"""The words of so many parts are held apart before they are put together."""


@dataclass(frozen=True)
class Limits:
    """When two texts are duplicates."""

    near: float
    changed: float
    length_ratio: float
    protect: tuple[Protection, ...]


@dataclass(frozen=True)
class Traces:
    """What texts leave behind for the search: 128 bits of their words, their bands, their lengths, their cases.

    Shapes (n, 2), (n, bands), (n,) and (n,).
    """

    keys: NDArray[np.uint64]
    bands: NDArray[np.uint32]
    words: NDArray[np.int32]
    characters: NDArray[np.int32]
    cases: Cases


@dataclass(frozen=True)
class Found:
    """All duplicates: for each row the one it leaves for (-1: it stays), why, how alike, and the pairs kept apart."""

    keeper: NDArray[np.int64]
    kind: NDArray[np.object_]
    similarity: NDArray[np.float32]
    apart: NDArray[np.int64]
    apart_similarity: NDArray[np.float32]


def trace(parts: Sequence[pa.Array], seed: int) -> list[Traces]:
    """The traces of each part, which depend on its texts alone; words that parts share are looked at once."""
    texts = pa.concat_arrays(parts)
    pieces = tokens.split(texts)
    made = tokens.words_of(pieces)
    runs, starts = near.runs_of(made, tokens.unspaced(texts))
    keys, bands = tokens.whole(made), near.signatures(runs, starts, seed)
    words, characters = made.counts.astype(np.int32), pc.utf8_length(pc.fill_null(texts, "")).to_numpy()
    borders = np.cumsum([0, *map(len, parts)])
    own = [slice(begin, end) for begin, end in pairwise(borders.tolist())]
    return [
        Traces(keys[rows], bands[rows], words[rows], characters[rows], cases)
        for rows, cases in zip(own, protect.cases(pieces, borders), strict=True)
    ]


def joined(traces: Iterable[Traces], rows: int) -> Traces:
    """The traces of all parts, in order, *rows* rows in all; one part at a time is held beside them."""
    keys, bands = np.empty((rows, 2), np.uint64), np.empty((rows, near.BANDS), np.uint32)
    words, characters = np.empty(rows, np.int32), np.empty(rows, np.int32)
    cases: list[Cases] = []
    begin = 0
    for one in traces:
        own = slice(begin, begin + len(one.words))
        keys[own], bands[own], words[own], characters[own] = one.keys, one.bands, one.words, one.characters
        cases.append(one.cases)
        if len(cases) == _MERGED_AT_ONCE:
            cases = [protect.merged(cases)]
        begin = own.stop
    return Traces(keys, bands, words, characters, protect.merged(cases))


def find(
    traces: Traces,
    rank: NDArray[np.int64],
    close: tuple[NDArray[np.int64], NDArray[np.float32]] | None,
    read: Callable[[NDArray[np.int64]], tuple[pa.Array, pa.Array]],
    limits: Limits,
) -> Found:
    """Find all duplicates. *rank* says who stays; *close* are pairs that lie close in the encoder's space.

    *read* gives whole texts and answers of some rows, in their order; it is asked for candidates only. A text without
    words is nobody's duplicate.
    """
    leader = groups.classes(traces.keys, rank)
    leader[traces.words == 0] = np.flatnonzero(traces.words == 0)
    alone = np.flatnonzero((leader == np.arange(len(leader))) & (traces.words > 0))
    judged = [_judge(near.candidates(traces.bands, alone), None, traces.cases.names, read, limits)]
    if close is not None:
        told = np.stack([leader[close[0][:, 0]], leader[close[0][:, 1]]], axis=1)
        apart = told[:, 0] != told[:, 1]
        judged.append(_judge(told[apart], close[1][apart], traces.cases.names, read, limits))
    rows = np.concatenate([one.rows[one.joined] for one in judged])
    similarity = np.concatenate([one.similarity[one.joined] for one in judged])
    semantic = np.repeat(np.arange(len(judged)), [int(one.joined.sum()) for one in judged]) > 0
    keeper, by = groups.settle(rows, similarity + 2 * ~semantic, rank)
    number = np.where(keeper < 0, 0, np.where(np.append(semantic, False)[by], 3, 2))
    strength = np.append(similarity, np.float32(0))[by]
    copies = leader != np.arange(len(leader))
    number[copies] = 1
    strength = np.where(copies, np.float32(1), strength).astype(np.float32)
    final = np.where(copies, np.where(keeper[leader] >= 0, keeper[leader], leader), keeper)
    kept_apart = [(one.rows[one.apart], one.similarity[one.apart]) for one in judged]
    return Found(
        final,
        np.array(["", "exact", "near", "semantic"], object)[number],
        strength,
        np.concatenate([rows for rows, _ in kept_apart]),
        np.concatenate([alike for _, alike in kept_apart]),
    )


def proposals(found: Found, ids: Sequence[str]) -> list[Proposal]:
    """One proposal for each row that may leave (exact, near, semantic) and one for each protected pair's later row."""
    made = []
    words = {"exact": "the same words", "near": "Jaccard similarity", "semantic": "cosine"}
    for row in np.flatnonzero(found.keeper >= 0).tolist():
        kind, alike = str(found.kind[row]), float(found.similarity[row])
        says = words[kind] if kind == "exact" else f"{words[kind]} {alike:.3f}"
        made.append(Proposal(row, kind, alike, f"{says}; another of its group stays", (ids[int(found.keeper[row])],)))
    for (first, second), alike in zip(found.apart.tolist(), found.apart_similarity.tolist(), strict=True):
        because = f"similarity {alike:.3f}, but they differ in protected terms alone"
        made.append(Proposal(second, "protected", alike, because, (ids[first],)))
    return made


def _judge(
    rows: NDArray[np.int64],
    cosine: NDArray[np.float32] | None,
    names: frozenset[str],
    read: Callable[[NDArray[np.int64]], tuple[pa.Array, pa.Array]],
    limits: Limits,
) -> pairs.Pairs:
    """Judge pairs some at a time, so that never more than those pairs' texts are held."""
    made = []
    for start in range(0, max(len(rows), 1), READ_AT_ONCE):
        some = rows[start : start + READ_AT_ONCE]
        places, local = np.unique(some, return_inverse=True)
        full, answers = read(places)
        words = tokens.tokenise(full)
        shown = protect.protected(words.words, names, limits.protect)
        said = words if answers.equals(full) else tokens.tokenise(answers)
        texts = pairs.Texts(words, said, tokens.unspaced(full), shown)
        here = local.reshape(-1, 2).astype(np.int64)
        if cosine is None:
            judged = pairs.near_pairs(texts, here, limits.near, limits.changed)
        else:
            judged = pairs.like_pairs(texts, here, cosine[start : start + READ_AT_ONCE], limits.length_ratio)
        made.append(pairs.Pairs(some, judged.similarity, judged.joined, judged.apart))
    return pairs.Pairs(
        np.concatenate([one.rows for one in made]),
        np.concatenate([one.similarity for one in made]),
        np.concatenate([one.joined for one in made]),
        np.concatenate([one.apart for one in made]),
    )
