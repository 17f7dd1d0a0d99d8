"""A suite through a model: likelihood of every answer, of the options of a choice, and of lures, in one set of batches.

A multiple choice costs nothing more where its options, each written as the whole answer, differ in one token: all of
them are looked up in the place where the answer itself is scored. Otherwise each option is read as an answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.core import views
from curate.core.schemas import MESSAGES
from curate.models.chat import COLUMNS, Rendered, render
from curate.models.likelihood import score_tokens
from curate.models.passes import Pass, conditioned
from curate.models.settings import LmSettings, budget, window
from curate.protocol import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.models.likelihood import TokenScores
    from curate.models.load import LanguageModel
    from curate.models.untyped import Tokenizer
    from curate.probe.suite import Suite


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """What the model gives for n probe rows; ``nll`` (in nats) is NaN for a row that has no figure.

    ``hits`` counts answer tokens that are the model's own first choice. ``confidence``, ``right`` and ``row`` go token
    by token, shape (k,): the probability of the likeliest token, whether it is the answer's, and the row. ``options``
    holds by row the probabilities of the options, which add up to 1. ``lure`` is the mean NLL of a lure's tokens.
    """

    nll: NDArray[np.float64]
    tokens: NDArray[np.int64]
    hits: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    row: NDArray[np.int64]
    options: Mapping[int, NDArray[np.float64]]
    lure: NDArray[np.float64]
    reasons: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class _Asked:
    """One pass and what it is for: an ``answer`` (with options of a choice after it), an ``option``, or a ``lure``."""

    what: str
    number: int
    one: Pass
    extra: int = 0


@dataclass
class _Sums:
    """NLL and tokens of each option and lure while passes are handed out."""

    options: dict[int, dict[int, float]] = field(default_factory=dict)
    lures: dict[int, list[float]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def look(suite: Suite, model: LanguageModel, options: LmSettings | None = None) -> Likelihoods:
    """Everything that likelihood tells about a suite. Rows that do not fit into the context go through in windows."""
    options = LmSettings() if options is None else options
    table = suite.table
    rendered = render(model.tokenizer, table.select(list(COLUMNS)))
    asked = list(_asked(model, table, rendered, *window(model, options)))
    scores = score_tokens(model, [each.one for each in asked], budget(model, options))
    return _gathered(table, rendered, asked, scores)


def _asked(
    model: LanguageModel, table: pa.Table, rendered: Sequence[Rendered | Reason], context: int, stride: int
) -> Iterator[_Asked]:
    """The passes of a suite, row by row."""
    choices = rewritten(model.tokenizer, table, "answers")
    lures = rewritten(model.tokenizer, table, "lure")
    for row, example in enumerate(rendered):
        if isinstance(example, Reason):
            continue
        passes = list(conditioned(row, example, context, stride))
        others = choices.get(row, [])
        place = telling(others, example) if len(passes) == 1 and others else None
        if place is not None:
            tokens = np.array([one.tokens[place] for one in others], np.int32)
            yield _Asked("answer", row, _with(passes[0], place, tokens), len(tokens))
        else:
            yield from (_Asked("answer", row, one) for one in passes)
            for number, other in enumerate(others):
                yield from (_Asked("option", number, one) for one in conditioned(row, other, context, stride))
        for other in lures.get(row, []):
            yield from (_Asked("lure", 0, one) for one in conditioned(row, other, context, stride))


def rewritten(tokenizer: Tokenizer, table: pa.Table, column: str) -> dict[int, list[Rendered]]:
    """By row, its exchange with another answer at the end: all *answers* of a choice, or the *lure*."""
    rows, made = [], []
    for row, cell in enumerate(table.column(column).to_pylist()):
        if cell is None:
            continue
        turns = views.turns(table.slice(row, 1).to_pylist()[0])[:-1]
        for answer in cell if isinstance(cell, list) else [cell]:
            rows.append(row)
            made.append([{"role": role, "content": content} for role, content in (*turns, ("assistant", answer))])
    count = len(rows)
    shown = pa.table(
        {
            "record": pa.array(["messages"] * count, pa.string()),
            "messages": pa.array(made, MESSAGES),
            **{name: pa.nulls(count, pa.string()) for name in ("prompt", "completion", "text")},
            "tools": table.column("tools").combine_chunks().take(pa.array(rows, pa.int64())),
        }
    )
    found: dict[int, list[Rendered]] = {}
    for row, one in zip(rows, render(tokenizer, shown), strict=True) if count else ():
        if isinstance(one, Rendered):
            found.setdefault(row, []).append(one)
    whole = Counter(rows)
    return {row: each for row, each in found.items() if len(each) == whole[row]}


def telling(others: Sequence[Rendered], example: Rendered) -> int | None:
    """The only place in which the options' tokens differ, all of them; None where there is no such place."""
    if len({len(one.tokens) for one in others}) > 1 or len(others[0].tokens) != len(example.tokens):
        return None
    stacked = np.stack([one.tokens for one in others])
    places = np.flatnonzero((stacked != stacked[0]).any(axis=0))
    if len(places) != 1 or len(np.unique(stacked[:, places[0]])) < len(others):
        return None
    place = int(places[0])
    return place if example.answers[-1].start <= place < example.answers[-1].end else None


