"""Skills of a catalogue reach every row by rule, by seeds, or are counted as unassigned; without one they are found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from curate.core.plan import Plan
from curate.errors import SettingsError
from curate.pipeline import build
from curate.recipe import changed
from curate.store.workspace import Workspace
from curate.tag import catalogue
from curate.tag.step import Report
from curate.verify import step as verify
from tests.pipeline_runs import Letters, recipe, write_source
from tests.scorer_runs import read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from curate.recipe import Recipe

pytestmark = pytest.mark.model

COOKING = ["bake a loaf of rye bread", "fry onions slowly", "season a stew", "boil eggs", "knead dough for pizza"]
STARS = [
    "how far away is the moon",
    "what is a neutron star",
    "orbit of Mars",
    "a telescope for Saturn",
    "solar eclipse",
]
ASKED = {
    "cooking": ["How do I roast a chicken?", "Which flour makes good bread?", "How long do potatoes boil?"],
    "stars": ["Why is Jupiter so big?", "What is a black hole?", "How hot is the surface of the sun?"],
    "sums": ["What is 3 plus 4?", "Add 10 and 12.", "Take 5 from 9."],
}


def write(path: Path, times: int = 4) -> Path:
    """Questions about cooking, stars and sums; the last say so themselves, in the column topic."""
    made = [
        {"instruction": f"{text} ({number})", "output": "Well, " * (number % 5 + 1), "topic": topic}
        for number in range(times)
        for topic, texts in ASKED.items()
        for text in texts
    ]
    lines = (json.dumps({**row, "topic": row["topic"] if row["topic"] == "sums" else None}) for row in made)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def catalogue_of(path: Path, seeds: int) -> Path:
    lists = (
        f"[[skill]]\nname = '{name}'\nseeds = {json.dumps(given[:seeds])}\n"
        for name, given in (("cooking", COOKING), ("stars", STARS))
    )
    rule = "[[skill]]\nname = 'sums'\nrule = { column = 'topic', equals = 'sums' }\n"
    path.write_text("threshold = 0.1\n" + rule + "".join(lists), encoding="utf-8")
    return path


def asked(tmp_path: Path, skills: str) -> Recipe:
    tier = {"stages": 3, "skills": skills, "holdout": 0.0}
    return recipe(write(tmp_path / "rows.jsonl"), tier=tier, write={"keep": ["topic"]}, audit={"by": ["topic"]})


def assigned(run: Path) -> list[dict[str, object]]:
    ids = {row["id"]: row for row in pq.read_table(run / "skills.parquet").to_pylist()}
    examples = pq.read_table(run / "examples", columns=["id", "prompt"]).to_pylist()
    return [{**ids[row["id"]], "prompt": row["prompt"]} for row in examples]


def truth(prompt: object) -> str:
    return next(topic for topic, texts in ASKED.items() if any(str(prompt).startswith(text) for text in texts))


@pytest.mark.parametrize(("seeds", "how"), [(2, "similarity"), (5, "classifier")])
def test_rows_without_a_rule_go_by_their_seeds(tmp_path: Path, seeds: int, how: str) -> None:
    path, space = catalogue_of(tmp_path / "skills.toml", seeds), Workspace(tmp_path / "run")
    build(space, asked(tmp_path, str(path)), "tag")

    found = assigned(space.root)

    assert {str(row["by"]) for row in found} <= {"rule", how, "none"}
    assert [row["by"] for row in found if truth(row["prompt"]) == "sums"] == ["rule"] * 12
    judged = [row for row in found if row["by"] == how]
    assert len(judged) >= 20
    assert [row["skill"] for row in judged] == [truth(row["prompt"]) for row in judged]
    report = space.read_json("steps/tag.json", Report)
    assert report.unassigned == report.by.get("none", 0) == 36 - 12 - len(judged)


def test_a_threshold_leaves_far_rows_unassigned_and_counts_them(tmp_path: Path) -> None:
    path = catalogue_of(tmp_path / "skills.toml", 2)
    path.write_text(path.read_text().replace("0.1", "0.99"))

    build(space := Workspace(tmp_path / "run"), asked(tmp_path, str(path)), "tag")

    assert space.read_json("steps/tag.json", Report).by == {"none": 24, "rule": 12}


def test_seeds_make_the_encoder_run_and_no_score_stale(tmp_path: Path) -> None:
    first, space = asked(tmp_path, "source"), Workspace(tmp_path / "run")
    build(space, first, "score")
    assert not space.parts("prompts")
    Letters.seen = 0

    path = catalogue_of(tmp_path / "skills.toml", 2)
    build(space, changed(first, {"tier": {"skills": str(path)}}), "tag")

    assert Letters.seen == 0
    assert len(space.parts("prompts")) == len(space.parts("examples"))
    assert not space.parts("neighbours")


def test_discovered_skills_part_the_topics_and_keep_their_names_when_rows_are_added(tmp_path: Path) -> None:
    first, space = asked(tmp_path, "discover:3"), Workspace(tmp_path / "run")
    build(space, first, "write")
    before = {row["id"]: row["skill"] for row in assigned(space.root)}
    write(tmp_path / "rows.jsonl", times=6)

    build(space, first, "write")

    after = assigned(space.root)
    assert {row["id"]: row["skill"] for row in after if row["id"] in before} == before
    assert len(set(before.values())) == 3
    own = {topic: {row["skill"] for row in after if truth(row["prompt"]) == topic} for topic in ASKED}
    assert all(len(names) == 1 for names in own.values())
    assert verify.run(space).holds


@pytest.mark.parametrize(("rows", "skills"), [(5, 1), (20, 1), (50, 2)])
def test_skills_are_discovered_in_a_handful_of_rows(tmp_path: Path, rows: int, skills: int) -> None:
    tier = {"stages": 3, "skills": "discover", "holdout": 0.0}
    source = write_source(tmp_path / "rows.jsonl", rows)
    build(space := Workspace(tmp_path / "run"), recipe(source, tier=tier, write={"keep": []}), "write")

    found = assigned(space.root)

    assert len({row["skill"] for row in found}) == skills
    assert {row["by"] for row in found} == {"cluster"}
    assert verify.run(space).holds


def test_more_skills_than_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"37 skills cannot be discovered in 36 examples\n  fix: ask for 36"):
        build(Workspace(tmp_path / "run"), asked(tmp_path, "discover:37"), "tag")


@pytest.mark.parametrize("skills", ["discover:0", "discover:many"])
def test_a_number_of_skills_that_is_none_is_refused(tmp_path: Path, skills: str) -> None:
    with pytest.raises(SettingsError, match="does not say how many skills"):
        build(Workspace(tmp_path / "run"), asked(tmp_path, skills), "tag")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[skill]]\nname = 'a'\nseeds = ['x']\n[[skill]]\nname = 'b'\nseeds = ['x ']", "under 'a' and 'b'"),
        ("[[skill]]\nname = 'a'\nseeds = ['  ']", "or is empty"),
    ],
)
def test_a_seed_that_teaches_nothing_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "skills.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=complaint):
        catalogue.read(path)


def test_milestones_stand_beside_the_reason(tmp_path: Path) -> None:
    skill = catalogue.Skill(name="a", why="Asked for.", milestones=("adds thirds", "compares them"))

    assert catalogue.reason(skill) == "Asked for. Reached when: adds thirds; compares them."


@pytest.mark.real
def test_exercisms_own_prerequisites_are_a_catalogue_that_a_curriculum_follows(tmp_path: Path, real: Path) -> None:
    exercises = read_lines(real / "exercism_python" / "exercism.jsonl")
    source, path, space = tmp_path / "exercism.jsonl", tmp_path / "skills.toml", Workspace(tmp_path / "run")
    source.write_text(
        "".join(
            json.dumps({"instruction": each["instruction"], "output": each["solution"], "concept": concepts(each)[:1]})
            + "\n"
            for each in exercises
        )
    )
    needs = {
        concept: set.intersection(*(set(needed(each)) for each in exercises if concept in concepts(each))) - {concept}
        for concept in sorted({concept for each in exercises for concept in concepts(each)})
    }
    named = sorted(set(needs) | {other for given in needs.values() for other in given})
    path.write_text(
        "".join(
            f"[[skill]]\nname = '{name}'\nrequires = {json.dumps(sorted(needs.get(name, ())))}\n"
            f"rule = {{ column = 'concept', matches = \"'{name}'\" }}\n"
            for name in named
        )
    )
    depth = max(catalogue.levels(catalogue.read(path)).values())

    tier = {"stages": depth + 2, "skills": str(path), "holdout": 0.0}

    build(space, recipe(source, tier=tier, write={"keep": []}), "write")

    plan = space.read_json("plan.json", Plan)
    opened = {skill: stage.stage for stage in plan.stages for skill in stage.opens_skills}
    report = space.read_json("steps/tag.json", Report)
    assert len(named) == 45
    assert depth >= 3
    assert all(opened[other] < opened[name] for name in opened for other in needs.get(name, ()) if other in opened)
    assert report.unassigned == sum(not concepts(each) for each in exercises)
    assert verify.run(space).holds


def concepts(exercise: dict[str, object]) -> list[str]:
    return [str(each) for each in exercise["practices"]]  # type: ignore[attr-defined]


def needed(exercise: dict[str, object]) -> list[str]:
    return [str(each) for each in exercise["prerequisites"]]  # type: ignore[attr-defined]
