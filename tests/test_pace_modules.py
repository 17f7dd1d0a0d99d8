"""A curriculum is a list of modules that can be put in another order, switched off and reused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from curate.cli.main import call
from curate.core.manifest import Schedule
from curate.core.plan import LearningRate, Plan
from curate.errors import SettingsError
from curate.pace import arrange, goals, reuse
from curate.pace.module import Module
from curate.pace.settings import Settings
from curate.pipeline import build
from curate.recipe import check, dump
from curate.store.forms import frame
from curate.store.workspace import Workspace
from curate.verify import order
from curate.verify import step as verify
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

FIRST = {"name": "numbers", "skills": ["sums"], "tiers": [0, 1], "why": "Numbers | come first."}
SECOND = {"name": "parts", "skills": ["fractions"], "policy": "random"}
LAST = {"name": "all", "mixed": True}


def made(rows: int = 3000, skills: int = 3) -> arrange.Rows:
    random = np.random.default_rng(rows)
    difficulty = random.random(rows).astype(np.float32)
    return arrange.Rows(
        tier=(difficulty * 4).astype(np.int8),
        difficulty=difficulty,
        skill=random.integers(0, skills, rows).astype(np.int32),
        tokens=random.integers(1, 50, rows),
        luck=random.random(rows),
        skills=["code", "fractions", "sums", *(f"skill-{number:02d}" for number in range(3, skills))],
        typical=random.random(rows).astype(np.float32),
        edge=random.random(rows) < 0.02,
    )


def dice(name: str) -> np.random.Generator:
    return np.random.default_rng(len(name))


def laid(
    rows: arrange.Rows,
    *modules: dict[str, Any],
    requires: dict[str, tuple[str, ...]] | None = None,
    **pace: Any,  # noqa: ANN401 - any setting
) -> tuple[arrange.Course, list[arrange.Laid]]:
    settings = Settings.model_validate({"module": modules, **pace})
    aims = goals.by_module(settings, reuse.modules(settings), density=rows.typical is not None)
    course = arrange.course(rows, aims, arrange.Frame(4, requires or {}), settings, dice)
    return course, list(arrange.lay(rows, course, aims, settings, rows.luck, dice))


def skills_of(rows: arrange.Rows, stage: arrange.Laid) -> set[str]:
    return {rows.skills[code] for code in np.unique(rows.skill[stage.order[stage.role == 0]])}


def test_a_module_opens_its_tiers_and_skills_and_what_is_open_stays_open() -> None:
    rows = made()

    course, found = laid(rows, FIRST, SECOND, {"name": "hard"}, edges=0.0)

    assert skills_of(rows, found[0]) == {"sums"}
    assert rows.tier[found[0].order].max() == 1
    assert skills_of(rows, found[1]) == {"fractions"}
    assert np.sort(np.concatenate([each.order[each.role == 0] for each in found])).tolist() == list(
        range(len(rows.tier))
    )
    assert course.opens.tolist() == [2, 1, 0]


def test_modules_in_another_order_are_taught_in_that_order() -> None:
    rows = made()

    _, found = laid(rows, SECOND, FIRST, {"name": "hard"}, edges=0.0)

    assert [skills_of(rows, each) for each in found[:2]] == [{"fractions"}, {"sums"}]


def test_a_module_that_is_off_is_as_if_it_were_not_there() -> None:
    rows = made()

    _, without = laid(rows, FIRST, SECOND | {"off": True}, LAST)
    _, never = laid(rows, FIRST, LAST)

    assert all((one.order == other.order).all() for one, other in zip(without, never, strict=True))


def test_modules_are_used_by_name_in_the_order_asked_for_even_those_that_are_off() -> None:
    settings = Settings.model_validate({"module": [FIRST | {"off": True}, SECOND, LAST], "modules": ["all", "numbers"]})

    assert [module.name for module in reuse.modules(settings)] == ["all", "numbers"]


def test_each_module_orders_its_new_rows_by_its_own_policy() -> None:
    rows = made()

    _, found = laid(rows, {"name": "a", "tiers": [0]}, {"name": "b", "policy": "folding"}, first="easy", edges=0.0)

    hard = rows.difficulty[found[1].order[found[1].role == 0]]
    rising = np.argsort(np.argsort(hard))
    assert rising.tolist() == [at for layer in range(5) for at in range(layer, len(hard), 5)]


@pytest.mark.parametrize("budget", [0.2, 12_000.0])
def test_a_budget_of_tokens_is_held_within_one_percent_or_one_row(budget: float) -> None:
    rows = made()
    whole = int(rows.tokens.sum())

    _, found = laid(rows, {"name": "a", "budget": budget}, {"name": "b", "budget": budget}, {"name": "c"})

    wanted = budget * whole if budget <= 1 else budget
    for each in found[:2]:
        held = rows.tokens[each.order[each.role == 0]].sum()
        assert abs(held - wanted) <= max(0.01 * wanted, rows.tokens.max())


def test_a_broad_beginning_shows_every_skill_by_representative_rows_of_its_lowest_tier() -> None:
    rows = made(6000, skills=30)
    assert rows.typical is not None
    assert rows.edge is not None

    _, found = laid(
        rows, {"name": "look", "broad": True, "budget": 0.02}, {"name": "all"}, requires={"sums": ("fractions",)}
    )

    shown = found[0].order
    assert len(np.unique(rows.skill[shown])) == 30
    for code in range(30):
        mine, lowest = shown[rows.skill[shown] == code], (rows.skill == code) & (rows.tier == 0) & ~rows.edge
        assert len(mine) == round(0.02 * (rows.skill == code)[~rows.edge].sum())
        assert set(mine.tolist()) == set(
            np.flatnonzero(lowest)[np.argsort(-rows.typical[lowest])][: len(mine)].tolist()
        )


def test_edge_cases_are_new_from_the_middle_on_within_their_share() -> None:
    rows = made(8000)
    assert rows.edge is not None

    course, found = laid(rows, *({"name": str(tier), "tiers": [tier]} for tier in range(4)), LAST, edges=0.03)

    assert course.new_in[rows.edge].min() == 2
    for each in found[2:-1]:
        new = each.order[each.role == 0]
        assert 0 < rows.edge[new].mean() <= 0.03


@pytest.mark.parametrize("last", [LAST, {"name": "end", "skills": ["code"]}])
def test_a_module_about_some_skills_holds_no_edge_case_of_another(last: dict[str, Any]) -> None:
    rows = made(8000)
    assert rows.edge is not None

    course, found = laid(rows, FIRST | {"tiers": []}, SECOND, {"name": "third", "skills": ["code"]}, last, edges=0.05)

    for each, about in zip(found, ({"sums"}, {"fractions"}, {"code"}, None), strict=True):
        edges = each.order[(each.role == 0) & rows.edge[each.order]]
        if about is not None:
            assert {rows.skills[code] for code in rows.skill[edges]} <= about
    homes = [
        set(course.new_in[rows.edge & (rows.skill == rows.skills.index(name))].tolist())
        for name in ("sums", "fractions", "code")
    ]
    assert homes == ([{3}, {3}, {2, 3}] if last is LAST else [{0}, {1}, {2}])


def test_representative_rows_come_first_by_default_where_there_is_a_density() -> None:
    rows = made(400)
    assert rows.typical is not None

    _, found = laid(rows, {"name": "a"}, LAST)

    first = found[0].order
    for code in range(3):
        assert (np.diff(rows.typical[first[rows.skill[first] == code]]) <= 0).all()


@pytest.mark.parametrize(
    ("modules", "pace", "words"),
    [
        ([FIRST | {"skills": ["sum"]}], {}, "did you mean 'sums'"),
        ([FIRST | {"tiers": [4]}], {}, "tiers are 0 to 3"),
        ([LAST, FIRST], {}, "only the last one can be"),
        ([FIRST, {"name": "look", "broad": True, "budget": 0.1}], {}, "is broad, so it must be the first"),
        ([FIRST, FIRST], {}, "two modules are called 'numbers'"),
        ([FIRST | {"off": True}], {}, "all 1 modules are off"),
        ([FIRST], {"modules": ["number"]}, "did you mean 'numbers'"),
        ([FIRST], {"shares": [1.0]}, "describe stages by number"),
        ([FIRST], {"reuse": "other.toml"}, "lists 1 modules and reuses"),
        ([FIRST, SECOND], {"max_new_skills": 0}, "max_new_skills"),
    ],
)
def test_modules_that_cannot_be_are_refused(modules: list[dict[str, Any]], pace: dict[str, Any], words: str) -> None:
    with pytest.raises((SettingsError, ValueError), match=words):
        laid(made(50), *modules, **pace)


def test_a_module_before_the_one_that_its_skill_requires_is_refused_with_both_named() -> None:
    with pytest.raises(SettingsError, match="put the module that opens 'sums' before the one that opens 'fractions'"):
        laid(made(), SECOND, FIRST, requires={"fractions": ("sums",)})


def test_the_learning_rate_is_warmed_up_first_and_lowered_mildly_at_the_end_unless_a_module_says_else() -> None:
    modules = [Module(name="a"), Module(name="b", learning=LearningRate(shape="cosine", end=0.5)), Module(name="c")]

    aims = goals.by_module(Settings(), modules, density=False)

    assert [goal.learning for goal in aims] == [
        LearningRate(warm_up=0.03),
        LearningRate(shape="cosine", end=0.5),
        LearningRate(shape="linear", end=0.3),
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three modules, one of them with a gate."""
    folder = tmp_path_factory.mktemp("modules")
    pace = {"module": [FIRST, SECOND | {"gate": {"score": 0.8, "drop": 0.02}, "review": 0.2}, LAST]}
    source = write_source(folder / "rows.jsonl", 300)
    build(Workspace(folder / "run"), recipe(source, pace=pace, tier={"stages": 5, "skills": "column:skill"}), "write")
    return folder / "run"


