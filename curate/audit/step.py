"""Audit a run folder: `audit/report.json`, and `report.html` and `report.md` made from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict, Field

from curate.audit import (
    causes,
    coverage,
    drift,
    examine,
    examples,
    gather,
    groups,
    identity,
    licences,
    marks,
    pairing,
    quality,
    reach,
    texts,
)
from curate.audit.corpus import Coded, code, numbers
from curate.audit.pairing import Reading
from curate.audit.probed import Probed
from curate.audit.reach import Asked, ask
from curate.audit.report import AuditReport, Quality, ScorerHealth
from curate.audit.settings import Expectation, Settings
from curate.core import schemas, views
from curate.core.measured import Measured, Transfer
from curate.core.plan import Plan
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.audit.corpus import Corpus, Ids, Visits
    from curate.audit.groups import Groups
    from curate.audit.identity import Mentions
    from curate.audit.report import LicenceUse
    from curate.store.stamps import Stamp
    from curate.store.work import Work

__all__ = ["Asked", "Given", "Reading", "Report", "Settings", "ask", "lay_out", "run"]

VERSION = 5
ALWAYS = ("source", "language", "skill")
"""Columns that are audited without being named, where they have two values or more."""

OWN = ("source", "language")
MINED = ("duplicates", "contamination", "edges", "noise")
MOST_VECTORS = 20_000
MOST_MARKED = 5
"""So many of the rows with a mark are named."""

Report = AuditReport


@dataclass(frozen=True)
class Given:
    """What the pipeline knows beside the run folder.

    ``licences`` by source, as the recipe names them; ``card``, the licence of the dataset's card; ``domain``, the
    column inside which scores were ranked. ``reference``: the texts of --reference with their vectors. ``pairs``: a
    folder like a run's, which holds the texts of --pairs and their scores. ``parent``: the run folder of the edition
    that this one came from, and ``days`` between the dates of their cards.
    """

    licences: Mapping[str, str] = field(default_factory=dict)
    card: str | None = None
    domain: str | None = None
    reference: Asked | None = None
    pairs: Workspace | None = None
    parent: Workspace | None = None
    days: int | None = None


class _Lenient(Frozen):
    """The base of what the audit needs of another room's report; the rest of that is not its concern."""

    model_config = ConfigDict(extra="ignore")


class _Scorer(_Lenient):
    alias: str
    folder: str
    ok: int = 0
    not_applicable: int = 0
    failed: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)


class _Scored(_Lenient):
    scorers: tuple[_Scorer, ...] = ()

    @property
    def folders(self) -> dict[str, str]:
        return {scorer.alias: scorer.folder for scorer in self.scorers}


class _Drifted(_Lenient):
    edition: int = 1


class _Audited(_Lenient):
    drift: _Drifted | None = None


def run(space: Workspace, settings: Settings, work: Work, given: Given | None = None) -> Report:
    """Audit the run and write its reports."""
    ids = gather.sort_ids(space.read_all("examples", ["id"]).column("id"))
    evidence = _evidence(space, settings, given or Given(), ids)
    report = _quote(space, examine.examine(evidence, settings.thresholds), ids)
    space.write_json("audit/report.json", report, work.stamp)
    _render(space, settings, report)
    return report


def _evidence(space: Workspace, settings: Settings, told: Given, ids: Ids) -> examine.Evidence:
    """All that the audit looks at, as arrays."""
    skipped: list[str] = []
    corpus = _corpus(space, ids, skipped, settings.unit)
    visits = gather.visits(ids, space.read_table("order.parquet", ["stage", "id", "role"]), _augmented(space))
    plan = space.read_json("plan.json", Plan) if space.disk.exists("plan.json") else None
    finished = space.finished("score", _Scored)
    scored = finished[0] if finished else _Scored()
    mentions, marked = _read_texts(space, settings, ids.ranks)
    own = _own(space, ids)
    grouped = [*_groups(space, settings, ids, own), *identity.axes(mentions)]
    references = {each.column: gather.reference(each, _wanted(settings, each)) for each in grouped}
    sampled, held_out = _vectors(space, corpus, ids, skipped)
    mined = _mined(space, ids)
    used = _licences(space, corpus, told, ids, own["source"], skipped)
    return examine.Evidence(
        corpus=corpus,
        visits=visits,
        groups=grouped,
        references={column: shares for column, shares in references.items() if shares is not None},
        quality=_quality(space, corpus, scored, marked, mined, used, skipped),
        mixed=tuple(stage.stage for stage in plan.stages if stage.mixed) if plan else (),
        lengths=plan.lengths if plan else (),
        planned={stage.stage: plan.review for stage in plan.stages if stage.stage} if plan else {},
        mentions=mentions,
        causes=_causes(space, corpus, ids, grouped, plan, scored, told.domain, skipped),
        vectors=sampled,
        mined=_found(space, corpus.rows, mined) if sampled else None,
        asked=[each for each in (held_out, told.reference if sampled else None) if each],
        blocks=_blocks(space, ids),
        signals=_signals(space, ids, skipped),
        paired=None if told.pairs is None else _paired(told.pairs, plan, scored),
        line=None if told.parent is None else _line(space, told.parent, corpus, visits, ids, told.days),
        card=told.card,
        skipped=tuple(skipped),
    )


