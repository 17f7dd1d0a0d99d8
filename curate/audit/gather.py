"""From the tables of a run folder to the arrays of the audit, rows in the order of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.corpus import ROLES, Coded, Corpus, Ids, Visits, code, main_skill, numbers, units, units_by
from curate.core import views
from curate.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from curate.audit.groups import Groups
    from curate.audit.settings import Expectation


def sort_ids(ids: pa.ChunkedArray) -> Ids:
    """The ids in order."""
    flat = ids.combine_chunks()
    order = pc.array_sort_indices(flat)
    return Ids(flat.take(order), order)


def corpus(
    ids: Ids,
    tiers: pa.Table,
    skills: pa.Table,
    tokens: pa.Table | None,
    duplicates: pa.Table | None,
    unit: pa.ChunkedArray | None,
) -> Corpus:
    """The corpus; *unit* holds labels in the order of *ids* that join rows further."""
    rows = len(ids)
    at = ids.places(tiers.column("id"), "tiers.parquet")
    order = np.zeros(rows, np.int64)
    order[at] = np.arange(len(at))
    joined = units(rows, *_twins(ids, at, tiers, duplicates))
    return Corpus(
        ids=ids.rising,
        fate=code(tiers.column("fate").take(pa.array(order))),
        tier=np.nan_to_num(numbers(rows, at, tiers.column("tier")), nan=-1).astype(np.int64),
        difficulty=numbers(rows, at, tiers.column("difficulty")),
        tokens=_tokens(ids, tokens),
        skill=main_skill(rows, ids.places(skills.column("id"), "skills.parquet"), skills),
        unit=joined if unit is None else units_by(joined, code(unit)),
    )


def visits(ids: Ids, order: pa.Table, augmented: Iterable[pa.Table]) -> Visits:
    """The training order; a variation stands for the row that it was made from."""
    return Visits(
        row=ids.places(origins(order.column("id"), augmented), "order.parquet"),
        stage=np.asarray(order.column("stage"), np.int64),
        role=np.asarray(pc.index_in(order.column("role"), value_set=pa.array(ROLES)), np.int64),
    )


def origins(ids: pa.ChunkedArray, augmented: Iterable[pa.Table]) -> pa.Array:
    """The same ids, with that of a variation replaced by the id of the row that it was made from."""
    visited, made = ids.combine_chunks(), list(augmented)
    if not made:
        return visited
    variations = pa.concat_tables(made)
    found = pc.index_in(visited, value_set=variations.column("id").combine_chunks())
    return pc.coalesce(variations.column("parent").take(found).combine_chunks(), visited)


def first_stages(rows: int, order: Visits) -> NDArray[np.int64]:
    """The stage in which each row is new, -1 for rows that are never trained. Shape (rows,)."""
    stage = np.full(rows, -1, np.int64)
    stage[order.row[order.new]] = order.stage[order.new]
    return stage


def column(parts: Sequence[pa.Array], order: pa.Array) -> pa.ChunkedArray:
    """The parts of a column as one, in the order of the ids; as strings where they disagree on their type."""
    kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
    if len(kinds) == 1:
        kind = kinds.pop()
        return pa.chunked_array([part.cast(kind) for part in parts], kind).take(order)
    return pa.chunked_array([views.as_text(part) for part in parts], pa.string()).take(order)


def domains(language: pa.ChunkedArray, kind: pa.ChunkedArray) -> Coded:
    """The domain of each row as tier names it where no column is named: language and kind."""
    return code(views.domains(language, kind))


def reference(groups: Groups, wanted: Expectation) -> NDArray[np.float64] | None:
    """The expected share of each group; None where the corpus itself is the reference."""
    if wanted.expect == "corpus":
        return None
    if wanted.expect == "uniform":
        return np.full(len(groups.labels), 1 / max(len(groups.labels), 1))
    strange = sorted(set(wanted.expect) - set(groups.labels))
    if strange:
        raise SettingsError(
            f"[audit.groups] {groups.column} expects a share of {strange[0]!r}, which no example has",
            fix=did_you_mean(strange[0], groups.labels),
        )
    return np.array([wanted.expect.get(label, 0.0) for label in groups.labels])


def _twins(
    ids: Ids, at: NDArray[np.int64], tiers: pa.Table, mined: pa.Table | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows that duplicate each other: by what tier decided, and by what mine proposed."""
    partner = tiers.column("partner")
    dropped = np.asarray(pc.and_(pc.is_valid(partner), pc.equal(tiers.column("fate"), "duplicate")), np.bool_)
    first = [at[dropped]]
    second = [ids.places(partner.filter(pa.array(dropped)), "tiers.parquet")]
    if mined is not None:
        flat, name = mined.column("partners").combine_chunks(), "mined/duplicates.parquet"
        first.append(ids.places(mined.column("id"), name)[np.asarray(pc.list_parent_indices(flat), np.int64)])
        second.append(ids.places(pc.list_flatten(flat), name))
    return np.concatenate(first), np.concatenate(second)


def _tokens(ids: Ids, tokens: pa.Table | None) -> NDArray[np.float64]:
    if tokens is None:
        return np.full(len(ids), np.nan)
    return numbers(len(ids), ids.places(tokens.column("id"), "statistics/tokens"), tokens.column("tokens"))
