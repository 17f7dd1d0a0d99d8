"""Give every example a fate, a difficulty and a tier, and write the table ``tiers``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curate.core import agreement, schemas, views
from curate.core.chance import chance, draw
from curate.core.ids import digest
from curate.core.plan import Ingredient, Knots, Tier
from curate.core.views import KINDS
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen
from curate.store import columns
from curate.store.forms import matrix
from curate.tier import assign, balance, calibrate, clusters, cut, difficulty, edition, holdout, mined, revised, told
from curate.tier.edition import Borders, Measured
from curate.tier.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import Calibration, ScoreSource
    from curate.store.work import Work
    from curate.store.workspace import Workspace
    from curate.tier.clusters import Ties

__all__ = ["Report", "Settings", "by_length", "choices", "run"]

VERSION = 7


choices = told.choices


class Report(Frozen):
    """How the corpus was divided."""

    fates: dict[str, int]
    measured: Measured
    tiers: tuple[Tier, ...]
    domains: dict[str, int]
    unscored: int
    unsteady: int = Field(description="Rows that went one tier up, since their uncertainty reaches past the border.")
    sinking: tuple[str, ...] = Field(description="Groups most of whose rows are in the last tier, in sentences.")
    skipped: tuple[str, ...] = Field(description="What was left out, and why.")
    held_by: str = Field(description="Digest of what the hold-out depends on; while it holds, the hold-out only grows.")


@dataclass(frozen=True)
class _Corpus:
    """Every example in order: ids, domain (a code into names), kind (a code into `KINDS`) and ties."""

    ids: pa.ChunkedArray
    domain: NDArray[np.int32]
    names: list[str]
    kind: NDArray[np.int8]
    ties: Ties


def run(space: Workspace, settings: Settings, sources: Sequence[ScoreSource], work: Work, *, embedded: bool) -> Report:
    """Write `tiers.parquet`, one row per example in the order of the examples.

    *embedded* says whether vectors and neighbours stand: without them only duplicates are kept on one side of the
    hold-out.
    """
    last = space.finished("tier", Report)
    before = None if last is None else last[0]
    frozen = before.measured if before is not None and before.measured.edition == work.edition else None
    ids = space.read_all("examples", ["id"]).column("id")
    corpus = _Corpus(ids, *_domains(space, settings), _ties(space, settings, ids, embedded=embedded))
    hard, spread, measured = _measure(space, settings, sources, corpus, frozen, work)
    unscored = np.isnan(hard)
    hard = _settle_missing(hard, unscored, settings)
    if settings.label is None:
        kept_borders = () if frozen is None else _kept(frozen, measured)
        tier, borders, unsteady = _tiers(space, settings, hard, spread, kept_borders)
        measured = measured.model_copy(update={"borders": borders})
    else:
        tier, ranked = _by_label(space, settings.label, settings, edition.known_labels(frozen, settings))
        unsteady, measured = 0, measured.model_copy(update={"label": settings.label, "labels": ranked})
    proposed, partners = _proposed(space, settings, ids)
    held_by = digest(settings.model_dump(mode="json", include={"holdout", "holdout_domain"}), work.seed)
    last_drawn = _before(space, ids, held=before is not None and before.held_by == held_by)
    fate = _fates(space, settings, ~np.isnan(hard) & (proposed == ""), tier, corpus, last_drawn, work.seed)
    fate = np.where(proposed != "", proposed, fate)
    described = _describe(hard, tier, settings.tier_count)
    if space.disk.exists(revised.PATH):
        revision = space.read_table(revised.PATH)
        fate, tier = revised.moved(ids, fate, tier, settings.tier_count, revision)
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
        measured=measured,
        tiers=described,
        domains={name: int((corpus.domain == code).sum()) for code, name in enumerate(corpus.names)},
        unscored=int(unscored.sum()),
        unsteady=unsteady,
        sinking=_sinking(space, settings, tier, fate == "train"),
        skipped=(
            *(() if embedded or not settings.holdout or settings.holdout_similarity == 1 else (_NO_VECTORS,)),
            *(told.alike(hard, settings.tier_count) if settings.label is None else ()),
        ),
        held_by=held_by,
    )


def by_length(space: Workspace, settings: Settings, work: Work) -> None:
    """Put the rank of each row's number of tokens in the place of its difficulty, and cut tiers anew from that."""
    table = space.read_table("tiers.parquet")
    tokens = space.read_all("statistics/tokens", ["tokens"]).column("tokens").to_numpy().astype(np.float64)
    hard = agreement.mid_ranks(tokens).astype(np.float32)
    tiers = cut.place(hard, cut.borders(hard, settings.tier_count))
    for name, values in (("difficulty", hard), ("tier", tiers.astype(np.int8))):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    space.write_table("tiers.parquet", table, work.stamp)