def _render(space: Workspace, settings: Settings, report: Report) -> None:
    from curate.audit import markdown, render

    if "html" in settings.render:
        space.write_bytes("audit/report.html", render.page(report, settings.thresholds, _probed(space)).encode())
    if "md" in settings.render:
        space.write_bytes("audit/report.md", markdown.text(report).encode())


def _probed(space: Workspace) -> Probed | None:
    """What probes of this run measured, where there was one."""
    transfer = "probe/transfer.json"
    paths = [f"probe/{name}" for name in space.disk.names("probe") if name.endswith(".json")]
    found = [space.read_json(path, Measured) for path in paths if path != transfer]
    if not found:
        return None
    told = space.read_json(transfer, Transfer) if transfer in paths else None
    return Probed(tuple(sorted(found, key=lambda each: each.number)), told)


def _corpus(space: Workspace, ids: Ids, skipped: list[str], unit: str | None) -> Corpus:
    counted = bool(space.parts("statistics/tokens"))
    if not counted:
        skipped.append("Length: there are no counts of tokens, so nothing is held against length.")
    mined = "mined/duplicates.parquet"
    return gather.corpus(
        ids,
        space.read_table("tiers.parquet", ["id", "fate", "partner", "difficulty", "tier"]),
        space.read_table("skills.parquet", ["id", "skill", "weight"]),
        space.read_all("statistics/tokens", ["id", "tokens"]) if counted else None,
        space.read_table(mined, ["id", "partners"]) if space.disk.exists(mined) else None,
        None if unit is None else _column(space, unit, ids.order),
    )


def _augmented(space: Workspace) -> list[pa.Table]:
    return list(space.read_parts("augmented", ["id", "parent"]))


def _own(space: Workspace, ids: Ids) -> dict[str, Coded]:
    """The source and the language of each example."""
    held = space.read_all("examples", list(OWN))
    return {name: ids.sort(code(held.column(name))) for name in OWN}


def _groups(space: Workspace, settings: Settings, ids: Ids, own: Mapping[str, Coded]) -> list[Groups]:
    """A grouping for each column that was named, and for those of `ALWAYS` that divide the rows."""
    named = (*settings.by, *settings.groups)
    held = []
    for column in dict.fromkeys((*ALWAYS, *named)):
        if column in own:
            one = groups.by_label(column, own[column])
        elif column == "skill":
            one = _by_skill(space, ids)
        else:
            one = groups.by_values(column, _column(space, column, ids.order))
        if column in named or len(one.labels) > 1:
            held.append(one)
    return held


@dataclass(frozen=True)
class _Marked:
    """How many rows hold each mark and each type of secret, and the ids of some of them."""

    rows: Counter[str]
    secrets: Counter[str]
    some: Mapping[str, list[str]]


def _read_texts(space: Workspace, settings: Settings, place: NDArray[np.int64]) -> tuple[Mentions, _Marked]:
    """Which rows mention whom, and how many hold marks that they should not, in one pass over the texts.

    *place* says where each row of the parts stands among the ids in order. Our terms are English: they are looked for
    in rows that are English or of unknown language, the user's in all.
    """
    terms, lexicon = identity.vocabulary(settings.lexicon)
    ours = identity.ours_alone(settings.lexicon, terms)
    seen = _Marked(Counter(), Counter(), {})
    some: dict[str, list[str]] = {}
    rows, found, begin = [], [], 0
    for table in space.read_parts("examples", ["id", "language", *texts.COLUMNS]):
        here, begin = place[begin : begin + len(table)], begin + len(table)
        row, text = texts.pieces(table)
        spotted = marks.find(row, text, table.column("language").to_pylist())
        seen.secrets.update(spotted.secrets)
        for name, holding in spotted.rows.items():
            seen.rows[name] += len(holding)
            kept = some.setdefault(name, [])
            kept += table.column("id").take(pa.array(holding[: MOST_MARKED - len(kept)])).to_pylist()
        at, term = texts.find(row, text, terms)
        english = np.asarray(pc.equal(pc.fill_null(table.column("language"), "en"), "en"), np.bool_)
        mine = english[at] | ~ours[term]
        rows.append(here[at[mine]])
        found.append(term[mine])
    mentions = identity.Mentions(terms, np.concatenate(rows), np.concatenate(found), lexicon)
    return mentions, _Marked(seen.rows, seen.secrets, some)


