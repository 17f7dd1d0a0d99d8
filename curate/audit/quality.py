"""What became of the input: rejections, repairs, fates, proposals of mine, failed scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.audit.corpus import Coded


def outcomes(ledger: pa.Table) -> dict[str, int]:
    """Input rows by outcome."""
    return tally(ledger.column("outcome"))


def rejected(ledger: pa.Table) -> dict[str, dict[str, int]]:
    """Rejected rows by the code of their reason (what stands before a colon), then by source."""
    lost = ledger.filter(pc.equal(ledger.column("outcome"), "rejected"))
    pairs = lost.group_by(["reason", "source"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
    held: dict[str, dict[str, int]] = {}
    for pair in sorted(pairs, key=lambda each: (str(each["reason"]), str(each["source"]))):
        reason = held.setdefault(str(pair["reason"]).partition(":")[0], {})
        reason[str(pair["source"])] = reason.get(str(pair["source"]), 0) + pair["count_all"]
    return held


def repairs(ledger: pa.Table) -> dict[str, int]:
    """Repairs by name."""
    return tally(pc.list_flatten(ledger.column("repairs")))


def by_skill(rows: NDArray[np.int64], skill: Coded) -> dict[str, int]:
    """Distinct rows by skill, under ``rows`` all of them."""
    distinct = np.unique(rows)
    counts = np.bincount(skill.codes[distinct], minlength=len(skill.labels))
    return {"rows": len(distinct)} | {
        f"skill {name}": int(count) for name, count in zip(skill.labels, counts, strict=True) if count
    }


def tally(values: pa.ChunkedArray) -> dict[str, int]:
    """How often each string comes, by name."""
    counted = {str(each["values"]): each["counts"] for each in pc.value_counts(values).to_pylist()}
    return dict(sorted(counted.items()))


def fates(fate: Coded) -> dict[str, int]:
    """Examples by fate."""
    return dict(zip(fate.labels, np.bincount(fate.codes, minlength=len(fate.labels)).tolist(), strict=True))