def _with(one: Pass, place: int, tokens: NDArray[np.int32]) -> Pass:
    """A pass that also asks how likely each of *tokens* is in one place."""
    more = np.full(len(tokens), place, np.int32)
    return Pass(
        one.row,
        one.tokens,
        np.concatenate([one.targets, more]),
        np.concatenate([one.turns, np.zeros_like(more)]),
        np.concatenate([one.wanted, tokens]),
    )


def _gathered(
    table: pa.Table,
    rendered: Sequence[Rendered | Reason],
    asked: Sequence[_Asked],
    scores: Sequence[TokenScores | Reason],
) -> Likelihoods:
    count = len(table)
    nll, tokens, hits = np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.int64)
    confidence, right, row = [np.zeros(0)], [np.zeros(0, np.bool_)], [np.zeros(0, np.int64)]
    sums = _Sums(failed={place: one.text for place, one in enumerate(rendered) if isinstance(one, Reason)})
    for each, score in zip(asked, scores, strict=True):
        place = each.one.row
        if isinstance(score, Reason):
            sums.failed[place] = score.text
        elif each.what == "answer":
            own = slice(0, len(score.nll) - each.extra)
            hit = score.nll[own] == score.least[own]
            nll[place] += score.nll[own].sum(dtype=np.float64)
            tokens[place] += len(hit)
            hits[place] += int(hit.sum())
            confidence.append(np.exp(-score.least[own].astype(np.float64)))
            right.append(hit)
            row.append(np.full(len(hit), place, np.int64))
            for number, value in enumerate(score.nll[len(hit) :].tolist()):
                sums.options.setdefault(place, {})[number] = value
        elif each.what == "option":
            held = sums.options.setdefault(place, {})
            held[each.number] = held.get(each.number, 0.0) + float(score.nll.sum(dtype=np.float64))
        else:
            sums.lures.setdefault(place, []).extend(score.nll.tolist())
    nll[list(sums.failed)] = np.nan
    lure = np.full(count, np.nan)
    for place, values in sums.lures.items():
        lure[place] = float(np.mean(values))
    return Likelihoods(
        nll=nll,
        tokens=tokens,
        hits=hits,
        confidence=np.concatenate(confidence),
        right=np.concatenate(right),
        row=np.concatenate(row),
        options={place: _shares(held) for place, held in sums.options.items() if place not in sums.failed},
        lure=lure,
        reasons=dict(sorted(Counter(sums.failed.values()).items())),
    )


def _shares(held: Mapping[int, float]) -> NDArray[np.float64]:
    """Probabilities among the options, from their NLL."""
    likely = -np.array([held[number] for number in sorted(held)])
    power = np.exp(likely - likely.max())
    return np.asarray(power / power.sum(), np.float64)