_NO_VECTORS = "near rows on both sides of the hold-out: the examples have no vectors, so only duplicates are kept apart"


# --- difficulty ---


def _measure(
    space: Workspace,
    settings: Settings,
    sources: Sequence[ScoreSource],
    corpus: _Corpus,
    frozen: Measured | None,
    work: Work,
) -> tuple[NDArray[np.float32], NDArray[np.float32], Measured]:
    """Difficulty and uncertainty of each row, and the measure that gave them, its borders still to be cut."""
    places = {
        f"{source.alias}.{field.name}": (source.folder, field.name) for source in sources for field in source.fields
    }
    offered = difficulty.named(sources, settings.weights) if settings.weights else difficulty.offered(sources)
    folders = {score: places[score][0] for score in offered}
    weighed_by = edition.weighed_by(settings, folders)
    stays = frozen is not None and frozen.weighed_by == weighed_by
    wanted = [one.score for one in frozen.ingredients] if frozen is not None and stays else list(offered)
    scores = {score: _score(space, *places[score]) for score in wanted}
    ranks, tables = _rank(scores, corpus, edition.known_knots(frozen, settings, folders))
    if frozen is not None and stays:
        chosen, told = frozen.ingredients, frozen.calibration
    else:
        chosen, told = _weigh(space, settings, sources, scores, ranks, corpus, work.seed)
    weights = np.array([[one.weights[each] for each in KINDS] for one in chosen])[:, corpus.kind]
    hard, spread = agreement.blend(ranks[[wanted.index(one.score) for one in chosen]], weights)
    used = {one.score: folders[one.score] for one in chosen}
    return (
        hard,
        spread,
        Measured(
            edition=work.edition,
            rows=len(corpus.ids) if frozen is None else frozen.rows,
            domain=settings.domain,
            folders=used,
            weighed_by=weighed_by,
            cut_by=edition.cut_by(settings, chosen, used),
            ingredients=tuple(chosen),
            calibration=told,
            knots=tuple(table for table in tables if table.score in used),
            borders=(),
        ),
    )


def _weigh(
    space: Workspace,
    settings: Settings,
    sources: Sequence[ScoreSource],
    scores: Mapping[str, NDArray[np.float32]],
    ranks: NDArray[np.float64],
    corpus: _Corpus,
    seed: int,
) -> tuple[tuple[Ingredient, ...], tuple[Calibration, ...]]:
    """The scores that make the difficulty, weighed as they are declared or as labels tell."""
    declared = difficulty.ingredients(sources, settings.weights, difficulty.telling(scores, corpus.kind))
    if not declared:
        raise SettingsError(
            "no score says how hard an example is",
            fix="score with one whose headline rises harder (see `curate scorers`), or name one in [tier.weights]",
        )
    if settings.labels is None:
        return declared, ()
    words, code = columns.codes(columns.strings(space, settings.labels, "labels come from"))
    value = np.append(assign.label_values(settings.labels, words, settings.order), np.nan)[code]
    label = np.full(len(value), np.nan)
    for domain in range(len(corpus.names)):
        inside = corpus.domain == domain
        label[inside] = agreement.mid_ranks(value[inside])
    tokens = space.read_all("statistics/tokens", ["tokens"]).column("tokens").to_numpy().astype(np.float64)
    luck = draw(corpus.ids, seed, "tier", "labels")
    rows = calibrate.Labelled(ranks, label, corpus.kind, corpus.ties.cluster, tokens, luck)
    weighed = {one.score: one.weights for one in declared}
    silent = dict.fromkeys(KINDS, 0.0)
    candidates = [Ingredient(score=score, weights=weighed.get(score, silent)) for score in scores]
    return calibrate.calibrate(candidates, rows, settings.labels, chance(seed, "tier", "folds"))


def _score(space: Workspace, folder: str, field: str) -> NDArray[np.float32]:
    values: NDArray[np.float32] = space.read_all(folder, [field]).column(field).to_numpy().astype(np.float32)
    return values


