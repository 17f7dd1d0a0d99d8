"""Every policy makes every training row new exactly once, and its run verifies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.core.agreement import spearman
from curate.core.plan import Plan
from curate.errors import SettingsError
from curate.pace import arrange, goals, policies
from curate.pace.policies import Policy
from curate.pace.settings import Settings
from curate.pipeline import build
from curate.recipe import check
from curate.store.workspace import Workspace
from curate.verify import order
from curate.verify import step as verify
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLICIES: tuple[Policy, ...] = get_args(Policy)
REQUIRES = {"b": ("a",), "c": ("b",)}


def dice(name: str) -> np.random.Generator:
    return np.random.default_rng(len(name))


def made(rows: int, stages: int = 4) -> tuple[arrange.Rows, arrange.Frame]:
    random = np.random.default_rng(rows)
    difficulty = random.random(rows).astype(np.float32)
    frame = arrange.Frame(max(stages - 1, 1), REQUIRES)
    return arrange.Rows(
        tier=(difficulty * frame.tiers).astype(np.int8),
        difficulty=difficulty,
        skill=random.integers(0, 3, rows).astype(np.int32),
        tokens=random.integers(1, 50, rows),
        luck=random.random(rows),
        skills=["a", "b", "c"],
        typical=random.random(rows).astype(np.float32),
    ), frame


def laid(
    rows: arrange.Rows,
    frame: arrange.Frame,
    stages: int = 0,
    **given: Any,  # noqa: ANN401 - any setting
) -> tuple[arrange.Course, list[arrange.Laid]]:
    """The stages of a curriculum, one more than tiers where no number is given."""
    chosen = Settings.model_validate(given)
    aims = goals.by_number(chosen, stages or frame.tiers + 1, frame.tiers, density=rows.typical is not None)
    course = arrange.course(rows, aims, frame, chosen, dice)
    return course, list(arrange.lay(rows, course, aims, chosen, rows.luck, dice))


@pytest.mark.parametrize("policy", POLICIES)
@given(rows=st.integers(1, 400), stages=st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_every_row_is_new_exactly_once(policy: Policy, rows: int, stages: int) -> None:
    _, found = laid(*made(rows, stages), stages, policy=policy)

    new = np.concatenate([each.order[each.role == 0] for each in found])
    assert sorted(new.tolist()) == list(range(rows))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_run_of_every_policy_verifies(tmp_path: Path, policy: Policy) -> None:
    space = Workspace(tmp_path / "run")
    build(space, recipe(write_source(tmp_path / "rows.jsonl", 90), pace={"policy": policy}), "write")

    report = verify.run(space)

    assert [each for each in report.checks if not each.holds] == []


def test_cumulative_stages_hold_every_row_met_before() -> None:
    course, found = laid(*made(200), policy="cumulative")

    for each in found:
        assert sorted(each.order.tolist()) == np.flatnonzero(course.new_in <= each.stage).tolist()


def test_one_pass_has_no_review() -> None:
    _, found = laid(*made(200), policy="one-pass")

    assert all((each.role == 0).all() for each in found)


def test_anti_curriculum_starts_hard_and_paced_starts_easy() -> None:
    rows, frame = made(4000)
    means = {
        policy: [
            float(rows.difficulty[each.order[each.role == 0]].mean()) for each in laid(rows, frame, policy=policy)[1]
        ]
        for policy in ("paced", "anti")
    }

    assert means["paced"] == sorted(means["paced"])
    assert means["anti"] == sorted(means["anti"], reverse=True)


def test_warm_up_is_easy_first_and_then_like_the_whole() -> None:
    rows, frame = made(8000)
    _, found = laid(rows, frame, policy="warm-up", full_at=0.25)
    means = [float(rows.difficulty[each.order].mean()) for each in found]

    assert means[0] < 0.42
    assert max(means[1:]) - min(means[1:]) < 0.03


def test_folding_of_a_run_is_the_published_permutation() -> None:
    rows, frame = made(25, stages=1)

    _, (only,) = laid(rows, frame, 1, policy="folding")

    rising = np.argsort(rows.difficulty)
    assert only.order.tolist() == [rising[at] for layer in range(5) for at in range(layer, 25, 5)]


def test_random_stages_hold_equal_shares_of_tokens_to_a_row() -> None:
    rows, frame = made(400)

    _, found = laid(rows, frame, policy="random")

    held = [int(rows.tokens[each.order].sum()) for each in found]
    assert max(held) - min(held) <= 2 * rows.tokens.max()


@pytest.mark.parametrize("policy", ["tiered", "paced", "random"])
def test_shares_of_tokens_are_kept_within_a_percent_or_a_row(policy: Policy) -> None:
    rows, frame = made(3000)
    rows = arrange.Rows(**{**vars(rows), "skill": np.zeros(3000, np.int32)})

    _, found = laid(rows, frame, policy=policy, shares=(0.2, 0.3, 0.3, 0.2), mixed=0.0, review=0.0)

    whole = rows.tokens.sum()
    for each, share in zip(found, (0.2, 0.3, 0.3, 0.2), strict=True):
        assert abs(rows.tokens[each.order].sum() - share * whole) <= max(0.01 * share * whole, rows.tokens.max())


def test_budgets_never_teach_a_row_before_its_skill_is_open() -> None:
    rows, frame = made(500)

    course, _ = laid(rows, frame, shares=(0.7, 0.1, 0.1, 0.1))

    assert (course.new_in >= course.opens[rows.skill]).all()


@given(st.integers(0, 50), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_no_row_comes_again_within_the_window(window: int, passes: int) -> None:
    _, found = laid(*made(600), window=window, passes=passes)

    order = np.concatenate([each.order for each in found])
    by_row = np.argsort(order, kind="stable")
    gaps = np.diff(by_row)[np.diff(order[by_row]) == 0]
    assert gaps.min() == min(each.gap for each in found if each.gap is not None)
    assert gaps.min() >= window


def test_a_rare_skill_reaches_its_floor_by_repeated_rows() -> None:
    rows, _ = made(4000)
    rare = np.where(np.random.default_rng(1).random(4000) < 0.02, 2, rows.skill % 2).astype(np.int32)
    rows = arrange.Rows(**{**vars(rows), "skill": rare})

    _, found = laid(rows, arrange.Frame(3, {}), floor={"skill": 0.025}, most_visits=10)

    for each in found:
        assert (rows.skill[each.order] == 2).mean() >= 0.025
        assert (rows.skill[each.order[each.role == 2]] == 2).all()


def test_no_row_is_repeated_more_often_than_allowed() -> None:
    rows, _ = made(2000)
    rare = (np.random.default_rng(1).random(2000) < 0.01).astype(np.int32)
    rows = arrange.Rows(**{**vars(rows), "skill": rare})

    _, found = laid(rows, arrange.Frame(4, {}), floor={"skill": 0.3}, most_visits=3)

    visits = np.bincount(np.concatenate([each.order for each in found]))
    repeated = np.concatenate([each.order[each.role == 2] for each in found])
    assert visits[repeated].max() <= 3


def test_a_window_that_passes_cannot_keep_is_refused() -> None:
    with pytest.raises(SettingsError, match="would repeat them within a window of 300"):
        laid(*made(400), window=300, passes=2)


def test_representative_rows_come_first_in_each_skill() -> None:
    rows, frame = made(300)

    _, found = laid(rows, frame, policy="one-pass", first="representative")

    assert rows.typical is not None
    for each in found:
        for skill in range(3):
            typical = rows.typical[each.order[rows.skill[each.order] == skill]]
            assert (np.diff(typical) <= 0).all()


def test_without_a_density_rows_of_a_stage_come_at_random_unless_the_easy_ones_are_to_lead() -> None:
    rows, frame = made(300)
    rows = arrange.Rows(**{**vars(rows), "typical": None})

    def order(first: str) -> list[float]:
        """Spearman's correlation of place and difficulty in each stage and skill."""
        _, found = laid(rows, frame, policy="one-pass", first=first)
        cells = [(each.order, skill) for each in found for skill in range(3)]
        hard = [rows.difficulty[places[rows.skill[places] == skill]] for places, skill in cells]
        return [spearman(np.arange(float(len(each))), each) for each in hard if len(each) > 1]

    assert order("auto") == order("random")
    assert abs(np.mean(order("random"))) < 0.15
    assert order("easy") == pytest.approx([1.0] * len(order("easy")))