def _quote(space: Workspace, report: Report, ids: Ids) -> Report:
    """The report with an excerpt of each example that it shows; parts without any are not read."""
    wanted = ids.places(pa.array(examples.asked(report), pa.string()), "the report")
    rows = np.sort(np.asarray(ids.order, np.int64)[wanted])
    held: dict[str, list[str]] = {}
    begin = 0
    for path in space.parts("examples"):
        end = begin + space.rows(path)
        here = rows[slice(*np.searchsorted(rows, [begin, end]))] - begin
        if len(here):
            chosen = space.read_table(path, ["id", *texts.COLUMNS]).take(pa.array(here))
            names = chosen.column("id").to_pylist()
            for row, text in zip(*texts.pieces(chosen), strict=True):
                held.setdefault(names[int(row)], []).append(text.as_py())
        begin = end
    return examples.quoted(report, held)


def _by_skill(space: Workspace, ids: Ids) -> Groups:
    skills = space.read_table("skills.parquet", ["id", "skill"])
    return groups.by_label("skill", code(skills.column("skill")), ids.places(skills.column("id"), "skills.parquet"))


def _column(space: Workspace, name: str, order: pa.Array) -> pa.ChunkedArray:
    """A column of the examples, ours or the user's, in the order of the ids."""
    if name in OWN:
        return space.read_all("examples", [name]).column(name).take(order)
    known = {*ALWAYS, *_user_names(space)}
    if name not in known:
        raise SettingsError(
            f"the audit groups by {name!r}, a column that no example has", fix=did_you_mean(name, known)
        )
    return gather.column([views.user_column(table, name) for table in space.read_parts("examples", ["user"])], order)


def _wanted(settings: Settings, grouped: Groups) -> Expectation:
    return settings.groups.get(grouped.column, Expectation())


def _causes(
    space: Workspace,
    corpus: Corpus,
    ids: Ids,
    grouped: Sequence[Groups],
    plan: Plan | None,
    scored: _Scored,
    domain: str | None,
    skipped: list[str],
) -> Mapping[str, list[dict[str, float]]]:
    """By column and group, each score's part of the gap in difficulty; empty where it cannot be taken apart."""
    needed = [] if plan is None else [one.score.partition(".")[0] for one in plan.ingredients]
    if plan is None or not needed or not set(needed) <= scored.folders.keys():
        skipped.append("Causes: without the plan and its scores, difficulty cannot be taken apart.")
        return {}
    kind = space.read_all("statistics/tokens", ["kind"]).column("kind").take(ids.order)
    if domain is None:
        inside = gather.domains(_column(space, "language", ids.order), kind)
    else:
        inside = code(views.own_domains(_column(space, domain, ids.order)))
    scores = _scores(space, plan, scored, ids)
    part = causes.of_rows(plan, scores, inside, code(kind))
    if not causes.explains(part, corpus.difficulty):
        skipped.append("Causes: the plan's scores do not add up to the difficulty, as where labels made it.")
        return {}
    names = [one.score for one in plan.ingredients]
    return {each.column: causes.gaps(each, corpus.difficulty, names, part) for each in grouped}


def _scores(space: Workspace, plan: Plan, scored: _Scored, ids: Ids) -> dict[str, NDArray[np.float64]]:
    """The scores that make the difficulty, those of them that stand in this folder. Shape (rows,) each."""
    held = {}
    for one in plan.ingredients:
        alias, _, name = one.score.partition(".")
        folder = scored.folders.get(alias, "")
        if folder and space.parts(folder):
            table = space.read_all(folder, ["id", name])
            held[one.score] = numbers(len(ids), ids.places(table.column("id"), folder), table.column(name))
    return held


