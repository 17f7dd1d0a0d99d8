"""False alarms: labels that mean nothing, dealt out 500 times, must be left alone as often as the report says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.audit import association, gather, groups, identity, multiple, places, shares
from curate.audit.effects import compare
from curate.audit.strata import stratify
from curate.audit.thresholds import Thresholds
from tests.audit_runs import Rows, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus, Visits

LIMITS = Thresholds()


def read(root: Path, rows: Rows) -> tuple[Corpus, Visits]:
    space = write(root, rows)
    ids = gather.sort_ids(space.read_all("examples", ["id"]).column("id"))
    tiers, skills = space.read_table("tiers.parquet"), space.read_table("skills.parquet")
    tokens = space.read_all("statistics/tokens", ["id", "tokens"])
    corpus = gather.corpus(ids, tiers, skills, tokens, None, None)
    return corpus, gather.visits(ids, space.read_table("order.parquet"), [])


def dealt(corpus: Corpus, visits: Visits, labels: NDArray[np.int64]) -> Iterator[list[NDArray[np.float64]]]:
    """The p-values of each of many groupings, as the audit takes them. *labels* has shape (draws, rows).

    A group is tested by itself, whatever other groups there are, so all draws are tested as groups of one grouping.
    """
    draws, kinds = len(labels), int(labels.max()) + 1
    group = (labels + kinds * np.arange(draws)[:, None]).ravel()
    names = tuple(f"draw {draw}: g{kind}" for draw in range(draws) for kind in range(kinds))
    held = groups.Groups("label", names, np.tile(np.arange(corpus.rows), draws), group)
    members = held.among(np.arange(corpus.rows))
    strata = stratify(corpus.skill.codes, corpus.tokens, members)
    table = shares.table(held, places.weigh(corpus, visits), corpus.unit, strata, None, LIMITS.confidence)
    ranked = compare(corpus.difficulty, members, strata.codes, LIMITS.confidence).p
    tested = np.where(table.expected >= LIMITS.expected_count, table.p, np.nan)
    for draw in range(draws):
        own = slice(kinds * draw, kinds * (draw + 1))
        yield [tested[:, own], ranked[own]]


def test_draws_are_tested_as_each_would_be_alone(tmp_path: Path) -> None:
    chance = np.random.default_rng(30)
    corpus, visits = read(tmp_path, Rows(600, stages=5))
    labels = chance.choice(3, (4, 600), p=(0.6, 0.3, 0.1))

    together = list(dealt(corpus, visits, labels))

    for draw, line in enumerate(labels):
        (alone,) = dealt(corpus, visits, line[None])
        assert all(np.allclose(one, other, equal_nan=True) for one, other in zip(alone, together[draw], strict=True))


@pytest.mark.parametrize("odds", [(0.5, 0.5), (0.7, 0.2, 0.06, 0.04)])
def test_labels_that_mean_nothing_give_no_more_alarms_than_said(tmp_path: Path, odds: tuple[float, ...]) -> None:
    chance = np.random.default_rng(31)
    tokens = chance.integers(5, 400, 600)
    difficulty = np.clip(tokens / 600 + chance.random(600) / 3, 0, 0.999)
    corpus, visits = read(tmp_path, Rows(600, difficulty=difficulty, tokens=tokens, stages=5))

    p = list(dealt(corpus, visits, chance.choice(len(odds), (500, 600), p=odds)))

    # All nulls are true, so the rate of false discoveries is the rate of runs with any: at most 5 %, give or take
    # two standard errors of 500 runs.
    alarms = sum(any((q < LIMITS.q).any() for q in multiple.together(each)) for each in p)
    flat = np.concatenate([part.ravel() for each in p for part in each])
    assert alarms / 500 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 500)
    assert (flat < 0.05).sum() / (~np.isnan(flat)).sum() <= 0.055


def test_labels_that_follow_skill_and_length_alone_give_no_more_alarms_than_said(tmp_path: Path) -> None:
    chance = np.random.default_rng(32)
    tokens = chance.integers(5, 400, 1600)
    hard = chance.random(1600) < tokens / 400
    difficulty = np.clip(0.3 * hard + tokens / 1000 + chance.random(1600) / 4, 0, 0.999)
    skill = np.where(hard, "proofs", "sums").tolist()
    corpus, visits = read(tmp_path, Rows(1600, difficulty=difficulty, tokens=tokens, skill=skill, stages=5))
    odds = np.where(corpus.skill.codes == 0, 0.6, 0.2) + np.floor(corpus.tokens / 40) * 0.03

    p = dealt(corpus, visits, (chance.random((300, 1600)) < odds).astype(np.int64))

    alarms = sum(any((q < LIMITS.q).any() for q in multiple.together(each)) for each in p)
    assert alarms / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def test_words_that_keep_no_company_give_no_more_alarms_than_said() -> None:
    chance = np.random.default_rng(33)
    terms, lexicon = identity.vocabulary({})
    words = [terms.words.index(word) for word in ("nurse", "doctor", "clerk", "kind", "poor", "lazy", "judge", "happy")]
    sides = [terms.words.index("she"), terms.words.index("he")]
    often = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.6])
    alarms = 0

    for _ in range(500):
        holds = chance.random((3000, 8)) < often
        row, word = np.nonzero(holds)
        side = np.array(sides)[(chance.random(3000) < 0.4).astype(np.int64)]
        mentions = identity.Mentions(
            terms,
            np.concatenate([row, np.arange(3000)]),
            np.concatenate([np.array(words)[word], side]),
            {"gender": lexicon["gender"]},
        )
        found = association.links(mentions, np.ones(3000, np.bool_), LIMITS.expected_count)
        alarms += any((q < LIMITS.q).any() for q in multiple.together([each.p for each in found]))

    assert alarms / 500 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 500)
