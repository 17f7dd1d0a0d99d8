"""The Croissant 1.1 description of a dataset: files with their hashes, record sets, splits, lineage, responsible use.

Written as plain JSON-LD (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and the RAI extension):
the reference library brings a dozen packages and has no words for provenance; the tests load and iterate ours with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curate.write.card import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from curate.core.manifest import Schedule, Shard
    from curate.core.plan import Plan
    from curate.write.told import Origin, Told

TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileProperty",
    "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source",
    "subField", "transform",
)  # fmt: skip
"""The terms of Croissant's own vocabulary."""

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in TERMS},
}

PARQUET = "application/x-parquet"
_SCHEDULE, _CARD = ("schedule.json", "application/json"), ("README.md", "text/markdown")
_MOST_SHARES = 8

_FILE_SETS = {
    "ordered": ("stage-*", "All rows that are trained on, in training order."),
    "holdout": ("holdout", "The rows that are never trained on."),
    "by-split": ("*", "All rows, with the split that each is in: a stage, or what is held out."),
}
"""The record sets, each with the folders of its files and what it holds."""


@dataclass(frozen=True)
class Described:
    """All that a description says: the columns of the shards, the files, the plan, and what the recipe tells."""

    columns: pa.Schema
    shards: Sequence[Shard]
    others: Sequence[Shard]
    """Schedule and card."""
    schedule: Schedule
    plan: Plan
    told: Told
    edition: int
    about: Mapping[str, str | None]
    """``pretty_name``, ``license``, ``language``, ``creator``, ``date``; None where the recipe says nothing."""


def describe(given: Described) -> dict[str, Any]:
    """The JSON-LD of a dataset, ready to be written; the same for the same dataset."""
    about, holds_out = given.about, any(shard.stage is None for shard in given.shards)
    told: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": about["pretty_name"],
        "description": f"A curriculum for fine-tuning: {given.schedule.rows} rows in training order, from easy to hard "
        f"in {len(given.schedule.stages)} stages. Train on them for one epoch, without shuffling.",
        "version": f"{given.edition}.0.0",
        "license": about["license"],
        "inLanguage": [one.strip() for one in (about["language"] or "").split(",") if one.strip()],
        "datePublished": about["date"],
        "creator": {"@type": "sc:Person", "name": about["creator"]} if about["creator"] else None,
        "keywords": ["curriculum learning", "fine-tuning", "language models"],
        "isLiveDataset": False,
        "distribution": [*_files(given), *_file_sets(holds_out=holds_out)],
        "recordSet": [
            _splits(given.schedule, holds_out=holds_out),
            *(_record_set(name, given) for name in _FILE_SETS if holds_out or name != "holdout"),
        ],
        **_lineage(given.told),
        **_responsible(given.plan, given.told),
    }
    return {key: value for key, value in told.items() if value not in (None, [], "")}


def _files(given: Described) -> Iterator[dict[str, Any]]:
    formats = dict((_SCHEDULE, _CARD))
    for file in (*given.shards, *given.others):
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.size_bytes} B",
            "encodingFormat": formats.get(file.path, PARQUET),
            "sha256": file.sha256,
        }


def _file_sets(*, holds_out: bool) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"{name}-files",
            "name": f"{name}-files",
            "encodingFormat": PARQUET,
            "includes": f"data/{pattern}/part-*.parquet",
        }
        for name, (pattern, _) in _FILE_SETS.items()
        if holds_out or name != "holdout"
    ]


def _splits(schedule: Schedule, *, holds_out: bool) -> dict[str, Any]:
    """Every stage is a training split, in order; held-out rows are a test split."""
    kinds = {stage.config: "cr:TrainingSplit" for stage in schedule.stages}
    kinds |= {"holdout": "cr:TestSplit"} if holds_out else {}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The stages of the curriculum, and what is held out of it.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
        ],
        "data": [{"splits/name": name, "splits/url": kind} for name, kind in kinds.items()],
    }


def _record_set(name: str, given: Described) -> dict[str, Any]:
    """The rows of one set of files. Only `by-split` joins the splits: a join is read whole, the others are streamed."""
    files, about = f"{name}-files", _FILE_SETS[name][1]
    fields = (_field(f"{name}/{column.name}", column.name, column.type, files) for column in given.columns)
    split = {
        "@type": "cr:Field",
        "@id": f"{name}/split",
        "name": "split",
        "description": "The stage, or holdout.",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": files},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": "(?:data/)?(stage-[0-9]+|holdout)(?:/.*)?"},
        },
        "references": {"field": {"@id": "splits/name"}},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": about,
        "field": [*([split] if name == "by-split" else []), *(field for field in fields if field is not None)],
    }