def lay_out(beside: Workspace, readings: Sequence[Reading], stamp: Stamp) -> None:
    """Write the texts of --pairs, each once, as `examples` of a folder, and how they go together as `pairs.parquet`.

    Raises `SettingsError` where they cannot be matched as is asked.
    """
    seen: set[str] = set()
    for reading in readings:
        for table in reading.examples:
            first = {known: place for place, known in reversed([*enumerate(table.column("id").to_pylist())])}
            fresh = sorted(place for known, place in first.items() if known not in seen)
            seen |= first.keys()
            part = Workspace.part("examples", len(beside.parts("examples")))
            beside.write_table(part, table.select([*schemas.EXAMPLES.names, "user"]).take(fresh), stamp)
    unread = sum(reading.unread for reading in readings)
    beside.write_table("pairs.parquet", pa.concat_tables(map(pairing.joined, readings)), stamp, {"unread": unread})


def _paired(beside: Workspace, plan: Plan | None, scored: _Scored) -> examine.Paired:
    """The texts of --pairs, ranked by the tables of the corpus's largest domain, whatever they are themselves."""
    if plan is None or not plan.knots:
        raise SettingsError("--pairs needs the plan of the run", fix="give `curate tier` first")
    ids = gather.sort_ids(beside.read_all("examples", ["id"]).column("id"))
    domain = max(plan.knots, key=lambda each: (each.rows, each.domain)).domain
    scores = _scores(beside, plan, scored, ids)
    kind = domain.rpartition("/")[2] if "/" in domain else "chat"
    everywhere = (Coded(np.zeros(len(ids), np.int64), (each,)) for each in (domain, kind))
    part = causes.of_rows(plan, scores, *everywhere)
    known = np.any([~np.isnan(each) for each in scores.values()], axis=0) if scores else np.zeros(len(ids), np.bool_)
    lines = beside.read_table("pairs.parquet")
    at = ids.places(lines.column("id"), "pairs.parquet")
    unread = beside.about("pairs.parquet").get("unread")
    return examine.Paired(
        groups=groups.by_values("group", lines.column("group")),
        unit=code(lines.column("pair")).codes,
        parts={one.score: line[at] for one, line in zip(plan.ingredients, part, strict=True) if one.score in scores},
        difficulty=np.where(known, part.sum(axis=0), np.nan)[at],
        domain=domain,
        left_out=tuple(one.score for one in plan.ingredients if one.score not in scores),
        unread=unread if isinstance(unread, int) else 0,
    )


def _line(
    space: Workspace, parent: Workspace, corpus: Corpus, visits: Visits, ids: Ids, days: int | None
) -> examine.Line:
    """The edition and its parent."""
    theirs = gather.sort_ids(parent.read_all("examples", ["id"]).column("id"))
    before = gather.visits(theirs, parent.read_table("order.parquet", ["stage", "id", "role"]), _augmented(parent))
    audited = parent.read_json("audit/report.json", _Audited) if parent.disk.exists("audit/report.json") else _Audited()
    return examine.Line(
        now=_edition(space, corpus, visits, ids.order),
        before=_edition(parent, _corpus(parent, theirs, [], None), before, theirs.order),
        parent=PurePosixPath(parent.name).name,
        number=(audited.drift.edition if audited.drift else 1) + 1,
        days=days,
    )


def _edition(space: Workspace, corpus: Corpus, visits: Visits, order: pa.Array) -> drift.Edition:
    source = np.array(_column(space, "source", order).to_pylist(), dtype=object)
    return drift.Edition(corpus, source, gather.first_stages(corpus.rows, visits))


def _signals(space: Workspace, ids: Ids, skipped: list[str]) -> examine.Signals | None:
    if not space.parts("training/signals"):
        skipped.append("Loss: no training has written signals, so nothing is known of what the model learnt.")
        return None
    table = space.read_all("training/signals", ["curate_id", "visit", "loss"])
    row = ids.places(gather.origins(table.column("curate_id"), _augmented(space)), "training/signals")
    return examine.Signals(row, table.column("visit").to_numpy(), table.column("loss").cast(pa.float64()).to_numpy())


