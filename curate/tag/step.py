"""Assign a skill to every example and write the table ``skills``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.core import schemas, views
from curate.core.chance import chance
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen
from curate.store.stamps import stamp
from curate.tag import catalogue as catalogues
from curate.tag import classify, discover, rules, similar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from curate.store.stamps import Stamp
    from curate.store.work import Work
    from curate.store.workspace import Workspace
    from curate.tag.catalogue import Catalogue

    Encode = Callable[[Sequence[str]], NDArray[np.float32]]

VERSION = 3
UNASSIGNED = "unassigned"
DISCOVER = "discover"
PROMPTS = "prompts"
"""The folder of the examples' vectors: of what each asks for, since that tells skills apart better than all of it."""

CLUSTERS = "statistics/skills.parquet"
"""Names and centroids of the skills that were discovered; they stay for later rows of the same edition."""


class Settings(Frozen):
    """Where skills come from."""

    skills: str = Field(
        default="source",
        description="Where skills come from: skills.toml, column:NAME (one of yours), source, or discover[:COUNT].",
    )


class Report(Frozen):
    """Which skills there are, and how rows came to them."""

    skills: dict[str, int]
    unassigned: int
    by: dict[str, int] = Field(description="Rows by what assigned them: rule, similarity, classifier, cluster, none.")
    levels: dict[str, int]
    requires: dict[str, tuple[str, ...]]
    why: dict[str, str]


def choices(settings: Settings, report: Report) -> str:
    """Where the skills come from and by what rows came to them, in a sentence for the plan and the card."""
    where = Path(settings.skills).name if settings.skills.endswith(".toml") else settings.skills
    by = ", ".join(f"{rows:,} by {how}" for how, rows in report.by.items() if how != "none")
    return f"Skills come from {where}: {by or 'no row has one'}; {report.unassigned:,} rows are unassigned."


def read_catalogue(settings: Settings) -> Catalogue | None:
    """The catalogue that the settings name, or None where skills come from elsewhere."""
    if settings.skills == "source" or settings.skills.startswith("column:") or discovers(settings):
        return None
    return catalogues.read(Path(settings.skills))


def discovers(settings: Settings) -> bool:
    """Whether skills are to be found by clustering."""
    return settings.skills == DISCOVER or settings.skills.startswith(f"{DISCOVER}:")


def needs_vectors(settings: Settings, catalogue: Catalogue | None) -> bool:
    """Whether assignment looks at vectors: to discover skills, or to compare rows with seeds."""
    return discovers(settings) or (catalogue is not None and any(skill.seeds for skill in catalogue.skill))


@dataclass(frozen=True)
class Assigned:
    """The skill of each row of a part (None where it has none), how sure that is, and what assigned it."""

    skill: list[str | None]
    weight: NDArray[np.float32]
    by: list[str]


class _Assign(Protocol):
    def __call__(self, examples: pa.Table, vectors: NDArray[np.float32] | None) -> Assigned:
        """Assign the rows of one part; vectors are there where they were asked for."""


def run(space: Workspace, settings: Settings, encode: Encode | None, work: Work) -> Report:
    """Write `skills.parquet`: one row per example with its skill, and by what it was assigned.

    *encode* turns seeds into vectors of the kind that stand in the folder `PROMPTS`; both are there where
    `needs_vectors` holds.
    """
    catalogue = read_catalogue(settings)
    assign = _assigner(space, settings, catalogue, encode, work)
    tables, counts, by, known = [], Counter[str](), Counter[str](), set[str]()
    for part in space.parts("examples"):
        examples = space.read_table(part, ["id", "source", "user"])
        known |= set(views.user_names(examples))
        vectors = None
        if needs_vectors(settings, catalogue):
            vectors = _vectors(space.read_table(part.replace("examples", PROMPTS, 1), ["vector"]))
        found = assign(examples, vectors)
        names = [UNASSIGNED if skill is None else skill for skill in found.skill]
        counts.update(names)
        by.update(found.by)
        tables.append(
            pa.table(
                {
                    "id": examples.column("id"),
                    "skill": pa.array(names, pa.string()),
                    "weight": pa.array(found.weight, pa.float32()),
                    "by": pa.array(found.by, pa.string()),
                },
                schema=schemas.SKILLS,
            )
        )
    _check_columns(settings, catalogue, known)
    space.write_table("skills.parquet", pa.concat_tables(tables), work.stamp)
    skills = () if catalogue is None else catalogue.skill
    return Report(
        skills=dict(sorted(counts.items())),
        unassigned=counts[UNASSIGNED],
        by=dict(sorted(by.items())),
        levels={} if catalogue is None else catalogues.levels(catalogue),
        requires={skill.name: skill.requires for skill in skills},
        why={skill.name: catalogues.reason(skill) for skill in skills if catalogues.reason(skill)},
    )


def _assigner(
    space: Workspace, settings: Settings, catalogue: Catalogue | None, encode: Encode | None, work: Work
) -> _Assign:
    if catalogue is not None:
        return _by_catalogue(catalogue, encode)
    if discovers(settings):
        return _by_cluster(*_clusters(space, settings, work))
    if settings.skills == "source":
        return lambda examples, _: _given(examples.column("source").to_pylist())
    column = settings.skills.removeprefix("column:")
    return lambda examples, _: _given(views.as_text(views.user_column(examples, column)).to_pylist())


