"""The skill catalogue: competencies, their prerequisites, and the order that follows from them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from curate.core import problems, toml
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Rule(Frozen):
    """Assigns a skill by a column of yours, or by the source: exactly one of equals, matches and source is given."""

    column: str | None = Field(default=None, description="The column that the rule looks at.")
    equals: str | int | bool | None = Field(default=None, description="The value that the column must have.")
    matches: str | None = Field(default=None, description="A regular expression that must be found in the column.")
    source: str | None = Field(default=None, description="A glob that the row's source must fit.")


class Skill(Frozen):
    """One competency of the catalogue."""

    name: str = Field(min_length=1, description="The skill's name.")
    about: str = Field(default="", description="What somebody who has the skill can do.")
    requires: tuple[str, ...] = Field(default=(), description="Skills that must be opened in an earlier stage.")
    seeds: tuple[str, ...] = Field(default=(), description="Example texts, for assignment by similarity.")
    rule: Rule | None = Field(default=None, description="Assigns rows to the skill without looking at their text.")
    milestones: tuple[str, ...] = Field(
        default=(), description="What shows that the skill is reached; copied to the dataset card."
    )
    why: str = Field(default="", description="Why the skill is taught; copied to the dataset card.")


class Catalogue(Frozen):
    """The contents of skills.toml."""

    skill: tuple[Skill, ...]
    threshold: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Least cosine of a row and the nearest mean seed; by default what 99 in 100 seeds reach, left out.",
    )
    margin: float = Field(
        default=0.02, ge=0, le=2, description="By how much it must be nearer than the next, where similarity decides."
    )


def read(path: Path) -> Catalogue:
    """The catalogue of a TOML file; `SettingsError` where it cannot be read or does not hold together."""
    try:
        catalogue = Catalogue.model_validate(toml.read(path, "skill catalogue"))
    except ValidationError as error:
        where, first = problems.first(error)
        raise SettingsError(
            f"the skill catalogue {path} does not hold: {where}: {first['msg']}",
            fix="see schemas/catalogue.json for what a skill may hold",
        ) from error
    levels(catalogue)
    _check_seeds(catalogue)
    return catalogue


def reason(skill: Skill) -> str:
    """Why the skill is taught and what shows that it is reached, for the dataset card; "" where neither is said."""
    reached = f"Reached when: {'; '.join(skill.milestones)}." if skill.milestones else ""
    return " ".join(part for part in (skill.why, reached) if part)


def _check_seeds(catalogue: Catalogue) -> None:
    """A seed that stands under two skills teaches neither."""
    owner: dict[str, str] = {}
    for skill in catalogue.skill:
        for seed in skill.seeds:
            other = owner.setdefault(seed.strip(), skill.name)
            if other != skill.name or not seed.strip():
                raise SettingsError(
                    f"the seed {seed!r} stands under {other!r} and {skill.name!r}, or is empty",
                    fix="keep it under the skill that it is an example of",
                )


def levels(catalogue: Catalogue) -> dict[str, int]:
    """How many skills must come before each: 0 without prerequisites, else one more than its deepest prerequisite.

    An unknown prerequisite, a name given twice and a cycle are each a `SettingsError`; a cycle is shown as a path.
    """
    requires: dict[str, tuple[str, ...]] = {}
    for skill in catalogue.skill:
        if skill.name in requires:
            raise SettingsError(
                f"the skill {skill.name!r} is in the catalogue twice", fix="rename or remove one of them"
            )
        requires[skill.name] = skill.requires
    for name, needed in requires.items():
        for other in needed:
            if other not in requires:
                raise SettingsError(
                    f"the skill {name!r} requires {other!r}, which is not in the catalogue",
                    fix=did_you_mean(other, requires),
                )
    found: dict[str, int] = {}
    for name in _in_order(requires):
        found[name] = 1 + max((found[other] for other in requires[name]), default=-1)
    return found


def _in_order(requires: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The skills, each after all that it requires."""
    try:
        return list(TopologicalSorter(requires).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise SettingsError(
            f"the skills require each other in a circle: {cycle}", fix="remove one of these prerequisites"
        ) from error
