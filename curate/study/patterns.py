"""Which groups of probe rows fail more than the rest: by skill, by cluster of alike rows, and by traits of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.study.diagnosis import Failing, Near, Pattern
from curate.study.statistics import holm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal

    from numpy.typing import NDArray

    By = Literal["skill", "cluster", "trait"]

LEAST_ROWS = 5
"""Rows of a group, and of the rest, without which nothing is said of it."""
EXAMPLES, NEAREST = 3, 3
_CLUSTER_ROWS = 20
"""Rows that a cluster holds on average."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The probe rows: ids, prompts, skills, loss and whether each fails; vectors (n, d) of length one."""

    ids: Sequence[str]
    prompts: Sequence[str]
    skills: Sequence[str]
    loss: NDArray[np.float64]
    fails: NDArray[np.bool_]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Taught:
    """The training rows, with vectors of the same kind."""

    ids: Sequence[str]
    skills: Sequence[str]
    tiers: Sequence[int]
    vectors: NDArray[np.float32]


TRAITS: dict[str, Callable[[str], bool]] = {
    "numbers of three digits or more": lambda text: re.search(r"\d{3}", text) is not None,
    "decimals": lambda text: re.search(r"\d[.,]\d", text) is not None,
    "negation": lambda text: re.search(r"(?i)\b(not|never|no|without|kein|nicht)\b|n't", text) is not None,
    "several lines": lambda text: "\n" in text.strip(),
    "code": lambda text: re.search(r"[{};]|\bdef\b|\breturn\b|==", text) is not None,
    "a question": lambda text: "?" in text,
}


def patterns(asked: Asked, taught: Taught, seed: int) -> tuple[Pattern, ...]:
    """Groups that fail more often than the rest, the surest first, each with failing rows and what lies near them."""
    found = [
        (by, name, inside)
        for by, name, inside in _groups(asked, seed)
        if LEAST_ROWS <= inside.sum() <= len(inside) - LEAST_ROWS
    ]
    values = holm([_exact(inside, asked.fails) for _, _, inside in found])
    made = []
    for (by, name, inside), p in zip(found, values, strict=True):
        share, elsewhere = float(asked.fails[inside].mean()), float(asked.fails[~inside].mean())
        if share > elsewhere:
            worst = np.flatnonzero(inside & asked.fails)
            worst = worst[np.argsort(-asked.loss[worst], kind="stable")][:EXAMPLES]
            made.append(
                Pattern(
                    by=by,
                    name=name,
                    rows=int(inside.sum()),
                    failing=int(asked.fails[inside].sum()),
                    share=share,
                    elsewhere=elsewhere,
                    p=p,
                    examples=tuple(_failing(asked, taught, int(at)) for at in worst),
                )
            )
    return tuple(sorted(made, key=lambda each: (each.p, -each.share, each.by, each.name)))


def hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of length one from hashed groups of two to four letters, for runs without others. Shape (n, 4096)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    made = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=4096).transform(list(texts))
    return np.asarray(made.toarray(), np.float32)


def _groups(asked: Asked, seed: int) -> Iterator[tuple[By, str, NDArray[np.bool_]]]:
    skills = np.array(asked.skills)
    for name in sorted(set(asked.skills)):
        yield "skill", name, skills == name
    for name, test in TRAITS.items():
        yield "trait", name, np.array([test(text) for text in asked.prompts], np.bool_)
    lengths = np.array([len(text) for text in asked.prompts])
    yield "trait", "longest quarter of prompts", lengths > np.quantile(lengths, 0.75)
    yield "trait", "shortest quarter of prompts", lengths < np.quantile(lengths, 0.25)
    cluster = _clusters(asked.vectors, seed)
    for number in np.unique(cluster).tolist():
        middle = asked.vectors[cluster == number].mean(axis=0)
        nearest = int(np.argmax(np.where(cluster == number, asked.vectors @ middle, -np.inf)))
        yield "cluster", f"rows like {asked.ids[nearest]}", cluster == number


def _clusters(vectors: NDArray[np.float32], seed: int) -> NDArray[np.int64]:
    """k-means on the vectors, about 20 rows a cluster. Shape (n,)."""
    from sklearn.cluster import KMeans

    count = len(vectors) // _CLUSTER_ROWS
    if count < 2:
        return np.zeros(len(vectors), np.int64)
    return np.asarray(KMeans(count, n_init=4, random_state=seed).fit_predict(vectors), np.int64)


def _exact(inside: NDArray[np.bool_], fails: NDArray[np.bool_]) -> float:
    """The chance of as many failing rows in the group, or more, were they spread by chance (hypergeometric)."""
    from scipy.stats import hypergeom

    held = int((inside & fails).sum())
    return float(min(hypergeom.sf(held - 1, len(fails), int(fails.sum()), int(inside.sum())), 1.0))


def _failing(asked: Asked, taught: Taught, at: int) -> Failing:
    similarity = taught.vectors @ asked.vectors[at]
    order = np.argsort(-similarity, kind="stable")[:NEAREST].tolist()
    return Failing(
        id=asked.ids[at],
        loss=float(asked.loss[at]),
        nearest=tuple(
            Near(id=taught.ids[to], similarity=float(similarity[to]), skill=taught.skills[to], tier=taught.tiers[to])
            for to in order
        ),
    )
