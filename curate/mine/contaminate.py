"""Rows of a benchmark inside the corpus: shared runs of words, verbatim or with words changed.

The rule. *verbatim*: a run of 13 words of a benchmark row (question and answer) stands in the example, as in Brown et
al. 2020, appendix C. *reworded*: of the runs of 5 words of its question at least `limits.share` stand there, which
holds for questions of 8 words or more. *same*: a question of fewer words is the whole prompt or text of the example.
In scripts without spaces runs of 26 and 10 characters. Runs that more than 5 % of the benchmark's rows share (and more
than three) are its boilerplate and count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.mine import near
from curate.mine.propose import Proposal
from curate.mine.tokens import ranges, shingles, tokenise, unspaced, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.mine.tokens import Tokens

LONG, SHORT, LEAST = 13, 5, 8
_WIDER = 2
_COMMON, _COMMON_SHARE = 3, 0.05
_LISTED = 10
_BEGINNING = 22
_REST = np.uint64(64 - _BEGINNING)


@dataclass(frozen=True)
class Runs:
    """The runs of a benchmark, sorted by hash, the row of each, and how many each row has (shape (rows,)).

    ``begun``: for each beginning of a hash, of `_BEGINNING` bits, whether any run has it.
    """

    hashes: NDArray[np.uint64]
    owners: NDArray[np.int64]
    totals: NDArray[np.int64]
    begun: NDArray[np.bool_]


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark is looked up by; ``names`` are its rows as SOURCE:ROW."""

    names: tuple[str, ...]
    long: tuple[Runs, Runs]
    short: tuple[Runs, Runs]
    questions: NDArray[np.uint64]
    brief: NDArray[np.bool_]


@dataclass(frozen=True)
class Hit:
    """An example shares runs with a benchmark row: ``share`` of the question's, and whether one of the long ones."""

    row: int
    owner: int
    kind: str
    share: float


def index(questions: pa.Array, whole_texts: pa.Array, names: Sequence[str]) -> Benchmark:
    """Make a benchmark ready: its questions, its rows with their answers, and their names, n each."""
    made = tokenise(questions)
    apart = unspaced(questions)
    least = np.where(apart, LEAST * _WIDER, LEAST)
    return Benchmark(
        tuple(names),
        _runs(whole_texts, LONG),
        _runs(questions, SHORT),
        whole(made),
        (made.counts > 0) & (made.counts < least),
    )


def find(benchmark: Benchmark, texts: pa.Array, prompts: pa.Array, share: float) -> list[Hit]:
    """The hits of some examples: *texts* are looked through for runs, *prompts* (null: none) held whole."""
    best: dict[tuple[int, int], Hit] = {}
    words = tokenise(texts)
    for long, short, width in zip(benchmark.long, benchmark.short, (1, _WIDER), strict=True):
        shares = _shared(short, words, SHORT * width)
        for key in _shared(long, words, LONG * width):
            best[key] = Hit(*key, "verbatim", shares.get(key, 0) / max(int(short.totals[key[1]]), 1))
        for key, count in shares.items():
            total = int(short.totals[key[1]])
            if total >= LEAST - SHORT + 1 and count >= share * total:
                best.setdefault(key, Hit(*key, "reworded", count / total))
    for row, owner in _same(benchmark, words, prompts):
        best.setdefault((row, owner), Hit(row, owner, "same", 1.0))
    return list(best.values())


def proposals(hits: Sequence[Hit], names: Sequence[str], first_row: int) -> list[Proposal]:
    """One proposal for each example that was hit, with its benchmark rows, the strongest first."""
    by_row: dict[int, list[Hit]] = {}
    for hit in hits:
        by_row.setdefault(hit.row, []).append(hit)
    kinds = ("verbatim", "same", "reworded", "paraphrase")
    made = []
    for row, found in sorted(by_row.items()):
        found.sort(key=lambda hit: (kinds.index(hit.kind), -hit.share, hit.owner))
        top = found[0]
        rest = f", and {len(found) - 1} more" if len(found) > 1 else ""
        because = f"{_says(top)} {names[top.owner]}{rest}"
        partners = tuple(names[hit.owner] for hit in found[:_LISTED])
        made.append(Proposal(first_row + row, top.kind, top.share, because, partners))
    return made


def _says(hit: Hit) -> str:
    match hit.kind:
        case "verbatim":
            return f"a run of {LONG} words, and {hit.share:.0%} of the question's runs of {SHORT}, stand in"
        case "reworded":
            return f"{hit.share:.0%} of the runs of {SHORT} words are those of the question of"
        case "same":
            return "the prompt is, word for word, the question of"
        case _:
            return f"the prompt means the same (cosine {hit.share:.3f}) as the question of"


def _runs(texts: pa.Array, width: int) -> tuple[Runs, Runs]:
    """The runs of the texts with spaces, and of those without."""
    apart = unspaced(texts)
    made = tokenise(texts)
    both = []
    for alone in (False, True):
        size = width * (_WIDER if alone else 1)
        runs, starts = near.distinct(*shingles(made, size))
        owners = np.repeat(np.arange(len(texts)), np.diff(starts))
        long_enough = (made.counts >= size) & (apart == alone)
        runs, owners = runs[long_enough[owners]], owners[long_enough[owners]]
        _, place, often = np.unique(runs, return_inverse=True, return_counts=True)
        rare = often[place] <= max(_COMMON, _COMMON_SHARE * len(texts))
        runs, owners = runs[rare], owners[rare]
        order = np.argsort(runs, kind="stable")
        begun = np.zeros(1 << _BEGINNING, np.bool_)
        begun[runs >> _REST] = True
        both.append(Runs(runs[order], owners[order], np.bincount(owners, minlength=len(texts)), begun))
    return both[0], both[1]


def _shared(runs: Runs, texts: Tokens, width: int) -> dict[tuple[int, int], int]:
    """How many distinct runs each text shares with each benchmark row, where it shares any."""
    if not len(runs.hashes):
        return {}
    hashes, starts = shingles(texts, width)
    places = np.flatnonzero(runs.begun[hashes >> _REST])
    low = np.searchsorted(runs.hashes, hashes[places], "left")
    sizes = np.searchsorted(runs.hashes, hashes[places], "right") - low
    places, low, sizes = places[sizes > 0], low[sizes > 0], sizes[sizes > 0]
    rows = np.searchsorted(starts, places, "right") - 1
    _, first = np.unique(rows * np.int64(len(runs.hashes)) + low, return_index=True)
    rows, low, sizes = rows[first], low[first], sizes[first]
    found = np.repeat(rows, sizes) * np.int64(len(runs.totals)) + runs.owners[ranges(low, sizes)]
    keys, counts = np.unique(found, return_counts=True)
    size = len(runs.totals)
    return {(key // size, key % size): count for key, count in zip(keys.tolist(), counts.tolist(), strict=True)}


def _same(benchmark: Benchmark, texts: Tokens, prompts: pa.Array) -> list[tuple[int, int]]:
    """Examples whose whole prompt or text is a brief question."""
    brief = {tuple(benchmark.questions[owner].tolist()): int(owner) for owner in np.flatnonzero(benchmark.brief)}
    if not brief:
        return []
    known = np.array([first for first, _ in brief], np.uint64)
    found = []
    for column in (texts, tokenise(prompts)):
        keys = whole(column)
        rows = np.flatnonzero(np.isin(keys[:, 0], known))
        both = zip(rows.tolist(), map(tuple, keys[rows].tolist()), strict=True)
        found += [(row, brief[key]) for row, key in both if key in brief]
    return found
