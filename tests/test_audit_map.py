"""The map: what can be chosen, what a dot tells, and that a sample is called one."""

from __future__ import annotations

from curate.audit import charts
from curate.audit.report import Map, Point


def point(number: int, skill: str = "sums") -> Point:
    return Point(
        id=f"{number:032x}",
        x=number,
        y=-number,
        stage=None if number == 0 else 1,
        tier=0,
        skill=skill,
        kind="usual" if number else "edges: rare broken",
        difficulty=0.5,
        text=f"text {number}",
    )


def test_dots_are_coloured_by_what_the_reader_chooses_and_tell_their_text() -> None:
    chart = charts.scatter(Map(kept=0.3, rows=2, points=(point(0), point(1))))

    choice = next(one for one in chart.spec["params"] if one["name"] == "colour")
    assert choice["bind"]["options"] == ["stage", "tier", "skill", "kind"]
    assert {"field": "text", "type": "nominal"} in chart.spec["encoding"]["tooltip"]
    assert chart.spec["data"]["values"][0] | {"difficulty": 0.5} == {
        "x": 0.0,
        "y": 0.0,
        "stage": "not trained",
        "tier": "tier 0",
        "skill": "sums",
        "kind": "edges: rare broken",
        "difficulty": 0.5,
        "text": "text 0",
    }
    assert ("kind", "usual", 1) in chart.rows


def test_a_sample_says_of_how_many_it_is_one() -> None:
    points = tuple(point(number) for number in range(3))

    assert "a sample of 3 of 9,000 examples" in charts.scatter(Map(kept=0.3, rows=9000, points=points)).says
    assert "all 3 examples" in charts.scatter(Map(kept=0.3, rows=3, points=points)).says


def test_skills_beyond_the_colours_share_one() -> None:
    skills = [f"skill {number % 9}" for number in range(18)] + ["skill 8"]
    chart = charts.scatter(Map(kept=0.3, rows=19, points=tuple(point(at, one) for at, one in enumerate(skills))))

    shown = [value for name, value, _ in chart.rows if name == "skill"]
    assert len(shown) == len(charts.PALETTE) + 1
    assert "other skills" in shown
    assert "skill 8" in shown
