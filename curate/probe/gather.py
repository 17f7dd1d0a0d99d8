"""From the tables of a run folder to held-out rows in the order in which they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core.chance import draw
from curate.errors import DataError
from curate.probe import groups
from curate.probe.sample import take_turns, within
from curate.probe.suite import BUDGETS, TOO_LONG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from curate.core.measured import Size


@dataclass(frozen=True, eq=False)
class Held:
    """Held-out rows: a table with id, skill, tier, tokens, domain and group, and how many were left out, by reason."""

    table: pa.Table
    left_out: Mapping[str, int]


def held(tiers: pa.Table, skills: pa.Table, tokens: pa.Table) -> pa.Table:
    """The held-out rows (id, skill, tier, tokens); `DataError` where there are none."""
    kept = tiers.filter(pc.equal(tiers.column("fate"), "holdout")).select(["id", "tier"])
    if not len(kept):
        raise DataError(
            f"none of {len(tiers)} examples is held out, so there is nothing to probe with",
            fix="hold some out: curate tier RUN --holdout 0.05",
        )
    skill = main_skill(skills)
    ids = kept.column("id")
    return kept.append_column("skill", _of(ids, skill, "skill")).append_column("tokens", _of(ids, tokens, "tokens"))


def main_skill(skills: pa.Table) -> pa.Table:
    """One skill for each id: the weightiest, and of equals the first by name."""
    keys = [("id", "ascending"), ("weight", "descending"), ("skill", "ascending")]
    ordered = skills.select(["id", "skill", "weight"]).take(pc.sort_indices(skills, keys))
    ids = ordered.column("id").combine_chunks()
    first = np.ones(len(ids), np.bool_)
    first[1:] = pc.not_equal(ids.slice(1), ids.slice(0, max(len(ids) - 1, 0))).to_numpy(zero_copy_only=False)
    return ordered.filter(pa.array(first)).select(["id", "skill"])


def choose(
    rows: pa.Table,
    domains: Mapping[str, str],
    labels: Mapping[str, str],
    pairs: list[tuple[str, str]],
    size: Size,
    seed: int,
) -> Held:
    """The held-out rows that a probe of this size may ask, in their order.

    *domains* names the held-out domain of an id and *labels* its unit, where it has one; *pairs* repeat each other.
    Rows of a held-out domain are a cell of their own.
    """
    ids = rows.column("id").to_pylist()
    group = groups.join(ids, pairs, labels)
    domain = [domains.get(row_id) for row_id in ids]
    whole = rows.append_column("domain", pa.array(domain, pa.string())).append_column("group", pa.array(group))
    tokens = rows.column("tokens").to_numpy().astype(np.int64)
    short = np.flatnonzero(tokens <= BUDGETS[size].longest)
    luck = draw(ids, seed, "probe", "asked")
    order = short[take_turns(_cells(whole)[short], luck[short])]
    asked = order[within(tokens[order], BUDGETS[size].plain)]
    left_out = {TOO_LONG: len(ids) - len(short)} if len(short) < len(ids) else {}
    return Held(whole.take(pa.array(asked)), left_out)


def mixes(order: pa.Table, tiers: pa.Table, skills: pa.Table) -> dict[str, dict[tuple[str, int], float]]:
    """By stage, how many rows of each skill and tier it trains; variations of rows are left out."""
    known = order.filter(pc.is_in(order.column("id"), value_set=tiers.column("id").combine_chunks()))
    table = pa.table(
        {
            "stage": known.column("stage"),
            "skill": _of(known.column("id"), main_skill(skills), "skill"),
            "tier": _of(known.column("id"), tiers, "tier"),
        }
    )
    counted = table.group_by(["stage", "skill", "tier"]).aggregate([([], "count_all")])
    found: dict[str, dict[tuple[str, int], float]] = {}
    for row in sorted(counted.to_pylist(), key=lambda each: (each["stage"], each["skill"], each["tier"])):
        found.setdefault(f"stage-{row['stage']:02d}", {})[row["skill"], row["tier"]] = float(row["count_all"])
    return found


def _cells(rows: pa.Table) -> NDArray[np.int64]:
    """The cell of each row as a number: its held-out domain, else its skill and tier."""
    names = [
        domain or f"\x00{tier}\x00{skill}"
        for domain, tier, skill in zip(
            *(rows.column(name).to_pylist() for name in ("domain", "tier", "skill")), strict=True
        )
    ]
    return np.asarray(np.unique(np.array(names), return_inverse=True)[1], np.int64)


def _of(ids: pa.ChunkedArray, table: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of *table* for each of *ids*."""
    place = pc.index_in(ids, value_set=table.column("id").combine_chunks())
    return table.column(column).take(place.combine_chunks() if isinstance(place, pa.ChunkedArray) else place)
