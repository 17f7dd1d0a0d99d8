"""What places reach of a set of texts: by hand, against the published expectation, and in a whole report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.audit import reach
from curate.audit.coverage import Vectors
from curate.audit.step import Asked, Given, Settings, ask, run
from tests.audit_runs import WORK, Rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.audit.report import AuditReport, Reached


def unit(values: NDArray[np.float64]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return made


def on_circle(degrees: list[float]) -> NDArray[np.float32]:
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_the_radius_is_the_distance_to_the_kth_nearest_other() -> None:
    found = reach.radii(on_circle([0, 10, 30, 70]), 2)

    assert np.allclose(np.degrees(np.arccos(found)), [30, 20, 30, 60], atol=0.01)


def test_a_smaller_set_than_k_takes_the_farthest() -> None:
    assert np.allclose(np.degrees(np.arccos(reach.radii(on_circle([0, 10, 30]), 5))), [30, 20, 30], atol=0.01)


def test_the_nearest_row_of_a_place_is_found_over_all_blocks() -> None:
    rows = on_circle([5, 90, 40, 180])
    blocks = [Vectors(np.array([0, 1]), rows[:2]), Vectors(np.array([2, 3]), rows[2:])]
    weights = [np.array([1.0, 1, 1, 1]), np.array([0.0, 1, 0, 1]), np.zeros(4)]

    found = reach.nearest(on_circle([0, 45]), blocks, weights)

    assert np.allclose(np.degrees(np.arccos(found[:2])), [[5, 5], [90, 45]], atol=0.05)
    assert np.isneginf(found[2]).all()


@pytest.mark.parametrize(("texts", "rows"), [(200, 50), (200, 200), (100, 400)])
def test_rows_of_the_same_kind_reach_what_is_expected_of_them(texts: int, rows: int) -> None:
    chance = np.random.default_rng(texts + rows)
    shares = []
    for _ in range(60):
        asked, held = unit(chance.normal(size=(texts, 6))), unit(chance.normal(size=(rows, 6)))
        found = reach.nearest(asked, [Vectors(np.arange(rows), held)], [np.ones(rows)])
        shares.append((found[0] >= reach.radii(asked, 5)).mean())

    assert np.mean(shares) == pytest.approx(reach.expected(texts, rows, 5), abs=0.01)


def test_the_expected_share_by_hand() -> None:
    # k = 1: 1 - (n - 1) / (m + n - 1), the chance that the nearest of the m + n - 1 others is one of the m rows
    assert reach.expected(10, 30, 1) == pytest.approx(30 / 39)


def test_a_large_set_is_thinned_evenly() -> None:
    texts = [f"text {number}" for number in range(5000)]

    asked = ask("reference", texts, lambda some: np.ones((len(some), 2), np.float32))

    assert len(asked.vectors) == reach.MOST_TEXTS
    assert asked.texts is not None
    assert (asked.texts[0], asked.texts[-1]) == ("text 0", "text 4999")


def audited(root: Path, rows: Rows, **given: object) -> AuditReport:
    return run(write(root, rows), Settings(render=()), WORK, Given(**given))  # type: ignore[arg-type]


def of(report: AuditReport, name: str) -> Reached:
    return next(each for each in report.coverage.reached if each.name == name)


def vectors(rows: int, seed: int = 1) -> NDArray[np.float32]:
    return unit(np.random.default_rng(seed).normal(size=(rows, 6)))


def test_a_hold_out_like_the_rest_is_reached_and_no_finding(tmp_path: Path) -> None:
    report = audited(tmp_path, Rows(1500, vectors=vectors(1500)))

    held = of(report, "hold-out")
    train = next(each for each in held.reaches if each.place.scope == "train")
    assert held.texts == next(rows for fate, rows in report.quality.fates.items() if fate == "holdout")
    assert train.share >= train.expected - 0.05
    assert [each for each in report.findings if each.kind == "coverage"] == []


def test_a_reference_that_no_stage_comes_near_is_an_error_with_texts(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    near, far = chance.normal(0, 0.1, (40, 6)), chance.normal(0, 0.1, (160, 6))
    asked = Asked(
        "reference",
        unit(np.concatenate([near + np.eye(6)[0], far - np.eye(6)[0]])),
        texts=[f"text {number}" for number in range(200)],
    )
    rows = unit(np.random.default_rng(4).normal(0, 0.1, (900, 6)) + np.eye(6)[0])

    report = audited(tmp_path, Rows(900, vectors=rows), reference=asked)

    held = of(report, "reference")
    found = next(each for each in report.findings if "reference" in each.says)
    assert held.unreached == 160
    assert found.severity == "error"
    assert found.figure.value == pytest.approx(0.2)
    assert [each.id for each in held.farthest] == [None] * 5
    assert all(int((each.text or "text 0").split()[1]) >= 40 for each in held.farthest)


def test_each_stage_has_its_own_reach(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    hard = np.arange(1200) % 2 == 1
    centre = np.where(hard[:, None], np.eye(6)[1], np.eye(6)[0])
    rows = unit(centre + chance.normal(0, 0.1, (1200, 6)))
    asked = Asked("reference", unit(np.eye(6)[1] + chance.normal(0, 0.1, (100, 6))))
    difficulty = np.where(hard, 0.8, 0.2) + chance.random(1200) / 10

    report = audited(tmp_path, Rows(1200, vectors=rows, difficulty=difficulty, stages=3, review=0), reference=asked)

    share = {each.place.name: each.share for each in of(report, "reference").reaches}
    assert share["stage 0"] == 0.0
    assert share["stage 1"] > 0.95


def test_skills_that_the_hold_out_needs_and_nothing_is_near_to_are_named(tmp_path: Path) -> None:
    chance = np.random.default_rng(6)
    odd = np.arange(1000) < 40
    rows = unit(np.where(odd[:, None], -np.eye(6)[0], np.eye(6)[0]) + chance.normal(0, 0.1, (1000, 6)))
    fate = np.where(odd | (chance.random(1000) < 0.03), "holdout", "train").astype(object)
    skill = np.where(odd, "verse", "sums").tolist()

    report = audited(tmp_path, Rows(1000, vectors=rows, fate=fate, skill=skill))

    held = of(report, "hold-out")
    assert held.unreached_by_skill["verse"] == 40
    assert all(each.text and each.text.startswith("question") for each in held.farthest)
    assert any("verse" in each.says and each.kind == "coverage" for each in report.findings)


def test_a_handful_of_texts_is_no_basis(tmp_path: Path) -> None:
    report = audited(tmp_path, Rows(300, vectors=vectors(300)), reference=Asked("reference", vectors(10, 2)))

    assert [each.name for each in report.coverage.reached if each.name == "reference"] == []


def test_without_vectors_nothing_is_reached(tmp_path: Path) -> None:
    report = audited(tmp_path, Rows(100))

    assert report.coverage.reached == ()
    assert any("reach" in each for each in report.skipped)


def test_vectors_are_read_whatever_their_order(tmp_path: Path) -> None:
    rows = Rows(700, vectors=vectors(700), part_rows=90)
    one = audited(tmp_path / "one", rows)
    two = audited(tmp_path / "two", Rows(700, vectors=vectors(700), part_rows=700))

    assert pa.array([each.share for each in of(one, "hold-out").reaches]).equals(
        pa.array([each.share for each in of(two, "hold-out").reaches])
    )
