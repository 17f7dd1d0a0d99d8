"""Progression, coverage and quality: the figures of the order and of what it teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.audit import checks, coverage, places, progression
from curate.audit.corpus import Coded, Corpus, Visits
from curate.audit.report import Quality, ScorerHealth
from curate.audit.step import Settings, run
from curate.audit.thresholds import Thresholds
from curate.core import schemas
from tests.audit_runs import STAMP, WORK, Rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.audit.report import AuditReport

LIMITS = Thresholds()


def corpus(difficulty: list[float], skill: list[str] | None = None, tokens: list[float] | None = None) -> Corpus:
    size = len(difficulty)
    labels = tuple(sorted(set(skill or ["one"])))
    return Corpus(
        ids=pa.array([f"{row:032x}" for row in range(size)]),
        fate=Coded(np.zeros(size, np.int64), ("train",)),
        tier=np.zeros(size, np.int64),
        difficulty=np.array(difficulty),
        tokens=np.array(tokens or [10.0] * size),
        skill=Coded(np.array([labels.index(each) for each in skill or ["one"] * size]), labels),
        unit=np.arange(size),
    )


def visits(row: list[int], stage: list[int], role: list[int] | None = None) -> Visits:
    return Visits(np.array(row), np.array(stage), np.array(role or [0] * len(row)))


def audit(root: Path, rows: Rows) -> AuditReport:
    return run(write(root, rows), Settings(render=()), WORK)


def kinds(report: AuditReport) -> list[tuple[str, str]]:
    return [(each.kind, each.severity) for each in report.findings]


def test_tau_is_that_of_kendall() -> None:
    # 8 of 9 pairs across the two stages rise, 1 falls; tau-b = 7 / sqrt(9 * 15)
    held = progression.tau(np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.5, 0.4, 0.6, 0.7]))

    assert held == pytest.approx(7 / np.sqrt(9 * 15))


def test_tau_is_that_of_scipy_with_ties_and_without() -> None:
    from scipy.stats import kendalltau

    chance = np.random.default_rng(3)
    stage = chance.integers(0, 6, 3000)
    values = stage + chance.normal(0, 4, 3000)

    assert progression.tau(stage, values) == kendalltau(stage, values).statistic
    assert progression.tau(stage, values.round()) == kendalltau(stage, values.round()).statistic


def test_tau_of_one_stage_is_not_known() -> None:
    assert progression.tau(np.array([0, 0]), np.array([0.1, 0.2])) is None
    assert progression.tau(np.array([0, 1]), np.array([0.1, np.nan])) is None


def test_an_order_that_only_length_makes_is_told_by_tau_within_lengths() -> None:
    chance = np.random.default_rng(1)
    tokens = np.floor(chance.random(4000) * 10) * 10 + 5
    stage = np.floor(tokens / 25).astype(np.int64)
    difficulty = tokens / 100 + chance.random(4000) / 100

    assert (progression.tau(stage, difficulty) or 0) > 0.7
    assert abs(progression.tau_given(stage, difficulty, tokens) or 0.0) < 0.05


def test_length_that_is_the_difficulty_is_a_finding(tmp_path: Path) -> None:
    tokens = np.random.default_rng(2).integers(5, 900, 800)

    report = audit(tmp_path, Rows(800, tokens=tokens, difficulty=np.clip(tokens / 900, 0, 0.999)))

    assert report.progression.length_share == pytest.approx(1.0, abs=1e-3)
    assert "little more than an order by length" in " ".join(each.says for each in report.findings)


def test_an_order_that_falls_is_a_finding() -> None:
    held = progression.progress(
        corpus([0.9, 0.8, 0.7, 0.3, 0.2, 0.1]), visits([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1]), (), {}, 0.95
    )

    says = [each.says for each in checks.of_progression(held, LIMITS)]
    assert held.steps[0].delta == -1
    assert says == ["Difficulty does not rise from stage to stage.", "Stage 1 is easier than stage 0 before it."]


def test_stages_that_are_alike_are_redundant() -> None:
    difficulty = np.tile(np.linspace(0.1, 0.9, 50), 2).tolist()
    held = progression.progress(corpus(difficulty), visits(list(range(100)), [0] * 50 + [1] * 50), (), {}, 0.95)

    found = list(checks.of_progression(held, LIMITS))
    assert [(each.severity, [place.number for place in each.places]) for each in found] == [
        ("warning", []),
        ("note", [0, 1]),
    ]


def test_review_is_counted_by_age_and_origin() -> None:
    order = visits([0, 1, 2, 0, 3, 0, 1], [0, 0, 1, 1, 2, 2, 2], [0, 0, 0, 1, 0, 1, 1])

    held = progression.look_back(order, 2, 0.25)

    assert held.share == pytest.approx(2 / 3)
    assert held.stages_since == {"1": 1, "2": 1}
    assert held.earlier == {"0": 2}


def test_review_that_comes_short_of_the_plan_is_a_note() -> None:
    held = progression.progress(corpus([0.1, 0.2, 0.8, 0.9]), visits([0, 1, 2, 3], [0, 0, 1, 1]), (), {1: 0.3}, 0.95)

    assert "Stage 1 reviews 0.0% of its rows; 30.0% was planned." in [
        each.says for each in checks.of_progression(held, LIMITS)
    ]


def test_a_row_that_is_reviewed_before_it_is_new_is_an_error() -> None:
    held = progression.progress(corpus([0.1, 0.9]), visits([1, 0, 1], [0, 1, 1], [1, 0, 0]), (), {}, 0.95)

    assert held.roles_out_of_turn == 1
    assert "error" in {each.severity for each in checks.of_progression(held, LIMITS)}


def test_skills_that_are_held_out_and_never_taught_are_an_error(tmp_path: Path) -> None:
    skill = ["rare"] * 6 + ["plain"] * 294
    fate = np.array(["holdout"] * 6 + ["train"] * 294, dtype=object)

    report = audit(tmp_path, Rows(300, skill=skill, fate=fate))

    assert report.coverage.untaught == {"rare": 6}
    assert ("coverage", "error") in kinds(report)


def test_skills_that_are_taught_and_never_reviewed_are_named() -> None:
    order = visits([0, 1, 2, 0], [0, 0, 1, 1], [0, 0, 0, 1])
    held = corpus([0.1, 0.2, 0.9], ["kept", "lost", "last"])

    taught = coverage.cover(held, order, places.weigh(held, order), None, (), 5)

    assert taught.unreviewed == ("lost",)
    assert [each.value for each in checks.of_coverage(taught, LIMITS)] == [None]


def test_gaps_are_the_empty_cells_where_rows_are_due() -> None:
    # 40 of 100 rows are of tier 0 and 30 of skill a, so 12 are due where there are none; c is too small to miss there
    table = np.array([[0, 30], [40, 26], [0, 4]])

    found = coverage.gaps(table, ("a", "b", "c"), "tier", 5)

    assert [(each.skill, each.place.name, each.due) for each in found] == [("a", "tier 0", 12.0)]


def test_a_skill_that_pauses_is_a_gap_and_one_that_opens_late_is_not() -> None:
    skill = ["pauses", "late", "always"] * 60
    stage = np.repeat([0, 1, 2], 60)
    stage[:60][np.array(skill[:60]) == "late"] = 2
    stage[60:120][np.array(skill[60:120]) == "pauses"] = 2
    held = corpus(np.linspace(0, 1, 180).tolist(), skill)
    order = visits(list(range(180)), stage.tolist())

    taught = coverage.cover(held, order, places.weigh(held, order), None, (), 5)

    assert [(each.skill, each.place.name) for each in taught.gaps if each.place.scope == "stage"] == [
        ("pauses", "stage 1")
    ]
    assert next(each.tiers for each in taught.cells if each.skill == "late" and each.stage == 2) == (40,)


def test_the_effective_number_of_clusters_counts_the_places_where_rows_lie(tmp_path: Path) -> None:
    chance = np.random.default_rng(8)
    centres = np.eye(8, dtype=np.float32)[:4]
    kind = np.arange(640) % 4
    vectors = centres[kind] + chance.normal(0, 0.01, (640, 8)).astype(np.float32)
    difficulty = np.where(kind == 0, 0.1, 0.5 + kind / 10)

    report = audit(tmp_path, Rows(640, vectors=vectors, difficulty=difficulty, stages=3))

    held = {each.place.name: each for each in report.coverage.variety}
    assert held["corpus"].effective_clusters is not None
    assert held["tier 0"].effective_clusters is not None
    assert held["tier 0"].effective_clusters < held["corpus"].effective_clusters / 2
    assert held["corpus"].vendi == pytest.approx(4, abs=0.1)
    assert held["tier 0"].vendi == pytest.approx(1, abs=0.1)


def test_the_effective_number_of_equal_skills_is_their_number() -> None:
    assert coverage.effective(np.array([5.0, 5.0, 0.0, 5.0])) == pytest.approx(3.0)


def vendi_by_the_whole_kernel(vectors: NDArray[np.float32]) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    values = np.linalg.eigvalsh((unit @ unit.T).astype(np.float64) / len(unit))
    values = values[values > 1e-9]
    return float(np.exp(-(values * np.log(values)).sum()))


def test_the_vendi_score_is_that_of_the_whole_kernel() -> None:
    vectors = np.random.default_rng(3).normal(size=(60, 12)).astype(np.float32)

    assert coverage.vendi(vectors) == pytest.approx(vendi_by_the_whole_kernel(vectors), rel=1e-4)
    assert coverage.vendi(np.eye(7, dtype=np.float32)) == pytest.approx(7.0)
    assert coverage.vendi(np.ones((9, 4), np.float32)) == pytest.approx(1.0)


def test_weighted_quantiles_count_a_row_as_often_as_it_comes() -> None:
    held = places.spread(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 0.0, 3.0, 5.0]))

    assert held is not None
    assert (held.rows, held.mean, held.p10, held.p50) == (4, 2.5, 1.0, 3.0)


def test_rejections_failures_and_marks_are_findings() -> None:
    held = Quality(
        input_rows=100,
        outcomes={"example": 80, "rejected": 20},
        rejected={"no-answer": {"a": 15}, "invalid-json": {"a": 5}},
        repairs={},
        fates={},
        mined={},
        scorers=(ScorerHealth(alias="lm", ok=90, not_applicable=0, failed=10, reasons={"failed: too long": 10}),),
        marks={"keys and secrets": 2, "control tokens": 0},
    )

    found = list(checks.of_quality(held, LIMITS))

    assert [each.severity for each in found] == ["warning", "warning", "error"]
    assert "most of them because: no-answer" in found[0].says


def test_the_ledger_is_told_by_reason_and_source(tmp_path: Path) -> None:
    space = write(tmp_path, Rows(50))
    lost = pa.table(
        {
            "source": ["a", "a", "b"],
            "row": [1, 2, 3],
            "id": pa.nulls(3, pa.string()),
            "outcome": ["rejected"] * 3,
            "reason": ["no-answer: prompt only", "no-answer", "invalid-json"],
            "repairs": pa.array([["stripped"], [], []], pa.list_(pa.string())),
        },
        schema=schemas.LEDGER,
    )
    space.write_table(space.part("ledger", 1), lost, STAMP)

    held = run(space, Settings(render=()), WORK).quality

    assert held.outcomes == {"example": 50, "rejected": 3}
    assert held.rejected == {"invalid-json": {"b": 1}, "no-answer": {"a": 2}}
    assert held.repairs == {"stripped": 1}


def test_proposals_of_mine_are_told_by_skill_and_join_units(tmp_path: Path) -> None:
    rows = Rows(60, skill=["sums"] * 30 + ["proofs"] * 30)
    space = write(tmp_path, rows)
    pairs = pa.table({"id": [str(rows.ids[0])], "kind": ["near"], "partners": [[str(rows.ids[1]), str(rows.ids[2])]]})
    space.write_table("mined/duplicates.parquet", pairs, STAMP)

    report = run(space, Settings(render=()), WORK)

    assert report.quality.mined == {"duplicates": {"rows": 1, "skill sums": 1}}
    assert sum(each.rows for each in report.groupings[0].difficulty) == 58


def test_variations_count_for_the_row_they_were_made_from(tmp_path: Path) -> None:
    rows = Rows(40)
    space = write(tmp_path, rows)
    order = space.read_table("order.parquet")
    made = pa.table({"id": ["f" * 32], "parent": [str(rows.ids[3])]})
    space.write_table(space.part("augmented", 0), made, STAMP)
    extra = pa.table(
        {
            "order": [len(order)],
            "stage": [3],
            "tier": [0],
            "id": ["f" * 32],
            "role": ["augmented"],
            "because": ["typos"],
        },
        schema=schemas.ORDER,
    )
    space.write_table("order.parquet", pa.concat_tables([order, extra]), STAMP)

    report = run(space, Settings(render=()), WORK)

    assert next(each for each in report.summaries if each.place.name == "stage 3").roles["augmented"] == 1


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie outside"):
        Thresholds(ratio_error_low=0.9, ratio_low=0.8)
    with pytest.raises(ValueError, match="delta_error"):
        Thresholds(delta_error=0.1)
