"""Findings and figures on what keeps company: words with identity terms, and the sides of matched pairs."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, cast

import numpy as np

from curate.audit.intervals import known, quantile
from curate.audit.lexicon import CLINGING
from curate.audit.report import Association, Example, Figure, Finding, Interval, MatchedPair
from curate.audit.verdicts import EFFECT_WORDS, SHARE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.audit.association import Links
    from curate.audit.pairs import Matched
    from curate.audit.report import Direction, Verdict
    from curate.audit.thresholds import Thresholds

MOST_SHOWN = 60
"""Beyond the significant ones, this many of the strongest associations are kept for the report."""

WITH_EXAMPLES = 12
EXAMPLES = 2

_KIND = {word: name for name, listed in CLINGING.items() for word in listed}


def associations(
    found: Links, q: NDArray[np.float64], ids: pa.Array, holders: dict[str, NDArray[np.int64]], limits: Thresholds
) -> Iterator[Association]:
    """One line for each word with support; *holders* are the rows that hold each word."""
    half = quantile(limits.confidence) * found.error
    for at in np.flatnonzero(~np.isnan(found.p)):
        ratio = float(np.exp(found.log_odds[at]))
        far = int(ratio >= limits.odds_ratio) - int(ratio <= 1 / limits.odds_ratio)
        word = found.words[at]
        inside = holders[word][found.exclusive[holders[word]]] if far > 0 else holders[word][:0]
        yield Association(
            axis=found.axis,
            value=found.value,
            word=word,
            kind=_KIND[word],
            rows=int(found.both[at]),
            of=found.rows,
            other_rows=int(found.others[at]),
            other_of=found.other_rows,
            npmi=float(found.npmi[at]),
            odds_ratio=ratio,
            interval=Interval(
                low=float(np.exp(found.log_odds[at] - half[at])), high=float(np.exp(found.log_odds[at] + half[at]))
            ),
            p=known(found.p[at]),
            q=known(q[at]),
            verdict=cast("Verdict", SHARE_WORDS[1 + far * int(q[at] < limits.q)]),
            examples=tuple(Example(id=ids[int(row)].as_py(), text="") for row in inside[:EXAMPLES]),
        )


def strongest(found: Sequence[Association]) -> tuple[Association, ...]:
    """All that stand out, then the strongest of the rest; examples stay with the first few that have any."""
    ranked = sorted(found, key=lambda each: (each.verdict == "as expected", each.p or 0.0, each.axis, each.value))
    kept = [each for each in ranked if each.verdict != "as expected"]
    kept += ranked[len(kept) : max(MOST_SHOWN, len(kept))]
    shown = [at for at, each in enumerate(kept) if each.examples and each.verdict == "over"][:WITH_EXAMPLES]
    return tuple(each if at in shown else each.model_copy(update={"examples": ()}) for at, each in enumerate(kept))


def of_associations(found: Sequence[Association], limits: Thresholds) -> Iterator[Finding]:
    """One finding for each value and list of words that cling to it."""
    over = sorted((each for each in found if each.verdict == "over"), key=_place)
    for (axis, value, kind), group in groupby(over, key=_place):
        lines = sorted(group, key=lambda each: -each.odds_ratio)
        named = ", ".join(f"{each.word} ({each.odds_ratio:.1f})" for each in lines[:6])
        yield Finding(
            severity="warning",
            kind="association",
            column=f"mentioned {axis}",
            value=value,
            figure=Figure(name=f"odds ratio of {lines[0].word}", value=lines[0].odds_ratio, interval=lines[0].interval),
            threshold=f"odds ratio from {limits.odds_ratio:g}, q < {limits.q:g}",
            q=lines[0].q,
            says=f"Texts that mention {axis} = {value} hold these {kind} words oftener, by odds: {named}.",
            mend="add texts in which other values keep that company, or swap the terms in a copy of these rows",
        )


def matched(found: Matched, q: float, limits: Thresholds) -> MatchedPair:
    """One pair of groups with its verdict: how often one side is harder, less how often it is easier."""
    delta = (found.harder - found.easier) / found.pairs
    side = int(delta >= limits.delta_warning) - int(delta <= -limits.delta_warning)
    return MatchedPair(
        first=found.first,
        second=found.second,
        pairs=found.pairs,
        gap=found.gap,
        gap_interval=Interval(low=found.gap_low, high=found.gap_high),
        harder=found.harder,
        easier=found.easier,
        p=known(found.p),
        q=known(q),
        verdict=cast("Direction", EFFECT_WORDS[1 + side * int(q < limits.q)]),
        causes=found.causes,
    )


def of_pairs(column: str, pairs: Sequence[MatchedPair], limits: Thresholds, where: str = "") -> Iterator[Finding]:
    """Matched pairs in which one side is ranked harder; *where* says which pairs they are."""
    for pair in pairs:
        if pair.verdict not in {"higher", "lower"}:
            continue
        hard, easy = (pair.first, pair.second) if pair.verdict == "higher" else (pair.second, pair.first)
        delta = abs(pair.harder - pair.easier) / pair.pairs
        cause = max(pair.causes.items(), key=lambda item: abs(item[1]), default=None)
        because = f" Most of the gap comes from {cause[0]}." if cause else ""
        yield Finding(
            severity="error" if delta >= limits.delta_error else "warning",
            kind="pairs",
            column=column,
            value=hard,
            figure=Figure(name="gap of mean difficulty", value=pair.gap, interval=pair.gap_interval),
            threshold=f"net share from {limits.delta_warning:g}, error {limits.delta_error:g}, q < {limits.q:g}",
            q=pair.q,
            says=(
                f"In {max(pair.harder, pair.easier)} of {pair.pairs} matched pairs{where} the text with {column} = "
                f"{hard} is ranked harder than the one with {easy}.{because}"
            ),
            mend="weigh the score that sees it less in [tier.weights], or take another model for it",
        )


def _place(each: Association) -> tuple[str, str, str]:
    return each.axis, each.value, each.kind
