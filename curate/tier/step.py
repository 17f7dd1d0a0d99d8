"""Give every example a fate, a difficulty and a tier, and write the table ``tiers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.core import agreement, schemas, views
from curate.core.chance import draw
from curate.core.ids import digest
from curate.core.plan import Ingredient, Knots, Tier
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen
from curate.tier import assign, balance, difficulty, mined
from curate.tier.holdout import hold_out
from curate.tier.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.core.plan import ScoreSource
    from curate.store.work import Work
    from curate.store.workspace import Workspace

__all__ = ["Report", "Settings", "run"]

VERSION = 3


class Report(Frozen):
    """How the corpus was divided."""

    fates: dict[str, int]
    ingredients: tuple[Ingredient, ...]
    tiers: tuple[Tier, ...]
    borders: tuple[float, ...]
    domains: dict[str, int]
    unscored: int
    knots: tuple[Knots, ...]
    divided_by: str = Field(description="Digest of the settings and the seed; while it holds, the hold-out only grows.")


def run(space: Workspace, settings: Settings, sources: Sequence[ScoreSource], work: Work) -> Report:
    """Write `tiers.parquet`, one row per example in the order of the examples."""
    domain, kind, names = _domains(space, settings)
    offered = _read_scores(space, sources, settings)
    chosen = difficulty.ingredients(sources, settings.weights, difficulty.telling(offered, kind))
    if not chosen:
        raise SettingsError(
            "no score says how hard an example is",
            fix="score with one whose headline rises harder (see `curate scorers`), or name one in [tier.weights]",
        )
    scores = [offered[one.score] for one in chosen]
    ranks, tables = _rank(chosen, scores, domain, names)
    weights = np.array([[one.weights[each] for each in difficulty.KINDS] for one in chosen])[:, kind]
    hard, spread = agreement.blend(ranks, weights)
    ids = space.read_all("examples", ["id"]).column("id")
    unscored = np.isnan(hard)
    hard = _settle_missing(hard, unscored, settings)
    tier = _tiers(space, settings, hard, spread)
    divided_by = digest(settings.model_dump(mode="json"), work.seed)
    proposed, partners = _proposed(space, settings, ids)
    fate = _fates(space, settings, hard, tier, ids, divided_by, work.seed, proposed)
    table = pa.table(
        {
            "id": ids,
            "fate": pa.array(fate, pa.string()),
            "partner": pa.array(partners, pa.string()),
            "difficulty": pa.array(hard, pa.float32(), mask=np.isnan(hard)),
            "uncertainty": pa.array(spread, pa.float32(), mask=np.isnan(spread)),
            "tier": pa.array(tier, pa.int8(), mask=np.isnan(hard)),
        },
        schema=schemas.TIERS,
    )
    space.write_table("tiers.parquet", table, work.stamp)
    labels, counts = np.unique(fate, return_counts=True)
    return Report(
        fates=dict(zip(labels.tolist(), counts.tolist(), strict=True)),
        ingredients=chosen,
        tiers=_describe(hard, tier, settings.tier_count),
        borders=() if settings.label or settings.within else tuple(assign.borders(hard, settings).tolist()),
        domains={name: int((domain == code).sum()) for code, name in enumerate(names)},
        unscored=int(unscored.sum()),
        knots=tables,
        divided_by=divided_by,
    )


def _tiers(
    space: Workspace, settings: Settings, hard: NDArray[np.float32], spread: NDArray[np.float32]
) -> NDArray[np.int8]:
    if settings.label is not None:
        return assign.by_label(settings.label, *_column(space, settings.label), settings.tier_count)
    group = None if settings.within is None else _column(space, settings.within)[1]
    return assign.by_difficulty(hard, spread, group, settings)


def _fates(
    space: Workspace,
    settings: Settings,
    hard: NDArray[np.float32],
    tier: NDArray[np.int8],
    ids: pa.ChunkedArray,
    divided_by: str,
    seed: int,
    proposed: NDArray[np.str_],
) -> NDArray[np.str_]:
    """What becomes of each row: mined ones leave, then some are held out, some capped, the rest trained on."""
    luck = draw(ids, seed, "tier", "holdout")
    known = ~np.isnan(hard) & (proposed == "")
    stratum = _column(space, "skill")[1].astype(np.int64) * settings.tier_count + tier
    held = np.zeros(len(hard), bool)
    held[known] = hold_out(luck[known], stratum[known], settings.holdout, _before(space, ids, divided_by)[known])
    for domain in settings.holdout_domain:
        held |= _of_domain(space, domain) & known
    spare = np.zeros(len(hard), bool)
    for column, cap in settings.cap.items():
        left = np.flatnonzero(known & ~held & ~spare)
        code = _column(space, column)[1][left].astype(np.int64) + 1
        kept = balance.sample(code, balance.capped(np.bincount(code), cap), luck[left])
        spare[left[~kept]] = True
    return np.select([proposed != "", ~known | spare, held], [proposed, "unused", "holdout"], "train")


def _proposed(space: Workspace, settings: Settings, ids: pa.ChunkedArray) -> tuple[NDArray[np.str_], list[str | None]]:
    tables: dict[str, pa.Table] = {
        fate: space.read_table(f"mined/{mined.TABLES[fate]}.parquet") for fate in settings.remove
    }
    return mined.fates(ids, tables, settings.remove)


def _before(space: Workspace, ids: pa.ChunkedArray, divided_by: str) -> NDArray[np.bool_]:
    """Rows that the last run of this step held out, where it had the same settings and seed."""
    last = space.finished("tier", Report)
    if last is None or last[0].divided_by != divided_by or not space.disk.exists("tiers.parquet"):
        return np.zeros(len(ids), bool)
    tiers = space.read_table("tiers.parquet", ["id", "fate"])
    held = tiers.filter(pc.equal(tiers.column("fate"), "holdout")).column("id")
    found: NDArray[np.bool_] = pc.is_in(ids, value_set=held.combine_chunks()).to_numpy()
    return found


def _of_domain(space: Workspace, domain: str) -> NDArray[np.bool_]:
    """The rows that COLUMN=VALUE names."""
    column, equals, value = domain.partition("=")
    words, code = _column(space, column) if equals else ([], np.empty(0, np.int32))
    if value not in words:
        raise SettingsError(
            f"no example is in the domain {domain!r} that is to be held out",
            fix=did_you_mean(value, words) if equals else "write COLUMN=VALUE, for example source=lessons.jsonl",
        )
    return np.equal(code, words.index(value))


def _column(space: Workspace, name: str) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct values of a column in their order, and each row's as a code, -1 where it has none."""
    if name == "skill":
        values = space.read_table("skills.parquet", ["skill"]).column("skill")
    elif name in ("source", "language"):
        values = space.read_all("examples", [name]).column(name)
    else:
        values = _own_column(space, name)
    encoded = values.combine_chunks().dictionary_encode()
    words = encoded.dictionary.to_pylist()
    place = np.empty(len(words) + 1, np.int32)
    place[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words), dtype=np.int32)
    place[-1] = -1
    return sorted(words), place[encoded.indices.fill_null(len(words)).to_numpy()]