def _field(key: str, column: str, kind: pa.DataType, file_set: str) -> dict[str, Any] | None:
    """The field of one column; None where its type has no word in Croissant."""
    shape = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind, shape = kind.value_type, shape + 1
    made: dict[str, Any] = {"@type": "cr:Field", "@id": key, "name": column}
    made["description"] = MEANINGS.get(column, "a column of the input, kept as it was")
    if shape:
        made |= {"isArray": True, "arrayShape": ",".join(["-1"] * shape)}
    source: dict[str, Any] = {"fileSet": {"@id": file_set}, "extract": {"column": column}}
    if pa.types.is_struct(kind) and shape < 2:
        inside = [kind.field(place) for place in range(kind.num_fields)]
        made["subField"] = [
            {
                "@type": "cr:Field",
                "@id": f"{key}/{each.name}",
                "name": each.name,
                "dataType": named,
                "source": {**source, "transform": {"jsonPath": _step(each.name)}},
            }
            for each in inside
            if (named := _named(each.type)) is not None
        ]
        return made if made["subField"] else None
    named = _named(kind)
    return None if named is None else {**made, "dataType": named, "source": source}


def _named(kind: pa.DataType) -> str | None:
    """Croissant's name of a plain type."""
    tests = {
        "sc:Text": lambda one: pa.types.is_string(one) or pa.types.is_large_string(one) or pa.types.is_null(one),
        "sc:Boolean": pa.types.is_boolean,
        "sc:Integer": pa.types.is_integer,
        "sc:Float": pa.types.is_floating,
        "sc:DateTime": pa.types.is_timestamp,
        "sc:Date": pa.types.is_date,
    }
    return next((name for name, holds in tests.items() if holds(kind)), None)


def _step(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"'{name}'"


def _lineage(told: Told) -> dict[str, Any]:
    """What the dataset was made from and by what (PROV-O)."""
    origins = [_entity(each, "prov:PrimarySource") for each in told.sources]
    if told.parent is not None:
        origins.insert(0, _entity(told.parent, "prov:Revision"))
    made = {
        "@type": "prov:Activity",
        "name": "curate",
        "description": f"{told.input_rows} rows read: {told.examples} examples, {told.copies} copies, "
        f"{told.rejected} rejected; then scored, tiered, paced and written.",
    }
    return {"prov:wasDerivedFrom": origins, "prov:wasGeneratedBy": made}


def _entity(origin: Origin, kind: str) -> dict[str, Any]:
    name = PurePath(origin.name)
    found = {
        "@type": ["prov:Entity", kind],
        "@id": f"urn:sha256:{origin.sha256}",
        "name": name.name if name.is_absolute() else origin.name,
        "sha256": origin.sha256,
        "contentSize": None if origin.size_bytes is None else f"{origin.size_bytes} B",
        "license": origin.license,
        "description": f"{origin.rows} rows",
    }
    return {key: value for key, value in found.items() if value is not None}


def _responsible(plan: Plan, told: Told) -> dict[str, Any]:
    """The RAI extension: what was done to the rows, by which tools, and what is known to be lopsided or missing."""
    rejected = ", ".join(f"{count} {reason}" for reason, count in (told.rejected_by_reason or {}).items())
    repaired = ", ".join(f"{count} {repair}" for repair, count in (told.repairs or {}).items())
    fates = ", ".join(f"{count} {fate}" for fate, count in plan.fates.items())
    skills: dict[str, int] = {}
    for stage in plan.stages:
        for skill, rows in stage.skills.items():
            skills[skill] = skills.get(skill, 0) + rows
    return {
        "rai:dataCollection": f"Read from {len(told.sources)} files; nothing was collected anew.",
        "rai:dataPreprocessingProtocol": [
            f"Rows rejected: {rejected or 'none'}; repaired: {repaired or 'none'}.",
            f"What became of the examples: {fates}.",
            "Difficulty is the weighted mean of ranks, inside their domain, of "
            f"{', '.join(one.score for one in plan.ingredients) or 'no score'}; tiers are {plan.tiers_by}.",
            *plan.how,
        ],
        "rai:machineAnnotationTools": list(told.tools),
        "rai:dataBiases": [
            *_shares("source", {each.name: each.rows for each in told.sources}),
            *_shares("skill", skills),
            *told.sinking,
        ],
        "rai:dataLimitations": [
            *(f"Left out: {line}" for line in plan.skipped),
            *(
                f"Cut at {one.limit} tokens, tier {one.tier} loses the end of {one.truncated} rows, "
                f"{one.dropped} of them whole."
                for one in plan.lengths
                if one.truncated or one.dropped
            ),
        ],
        "rai:dataUseCases": ["Supervised fine-tuning of language models in the given order, for one epoch."],
    }


def _shares(what: str, rows: Mapping[str, int]) -> list[str]:
    """One sentence on how the rows divide; none where there is one value alone."""
    total = sum(rows.values())
    if len(rows) < 2 or not total:
        return []
    largest = sorted(rows.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_SHARES]
    said = ", ".join(
        f"{PurePath(name).name if what == 'source' else name} {count / total:.1%}" for name, count in largest
    )
    more = f" and {len(rows) - len(largest)} more" if len(rows) > len(largest) else ""
    return [f"Shares of rows by {what}: {said}{more}."]
