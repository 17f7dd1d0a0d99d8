"""A floor gives rows of rare groups again, by any column, within bounds that `verify` proves from the files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.core.plan import Plan
from curate.errors import SettingsError
from curate.pace import arrange, describe, goals
from curate.pace.repeats import repeats
from curate.pace.settings import Settings
from curate.pipeline import build
from curate.store.forms import frame
from curate.store.workspace import Workspace
from curate.verify import floors, order
from curate.verify import step as verify
from tests.pipeline_runs import recipe, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from curate.core.plan import Stage

FLOORS = {"language": 0.05, "skill": 0.08}


def made(count: int, rare: float) -> arrange.Rows:
    """Rows of three skills in two languages, of which one is rare; every tenth row has no language."""
    random = np.random.default_rng(count)
    difficulty = random.random(count).astype(np.float32)
    language = (random.random(count) < rare).astype(np.int32)
    language[::10] = -1
    return arrange.Rows(
        tier=(difficulty * 3).astype(np.int8),
        difficulty=difficulty,
        skill=np.minimum(random.integers(0, 20, count), 2).astype(np.int32),
        tokens=random.integers(1, 50, count),
        luck=random.random(count),
        skills=["a", "b", "c"],
        columns={"language": arrange.Groups(("en", "fi"), language)},
    )


def laid(rows: arrange.Rows, **given: object) -> tuple[list[arrange.Laid], list[Stage]]:
    chosen = Settings.model_validate(given)
    aims = goals.by_number(chosen, 4, 3, density=False)

    def dice(name: str) -> np.random.Generator:
        return np.random.default_rng(len(name))

    course = arrange.course(rows, aims, arrange.Frame(3, {}), chosen, dice)
    found = list(arrange.lay(rows, course, aims, chosen, rows.luck, dice))
    return found, [describe.stage(each, aim, rows, course) for each, aim in zip(found, aims, strict=True)]


def test_rows_of_a_rare_language_and_of_rare_skills_are_given_again_until_both_hold_their_floor() -> None:
    corpus = made(4000, rare=0.04)

    found, stages = laid(corpus, floor=FLOORS, most_visits=50)

    language = corpus.columns["language"].code
    for each, stage in zip(found, stages, strict=True):
        assert (language[each.order] == 1).mean() >= 0.05
        assert np.bincount(corpus.skill[each.order]).min() >= 0.08 * len(each.order)
        assert stage.below_floor == {}
    assert sum(stage.repeat for stage in stages) > 0


def test_no_more_rows_are_given_again_than_the_floors_ask_for() -> None:
    group = np.repeat(np.array([0, 1], np.int32), [95, 5])

    more = repeats(
        {"x": 0.1}, {"x": group}, np.arange(100), np.ones(100, np.bool_), np.zeros(100, np.int32), np.arange(100.0)
    )

    assert more.tolist() == [95, 96, 97, 98, 99]  # 10 of 105, and 9 of 104 would be too few


@given(st.integers(0, 60), st.integers(1, 4), st.floats(0.005, 0.2), st.integers(40, 500))
@settings(max_examples=40, deadline=None)
def test_floors_keep_within_window_and_visits_and_what_they_cannot_reach_is_named(
    window: int, most_visits: int, rare: float, count: int
) -> None:
    corpus = made(count, rare)

    found, stages = laid(corpus, floor=FLOORS, most_visits=most_visits, window=window)

    whole = np.concatenate([each.order for each in found])
    role = np.concatenate([each.role for each in found])
    by_row = np.argsort(whole, kind="stable")
    same = np.diff(whole[by_row]) == 0
    assert np.diff(by_row)[same].min(initial=window) >= window
    assert sorted(whole[role == 0].tolist()) == list(range(count))
    nth = np.zeros(len(whole), np.int64)
    for place, row in enumerate(whole.tolist()):
        nth[place] = (whole[:place] == row).sum() + 1
    assert nth[role == 2].max(initial=0) <= most_visits
    codes = {"language": corpus.columns["language"].code, "skill": corpus.skill}
    for number, (each, stage) in enumerate(zip(found, stages, strict=True)):
        taught = np.concatenate([other.order[other.role == 0] for other in found[: number + 1]])
        for column, floor in FLOORS.items():
            words = ("en", "fi") if column == "language" else ("a", "b", "c")
            held = np.bincount(codes[column][each.order] + 1, minlength=len(words) + 1)[1:]
            met = np.isin(np.arange(len(words)), codes[column][taught])
            short = tuple(words[at] for at in np.flatnonzero(met & (held < floor * len(each.order) - 1e-9)))
            assert stage.below_floor.get(column, ()) == short


def asked(path: Path, **pace: object) -> Any:  # noqa: ANN401 - a recipe
    """A run whose author "cleo" wrote few rows."""
    given = [{**row, "author": "cleo" if at % 40 == 7 else row["author"]} for at, row in enumerate(rows(400))]
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    tier = {"stages": 4, "skills": "column:skill", "holdout": 0.1}
    return recipe(path, tier=tier, pace={"floor": {"author": 0.08, "skill": 0.2}, **pace})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("floors")
    space = Workspace(folder / "run")
    build(space, asked(folder / "rows.jsonl", most_visits=8, passes=2), "write")
    return space


@pytest.mark.model
def test_a_run_with_a_floor_by_a_column_verifies_and_tells_of_it(run: Workspace) -> None:
    checks = {each.claim: each for each in verify.run(run).checks}

    assert [claim for claim, each in checks.items() if not each.holds] == []
    figures = checks["no row is given again for a floor more often than the plan allows"].figures
    assert int(figures.split()[0]) > 10
    plan = run.read_json("plan.json", Plan)
    card = run.read_bytes("dataset/README.md").decode()
    assert "holds at least 8.0% of each author that was met, by giving its rows again, each at most 8 times" in card
    assert [stage.floor_goal for stage in plan.stages] == [{"author": 0.08, "skill": 0.2}] * 4


@pytest.mark.model
@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("no row is given again for a floor more often than the plan allows", lambda _: {"most_visits": 1}),
        (
            "every group that was met holds its floor, but for those that the plan names",
            lambda plan: {
                "stages": tuple(each.model_copy(update={"floor_goal": {"author": 0.4}}) for each in plan.stages)
            },
        ),
    ],
)
def test_verify_sees_floors_and_bounds_that_the_order_does_not_hold(
    run: Workspace, claim: str, change: Callable[[Plan], dict[str, object]]
) -> None:
    plan = run.read_json("plan.json", Plan)
    placed, tiers, skills, edges = (
        frame(run.read_table(f"{name}.parquet")) for name in ("order", "tiers", "skills", "mined/edges")
    )
    tokens = frame(run.read_all("statistics/tokens", ["id", "tokens"]))
    examples = frame(run.read_all("examples", ["id", "user"]))
    columns = examples.select("id", pl.col("user").struct.field("author").alias("by author"))
    varied = pl.DataFrame(schema={"id": pl.String, "parent": pl.String, "how": pl.String})
    altered = plan.model_copy(update=change(plan))

    after = floors.floors(order.placed(placed, tiers, skills, tokens, edges, varied, altered, columns))

    assert [each.claim for each in after if not each.holds] == [claim]


@pytest.mark.model
@pytest.mark.parametrize(
    ("floor", "words"),
    [
        ({"autor": 0.1}, "a floor gives rows again by the column 'autor', which no example has"),
        (
            {"author": 0.4},
            "each of 3 values of 'author' cannot hold 40.0% of a stage\n  fix: lower the floor to 0.3333",
        ),
    ],
)
def test_a_floor_that_cannot_be_is_refused(tmp_path: Path, floor: dict[str, float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        build(Workspace(tmp_path / "run"), asked(tmp_path / "rows.jsonl", floor=floor), "pace")