@pytest.mark.model
def test_a_run_of_modules_verifies_and_tells_trainer_and_reader_what_they_need(run: Path) -> None:
    space = Workspace(run)
    plan, schedule = space.read_json("plan.json", Plan), space.read_json("dataset/schedule.json", Schedule)

    assert [each for each in verify.run(space).checks if not each.holds] == []
    assert [stage.module for stage in schedule.stages] == ["numbers", "parts", "all"]
    assert (schedule.stages[1].gate.score, schedule.stages[0].gate.score) == (0.8, None)
    assert schedule.stages[2].learning == LearningRate(shape="linear", end=0.3)
    assert abs(plan.stages[1].review - 0.2 * plan.stages[1].rows) <= 1
    card = (run / "dataset" / "README.md").read_text()
    assert "**numbers** is there because: Numbers \\| come first." in card
    assert "probe accuracy from 80%; no earlier stage falls by 2%" in card


@pytest.mark.model
def test_verify_sees_an_edge_case_in_a_module_about_other_skills(run: Path) -> None:
    space = Workspace(run)
    plan = space.read_json("plan.json", Plan)
    placed, tiers, skills, edges = (
        frame(space.read_table(f"{name}.parquet")) for name in ("order", "tiers", "skills", "mined/edges")
    )
    tokens = frame(space.read_all("statistics/tokens", ["id", "tokens"]))
    rare = placed.filter((pl.col("stage") == 1) & (pl.col("role") == "new")).head(2)["id"]
    placed = placed.with_columns(because=pl.when(pl.col("id").is_in(rare)).then(pl.lit("edge")).otherwise("because"))
    edges = pl.DataFrame({"id": rare, "kind": ["rare_good"] * 2})
    varied = pl.DataFrame(schema={"id": pl.String, "parent": pl.String, "how": pl.String})
    others = tuple(each.model_copy(update={"names_skills": ("sums",) * (each.stage == 1)}) for each in plan.stages)

    holds = [
        order.order(order.placed(placed, tiers, skills, tokens, edges, varied, told, tiers.select("id")))[-1]
        for told in (plan, plan.model_copy(update={"stages": others}))
    ]

    assert [stage.names_skills for stage in plan.stages] == [("sums",), ("fractions",), ()]
    assert [each.claim[:10] for each in holds] == ["edge cases"] * 2
    assert [each.holds for each in holds] == [True, False]


