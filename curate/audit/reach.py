"""How much of a set of texts lies near what each place holds: the hold-out, or a reference set of the user's.

A text is reached where a row of the place lies inside its ball, whose radius is the distance to its k-th nearest
neighbour among the set itself (Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics", equation 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.audit import intervals
from curate.audit.coverage import thin
from curate.audit.report import Example, Interval, Reach, Reached
from curate.audit.texts import beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus
    from curate.audit.coverage import Vectors
    from curate.audit.places import Weighted

NEAREST = 5
"""k of the balls: the value that Naeem et al. recommend."""

MOST_TEXTS = 2000
"""Of a larger set a sample is taken."""

LEAST_TEXTS = 20
"""A smaller set is no basis for a share."""

FARTHEST = 5
"""So many of the texts that are farthest from all that is trained are shown."""

SCOPES = ("train", "tier", "stage")


@dataclass(frozen=True)
class Asked:
    """A set of texts and their unit vectors, shape (texts, width); ``row`` is set where they are rows of the corpus."""

    name: str
    vectors: NDArray[np.float32]
    row: NDArray[np.int64] | None = None
    texts: Sequence[str] | None = None


def ask(name: str, texts: Sequence[str], encode: Callable[[list[str]], NDArray[np.float32]]) -> Asked:
    """A set of texts, or a sample of a large one, evenly spread, with their vectors."""
    kept = [texts[int(at)] for at in thin(np.arange(len(texts)), MOST_TEXTS)]
    return Asked(name, encode(kept), texts=[beginning([text]) for text in kept])


def measure(
    asked: Sequence[Asked], blocks: Iterable[Vectors], weighted: Sequence[Weighted], corpus: Corpus, confidence: float
) -> Iterator[Reached]:
    """How much of each set each place reaches; *blocks* are the vectors of the corpus, some rows at a time."""
    large = [each for each in asked if len(each.vectors) >= LEAST_TEXTS]
    places = [each for each in weighted if each.place.scope in SCOPES and each.weights.any()]
    if not large or not places:
        return
    found = nearest(np.concatenate([each.vectors for each in large]), blocks, [each.weights for each in places])
    train = next(at for at, each in enumerate(places) if each.place.scope == "train")
    ends = np.cumsum([len(each.vectors) for each in large])[:-1]
    for each, cosine in zip(large, np.split(found, ends, axis=1), strict=True):
        inside = cosine >= radii(each.vectors, NEAREST)
        rows = [int((place.weights > 0).sum()) for place in places]
        low, high = intervals.wilson(inside.sum(axis=1), inside.shape[1], confidence)
        yield Reached(
            name=each.name,
            texts=len(each.vectors),
            nearest=NEAREST,
            reaches=tuple(
                Reach(
                    place=place.place,
                    rows=rows[at],
                    share=float(inside[at].mean()),
                    interval=Interval(low=float(low[at]), high=float(high[at])),
                    expected=expected(len(each.vectors), rows[at], NEAREST),
                )
                for at, place in enumerate(places)
            ),
            unreached=int((~inside[train]).sum()),
            unreached_by_skill=_by_skill(each, ~inside[train], corpus),
            farthest=_farthest(each, cosine[train], ~inside[train], corpus),
        )


def radii(vectors: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The cosine of each vector with its k-th nearest among the others: the border of its ball. Shape (n,)."""
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -np.inf)
    k = min(k, len(vectors) - 1)
    return np.partition(cosine, -k, axis=1)[:, -k].astype(np.float32, copy=False)


def nearest(
    asked: NDArray[np.float32], blocks: Iterable[Vectors], weights: Sequence[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """The largest cosine of each of *asked* with a row of each place. Shape (places, asked)."""
    found = np.full((len(weights), len(asked)), -np.inf, np.float32)
    for block in blocks:
        cosine = block.values @ asked.T
        for at, weight in enumerate(weights):
            inside = weight[block.row] > 0
            if inside.any():
                np.maximum(found[at], cosine[inside].max(axis=0), out=found[at])
    return found


def expected(texts: int, rows: int, k: int) -> float:
    """The share that so many rows would reach if they were drawn from where the texts come from.

    Naeem et al. 2020, lemma 2: 1 - (n - 1) ... (n - k) / ((m + n - 1) ... (m + n - k)) for n texts and m rows.
    """
    down = np.arange(1, k + 1)
    return float(1 - np.prod((texts - down) / (rows + texts - down)))


def _by_skill(asked: Asked, missed: NDArray[np.bool_], corpus: Corpus) -> dict[str, int]:
    if asked.row is None:
        return {}
    counts = np.bincount(corpus.skill.codes[asked.row[missed]], minlength=len(corpus.skill.labels))
    ranked = sorted(zip(corpus.skill.labels, counts.tolist(), strict=True), key=lambda each: (-each[1], each[0]))
    return {name: count for name, count in ranked if count}


def _farthest(
    asked: Asked, cosine: NDArray[np.float32], missed: NDArray[np.bool_], corpus: Corpus
) -> tuple[Example, ...]:
    order = np.argsort(cosine, kind="stable")
    chosen = order[missed[order]][:FARTHEST]
    if asked.row is not None:
        return tuple(Example(id=corpus.ids[int(row)].as_py(), text="") for row in asked.row[chosen])
    return tuple(Example(id=None, text=asked.texts[int(at)] if asked.texts else None) for at in chosen)
