"""Adaptive policies: which rows come next, given what training saw of them so far. Arrays in, arrays out.

They re-order or replace rows inside a stage and never add any, so the token budget of the plan holds to the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Adaptive = Literal["plan", "leitner", "skill-it", "self-paced"]

OTHER_SKILL = 0.5
"""The weight of a skill that another one builds on in the graph of Skill-it; its own is 1."""
GROWTH = 1.1
"""By how much the self-paced threshold grows from one window to the next."""


def promote(
    box: NDArray[np.int8], seen: NDArray[np.int64], right: NDArray[np.bool_], most: int = 7
) -> NDArray[np.int8]:
    """The boxes after some examples were seen: right goes one up, wrong goes back to box 0.

    *seen* are examples, shape (k,), each once, and *right* says how it went. Source: Leitner 1972, as in Amiri et al.
    2017, "Repeat before Forgetting".
    """
    moved = box.copy()
    moved[seen] = np.where(right, np.minimum(box[seen] + 1, most), 0)
    return moved


def due(box: NDArray[np.int8], met: NDArray[np.bool_], session: int) -> NDArray[np.bool_]:
    """Whether each example that was *met* is reviewed in a session: box k in every 2^k-th. Shape (n,)."""
    each: NDArray[np.bool_] = met & (session % (1 << box.astype(np.int64)) == 0)
    return each


def leitner(
    slots: int, box: NDArray[np.int8], met: NDArray[np.bool_], last: NDArray[np.int64], session: int
) -> NDArray[np.int64]:
    """The examples that fill *slots* review rows of a session, longest unseen first.

    Due ones come first, lowest box first; where too few are due, those in the lowest boxes fill the rest. *last* is
    the step of the last visit. Shape (at most slots,).
    """
    known = np.flatnonzero(met)
    is_due = due(box, met, session)[known]
    ranked = known[np.lexsort((known, last[known], box[known], ~is_due))][:slots]
    return ranked[np.argsort(last[ranked], kind="stable")]


def skill_graph(skills: Sequence[str], requires: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    """The matrix A of Skill-it: 1 on the diagonal, 0.5 at (i, j) where skill j requires skill i. Shape (k, k)."""
    place = {name: number for number, name in enumerate(skills)}
    graph = np.eye(len(skills))
    for name, needed in requires.items():
        for other in needed:
            if name in place and other in place:
                graph[place[other], place[name]] = OTHER_SKILL
    return graph


def skill_weights(graph: NDArray[np.float64], loss: NDArray[np.float64], eta: float = 0.5) -> NDArray[np.float64]:
    """The share of each skill in the next window: p_i proportional to exp(eta * sum_j A_ij L_j).

    Source: Chen et al. 2023, "Skill-it!", algorithm 1 with a window of one. Shape (k,).
    """
    pull = eta * graph @ loss
    raised = np.exp(pull - pull.max())
    weights: NDArray[np.float64] = raised / raised.sum()
    return weights


def by_weights(
    remaining: NDArray[np.int64], skill: NDArray[np.int64], weights: NDArray[np.float64], window: int
) -> NDArray[np.int64]:
    """The remaining rows, the next *window* of them with each skill's share; inside a skill they keep their order.

    *skill* is that of each remaining row. A skill that has too few rows left leaves its share to the others. Rows of
    the window alternate as their shares ask, and all others follow as they stood. Shapes (n,).
    """
    window = min(window, len(remaining))
    left = np.bincount(skill, minlength=len(weights))
    taken = _quotas(weights, left, window)
    rank = _rank_inside(skill)
    chosen = rank < taken[skill]
    place = (rank + 0.5) / np.maximum(taken, 1)[skill]
    now = np.flatnonzero(chosen)
    now = now[np.lexsort((now, place[now]))]
    return np.concatenate([remaining[now], remaining[~chosen]])


def self_paced(remaining: NDArray[np.int64], expected: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """The remaining rows, those whose *expected* loss reaches the threshold put off to the end.

    v_i = 1 where L_i < lambda (Kumar et al. 2010, equation 3). NaN stands for a loss that nobody can expect yet, and
    such a row is let in. Both groups keep their order. Shapes (n,).
    """
    hard = expected >= threshold
    return np.concatenate([remaining[~hard], remaining[hard]])


def expected_loss(
    example: NDArray[np.int64], group: NDArray[np.int64], last: NDArray[np.float64], groups: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The loss to expect of each row: the example's own last one, else the mean of its group, else NaN.

    *last* by example and *groups* by group are NaN where nothing was seen. Shape (n,).
    """
    own = last[example]
    guess: NDArray[np.float64] = np.where(np.isnan(own), groups[group], own)
    return guess


def _quotas(weights: NDArray[np.float64], left: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Whole rows by skill that add up to *window*, none above what is left; largest remainders first."""
    taken = np.zeros(len(weights), np.int64)
    while (missing := window - int(taken.sum())) > 0:
        open_ = taken < left
        share = np.where(open_, weights, 0.0)
        share = np.where(open_, 1.0, 0.0) if share.sum() == 0 else share
        wanted = share / share.sum() * missing
        more = np.minimum(np.floor(wanted).astype(np.int64), left - taken)
        if more.sum() == 0:
            order = np.lexsort((np.arange(len(weights)), -wanted))
            more[order[:missing]] = 1
            more = np.where(open_, more, 0)
            if more.sum() == 0:
                more[np.flatnonzero(open_)[:1]] = 1
        taken += more
    return taken


def _rank_inside(code: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each row among those of its own code. Shape (n,)."""
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], code[order])
    rank = np.empty(len(code), np.int64)
    rank[order] = np.arange(len(code)) - starts
    return rank