def _rank(
    scores: Mapping[str, NDArray[np.float32]], corpus: _Corpus, known: Mapping[tuple[str, str], Knots]
) -> tuple[NDArray[np.float64], tuple[Knots, ...]]:
    """The rank of each score inside its domain, shape (scores, n), and the distributions that they were read from."""
    ranks = np.full((len(scores), len(corpus.domain)), np.nan)
    tables = []
    for code, name in enumerate(corpus.names):
        inside = np.flatnonzero(corpus.domain == code)
        for line, (score, every) in enumerate(scores.items()):
            values = every[inside]
            table = known.get((score, name)) or difficulty.knots(score, name, values)
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


# --- tiers ---


def _kept(frozen: Measured, measured: Measured) -> tuple[Borders, ...]:
    """The borders that stay: those that were cut from the same difficulty in the same way."""
    return frozen.borders if frozen.cut_by == measured.cut_by else ()


def _tiers(
    space: Workspace,
    settings: Settings,
    hard: NDArray[np.float32],
    spread: NDArray[np.float32],
    frozen: Sequence[Borders],
) -> tuple[NDArray[np.int8], tuple[Borders, ...], int]:
    """The tier of each row, the borders, and how many rows went up for their uncertainty."""
    names: list[str] = []
    group = np.full(len(hard), -1, np.int32)
    if settings.within is not None:
        names, group = columns.codes(columns.strings(space, settings.within, "tiers are cut inside"))
    code_of = {None: -1} | {name: code for code, name in enumerate(names)}
    gone = [each for each in frozen if each.group not in code_of]
    known = {code_of[each.group]: np.array(each.upper, np.float32) for each in frozen if each.group in code_of}
    tier, used = assign.by_difficulty(hard, spread, group, settings, known)
    plain, _ = assign.by_difficulty(hard, np.zeros_like(spread), group, settings, used)
    made = (Borders(group=None if code < 0 else names[code], upper=tuple(used[code].tolist())) for code in sorted(used))
    return tier, (*made, *gone), int((tier != plain).sum())


def _by_label(
    space: Workspace, label: str, settings: Settings, frozen: Sequence[float]
) -> tuple[NDArray[np.int8], tuple[float, ...]]:
    words, code = columns.codes(columns.strings(space, label, "tiers come from"))
    return assign.by_label(label, words, code, settings, frozen)


def _describe(hard: NDArray[np.float32], tier: NDArray[np.int8], count: int) -> tuple[Tier, ...]:
    """The rows and bounds of each tier that holds any."""
    groups = ((number, hard[(tier == number) & ~np.isnan(hard)]) for number in range(count))
    return tuple(
        Tier(tier=number, rows=len(inside), lowest=float(inside.min()), upper=float(inside.max()))
        for number, inside in groups
        if len(inside)
    )


def _sinking(
    space: Workspace, settings: Settings, tier: NDArray[np.int8], trained: NDArray[np.bool_]
) -> tuple[str, ...]:
    """The skills, sources and languages that sink into the last tier, which a mean over all rows would not show."""
    told = []
    for column in ("skill", "source", "language"):
        words, code = columns.codes(columns.strings(space, column, ""))
        chosen = trained & (code >= 0)
        told += balance.sinking(column, words, code[chosen], tier[chosen], settings.tier_count)
    return tuple(told)


# --- fates ---


def _fates(
    space: Workspace,
    settings: Settings,
    known: NDArray[np.bool_],
    tier: NDArray[np.int8],
    corpus: _Corpus,
    before: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    seed: int,
) -> NDArray[np.str_]:
    """What becomes of the rows that mining left: some are held out, some left unused, the rest trained on."""
    luck = draw(corpus.ids, seed, "tier", "holdout")
    skill = columns.codes(columns.strings(space, "skill", "the hold-out is drawn by"))[1]
    stratum = skill.astype(np.int64) * settings.tier_count + tier
    given, seen = (each & known for each in before)
    for domain in settings.holdout_domain:
        given |= _of_domain(space, domain) & known
    held, near = np.zeros(len(known), bool), np.zeros(len(known), bool)
    ties = clusters.among(corpus.ties, known)
    held[known] = holdout.hold_out(luck[known], stratum[known], settings.holdout, given[known], ties, seen[known])
    near[known] = holdout.near(held[known], np.ones(int(known.sum()), bool), ties)
    holdout.check_loss(int(near.sum()), int(known.sum()), settings.holdout_similarity)
    spare = _spare(space, settings, known & ~held & ~near, luck)
    return np.select([~known | spare, held, near], ["unused", "holdout", "near_holdout"], "train")