@pytest.mark.model
def test_modules_are_reused_from_a_run_and_from_a_file_in_another_order(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_source(tmp_path / "rows.jsonl", 200)
    file = tmp_path / "mine.toml"
    file.write_text('[[module]]\nname = "easy"\ntiers = [0]\n[[module]]\nname = "rest"\n')
    plain = recipe(source, tier={"stages": 5, "skills": "column:skill"})
    build(Workspace(tmp_path / "run"), plain, "tier")

    assert (
        call(["tier", str(tmp_path / "run"), "--reuse", str(run), "--modules", "parts,numbers,all", "--dry-run"]) == 0
    )
    shown = capsys.readouterr()
    assert call(["tier", str(tmp_path / "run"), "--reuse", str(file), "-q"]) == 0

    assert [line.split()[1] for line in shown.out.splitlines() if line.startswith("stage-") and "█" in line] == [
        "parts", "numbers", "all",
    ]  # fmt: skip
    plan = Workspace(tmp_path / "run").read_json("plan.json", Plan)
    assert [stage.module for stage in plan.stages] == ["easy", "rest"]


def test_rows_that_no_module_opens_are_new_in_the_last_stage_and_said_so(tmp_path: Path) -> None:
    source = write_source(tmp_path / "rows.jsonl", 120)
    pace = {"module": [FIRST, {"name": "end", "skills": ["fractions"], "tiers": [0]}]}
    made_run = build(
        Workspace(tmp_path / "run"),
        recipe(source, pace=pace, tier={"stages": 5, "skills": "column:skill", "holdout": 0.0}),
        "pace",
    )

    plan = made_run.report("pace")

    assert isinstance(plan, Plan)
    assert "a module for 40 rows of the skill code: they are new in the last stage" in plan.skipped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there are no modules to reuse"),
        ("[[module]]\nname = 3\n", r"module\.0\.name"),
        ("[pace]\nreview = 0.1\n", "has no modules to reuse"),
        ("[[module\n", "cannot be read"),
    ],
)
def test_a_file_without_good_modules_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "modules.toml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(SettingsError, match=words):
        reuse.modules(Settings(reuse=str(path)))


def test_modules_survive_being_written_to_a_recipe() -> None:
    import tomllib

    written = check({"pace": {"module": [FIRST, SECOND, LAST]}}, "a recipe")

    assert check(tomllib.loads(dump(written).decode()), "it again") == written
