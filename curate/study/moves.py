"""Which rows and skills the evidence moves, and in which order freed tokens are given away. Tables in, tables out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from curate.study.revision import SkillMove
from curate.study.visits import strangeness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.study.revision import Feedback, Settings

MOVES = {"id": pl.String, "fate": pl.String, "shift": pl.Int8, "again": pl.Int8, "because": pl.String}
"""The columns of a table of moves; see `core.schemas.REVISION`."""

TRUSTED = "feedback: right"
"""How the reason of a row begins that people have vouched for: it is not called noise again."""
_REGION = "confidence {:.2f}, variability {:.2f}"


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the parent edition.

    ``rows``: id, fate, tier, skill, suspect (whether mining calls it noise), and the columns of `visits.by_row`, null
    where no training came by. ``before``: the moves that made the parent. ``gated``: skills by name that a gate
    reframed without their getting better, with the words of that decision.
    """

    rows: pl.DataFrame
    before: pl.DataFrame
    gated: Mapping[str, str]


def moves(known: Known, feedback: Sequence[Feedback], settings: Settings) -> tuple[pl.DataFrame, tuple[SkillMove, ...]]:
    """The moves of the next edition without what is given again, sorted by id, and the skills that stagnate.

    What moved the parent still holds, but for rows that waited for room; what training saw comes after it, and what
    people say last.
    """
    made = {
        row["id"]: dict(row) | {"again": 0} for row in known.before.iter_rows(named=True) if row["fate"] != "unused"
    }
    said = {each.id: each for each in feedback}
    rows = known.rows.with_columns(strange=strangeness(known.rows), peers=_peers(known.rows, settings))
    for row in rows.filter(pl.col("visits") > 0).iter_rows(named=True):
        found = _of_training(row, made.get(row["id"]), settings)
        trusted = row["id"] in said and said[row["id"]].verdict == "right"
        trusted |= made.get(row["id"], {"because": ""})["because"].startswith(TRUSTED)
        if found is not None and not (trusted and found["fate"] == "quarantined"):
            made[row["id"]] = made.get(row["id"], {}) | found
    _listen(made, feedback)
    skills = _stagnant(rows, made, known.gated, settings)
    for each in skills:
        if each.given == "easier":
            _defer(rows, made, each)
    return _table(made), skills


def again(known: Known, made: pl.DataFrame, skills: Sequence[SkillMove]) -> pl.DataFrame:
    """Rows that may come once more, the most needed first: (id, because).

    First those that a stagnating skill is given; then rows that training has not taught yet, by their last loss.
    """
    fates = made.select("id", moved="fate")
    rows = known.rows.join(fates, on="id", how="left").filter((pl.col("fate") == "train") & pl.col("moved").is_null())
    pieces = []
    for each in skills:
        below = pl.col("tier") < each.tier if each.given == "easier" else pl.col("tier") == each.tier
        chosen = rows.filter((pl.col("skill") == each.skill) & below).sort(
            pl.col("tier"), pl.col("last_loss"), "id", descending=[True, True, False], nulls_last=True
        )
        what = "easier rows" if each.given == "easier" else "more"
        word = f"{what} for {each.skill}, which stagnates in tier {each.tier}"
        pieces.append(chosen.select("id", because=pl.lit(word)))
    open_ = rows.filter(pl.col("visits") > 0).sort("last_loss", "id", descending=[True, False])
    words = pl.format("not learnt yet: loss {} at its last visit", pl.col("last_loss").round(3))
    pieces.append(open_.select("id", because=words))
    return pl.concat(pieces).unique("id", keep="first", maintain_order=True)


def gated(decisions: Sequence[Mapping[str, Any]], skills: Sequence[str]) -> dict[str, str]:
    """Skills that a gate put in again whose accuracy did not rise by a point until their stage ended."""
    found: dict[str, str] = {}
    for place, decision in enumerate(decisions):
        if decision["action"] != "reframe":
            continue
        for skill in skills:
            if not decision["reason"].endswith(f" of {skill}"):
                continue
            name = f"accuracy {skill}"
            later = [
                each["figures"][name]
                for each in decisions[place + 1 :]
                if each["stage"] == decision["stage"] and name in each["figures"]
            ]
            then = decision["figures"].get(name)
            if then is not None and later and later[-1] <= then + 0.01:
                found[skill] = (
                    f"reframed at step {decision['step']}, and accuracy went from {then:.3f} to {later[-1]:.3f}"
                )
    return found