def _spare(
    space: Workspace, settings: Settings, free: NDArray[np.bool_], luck: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The rows that caps and floors leave out, gone through until all of them hold."""
    codes = {
        column: columns.codes(columns.strings(space, column, "rows are balanced by"))[1].astype(np.int64) + 1
        for column in (*settings.cap, *settings.floor)
    }
    left = free.copy()
    rows = -1
    while rows != (rows := int(left.sum())):
        for limits, share in ((settings.cap, balance.capped), (settings.floor, balance.floored)):
            for column, limit in limits.items():
                place = np.flatnonzero(left)
                code = codes[column][place]
                left[place[~balance.sample(code, share(np.bincount(code), limit), luck[place])]] = False
    return free & ~left


def _ties(space: Workspace, settings: Settings, ids: pa.ChunkedArray, *, embedded: bool) -> Ties:
    """What binds the examples together: what mine calls duplicates or a protected pair, and near neighbours."""
    found = space.read_table("mined/duplicates.parquet", ["id", "partners"])
    if not len(found) and not (embedded and settings.holdout_similarity < 1):
        return clusters.alone(len(ids))
    names = ids.combine_chunks()
    partners = found.column("partners").combine_chunks()
    own = found.column("id").combine_chunks().take(pc.list_parent_indices(partners))
    pairs = [pc.index_in(side, names).to_numpy().astype(np.int64) for side in (own, pc.list_flatten(partners))]
    close = np.empty((0, 2), np.int64)
    if embedded and settings.holdout_similarity < 1:
        close = _close(space, settings.holdout_similarity)
    return clusters.tie(len(ids), close, np.stack(pairs, axis=1))


def _close(space: Workspace, least: float) -> NDArray[np.int64]:
    """All pairs of examples whose vectors have at least this cosine."""
    pairs, short, start = [], [], 0
    for part in space.read_parts("neighbours", ["neighbours", "similarity"]):
        place, cosine = (matrix(column) for column in part.columns)
        found, cut = clusters.listed_pairs(place, cosine, start, least)
        pairs.append(found)
        short.append(cut)
        start += len(part)
    measured = clusters.measured_pairs(np.concatenate(short), lambda: _vectors(space), least)
    return clusters.distinct(np.concatenate([*pairs, measured]))


def _vectors(space: Workspace) -> Iterator[NDArray[np.float32]]:
    for part in space.read_parts("vectors", ["vector"]):
        vectors = part.column("vector").combine_chunks()
        yield np.asarray(vectors.flatten()).reshape(len(part), vectors.type.list_size)


def _proposed(space: Workspace, settings: Settings, ids: pa.ChunkedArray) -> tuple[NDArray[np.str_], list[str | None]]:
    tables: dict[str, pa.Table] = {
        fate: space.read_table(f"mined/{mined.TABLES[fate]}.parquet") for fate in settings.remove
    }
    return mined.fates(ids, tables, settings.remove)


def _before(space: Workspace, ids: pa.ChunkedArray, *, held: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows that the last run of this step held out, and rows that it drew from; none where that counts no more."""
    if not held or not space.disk.exists("tiers.parquet"):
        return np.zeros(len(ids), bool), np.zeros(len(ids), bool)
    tiers = space.read_table("tiers.parquet", ["id", "fate"])
    out = tiers.filter(pc.equal(tiers.column("fate"), "holdout"))
    found: list[NDArray[np.bool_]] = [
        pc.is_in(ids, value_set=each.column("id").combine_chunks()).to_numpy() for each in (out, tiers)
    ]
    return found[0], found[1]


def _of_domain(space: Workspace, domain: str) -> NDArray[np.bool_]:
    """The rows that COLUMN=VALUE names."""
    column, equals, value = domain.partition("=")
    words, code = (
        columns.codes(columns.strings(space, column, "a domain to hold out is named by"))
        if equals
        else ([], np.empty(0, np.int32))
    )
    if value not in words:
        raise SettingsError(
            f"no example is in the domain {domain!r} that is to be held out",
            fix=did_you_mean(value, words) if equals else "write COLUMN=VALUE, for example source=lessons.jsonl",
        )
    return np.equal(code, words.index(value))


def _domains(space: Workspace, settings: Settings) -> tuple[NDArray[np.int32], list[str], NDArray[np.int8]]:
    """Each row's domain as a code, the domains' names, and each row's kind as a code."""
    kinds = space.read_all("statistics/tokens", ["kind"]).column("kind")
    if settings.domain is None:
        domain = views.domains(columns.strings(space, "language", ""), kinds)
    else:
        domain = views.own_domains(columns.strings(space, settings.domain, "rows are ranked inside"))
    names, code = columns.codes(domain)
    return code, names, pc.index_in(kinds, pa.array(KINDS)).to_numpy().astype(np.int8)