def test_representative_rows_first_without_a_density_is_refused() -> None:
    rows, frame = made(30)

    with pytest.raises(SettingsError, match="no score says which they are"):
        laid(arrange.Rows(**{**vars(rows), "typical": None}), frame, first="representative")


@pytest.mark.parametrize(
    ("key", "value"), [("max_new_skills", 2), ("first", "representative"), ("first", "random"), ("opening", 0.1)]
)
def test_a_setting_that_the_policy_does_not_read_is_refused(key: str, value: Any) -> None:  # noqa: ANN401 - any setting
    with pytest.raises(SettingsError, match=f"does not read {key}"):
        laid(*made(30), 0, policy="folding", **{key: value})


def frame(space: Workspace, name: str) -> pl.DataFrame:
    table = pl.from_arrow(space.read_table(f"{name}.parquet"))
    assert isinstance(table, pl.DataFrame)
    return table


def placed(space: Workspace, plan: Plan) -> order.Placed:
    placed, cut, tagged = (frame(space, name) for name in ("order", "tiers", "skills"))
    tokens = pl.concat([pl.DataFrame(pl.from_arrow(part)) for part in space.read_parts("statistics/tokens")])
    none = pl.DataFrame(schema={"id": pl.String, "parent": pl.String, "how": pl.String})
    return order.placed(placed, cut, tagged, tokens, frame(space, "mined/edges"), none, plan, cut.select("id"))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Plan]:
    folder = tmp_path_factory.mktemp("planned")
    tier = {"stages": 5, "skills": "column:skill", "holdout": 0.0}
    pace = {"max_new_skills": 1, "shares": (0.3, 0.2, 0.2, 0.2, 0.1)}
    space = Workspace(folder / "run")
    run = build(space, recipe(write_source(folder / "rows.jsonl", 600), tier=tier, pace=pace), "pace")
    plan = run.report("pace")
    assert isinstance(plan, Plan)
    return space, plan


