"""The audit of a whole run folder: what is planted is found and located, and what is balanced is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pytest

from curate.audit import findings, gather
from curate.audit.report import AuditReport, Place, Share
from curate.audit.settings import Expectation
from curate.audit.step import Settings, run
from curate.errors import IntegrityError, SettingsError
from tests.audit_runs import STAMP, WORK, Rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from curate.audit.report import Effect, Finding, Grouping

GROUP_FINDINGS = ("balance", "difficulty", "arrival")


def audit(root: Path, rows: Rows, **settings: object) -> AuditReport:
    return run(write(root, rows), Settings.model_validate({"by": ["group"], "render": [], **settings}), WORK)


def of_groups(report: AuditReport) -> list[Finding]:
    return [each for each in report.findings if each.kind in GROUP_FINDINGS]


def grouping(report: AuditReport, column: str = "group") -> Grouping:
    return next(each for each in report.groupings if each.column == column)


def share(report: AuditReport, value: str, scope: str, number: int | None = None, column: str = "group") -> Share:
    place = Place.model_validate({"scope": scope, "number": number})
    return next(each for each in grouping(report, column).shares if each.value == value and each.place == place)


def effect(effects: tuple[Effect, ...], value: str) -> Effect:
    return next(each for each in effects if each.value == value)


def pick(rows: int, seed: int = 9, odds: tuple[float, ...] = (0.6, 0.3, 0.1)) -> list[str]:
    return [str(each) for each in np.random.default_rng(seed).choice(["a", "b", "c"], rows, p=odds)]


def test_a_balanced_design_reads_as_balanced(tmp_path: Path) -> None:
    rows = Rows(3000, columns={"group": pick(3000)}, language=pick(3000, seed=10), source=pick(3000, seed=11))

    report = audit(tmp_path, rows)

    assert [each.column for each in report.groupings] == ["source", "language", "skill", "group"]
    assert report.findings == ()


def test_a_planted_skew_is_found_and_located(tmp_path: Path) -> None:
    difficulty = np.random.default_rng(21).random(3000)
    group = np.where(difficulty > 2 / 3, pick(3000, 22, odds=(0.2, 0.3, 0.5)), pick(3000, 23))
    rows = Rows(3000, difficulty=difficulty, columns={"group": group.tolist()}, language=pick(3000, seed=10))

    report = audit(tmp_path, rows)

    found = [each for each in report.findings if each.kind == "balance" and each.value == "c"]
    over = next(each for each in found if each.figure.value > 1)
    under = next(each for each in found if each.figure.value < 1)
    assert {each.column for each in of_groups(report)} == {"group"}
    assert {each.name for each in over.places} == {"tier 2", "stage 2"}
    assert {each.name for each in under.places} == {"tier 0", "tier 1", "stage 0", "stage 1"}
    assert over.severity == "error"
    truth = 0.5 / ((0.5 + 0.1 + 0.1) / 3)
    held = share(report, "c", "tier", 2).ratio_interval
    assert held is not None
    assert held.high is not None
    assert held.low < truth < held.high
    assert effect(grouping(report).difficulty, "c").verdict == "higher"
    assert effect(grouping(report).arrival, "c").verdict == "higher"


def test_skew_that_skill_makes_is_said_to_be_explained(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    hard = chance.random(3000) < 0.5
    difficulty = np.where(hard, chance.uniform(0.5, 1, 3000), chance.uniform(0, 0.5, 3000))
    group = np.where(chance.random(3000) < np.where(hard, 0.6, 0.2), "b", "a")
    rows = Rows(
        3000,
        difficulty=difficulty,
        skill=np.where(hard, "proofs", "sums").tolist(),
        columns={"group": group.tolist()},
    )

    report = audit(tmp_path, rows)

    assert share(report, "b", "stage", 0).verdict == "explained"
    assert {each.severity for each in of_groups(report) if each.column == "group"} == {"note"}
    assert {each.severity for each in of_groups(report) if each.column == "skill"} == {"note"}


def test_strata_show_what_skill_hides(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    hard = chance.random(4000) < 0.5
    # b has most of the easy skill's rows and of each skill's harder half: the two cancel in the stages.
    group = np.where(chance.random(4000) < np.where(hard, 0.25, 0.55), "b", "a")
    base = np.where(hard, 0.5, 0.25) + np.where(group == "b", 0.18, 0.0)
    difficulty = np.clip(base + chance.uniform(0, 0.3, 4000), 0, 0.999)
    rows = Rows(
        4000,
        difficulty=difficulty,
        skill=np.where(hard, "proofs", "sums").tolist(),
        columns={"group": group.tolist()},
    )

    report = audit(tmp_path, rows)

    held = effect(grouping(report).difficulty, "b")
    assert held.given is not None
    assert held.given > 0.147
    assert held.delta < held.given


def test_few_rows_are_too_few_to_say(tmp_path: Path) -> None:
    group = ["rare"] * 4 + ["common"] * 996
    rows = Rows(1000, difficulty=np.linspace(0.999, 0, 1000), columns={"group": group})

    report = audit(tmp_path, rows)

    assert {each.verdict for each in grouping(report).shares if each.value == "rare"} == {"too few to say"}
    assert [each for each in of_groups(report) if each.value == "rare"] == []


def test_an_expectation_is_held_against_the_corpus_too(tmp_path: Path) -> None:
    rows = Rows(2000, columns={"group": pick(2000)})

    report = audit(tmp_path, rows, groups={"group": {"expect": "uniform"}})

    held = share(report, "a", "corpus")
    assert held.reference == pytest.approx(1 / 3)
    assert held.verdict == "over"
    assert share(report, "c", "corpus").verdict == "under"


def test_an_expected_table_that_holds_is_no_finding(tmp_path: Path) -> None:
    rows = Rows(2000, columns={"group": pick(2000)})

    report = audit(tmp_path, rows, groups={"group": {"expect": {"a": 0.6, "b": 0.3, "c": 0.1}}})

    assert of_groups(report) == []


def test_an_expected_value_that_no_row_has_is_refused(tmp_path: Path) -> None:
    rows = Rows(100, columns={"group": pick(100)})

    with pytest.raises(SettingsError, match="expects a share of 'd'"):
        audit(tmp_path, rows, groups={"group": Expectation(expect={"d": 0.5})})


def test_copies_are_no_evidence(tmp_path: Path) -> None:
    difficulty = np.repeat(np.random.default_rng(4).random(20), 50)
    group = np.repeat(["a", "b"], 500)
    difficulty[:500] *= 0.6
    alone = audit(tmp_path / "alone", Rows(1000, difficulty=difficulty, columns={"group": group.tolist()}))
    unit = {"group": group.tolist(), "thread": np.repeat(np.arange(20), 50).tolist()}
    joined = audit(tmp_path / "joined", Rows(1000, difficulty=difficulty, columns=unit), unit="thread")

    assert effect(grouping(alone).difficulty, "b").verdict == "higher"
    assert effect(grouping(joined).difficulty, "b").rows == 10
    narrow, wide = share(alone, "b", "stage", 2).share_interval, share(joined, "b", "stage", 2).share_interval
    assert narrow.high is not None
    assert wide.high is not None
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_duplicates_of_each_other_are_one_unit(tmp_path: Path) -> None:
    fate = np.array(["train"] * 100, dtype=object)
    fate[50:] = "duplicate"
    rows = Rows(100, fate=fate, partner={row: row - 50 for row in range(50, 100)}, columns={"group": pick(50) * 2})

    report = audit(tmp_path, rows)

    assert sum(each.rows for each in grouping(report).difficulty) == 50


def test_the_causes_add_up_to_the_gap(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    length, lm = chance.random(2000), chance.random(2000)
    group = np.where(chance.random(2000) < lm, "b", "a")
    difficulty = (length.astype(np.float32).astype(np.float64) + lm.astype(np.float32)) / 2
    rows = Rows(2000, difficulty=difficulty, scores={"length": length, "lm": lm}, columns={"group": group.tolist()})

    report = audit(tmp_path, rows)

    held = effect(grouping(report).difficulty, "b")
    gap = difficulty[group == "b"].mean() - difficulty[group == "a"].mean()
    assert sum(held.causes.values()) == pytest.approx(gap, abs=1e-6)
    assert abs(held.causes["lm.value"]) > 10 * abs(held.causes["length.value"])


def test_causes_that_do_not_add_up_are_not_told(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    rows = Rows(300, scores={"length": chance.random(300)}, columns={"group": pick(300)})

    report = audit(tmp_path, rows)

    assert any(each.startswith("Causes") for each in report.skipped)
    assert all(not each.causes for each in grouping(report).difficulty)


def test_the_gate_counts_what_is_as_grave_or_graver(tmp_path: Path) -> None:
    difficulty = np.random.default_rng(1).random(1500)
    rows = Rows(1500, difficulty=difficulty, columns={"group": np.where(difficulty > 0.6, "b", "a").tolist()})

    report = audit(tmp_path, rows)

    assert findings.fails(report, "error")
    assert findings.fails(report, "warning")
    assert not findings.fails(report.model_copy(update={"findings": ()}), "warning")


def test_sizes_are_counted_from_the_order(tmp_path: Path) -> None:
    rows = Rows(1000, columns={"group": pick(1000)})
    space = write(tmp_path, rows)
    order = space.read_table("order.parquet")

    report = run(space, Settings(render=()), WORK)

    by_name = {each.place.name: each for each in report.summaries}
    assert by_name["exposure"].rows == len(order)
    assert sum(by_name[f"stage {each}"].rows for each in range(4)) == len(order)
    assert by_name["stage 0"].roles == {"new": by_name["stage 0"].rows}
    assert rows.tokens is not None
    assert by_name["corpus"].tokens == int(rows.tokens.sum())
    assert by_name["train"].rows == np.count_nonzero(rows.fate == "train")


def test_the_same_run_gives_the_same_bytes_however_it_is_cut_into_parts(tmp_path: Path) -> None:
    made = []
    told = [f"{who} sings" for who in np.random.default_rng(3).choice(["she", "he", "it"], 900)]
    for name, part_rows in (("one", 1000), ("two", 137)):
        rows = Rows(900, columns={"group": pick(900)}, texts=told, part_rows=part_rows)
        space = write(tmp_path / name, rows)
        run(space, Settings(by=("group",), render=("html", "md")), WORK)
        made.append([space.read_bytes(f"audit/report.{kind}") for kind in ("json", "html", "md")])

    assert made[0] == made[1]


def test_ids_are_found_in_whatever_order_a_table_holds_them() -> None:
    ids = gather.sort_ids(pa.chunked_array([["c", "a"], ["b"]]))

    assert ids.places(pa.chunked_array([["c"], ["a", "b"]]), "as the parts hold them").tolist() == [2, 0, 1]
    assert ids.places(pa.array(["a", "b", "c"]), "rising").tolist() == [0, 1, 2]
    assert ids.places(pa.array(["b", "b"]), "some").tolist() == [1, 1]


def test_the_report_validates_against_its_schema(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    space = write(tmp_path, Rows(600, columns={"group": pick(600)}, vectors=np.eye(600, 8, dtype=np.float32)))
    run(space, Settings(by=("group",)), WORK)

    value = orjson.loads(space.read_bytes("audit/report.json"))
    assert value.pop("curate") == STAMP.model_dump()
    Draft202012Validator(AuditReport.model_json_schema()).validate(value)
    assert space.read_json("audit/report.json", AuditReport).version == 1


def test_a_column_that_no_example_has_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'group'"):
        audit(tmp_path, Rows(50, columns={"group": pick(50)}), by=["grupo"])


def test_an_id_that_belongs_to_no_example_is_refused(tmp_path: Path) -> None:
    space = write(tmp_path, Rows(50, columns={"group": pick(50)}))
    other = write(tmp_path / "other", Rows(60, seed=1, columns={"group": pick(60)}))
    space.write_table("order.parquet", other.read_table("order.parquet"), STAMP)

    with pytest.raises(IntegrityError, match=r"ids of order\.parquet belong to no example"):
        run(space, Settings(), WORK)


def test_a_run_of_one_stage_is_audited(tmp_path: Path) -> None:
    report = audit(tmp_path, Rows(60, stages=1, columns={"group": pick(60)}))

    assert report.progression.tau is None
    assert report.progression.steps == ()


def test_numbers_are_grouped_in_quarters_and_lists_into_several_groups(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "age": list(range(400)),
        "tags": [["x"] if row % 2 else ["x", "y"] for row in range(400)],
    }
    report = audit(tmp_path, Rows(400, columns=columns), by=["age", "tags"])

    assert list(grouping(report, "age").values.values()) == [100, 100, 100, 100]
    assert grouping(report, "tags").values == {"x": 400, "y": 200}


def test_many_small_groups_are_folded(tmp_path: Path) -> None:
    report = audit(tmp_path, Rows(500, columns={"group": [f"g{row % 60}" for row in range(500)]}))

    held = grouping(report)
    assert held.folded == 20
    assert len(held.values) == 41
    assert sum(held.values.values()) == 500


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    space = write(tmp_path, Rows(80, columns={"group": pick(80)}))
    for folder in ("statistics", "ledger", "plan.json"):
        space.disk.remove(folder)

    report = run(space, Settings(render=()), WORK)

    assert [each.partition(":")[0] for each in report.skipped] == [
        "Length", "Variety", "Licences", "Input", "Causes", "Loss",
    ]  # fmt: skip
    assert report.summaries[0].tokens is None


def test_a_column_that_the_skill_decides_is_held_against_length_alone(tmp_path: Path) -> None:
    skill = pick(900)
    rare = ["rare" if row % 60 == 0 else "common" for row in range(900)]
    rows = Rows(900, skill=skill, columns={"group": [f"of {each}" for each in skill], "other": rare})

    report = audit(tmp_path, rows, by=["group", "other"])

    assert grouping(report).held == ("length",)
    assert grouping(report, "other").held == ("skill", "length")


def test_a_column_whose_parts_disagree_on_its_type_is_read_as_text(tmp_path: Path) -> None:
    rows = Rows(20, part_rows=10, columns={"group": [*range(10), *([["a"]] * 10)]})

    report = audit(tmp_path, rows)

    assert grouping(report).values == {"a": 10} | {str(each): 1 for each in range(10)}
