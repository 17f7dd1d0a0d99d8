"""What was decided before stages were planned stands in the plan and on the card, with the rows that it came to."""

from __future__ import annotations

import numpy as np
import pytest

from curate.core.plan import Plan
from curate.explain import step as explain
from curate.pipeline import build
from curate.store.forms import frame
from curate.store.workspace import Workspace
from curate.tier import told
from curate.tier.settings import Settings
from curate.tier.step import Report, choices
from tests.pipeline_runs import recipe, write_source

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Report]:
    folder = tmp_path_factory.mktemp("told")
    space = Workspace(folder / "run")
    tier = {"stages": 4, "skills": "column:skill", "holdout": 0.1, "cap": {"author": 0.75}, "margin": 0.5}
    tier |= {"weights": {"letters": 1.0, "length": -0.4}}
    report = build(space, recipe(write_source(folder / "rows.jsonl", 120), tier=tier), "write").report("tier")
    assert isinstance(report, Report)
    return space, report


def test_each_decision_stands_on_the_card_with_its_rows_and_explain_tells_of_the_margin(
    made: tuple[Workspace, Report],
) -> None:
    space, report = made

    plan = space.read_json("plan.json", Plan)

    assert report.unsteady > 0
    assert plan.choices == (
        "Skills come from column:skill: 120 by rule; 0 rows are unassigned.",
        "Of what mining proposes these rows are left out: 0 duplicate, 0 contaminated.",
        "10.0% are held out by a hash of id and seed, near rows together, and of each skill and tier at least the "
        f"whole part of that when it comes: {plan.fates['holdout']} rows.",
        "A row on which the scores disagree goes one tier up, if its difficulty plus 0.5 times its uncertainty reaches "
        f"past the border: {report.unsteady} rows.",
        "No author holds more than 75.0% of the training rows; what is over that stays unused.",
    )
    card = (space.root / "dataset" / "README.md").read_text()
    assert all(f"- {line}\n" in card.replace("\\", "") for line in plan.choices)
    row = frame(space.read_table("tiers.parquet")).sort("uncertainty")[-1].to_dicts()[0]
    because = explain.story(space, row["id"], {}, None).because
    assert (
        f"the scores disagree by {row['uncertainty']:.3f}: where 0.5 times that reaches past the border, it goes one "
        "tier up"
    ) in because


def test_what_is_too_near_to_the_hold_out_and_whole_domains_are_told(made: tuple[Workspace, Report]) -> None:
    report = made[1].model_copy(update={"fates": {"holdout": 7, "near_holdout": 3, "train": 90}})
    settings = Settings(holdout=0.05, remove=(), margin=0, holdout_domain=("source=exam",), floor={"language": 0.02})

    assert choices(settings, report)[1:] == (
        "All rows of source=exam are held out.",
        "3 rows are not trained on, since their cosine to a held-out one is 0.9 or more, or they are duplicates of it.",
        "Each language holds at least 2.0% of the training rows; so many of the larger ones stay unused.",
    )


def test_rows_that_the_scores_cannot_tell_apart_are_counted() -> None:
    (line,) = told.alike(np.array([0.5, 0.5, 0.5, 0.9, np.nan], np.float32), tiers=2)

    assert line.startswith("telling 3 of 4 rows apart: they all have the difficulty 0.500")


def test_rows_of_many_difficulties_and_a_lone_row_are_not_told_of() -> None:
    assert list(told.alike(np.linspace(0, 1, 9), tiers=4)) == []
    assert list(told.alike(np.repeat([0.2, 0.4, 0.6, 0.8], 5), tiers=4)) == []
    assert list(told.alike(np.array([0.5]), tiers=4)) == []