def _given(skills: list[str | None]) -> Assigned:
    """Rows that say themselves, or a rule says, what they teach."""
    return Assigned(
        skills,
        np.array([skill is not None for skill in skills], np.float32),
        ["none" if skill is None else "rule" for skill in skills],
    )


def _by_catalogue(catalogue: Catalogue, encode: Encode | None) -> _Assign:
    columns = rules.columns(catalogue)
    learnt = _learn(catalogue, encode)

    def assign(examples: pa.Table, vectors: NDArray[np.float32] | None) -> Assigned:
        found = _given(
            rules.assign(
                catalogue,
                examples.column("source").to_pylist(),
                {column: views.user_column(examples, column).to_pylist() for column in columns},
            )
        )
        if learnt is None or vectors is None:
            return found
        names, judge, how = learnt
        place, sure = judge(vectors)
        for row in np.flatnonzero(place >= 0).tolist():
            if found.skill[row] is None:
                found.skill[row], found.by[row] = names[place[row]], how
                found.weight[row] = sure[row]
        return found

    return assign


def _learn(
    catalogue: Catalogue, encode: Encode | None
) -> tuple[list[str], Callable[[NDArray[np.float32]], tuple[NDArray[np.int64], NDArray[np.float64]]], str] | None:
    """What the seeds teach: the names of the skills that have any, who judges vectors by them, and by what."""
    seeded = [skill for skill in catalogue.skill if skill.seeds]
    if not seeded or encode is None:
        return None
    owner = np.repeat(np.arange(len(seeded)), [len(skill.seeds) for skill in seeded])
    seeds = encode([seed for skill in seeded for seed in skill.seeds])
    middle = similar.centroids(seeds, owner)
    least = similar.threshold(seeds, owner) if catalogue.threshold is None else catalogue.threshold
    model = classify.fit(seeds, owner) if classify.suffices(owner) else None

    def judge(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        near, cosine = similar.nearest(vectors, middle, least, catalogue.margin)
        if model is None:
            return near, cosine.astype(np.float64)
        place, share = model.predict(vectors)
        return np.where(cosine >= least, place, -1), share

    return [skill.name for skill in seeded], judge, "similarity" if model is None else "classifier"


def _by_cluster(names: list[str], middle: NDArray[np.float32]) -> _Assign:
    def assign(examples: pa.Table, vectors: NDArray[np.float32] | None) -> Assigned:
        if vectors is None:
            raise TypeError("skills are discovered in vectors")
        place, cosine = similar.nearest(vectors, middle, -1.0, 0.0)
        return Assigned([names[each] for each in place], cosine, ["cluster"] * len(examples))

    return assign


def _clusters(space: Workspace, settings: Settings, work: Work) -> tuple[list[str], NDArray[np.float32]]:
    """The names and centroids of the skills of this edition, discovered where that was not done yet."""
    _, _, count = settings.skills.partition(":")
    if count and not (count.isdecimal() and 0 < int(count) <= discover.COUNTS[-1] * 16):
        raise SettingsError(
            f"--skills {settings.skills} does not say how many skills to discover",
            fix="write discover, or discover:12 for twelve",
        )
    made = stamp({"version": VERSION, "count": count, "edition": work.edition, "seed": work.seed})
    if space.stamp_of(CLUSTERS) != made:
        _discover(space, int(count) if count else None, work, made)
    table = space.read_table(CLUSTERS)
    return table.column("skill").to_pylist(), _vectors(table)


def _discover(space: Workspace, count: int | None, work: Work, made: Stamp) -> None:
    total = sum(space.rows(path) for path in space.parts(PROMPTS))
    if count is not None and count > total:
        raise SettingsError(
            f"{count} skills cannot be discovered in {total} examples",
            fix=f"ask for {total} or fewer: discover:{total}",
        )
    chosen = chance(work.seed, "tag", "discover").permutation(total) < discover.SAMPLE
    sample, start = [], 0
    for table in space.read_parts(PROMPTS, ["vector"]):
        sample.append(_vectors(table)[chosen[start : start + len(table)]])
        start += len(table)
    middle = discover.cluster(np.concatenate(sample), count, work.seed)
    label = (
        similar.nearest(_vectors(table), middle, -1.0, 0.0)[0].tolist()
        for table in space.read_parts(PROMPTS, ["vector"])
    )
    named = discover.names(_asked(space), label, len(middle))
    width = middle.shape[1]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(middle.reshape(-1)), width)
    space.write_table(CLUSTERS, pa.table({"skill": named, "vector": vectors}), made)


def _asked(space: Workspace) -> Iterator[list[str]]:
    """What each example asks for, or its whole text, part by part."""
    for table in space.read_parts("examples", list(views.RECORD_COLUMNS)):
        yield [views.prompt_view(pairs) or views.full_view(pairs) for pairs in views.all_turns(table)]


def _vectors(table: pa.Table) -> NDArray[np.float32]:
    column = table.column("vector").combine_chunks()
    return np.asarray(column.flatten(), np.float32).reshape(len(table), column.type.list_size)


def _check_columns(settings: Settings, catalogue: Catalogue | None, known: set[str]) -> None:
    """A column that no row has is a mistake of name, not a corpus without skills."""
    wanted = [] if catalogue is None else rules.columns(catalogue)
    if settings.skills.startswith("column:"):
        wanted = [settings.skills.removeprefix("column:")]
    for column in wanted:
        if column not in known:
            raise SettingsError(
                f"skills come from the column {column!r}, which no example has", fix=did_you_mean(column, known)
            )
