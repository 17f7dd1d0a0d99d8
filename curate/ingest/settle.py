"""The ledger, the examples and the rejects of one parsed part, once it is known which of its rows are copies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core import schemas
from curate.ingest import copies
from curate.ingest.reasons import COPY, TURN, Remark, code_of
from curate.ingest.report import PLACES_KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Settled(NamedTuple):
    """The three tables of a part, and its counts as a JSON value."""

    ledger: pa.Table
    examples: pa.Table
    rejected: pa.Table
    tally: dict[str, Any]


def settle(parsed: pa.Table, found: pa.Table) -> Settled:
    """Split a parsed part; *found* are its `COPIES`."""
    marked, differing, remarkable = _mark_copies(parsed, found)
    outcome = marked.column("outcome")
    turns = pc.equal(outcome, TURN)
    told = marked.set_column(0, "outcome", pc.if_else(turns, "copy", outcome))
    kept, refused = pc.equal(outcome, "example"), pc.equal(outcome, "rejected")
    examples = parsed.select([*schemas.EXAMPLES.names, "user"]).filter(kept)
    rejected = told.select(schemas.REJECTED.names).filter(refused)
    tally = _tally(told, kept, refused) | {
        "messages": len(parsed) - parsed.column("node").null_count,
        "turns": pc.sum(turns).as_py(),
        "differing": dict(sorted(differing.items())),
        "remarks": _remarks(parsed, kept, remarkable),
    }
    return Settled(
        told.select(schemas.LEDGER.names).cast(schemas.LEDGER), examples, rejected.cast(schemas.REJECTED), tally
    )


def _mark_copies(parsed: pa.Table, found: pa.Table) -> tuple[pa.Table, Counter[str], list[int]]:
    """The part with each copy noted, with the place of its first occurrence and the columns in which it differs.

    Those columns are counted; also given are the positions of copies that differ in more than a name of their row.
    """
    differing: Counter[str] = Counter()
    remarkable: list[int] = []
    if not len(found):
        return parsed, differing, remarkable
    reasons = []
    positions = found.column("position")
    rows = parsed.select(["user", "tools"]).take(positions).to_pylist()
    for first, row in zip(found.to_pylist(), rows, strict=True):
        names = copies.differences(first["columns"], copies.hashed_columns(row["user"], row["tools"]))
        differing.update(names)
        if not all(copies.is_identifier(name) for name in names):
            remarkable.append(first["position"])
        said = f"{COPY}: first at {first['source']}:{first['row']}"
        reasons.append(f"{said}; differs in {', '.join(names)}" if names else said)
    copied = np.zeros(len(parsed), dtype=bool)
    copied[positions.to_numpy()] = True
    return _replaced(parsed, copied, reasons), differing, remarkable


def _replaced(parsed: pa.Table, copied: NDArray[np.bool_], reasons: Sequence[str]) -> pa.Table:
    """The parsed part with the outcome and the reasons of its copies."""
    reason = parsed.column("reason").combine_chunks()
    mask = pa.array(copied)
    return parsed.set_column(0, "outcome", pc.if_else(mask, "copy", parsed.column("outcome"))).set_column(
        1, "reason", pc.replace_with_mask(reason, mask, pa.array(reasons, pa.string()))
    )


def _tally(told: pa.Table, kept: pa.ChunkedArray, refused: pa.ChunkedArray) -> dict[str, Any]:
    """Counts of outcomes by source, and of reasons, repairs, forms and types of record."""
    sources: dict[str, dict[str, int]] = {}
    grouped = told.group_by(["source", "outcome"], use_threads=False).aggregate([([], "count_all")])
    for each in grouped.to_pylist():
        sources.setdefault(each["source"], {})[each["outcome"]] = each["count_all"]
    return {
        "sources": sources,
        "reasons": dict(Counter(map(code_of, told.column("reason").filter(refused).to_pylist()))),
        "repairs": _counts(pc.list_flatten(told.column("repairs").filter(pc.invert(refused)))),
        "forms": _counts(told.column("form").filter(kept)),
        "records": _counts(told.column("record").filter(kept)),
    }


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    return {each["values"]: each["counts"] for each in values.value_counts().to_pylist()}


def _remarks(parsed: pa.Table, kept: pa.ChunkedArray, differing: list[int]) -> dict[str, tuple[int, list[str]]]:
    """How often each remark was made, and its first places."""
    remarks = parsed.column("remarks")
    remarked = pc.indices_nonzero(pc.and_(kept, pc.greater(pc.list_value_length(remarks), 0)))
    places: dict[str, list[int]] = {}
    for place, codes in zip(remarked.to_pylist(), remarks.take(remarked).to_pylist(), strict=True):
        for code in codes:
            places.setdefault(code, []).append(place)
    if differing:
        places[Remark.COPIES_DIFFER.value] = differing
    shown = sorted({place for each in places.values() for place in each[:PLACES_KEPT]})
    rows = parsed.select(["source", "row"]).take(pa.array(shown, pa.int64())).to_pylist()
    names = {place: f"{row['source']}:{row['row']}" for place, row in zip(shown, rows, strict=True)}
    return {code: (len(each), [names[place] for place in each[:PLACES_KEPT]]) for code, each in sorted(places.items())}