def _vectors(
    space: Workspace, corpus: Corpus, ids: Ids, skipped: list[str]
) -> tuple[coverage.Vectors | None, Asked | None]:
    """The vectors of a sample of rows, and of the hold-out or a sample of it."""
    if not space.parts("vectors"):
        skipped.append("Variety: there are no vectors, so variety of meaning and reach are not measured.")
        return None, None
    sample = coverage.thin(np.arange(corpus.rows), MOST_VECTORS)
    held = coverage.thin(np.flatnonzero(corpus.fate.holds("holdout")), reach.MOST_TEXTS)
    wanted = np.zeros(corpus.rows, np.bool_)
    wanted[sample] = wanted[held] = True
    blocks = []
    for block in _blocks(space, ids):
        kept = wanted[block.row]
        blocks.append(coverage.Vectors(block.row[kept], block.values[kept]))
    row = np.concatenate([block.row for block in blocks])
    rising = np.argsort(row)
    values = np.concatenate([block.values for block in blocks])[rising]
    one, other = (np.searchsorted(row[rising], each) for each in (sample, held))
    return coverage.Vectors(sample, values[one]), Asked("hold-out", values[other], row=held)


def _blocks(space: Workspace, ids: Ids) -> Iterator[coverage.Vectors]:
    """The vectors of all rows, a part at a time, in the order of the parts."""
    place, begin = ids.places(space.read_all("vectors", ["id"]).column("id"), "vectors"), 0
    for table in space.read_parts("vectors", ["vector"]):
        here, begin = place[begin : begin + len(table)], begin + len(table)
        flat = table.column("vector").combine_chunks().flatten()
        yield coverage.Vectors(here, np.asarray(flat, np.float32).reshape(len(table), -1))


def _licences(
    space: Workspace, corpus: Corpus, given: Given, ids: Ids, source: Coded, skipped: list[str]
) -> tuple[LicenceUse, ...]:
    known = _user_names(space)
    named = [name for name in licences.COLUMNS if name in known]
    if not named and not given.licences:
        skipped.append("Licences: no source names one, in the recipe or in a column license.")
    said = licences.said(_column(space, named[0], ids.order)) if named else pa.repeat("", corpus.rows)
    return licences.uses(source, code(said), given.licences, corpus.trained)


def _user_names(space: Workspace) -> set[str]:
    """The names of the user's own columns, of all parts."""
    kinds = (space.schema(path).field("user").type for path in space.parts("examples"))
    return {field.name for kind in kinds if pa.types.is_struct(kind) for field in kind}


def _mined(space: Workspace, ids: Ids) -> dict[str, NDArray[np.int64]]:
    """The rows that each table of mine names."""
    paths = {name: f"mined/{name}.parquet" for name in MINED if space.disk.exists(f"mined/{name}.parquet")}
    return {name: ids.places(space.read_table(path, ["id"]).column("id"), path) for name, path in paths.items()}


def _found(space: Workspace, rows: int, mined: Mapping[str, NDArray[np.int64]]) -> NDArray[np.object_]:
    """What mine found each row to be: the first kind of the gravest table, "usual" where it found nothing."""
    kinds = np.full(rows, "usual", dtype=object)
    for name in ("edges", "noise", "duplicates", "contamination"):
        if name in mined:
            kind = space.read_table(f"mined/{name}.parquet", ["kind"]).column("kind").to_pylist()
            kinds[mined[name]] = [f"{name}: {each.replace('_', ' ')}" for each in kind]
    return kinds


def _quality(
    space: Workspace,
    corpus: Corpus,
    scored: _Scored,
    marked: _Marked,
    mined: Mapping[str, NDArray[np.int64]],
    used: tuple[LicenceUse, ...],
    skipped: list[str],
) -> Quality:
    ledger = space.read_all("ledger", ["source", "outcome", "reason", "repairs"]) if space.parts("ledger") else None
    if ledger is None:
        skipped.append("Input: there is no ledger, so rejections and repairs are not counted.")
    return Quality(
        input_rows=0 if ledger is None else len(ledger),
        outcomes={} if ledger is None else quality.outcomes(ledger),
        rejected={} if ledger is None else quality.rejected(ledger),
        repairs={} if ledger is None else quality.repairs(ledger),
        fates=quality.fates(corpus.fate),
        mined={name: quality.by_skill(rows, corpus.skill) for name, rows in mined.items()},
        scorers=tuple(ScorerHealth(**scorer.model_dump(exclude={"folder"})) for scorer in scored.scorers),
        marks=dict(marked.rows),
        secrets=dict(sorted(marked.secrets.items())),
        marked={name: tuple(some) for name, some in marked.some.items() if some},
        licences=used,
    )
