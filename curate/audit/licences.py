"""Licences by source, and what in them does not go with the licence that the dataset's card names.

What a licence asks is read from its name, as Creative Commons build theirs: nc (no commercial use), nd (no
adaptations), sa (adaptations under the same licence). This is no legal advice.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.report import Figure, Finding, LicenceUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.audit.corpus import Coded

COLUMNS = ("license", "licence")
"""The user's columns that may name a row's licence; else that of its source counts."""

SAME = re.compile(r"(?:^|-)sa(?:-|$)|^a?gpl|^lgpl|^odbl|^mpl|^gfdl")
"""Licences under which an adaptation must stay."""

NO_ADAPTATION = re.compile(r"(?:^|-)nd(?:-|$)|no-?deriv")
NO_COMMERCE = re.compile(r"(?:^|-)nc(?:-|$)|non-?commercial")


def uses(source: Coded, own: Coded, given: Mapping[str, str], trained: NDArray[np.bool_]) -> tuple[LicenceUse, ...]:
    """Rows by source and licence: *own* is what the rows say, *given* what the recipe says of a source.

    A row that says nothing has the empty text in *own*.
    """
    width = len(own.labels)
    keys, counts = np.unique((source.codes * width + own.codes) * 2 + trained, return_counts=True)
    rows: Counter[tuple[str, str | None]] = Counter()
    used: Counter[tuple[str, str | None]] = Counter()
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        both, is_trained = divmod(key, 2)
        place, mine = source.labels[both // width], own.labels[both % width]
        pair = place, plain(mine or given.get(place))
        rows[pair] += count
        used[pair] += count * is_trained
    return tuple(
        LicenceUse(source=place, licence=licence, rows=count, trained=used[place, licence])
        for (place, licence), count in sorted(rows.items(), key=lambda each: (each[0][0], each[0][1] or ""))
    )


def said(own: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """What each row says of its licence, the empty text where it says nothing.

    A row that lists several licences is under all of them: they are told as one, joined by ``and``.
    """
    if pa.types.is_string(own.type):
        return pc.fill_null(own, "")
    return pa.array([_said(each) for each in own.to_pylist()], pa.string())


def _said(own: object) -> str:
    if isinstance(own, list):
        return " and ".join(sorted({str(each) for each in own if each}))
    return str(own) if own else ""


def plain(name: str | None) -> str | None:
    """A licence's name as the Hugging Face Hub and SPDX write it, in lower case: CC BY-SA 4.0 is cc-by-sa-4.0."""
    words = "-".join((name or "").lower().split())
    return words or None


def check(held: Sequence[LicenceUse], card: str | None) -> Iterator[Finding]:
    """Licences of trained rows that the card's licence does not keep, and sources that name none where others do."""
    ours = plain(card)
    trained = [each for each in held if each.trained]
    for licence in sorted({each.licence for each in trained if each.licence and each.licence != ours}):
        for asks, mend in _asks(licence, ours):
            yield _finding([each for each in trained if each.licence == licence], licence, asks, mend)
    unknown = [each for each in trained if each.licence is None]
    if unknown and len(unknown) < len(trained):
        rows = sum(each.trained for each in unknown)
        yield Finding(
            severity="note",
            kind="licence",
            column="source",
            figure=Figure(name="trained rows without a licence", value=rows),
            threshold="0",
            says=f"No licence is named for {_sources(unknown)} ({rows} trained rows).",
            mend="write sources = [{ path = ..., license = ... }] in the recipe, or give the rows a column license",
        )


def _asks(licence: str, card: str | None) -> Iterator[tuple[str, str]]:
    if NO_ADAPTATION.search(licence):
        yield "allows no adaptations, and a curriculum is one", "leave these rows out, or ask for leave"
    if NO_COMMERCE.search(licence) and not NO_COMMERCE.search(card or ""):
        yield "allows no commercial use, and the card does not say so", "name such a licence in [write] license"
    if SAME.search(licence) and card is not None:
        yield (
            f"asks for the same licence, and the card names {card}",
            "name that licence in [write] license, or part them",
        )


def _finding(held: Sequence[LicenceUse], licence: str, asks: str, mend: str) -> Finding:
    rows = sum(each.trained for each in held)
    return Finding(
        severity="warning",
        kind="licence",
        column="source",
        value=licence,
        figure=Figure(name="trained rows", value=rows),
        threshold="0",
        says=f"{rows} trained rows of {_sources(held)} are under {licence}, which {asks}.",
        mend=mend,
    )


def _sources(held: Sequence[LicenceUse]) -> str:
    names = [each.source for each in held]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
