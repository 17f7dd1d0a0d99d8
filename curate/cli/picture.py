"""A plan as a picture of letters: one bar a stage, the tiers that are new in it, and how hard it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.core.plan import Plan, Stage

BAR, SCALE = 48, 20
"""Cells of the longest bar, and of the line from difficulty 0 to 1."""

_MARKS = {"new": "█", "edge cases": "◆", "review": "▒", "repeated": "░", "varied": "~"}


def lines(plan: Plan) -> list[str]:
    """The picture, a line a stage, between a heading and what the marks mean."""
    longest = max((stage.rows for stage in plan.stages), default=0) or 1
    tiers = max((tier.tier for tier in plan.tiers), default=0) + 1
    names = [_name(stage) for stage in plan.stages]
    wide = max(map(len, [*names, "stage"]))
    head = f"{'stage':{wide}}  {'rows':{BAR}}  {'tiers':{max(tiers, 5)}}  {'difficulty':{SCALE}}  opens"
    drawn = [
        f"{name:{wide}}  {_bar(stage, longest):{BAR}}  {_tiers(stage, tiers):{max(tiers, 5)}}  {_dot(stage)}  "
        f"{', '.join(stage.opens_skills)}".rstrip()
        for name, stage in zip(names, plan.stages, strict=True)
    ]
    return [head, *drawn, "  ".join(f"{mark} {word}" for word, mark in _MARKS.items())]


def _name(stage: Stage) -> str:
    about = stage.module or ("broad" if stage.broad else "mixed" if stage.mixed else "")
    return stage.name + (f" {about}" if about else "")


def _bar(stage: Stage, longest: int) -> str:
    """The rows of a stage by kind; the cells of a bar add up to its share of the longest, whatever is rounded."""
    counts = (stage.new - stage.edges, stage.edges, stage.review, stage.repeat, stage.augmented)
    bar, done = "", 0
    for mark, count in zip(_MARKS.values(), counts, strict=True):
        done += count
        bar += mark * (round(BAR * done / longest) - len(bar))
    return bar


def _tiers(stage: Stage, tiers: int) -> str:
    """A mark for each tier that has new rows here."""
    return "".join("█" if tier in stage.tiers else "·" for tier in range(tiers))


def _dot(stage: Stage) -> str:
    """The mean difficulty on a line from 0 to 1."""
    line = ["─"] * SCALE
    if stage.difficulty is not None:
        line[min(int(stage.difficulty * SCALE), SCALE - 1)] = "●"
    return "".join(line)