def stages_with(plan: Plan, **change: object) -> dict[str, object]:
    return {"stages": tuple(stage.model_copy(update=change) for stage in plan.stages)}


def test_a_plan_that_is_kept_has_no_claim_that_fails(planned: tuple[Workspace, Plan]) -> None:
    assert [each.claim for each in order.order(placed(*planned)) if not each.holds] == []


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("no row comes again within the window of the plan", lambda _: {"window": 10_000}),
        ("no row comes again within the window of the plan", lambda _: {"window_goal": 10_000}),
        ("a skill opens only after its prerequisites", lambda _: {"requires": {"code": ("sums",)}}),
        ("every stage holds the rows and tokens that the plan says", lambda plan: stages_with(plan, tokens=7)),
        ("every stage holds the rows and tokens that the plan says", lambda plan: stages_with(plan, review_goal=0.01)),
        ("review comes back after 1, 2, 4 .. stages", lambda plan: stages_with(plan, early=999)),
        ("every budget of tokens holds within one percent or one row", lambda plan: stages_with(plan, budget=50.0)),
    ],
)
def test_verify_sees_what_a_plan_promises_and_the_order_does_not_hold(
    planned: tuple[Workspace, Plan], claim: str, change: Callable[[Plan], dict[str, object]]
) -> None:
    space, plan = planned

    after = order.order(placed(space, plan.model_copy(update=change(plan))))

    assert [each.claim for each in after if not each.holds] == [claim]


def test_verify_sees_an_order_that_is_altered(planned: tuple[Workspace, Plan]) -> None:
    kept = placed(*planned)
    swapped = kept.rows.with_columns(
        pl.col("because").replace("due", "early"),
        edge=pl.lit(value=True),
        skill=pl.col("skill").sort(descending=True),
    )

    failed = [each.claim for each in order.order(order.Placed(swapped, kept.plan, kept.columns)) if not each.holds]

    assert failed == [
        "a skill opens only after its prerequisites",
        "any aligned block of 64 rows holds each skill's share within two rows",
        "review comes back after 1, 2, 4 .. stages",
        "edge cases are new from the middle on, within their share",
    ]


def test_shares_must_be_one_for_each_stage() -> None:
    with pytest.raises(SettingsError, match="2 numbers for 4 stages"):
        laid(*made(30), shares=(0.5, 0.5))


def test_balanced_rows_of_equal_skills_come_k_th_easiest_of_each_together() -> None:
    skill = np.array([0, 0, 1, 1], np.int32)

    assert policies.balanced(np.array([0, 1, 2, 3]), skill).tolist() == [0, 2, 1, 3]


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"pace\.policy"):
        check({"pace": {"policy": "sorted"}}, "a recipe")
