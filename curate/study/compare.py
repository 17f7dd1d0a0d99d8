"""Two editions side by side: which rows moved and why, which settings and findings changed. Tables in, claims out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import polars as pl

from curate.study.difference import Changed, FindingChange, Flow, Moved, StageSize, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from curate.core.plan import Plan

KINDS: tuple[str, ...] = get_args(Moved.model_fields["what"].annotation)


@dataclass(frozen=True, eq=False)
class Edition:
    """What one run says of its rows.

    ``rows``: id, source, row, fate, partner, skill, tier, difficulty, stage (null where the row is new in none) and
    because (the word of the order; null with the stage). ``folders`` says where each score of the difficulty lies.
    ``revised`` holds the reasons that its revision gave, by id.
    """

    rows: pl.DataFrame
    plan: Plan
    folders: Mapping[str, str]
    revised: Mapping[str, str]


@dataclass(frozen=True)
class Tells:
    """The words of those who know why: of a fate and its partner, and of a row's place in the order."""

    fate: Callable[[str, str | None], str]
    place: Callable[[Plan, int, str, str | None, int | None], str]


def rows_of(examples: pl.DataFrame, tiers: pl.DataFrame, skills: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    """The rows of an `Edition` from the tables of its run."""
    new = order.filter(pl.col("role") == "new").select("id", pl.col("stage").cast(pl.Int64), "because")
    return (
        examples.select("id", "source", "row")
        .join(tiers.select("id", "fate", "partner", pl.col("tier").cast(pl.Int64), "difficulty"), on="id", how="left")
        .join(skills.select("id", "skill").unique("id", keep="first"), on="id", how="left")
        .join(new, on="id", how="left")
    )


def joined(before: Edition, after: Edition) -> pl.DataFrame:
    """Both editions row by row: the columns of `Edition.rows`, those of *after* with ``_after``, and ``what`` changed.

    ``what`` is null for a row that stayed.
    """
    both = before.rows.join(after.rows, on="id", how="full", coalesce=True, suffix="_after")
    changed = {name: pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in ("fate", "skill", "tier", "stage")}
    what = pl.when(pl.col("fate").is_null()).then(pl.lit("added")).when(pl.col("fate_after").is_null())
    chain = what.then(pl.lit("removed"))
    for name, test in changed.items():
        chain = chain.when(test).then(pl.lit(name))
    ranked = both.with_columns(what=chain.otherwise(None))
    return ranked.with_columns(rank=pl.col("what").replace_strict(list(KINDS), range(len(KINDS)), default=len(KINDS)))


def moved(both: pl.DataFrame, before: Edition, after: Edition, tells: Tells) -> Iterator[Moved]:
    """Every row that moved, with the reasons."""
    why = measured_anew(before, after)
    for row in both.filter(pl.col("what").is_not_null()).sort("rank", "id").iter_rows(named=True):
        old = None if row["what"] == "added" else _standing(row, "")
        new = None if row["what"] == "removed" else _standing(row, "_after")
        because = [after.revised[row["id"]]] if row["id"] in after.revised else []
        yield Moved(
            id=row["id"],
            what=row["what"],
            before=old,
            after=new,
            because=(*because, *_reasons(row, old, new, (before, after), tells, why)),
        )


def flows(both: pl.DataFrame, name: str) -> tuple[Flow, ...]:
    """How many of the rows that both editions have went from one tier, or stage, to another."""
    kept = both.filter(~pl.col("what").is_in(["added", "removed"]) & pl.col(name).ne_missing(pl.col(f"{name}_after")))
    counted = kept.group_by(name, f"{name}_after").len().sort(name, f"{name}_after", nulls_last=True)
    return tuple(Flow(before=old, after=new, rows=rows) for old, new, rows in counted.iter_rows())


def sizes(before: Plan, after: Plan) -> tuple[StageSize, ...]:
    """Rows and tokens of each stage in both."""
    old, new = ({stage.stage: stage for stage in plan.stages} for plan in (before, after))
    return tuple(
        StageSize(
            stage=number,
            rows=(_of(old, number, "rows"), _of(new, number, "rows")),
            tokens=(_of(old, number, "tokens"), _of(new, number, "tokens")),
        )
        for number in sorted(old.keys() | new.keys())
    )


def measured_anew(before: Edition, after: Edition) -> str:
    """Why the same row may have another difficulty, as far as what both editions measured tells."""
    weights = [{one.score: one.weights for one in each.plan.ingredients} for each in (before, after)]
    if weights[0].keys() != weights[1].keys():
        return f"it is made of {_names(weights[1])} instead of {_names(weights[0])}"
    scored = [name for name in before.folders if before.folders[name] != after.folders.get(name)]
    if scored:
        return f"{_names(scored)} was scored with other settings or another model"
    if weights[0] != weights[1]:
        changed = [name for name in weights[0] if weights[0][name] != weights[1][name]]
        return f"the weights of {_names(changed)} changed"
    if before.plan.knots != after.plan.knots:
        return "ranks were measured anew"
    return "its own scores changed"


def recipe(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Changed, ...]:
    """The keys whose values differ, with dots between tables; lists of named tables are compared name by name."""
    old, new = dict(_flat("", before)), dict(_flat("", after))
    keys = sorted(old.keys() | new.keys())
    return tuple(
        Changed(key=key, before=old.get(key), after=new.get(key)) for key in keys if old.get(key) != new.get(key)
    )


def findings(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> tuple[FindingChange, ...]:
    """Findings that came, went, or are graver or lighter; each is known by its kind, column and value."""
    old, new = ({_finding(each): each for each in reversed(found)} for found in (before, after))
    made = []
    for key in sorted(old.keys() | new.keys()):
        was, now = (side[key]["severity"] if key in side else None for side in (old, new))
        if was != now:
            says = (new.get(key) or old[key])["says"]
            made.append(FindingChange(kind=key[0], about=key[1], before=was, after=now, says=says))
    return tuple(made)


def _reasons(
    row: Mapping[str, Any],
    old: Standing | None,
    new: Standing | None,
    editions: tuple[Edition, Edition],
    tells: Tells,
    why: str,
) -> Iterator[str]:
    if old is None and new is not None:
        yield f"{row['source_after']}:{row['row_after']} is new among the sources"
        yield tells.fate(new.fate, row["partner_after"])
        return
    if old is None or new is None:
        yield f"it stood at {row['source']}:{row['row']}, and no source holds it any longer"
        return
    if old.fate != new.fate:
        yield f"before: {tells.fate(old.fate, row['partner'])}; now: {tells.fate(new.fate, row['partner_after'])}"
    if old.skill != new.skill:
        yield f"its skill was {old.skill}, and is {new.skill}"
    if old.difficulty != new.difficulty and old.difficulty is not None and new.difficulty is not None:
        yield f"difficulty {old.difficulty:.3f} became {new.difficulty:.3f}: {why}"
    elif old.tier != new.tier and row["id"] not in editions[1].revised:
        yield f"of difficulty {_number(new.difficulty)}, and the borders of the tiers were cut anew"
    if old.stage != new.stage and old.stage is not None and new.stage is not None:
        places = (
            tells.place(edition.plan, at.stage or 0, row[f"because{end}"], at.skill, at.tier)
            for edition, at, end in zip(editions, (old, new), ("", "_after"), strict=True)
        )
        yield "before: {}; now: {}".format(*places)


def _standing(row: Mapping[str, Any], end: str) -> Standing:
    return Standing.model_validate({name: row[f"{name}{end}"] for name in Standing.model_fields})


def _of(stages: Mapping[int, Any], number: int, name: str) -> int | None:
    return getattr(stages[number], name) if number in stages else None


def _flat(key: str, value: Any) -> Iterator[tuple[str, JsonValue]]:  # noqa: ANN401 - parsed TOML
    """The leaves of nested tables with their dotted keys."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _flat(f"{key}.{name}" if key else name, each)
        return
    label = next((name for name in ("name", "path") if _all_have(value, name)), None)
    if label is None:
        yield key, value
        return
    for each in value:
        yield from _flat(f"{key}[{each[label]}]", {name: inner for name, inner in each.items() if name != label} or "")


def _all_have(value: Any, name: str) -> bool:  # noqa: ANN401 - parsed TOML
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) and name in each for each in value)


def _finding(each: Mapping[str, Any]) -> tuple[str, str]:
    about = " = ".join(str(each[name]) for name in ("column", "value") if each.get(name) is not None)
    return each["kind"], about


def _names(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(names)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
