"""The study of a run on disk: reads what its verbs look at, and writes `RUN/study/`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from curate.core import toml
from curate.core.plan import Plan
from curate.errors import StaleError
from curate.study import compare
from curate.study.compare import Edition, Tells
from curate.study.difference import Difference

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.store.workspace import Workspace

__all__ = ["Difference", "Tells", "diff"]


# --- diff ---


def diff(before: Workspace, after: Workspace, tells: Tells) -> Difference:
    """What changed from one edition to the other; both must have a plan, and nothing is rebuilt."""
    old, new = _edition(before), _edition(after)
    both = compare.joined(old, new)
    moved = tuple(compare.moved(both, old, new, tells))
    counts: Counter[str] = Counter(each.what for each in moved)
    fates = [dict(each.rows["fate"].value_counts().iter_rows()) for each in (old, new)]
    audits = [_findings(space) for space in (before, after)]
    unread = [space.name for space, found in zip((before, after), audits, strict=True) if found is None]
    return Difference(
        examples=(len(old.rows), len(new.rows)),
        fates={name: (fates[0].get(name, 0), fates[1].get(name, 0)) for name in sorted(fates[0] | fates[1])},
        counts={"same": len(both) - len(moved), **{kind: counts[kind] for kind in compare.KINDS if counts[kind]}},
        tiers=compare.flows(both, "tier"),
        stages=compare.flows(both, "stage"),
        sizes=compare.sizes(old.plan, new.plan),
        moved=moved,
        recipe=compare.recipe(
            *(
                toml.parse(space.read_bytes("recipe.toml"), f"{space.name}/recipe.toml", "recipe")
                for space in (before, after)
            )
        ),
        audit=() if unread else compare.findings(audits[0] or (), audits[1] or ()),
        skipped=tuple(f"the audit: {run} has none (`curate audit {run}`)" for run in unread),
    )


def _edition(space: Workspace) -> Edition:
    for path in ("plan.json", "tiers.parquet", "order.parquet", "skills.parquet", "steps/tier.json"):
        if not space.disk.exists(path):
            raise StaleError(f"{space.name} has no {path}", fix=f"run `curate tier {space.name}`")
    examples = _frame(space.read_all("examples", ["id", "source", "row"]))
    tiers, skills, order = (_frame(space.read_table(f"{name}.parquet")) for name in ("tiers", "skills", "order"))
    measured = orjson.loads(space.read_bytes("steps/tier.json"))["measured"]
    return Edition(
        compare.rows_of(examples, tiers, skills, order),
        space.read_json("plan.json", Plan),
        measured["folders"],
        {},
    )


def _findings(space: Workspace) -> list[dict[str, Any]] | None:
    """The findings of a run's audit as they stand in its report; None where it was not audited."""
    if not space.disk.exists("audit/report.json"):
        return None
    found: list[dict[str, Any]] = orjson.loads(space.read_bytes("audit/report.json"))["findings"]
    return found


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table became a series")
    return frame