def _of_training(row: Mapping[str, Any], before: Mapping[str, Any] | None, settings: Settings) -> dict[str, Any] | None:
    """What one row's visits say of it; None where they move nothing."""
    fate = row["fate"]
    where = _REGION.format(row["confidence"], row["variability"])
    if fate == "learnt" and not row["last_right"]:
        return _move(before, None, f"taught by an earlier edition and forgotten: wrong at its last visit ({where})")
    if fate != "train":
        return None
    if row["last_prob"] >= settings.learnt and row["last_right"] and not row["forgettings"]:
        return _move(before, "learnt", f"learnt: probability {row['last_prob']:.2f} at visit {row['visits']} ({where})")
    if row["correctness"] == 0 and row["visits"] >= settings.least_visits:
        strange, enough = row["strange"], row["peers"]
        if enough and strange >= settings.noise:
            why = f"loss {row['last_loss']:.2f}, {strange:.1f} deviations above its peers"
            return _move(
                before, "quarantined", f"suspected noise: never right in {row['visits']} visits, {why} ({where})"
            )
        if row["suspect"] and enough:
            return _move(
                before, "quarantined", f"suspected noise: never right in {row['visits']} visits, and mined as such"
            )
    return None


def _peers(rows: pl.DataFrame, settings: Settings) -> pl.Series:
    """Whether a row has peers enough that are mostly right: only then is one that never is a stranger among them."""
    seen = (pl.col("visits") >= settings.least_visits).fill_null(value=False)
    group = ("skill", "tier")
    enough = seen.sum().over(*group) >= settings.least_rows
    mostly = pl.col("last_right").fill_null(value=False).sum().over(*group) * 2 >= seen.sum().over(*group)
    return rows.select(enough & mostly).to_series()


def _listen(made: dict[str, dict[str, Any]], feedback: Sequence[Feedback]) -> None:
    """What people say of rows goes before what was measured."""
    for each in feedback:
        held = made.get(each.id)
        why = f"feedback: {each.verdict}" + (f" ({each.note})" if each.note else "")
        match each.verdict:
            case "wrong":
                made[each.id] = _move(held, "quarantined", why)
            case "right":
                keeps = held["fate"] if held is not None and held["fate"] == "learnt" else None
                made[each.id] = _move(held, keeps, why)
            case "learnt":
                made[each.id] = _move(held, "learnt", why)
            case "too-early" | "too-late":
                by = 1 if each.verdict == "too-early" else -1
                base = held or _move(None, None, why)
                made[each.id] = base | {"shift": base["shift"] + by, "because": why}


def _stagnant(
    rows: pl.DataFrame, made: Mapping[str, Mapping[str, Any]], gated: Mapping[str, str], settings: Settings
) -> tuple[SkillMove, ...]:
    """The skills whose rows in one tier stay wrong and whose loss no longer falls, or of which a gate said so."""
    gone = [name for name, move in made.items() if move["fate"] is not None]
    left = rows.filter((pl.col("fate") == "train") & ~pl.col("id").is_in(gone))
    seen = left.filter(pl.col("visits") >= settings.least_visits)
    found: list[SkillMove] = []
    for (skill, tier), inside in sorted(seen.group_by("skill", "tier"), key=lambda each: each[0]):
        first, last, right = (
            inside.select(pl.col("first_loss").mean(), pl.col("last_loss").mean(), "last_right").mean().row(0)
        )
        fall = 1 - last / first if first > 0 else 0.0
        if len(inside) < settings.least_rows or right >= 0.5:
            continue
        if fall < settings.stagnant:
            why = (
                f"loss fell by {fall:.1%} between first and last visit, and {right:.0%} of {len(inside)} rows are right"
            )
        elif skill in gated:
            why = gated[skill]
        else:
            continue
        easier = len(left.filter((pl.col("skill") == skill) & (pl.col("tier") < tier))) > 0
        found.append(
            SkillMove(
                skill=skill,
                tier=tier,
                rows=len(inside),
                fall=fall,
                right=right,
                given="easier" if easier else "more",
                because=why,
            )
        )
    return tuple(found)


def _defer(rows: pl.DataFrame, made: dict[str, dict[str, Any]], skill: SkillMove) -> None:
    """The rows of a stagnating skill in its tier come one tier later; those that moved already stay as they are."""
    inside = rows.filter(
        (pl.col("fate") == "train") & (pl.col("skill") == skill.skill) & (pl.col("tier") == skill.tier)
    )
    last = rows["tier"].max()
    for name in inside["id"] if skill.tier != last else ():
        if name not in made:
            made[name] = _move(None, None, f"{skill.skill} stagnates in tier {skill.tier}: {skill.because}") | {
                "shift": 1
            }


def _move(before: Mapping[str, Any] | None, fate: str | None, why: str) -> dict[str, Any]:
    return {"fate": fate, "shift": before["shift"] if before else 0, "again": 0, "because": why}


def _table(made: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """The moves that move something or vouch for a row, by id."""
    names = sorted(
        name
        for name, move in made.items()
        if move["fate"] is not None or move["shift"] or move["because"].startswith(TRUSTED)
    )
    return pl.DataFrame([{**made[name], "id": name} for name in names], schema=MOVES)
