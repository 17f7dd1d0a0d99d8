"""Skills come from a catalogue's rules, from a column, or from the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from curate.errors import SettingsError
from curate.tag import catalogue, rules
from curate.tag.catalogue import Catalogue, Rule, Skill

if TYPE_CHECKING:
    from pathlib import Path


def skills(**requires: tuple[str, ...]) -> Catalogue:
    return Catalogue(skill=tuple(Skill(name=name, requires=needed) for name, needed in requires.items()))


def test_levels_count_the_longest_way_to_a_skill() -> None:
    assert catalogue.levels(skills(a=(), b=("a",), c=("a", "b"), d=())) == {"a": 0, "b": 1, "c": 2, "d": 0}


def test_a_circle_is_shown_as_a_path() -> None:
    with pytest.raises(SettingsError, match="a -> c -> b -> a"):
        catalogue.levels(skills(a=("c",), b=("a",), c=("b",)))


def test_an_unknown_prerequisite_gets_a_suggestion() -> None:
    with pytest.raises(SettingsError, match="did you mean 'division'"):
        catalogue.levels(skills(division=(), fractions=("divsion",)))


def test_a_skill_may_be_named_once() -> None:
    twice = Catalogue(skill=(Skill(name="a"), Skill(name="a")))

    with pytest.raises(SettingsError, match="twice"):
        catalogue.levels(twice)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[skill]]\nname = ", "is no TOML"),
        ("[[skill]]\nname = 'a'\nneeds = []", "does not hold: skill.0.needs"),
        ("[[skill]]\nname = 'a'\nrequires = ['b']", "not in the catalogue"),
    ],
)
def test_a_catalogue_that_does_not_hold_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "skills.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=complaint):
        catalogue.read(path)


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no skill catalogue"):
        catalogue.read(tmp_path / "skills.toml")


def test_the_first_rule_that_holds_wins_and_no_rule_leaves_a_row_unassigned() -> None:
    listed = Catalogue(
        skill=(
            Skill(name="sums", rule=Rule(column="topic", equals="sum")),
            Skill(name="level", rule=Rule(column="level", equals=3)),
            Skill(name="code", rule=Rule(column="topic", matches="^py")),
            Skill(name="rest", rule=Rule(source="extra/*")),
            Skill(name="by similarity only"),
        )
    )
    values: dict[str, list[object]] = {"topic": ["sum", "python", None, "x", "sum"], "level": [1, 1, 3, 1, 3]}

    assigned = rules.assign(listed, ["a", "a", "a", "extra/b", "a"], values)

    assert rules.columns(listed) == ["topic", "level"]
    assert assigned == ["sums", "code", "level", "rest", "sums"]
    assert rules.assign(listed, ["a"], {"topic": ["none"], "level": [0]}) == [None]


@pytest.mark.parametrize(
    "rule",
    [Rule(column="x"), Rule(equals="x"), Rule(column="x", equals="a", matches="b"), Rule(column="x", matches="(")],
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(rule: Rule) -> None:
    with pytest.raises(SettingsError, match="rule of the skill 'a'"):
        rules.assign(Catalogue(skill=(Skill(name="a", rule=rule),)), ["s"], {"x": ["v"]})