def _domains(space: Workspace, settings: Settings) -> tuple[NDArray[np.int32], NDArray[np.int8], list[str]]:
    """Each row's domain and kind as codes, and the domains' names."""
    kinds = space.read_all("statistics/tokens", ["kind"]).column("kind")
    if settings.domain is None:
        language = pc.fill_null(space.read_all("examples", ["language"]).column("language"), "any")
        domain = pc.binary_join_element_wise(language, kinds, "/")
    else:
        domain = pc.fill_null(_own_column(space, settings.domain), "none")
    encoded = domain.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    by_name = np.argsort(np.array(names, dtype=object))
    place = np.empty(len(names), np.int32)
    place[by_name] = np.arange(len(names), dtype=np.int32)
    kind = pc.index_in(kinds, pa.array(difficulty.KINDS)).to_numpy().astype(np.int8)
    return place[encoded.indices.to_numpy()], kind, sorted(names)


def _own_column(space: Workspace, name: str) -> pa.ChunkedArray:
    """One of the user's columns as strings; a name that no example has is a mistake, not a corpus of one domain."""
    known: set[str] = set()
    values = []
    for table in space.read_parts("examples", ["user"]):
        known |= set(views.user_names(table))
        values.append(views.user_column(table, name).cast(pa.string()))
    if name not in known:
        raise SettingsError(f"no example has a column {name!r}", fix=did_you_mean(name, known))
    return pa.chunked_array(values, pa.string())


def _read_scores(
    space: Workspace, sources: Sequence[ScoreSource], settings: Settings
) -> dict[str, NDArray[np.float32]]:
    """The scores that may make the difficulty, by alias.field: each of shape (n,)."""
    folders = {
        f"{source.alias}.{field.name}": (source.folder, field.name) for source in sources for field in source.fields
    }
    named = difficulty.named(sources, settings.weights) if settings.weights else difficulty.offered(sources)
    return {
        score: space.read_all(folder, [field]).column(field).to_numpy().astype(np.float32)
        for score in named
        for folder, field in [folders[score]]
    }


def _rank(
    chosen: Sequence[Ingredient], scores: Sequence[NDArray[np.float32]], domain: NDArray[np.int32], names: Sequence[str]
) -> tuple[NDArray[np.float64], tuple[Knots, ...]]:
    """The rank of each score inside its domain, shape (scores, n), and the distributions that they were read from."""
    ranks = np.full((len(chosen), len(domain)), np.nan)
    tables = []
    for code, name in enumerate(names):
        inside = np.flatnonzero(domain == code)
        for line, one in enumerate(chosen):
            values = scores[line][inside]
            table = difficulty.knots(one.score, name, values)
            ranks[line, inside] = difficulty.rank(values, table)
            tables.append(table)
    return ranks, tuple(tables)


def _settle_missing(hard: NDArray[np.float32], unscored: NDArray[np.bool_], settings: Settings) -> NDArray[np.float32]:
    if unscored.any() and settings.missing == "error":
        raise SettingsError(
            f"{int(unscored.sum())} of {len(hard)} examples have no difficulty",
            fix="score them with a scorer that applies to them, or set [tier] missing = 'hardest' or 'unused'",
        )
    return np.where(unscored, np.float32(1.0), hard) if settings.missing == "hardest" else hard


def _describe(hard: NDArray[np.float32], tier: NDArray[np.int8], count: int) -> tuple[Tier, ...]:
    """The rows and bounds of each tier that holds any."""
    groups = ((number, hard[(tier == number) & ~np.isnan(hard)]) for number in range(count))
    return tuple(
        Tier(tier=number, rows=len(inside), lowest=float(inside.min()), upper=float(inside.max()))
        for number, inside in groups
        if len(inside)
    )
