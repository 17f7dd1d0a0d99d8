"""The hold-out holds its share of each skill and tier, and never gives a row back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.cli import summary
from curate.core.chance import draw
from curate.core.ids import digest
from curate.errors import SettingsError
from curate.pipeline import build
from curate.store.workspace import Workspace
from curate.tier.holdout import hold_out
from curate.tier.step import Report
from curate.verify import step as verify
from tests.pipeline_runs import recipe, rows, write_source

if TYPE_CHECKING:
    from pathlib import Path

STRATA = st.lists(st.integers(0, 5), min_size=1, max_size=300)


def luck_of(count: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return draw([digest(number) for number in range(count)], seed, "tier", "holdout")


@given(STRATA, st.floats(0, 0.5))
def test_every_stratum_holds_out_at_least_the_whole_part_of_its_share(strata: list[int], share: float) -> None:
    stratum = np.array(strata)

    held = hold_out(luck_of(len(strata)), stratum, share)

    for each in np.unique(stratum):
        assert held[stratum == each].sum() >= int(share * (stratum == each).sum() + 1e-9)


@given(STRATA, STRATA, st.floats(0, 0.5))
def test_no_row_comes_back_when_rows_are_added(first: list[int], added: list[int], share: float) -> None:
    stratum = np.array([*first, *added])
    luck = luck_of(len(stratum))
    before = hold_out(luck[: len(first)], stratum[: len(first)], share)

    after = hold_out(luck, stratum, share, np.append(before, np.zeros(len(added), bool)))

    assert after[: len(first)][before].all()


@given(STRATA, STRATA, STRATA, st.floats(0, 0.5))
def test_rows_added_in_two_steps_or_one_are_held_out_alike_but_in_a_new_stratum(
    first: list[int], second: list[int], third: list[int], share: float
) -> None:
    stratum = np.array([*first, *second, *third])
    luck, one, two = luck_of(len(stratum)), len(first), len(first) + len(second)

    def grown(held: np.ndarray[tuple[int], np.dtype[np.bool_]], to: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        before, seen = np.zeros(to, bool), np.arange(to) < len(held)
        before[: len(held)] = held
        return hold_out(luck[:to], stratum[:to], share, before, seen=seen)

    start = hold_out(luck[:one], stratum[:one], share)
    by_two, at_once = grown(grown(start, two), len(stratum)), grown(start, len(stratum))

    old = np.isin(stratum, first)
    assert (by_two[old] == at_once[old]).all()
    for each in np.setdiff1d(stratum, first):
        assert at_once[stratum == each].sum() >= int(share * (stratum == each).sum() + 1e-9)


@given(STRATA, st.floats(0, 0.5), st.permutations(range(6)))
def test_a_row_below_the_share_is_held_out_whatever_its_stratum(
    strata: list[int], share: float, other: list[int]
) -> None:
    luck = luck_of(len(strata))

    held = hold_out(luck, np.array(other)[strata], share)

    assert held[luck < share].all()


def test_large_strata_hold_out_close_to_their_share() -> None:
    stratum = np.repeat(np.arange(5), 4000)

    held = hold_out(luck_of(20_000), stratum, 0.05)

    shares = [held[stratum == each].mean() for each in range(5)]
    assert max(shares) < 0.06
    assert min(shares) >= 0.05


def test_without_a_share_nothing_is_held_out() -> None:
    assert not hold_out(luck_of(50), np.zeros(50, int), 0.0).any()


def held_out(run: Path) -> set[str]:
    table = pq.read_table(run / "tiers.parquet", columns=["id", "fate"]).to_pylist()
    return {row["id"] for row in table if row["fate"] == "holdout"}


def test_a_run_that_grows_keeps_its_hold_out(tmp_path: Path) -> None:
    source, run = write_source(tmp_path / "rows.jsonl", 40), Workspace(tmp_path / "run")
    build(run, recipe(source), "tier")
    first = held_out(tmp_path / "run")
    write_source(source, 160)

    build(run, recipe(source), "tier")

    assert first < held_out(tmp_path / "run")


def test_what_the_hold_out_costs_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = build(Workspace(tmp_path / "run"), recipe(write_source(tmp_path / "rows.jsonl", 40)), "tier").report("tier")
    assert isinstance(made, Report)
    summary.divided(made, 40)
    assert "held-out" not in capsys.readouterr().err

    summary.divided(made.model_copy(update={"fates": {"train": 32, "holdout": 3, "near_holdout": 5}}), 40)

    assert "5 of 40 examples (12.5%) are too near to a held-out one and are not trained on" in capsys.readouterr().err


def test_a_whole_domain_is_held_out_and_the_run_verifies(tmp_path: Path) -> None:
    source, space = write_source(tmp_path / "rows.jsonl", 60), Workspace(tmp_path / "run")
    tier = {"stages": 3, "skills": "column:skill", "holdout": 0.1, "holdout_domain": ["author=bo"]}
    build(space, recipe(source, tier=tier), "write")

    kept = pq.read_table(tmp_path / "run/order.parquet", columns=["id"]).column("id").to_pylist()
    ids = pq.read_table(tmp_path / "run/examples", columns=["id", "user"]).to_pylist()

    assert {row["id"] for row in ids if row["user"]["author"] == "bo"}.isdisjoint(kept)
    assert verify.run(space).holds


@pytest.mark.parametrize("domain", ["author=nobody", "author", "autor=bo"])
def test_a_domain_that_no_row_is_in_is_refused(tmp_path: Path, domain: str) -> None:
    source = write_source(tmp_path / "rows.jsonl", 20)

    with pytest.raises(SettingsError):
        build(Workspace(tmp_path / "run"), recipe(source, tier={"holdout_domain": [domain]}), "tier")


def test_a_cap_leaves_rows_unused_and_never_loses_them(tmp_path: Path) -> None:
    source, space = tmp_path / "rows.jsonl", Workspace(tmp_path / "run")
    source.write_text("".join(json.dumps(row) + "\n" for row in rows(60)), encoding="utf-8")
    build(space, recipe(source, tier={"stages": 3, "holdout": 0.0, "cap": {"author": 0.6}}), "write")

    fates = pq.read_table(tmp_path / "run/tiers.parquet", columns=["fate"]).column("fate").to_pylist()

    assert (fates.count("train"), fates.count("unused")) == (30, 30)  # bo wrote 12 rows: 12 / 0.4 = 30
    assert verify.run(space).holds
