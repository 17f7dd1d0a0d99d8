"""The next edition moves what the evidence moves, and nothing else."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.cli.main import call
from curate.core.schemas import SIGNALS
from curate.pipeline import build
from curate.store.workspace import Workspace
from curate.study import moves, visits
from curate.study.revision import Feedback, Revision, Settings
from curate.verify import step as verify
from tests.pipeline_runs import recipe, rows, tree, write_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Seen = list[tuple[float, float, float]]
"""Visits of one row: loss, probability, margin."""
LEARNT: Seen = [(1.0, 0.4, -1.0), (0.05, 0.95, 3.0)]
ON_ITS_WAY: Seen = [(1.0, 0.4, -1.0), (0.5, 0.6, 1.0)]
STUCK: Seen = [(1.0, 0.3, -1.0), (1.0, 0.3, -1.0)]
NOISE: Seen = [(5.0, 0.01, -4.0), (5.5, 0.01, -4.0)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    build(Workspace(folder / "run"), recipe(write_source(folder / "rows.jsonl", 90)), "write")
    return folder / "run"


@pytest.fixture
def run(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first, tmp_path / "run")
    return tmp_path / "run"


def table(run: Path) -> pl.DataFrame:
    tiers, skills = (pl.read_parquet(run / f"{name}.parquet") for name in ("tiers", "skills"))
    return tiers.join(skills.select("id", "skill"), on="id")


def train(run: Path, seen: Callable[[Mapping[str, object]], Seen]) -> dict[str, Seen]:
    """Signals as a training would have left them."""
    lines, told = [], {}
    for row in table(run).filter(pl.col("fate") == "train").sort("id").iter_rows(named=True):
        told[row["id"]] = seen(row)
        lines += [
            {"curate_id": row["id"], "seed": 0, "visit": at, "step": at, "tokens": 9, "loss": loss, "gold_prob": prob,
             "margin": margin, "error_norm": 1.0, "gradient_norm": 1.0}
            for at, (loss, prob, margin) in enumerate(told[row["id"]])
        ]  # fmt: skip
    (run / "training" / "signals").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(lines, schema=SIGNALS), run / "training" / "signals" / "part-00000.parquet")
    return told


def revise(run: Path, into: Path, *options: str) -> Revision:
    assert call(["revise", str(run), "-o", str(into), "-q", *options]) == 0
    return Workspace(into).read_json("study/revision.json", Revision)


def fates(run: Path) -> dict[str, str]:
    return dict(pl.read_parquet(run / "tiers.parquet").select("id", "fate").iter_rows())


def tokens(run: Path) -> int:
    return sum(stage["tokens"] for stage in json.loads((run / "plan.json").read_bytes())["stages"])


def whole(run: Path) -> dict[str, str]:
    """All files but those of the study."""
    return {name: hash_ for name, hash_ in tree(run).items() if not name.startswith(("study/", "training/"))}


def test_without_new_evidence_the_edition_is_its_parent_byte_by_byte(run: Path, tmp_path: Path) -> None:
    told = revise(run, tmp_path / "second")

    assert not told.changed
    assert whole(tmp_path / "second") == whole(run)


def test_signals_that_move_nothing_change_nothing(run: Path, tmp_path: Path) -> None:
    train(run, lambda _: ON_ITS_WAY)
    told = revise(run, tmp_path / "second")

    assert not told.changed
    assert told.evidence["visits"] > 100
    assert whole(tmp_path / "second") == whole(run)


def test_a_revised_edition_revised_without_evidence_stays_as_it_is(run: Path, tmp_path: Path) -> None:
    train(run, lambda row: LEARNT if row["skill"] == "sums" else ON_ITS_WAY)
    assert revise(run, tmp_path / "second").changed

    told = revise(tmp_path / "second", tmp_path / "third")

    assert not told.changed
    assert told.moves["learnt"] > 0
    assert whole(tmp_path / "third") == whole(tmp_path / "second")


def test_learnt_rows_become_review_and_the_budget_stays(run: Path, tmp_path: Path) -> None:
    train(run, lambda row: LEARNT if row["skill"] == "sums" else ON_ITS_WAY)
    told = revise(run, tmp_path / "second")
    before, after = table(run), table(tmp_path / "second")

    learnt = after.filter(pl.col("fate") == "learnt")
    assert set(learnt["id"]) == set(before.filter((pl.col("fate") == "train") & (pl.col("skill") == "sums"))["id"])
    order = pl.read_parquet(tmp_path / "second" / "order.parquet")
    roles = order.join(learnt, on="id", how="semi")["role"]
    assert set(roles) == {"review"}
    kept = before.filter((pl.col("fate") != "train") | (pl.col("skill") != "sums")).select("id", "fate", "tier")
    assert after.join(kept, on=["id", "fate", "tier"], how="semi").height == kept.height
    assert tokens(run) * 0.97 <= told.tokens == tokens(tmp_path / "second") <= told.budget == tokens(run)
    assert verify.run(Workspace(tmp_path / "second")).holds
    assert 'parent = "' in (tmp_path / "second" / "recipe.toml").read_text()
    assert call(["audit", str(tmp_path / "second"), "-q"]) in {0, 6}
    assert json.loads((tmp_path / "second" / "audit" / "report.json").read_bytes())["drift"] is not None


def test_a_learnt_row_that_was_forgotten_is_taught_again(run: Path, tmp_path: Path) -> None:
    train(run, lambda row: LEARNT if row["skill"] == "sums" else ON_ITS_WAY)
    revise(run, tmp_path / "second")
    second = tmp_path / "second"
    name = table(second).filter(pl.col("fate") == "learnt")["id"][0]
    part = second / "training" / "signals" / "part-00000.parquet"
    part.parent.mkdir(parents=True)
    seen = [{"curate_id": name, "seed": 0, "visit": 0, "step": 0, "tokens": 9, "loss": 2.0, "gold_prob": 0.1,
             "margin": -1.0, "error_norm": 1.0, "gradient_norm": 1.0}]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(seen, schema=SIGNALS), part)

    revise(second, tmp_path / "third")

    assert fates(tmp_path / "third")[name] == "train"


def test_what_is_never_right_among_peers_that_are_is_quarantined(run: Path, tmp_path: Path) -> None:
    planted = set(table(run).filter(pl.col("fate") == "train").sort("id")["id"][:3])
    train(run, lambda row: NOISE if row["id"] in planted else ON_ITS_WAY)
    revise(run, tmp_path / "second", "--json")

    changed = {name for name, fate in fates(tmp_path / "second").items() if fate != fates(run)[name]}
    assert changed == planted
    assert {fates(tmp_path / "second")[name] for name in planted} == {"quarantined"}
    assert verify.run(Workspace(tmp_path / "second")).holds


def test_people_have_the_last_word(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = table(run).filter((pl.col("fate") == "train") & (pl.col("tier") == 0)).sort("id")["id"].to_list()
    train(run, lambda row: NOISE if row["id"] == ids[0] else ON_ITS_WAY)
    said = tmp_path / "said.csv"
    verdicts = ("right", "wrong", "learnt", "too-early")
    lines = [f"{name[:12]},{verdict},seen by me" for name, verdict in zip(ids, verdicts, strict=False)]
    said.write_text("\n".join(["id,verdict,note", *lines]) + "\n", encoding="utf-8")
    second = tmp_path / "second"
    told = revise(run, second, "--feedback", str(said))

    found = table(second)
    assert [fates(second)[name] for name in ids[:4]] == ["train", "quarantined", "learnt", "train"]
    assert found.filter(pl.col("id") == ids[3])["tier"].to_list() == [1]
    assert told.evidence["feedback"] == 4
    assert call(["explain", str(second), ids[1]]) == 0
    assert "feedback: wrong (seen by me)" in " ".join(capsys.readouterr().out.split())


def test_a_skill_that_stagnates_gets_easier_rows_or_more(run: Path, tmp_path: Path) -> None:
    train(run, lambda row: STUCK if row["skill"] == "code" else ON_ITS_WAY)
    learnt = {row["id"] for row in table(run).filter(pl.col("skill") == "sums").iter_rows(named=True)}
    said = tmp_path / "said.jsonl"
    said.write_text("".join(json.dumps({"id": name, "verdict": "learnt"}) + "\n" for name in learnt), encoding="utf-8")
    told = revise(run, tmp_path / "second", "--feedback", str(said))

    assert {(each.skill, each.tier, each.given) for each in told.skills} == {("code", 0, "more"), ("code", 1, "easier")}
    order = pl.read_parquet(tmp_path / "second" / "order.parquet")
    again = order.filter(pl.col("because") == "revision").join(table(run).select("id", "skill"), on="id")
    assert again["skill"][0] == "code"
    assert set(again["role"]) == {"repeat"}
    assert told.tokens <= told.budget
    assert verify.run(Workspace(tmp_path / "second")).holds


def test_new_rows_come_in_within_the_budget_and_the_rest_waits(run: Path, tmp_path: Path) -> None:
    train(run, lambda row: LEARNT if row["skill"] == "sums" else ON_ITS_WAY)
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps(row) + "\n" for row in rows(190)[90:]), encoding="utf-8")
    told = revise(run, tmp_path / "second", "--add", str(more))

    assert told.evidence["new_rows"] == 100
    assert 0 < told.moves["unused"] < 100
    assert told.budget * 0.97 <= told.tokens <= told.budget
    assert verify.run(Workspace(tmp_path / "second")).holds
    known = set(fates(run))
    placed = {row["id"]: row["tier"] for row in table(run).iter_rows(named=True)}
    after = {row["id"]: row["tier"] for row in table(tmp_path / "second").iter_rows(named=True)}
    assert {name: after[name] for name in known} == placed


def test_the_difference_names_the_evidence(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(run, lambda row: LEARNT if row["skill"] == "sums" else ON_ITS_WAY)
    revise(run, tmp_path / "second")
    capsys.readouterr()

    assert call(["diff", str(run), str(tmp_path / "second"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    moved = [each for each in found["moved"] if each["what"] == "fate"]
    assert moved
    assert all(each["because"][0].startswith("learnt: probability 0.95 at visit 2") for each in moved)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "zz", "verdict": "wrong"}', "no row has the id 'zz'"),
        ('{"id": "00", "verdict": "bad"}', "verdict is no feedback"),
        ("{", "is no JSON"),
    ],
)
def test_feedback_that_cannot_be_meant_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text(line + "\n", encoding="utf-8")

    assert call(["revise", str(run), "-o", str(tmp_path / "second"), "--feedback", str(path)]) == 3
    assert said in capsys.readouterr().err


def test_an_edition_is_not_written_over_another(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["revise", str(run), "-o", str(run)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_visits_are_summarised_as_the_map_of_data_does() -> None:
    seen = [(0, 0.2, -1.0), (1, 0.8, 1.0), (2, 0.5, -0.5)]
    signals = pl.DataFrame(
        [{"curate_id": "a", "seed": 0, "visit": at, "gold_prob": prob, "margin": margin, "loss": 1.0 - at / 10}
         for at, prob, margin in seen]
    )  # fmt: skip

    (row,) = visits.by_row(signals).to_dicts()

    assert row["confidence"] == pytest.approx(0.5)
    assert row["variability"] == pytest.approx(0.06**0.5)
    assert (row["visits"], row["forgettings"], row["last_right"]) == (3, 1, False)
    assert row["correctness"] == pytest.approx(1 / 3)
    assert (row["first_loss"], row["last_loss"]) == (1.0, 0.8)


def test_a_gate_that_asked_in_vain_names_its_skill() -> None:
    asked = {"action": "reframe", "stage": 1, "step": 8, "reason": "the loss has come to rest: 4 variations of code"}
    decisions = [
        {**asked, "figures": {"accuracy code": 0.3}},
        {"action": "advance", "stage": 1, "step": 9, "reason": "", "figures": {"accuracy code": 0.305}},
    ]

    assert list(moves.gated(decisions, ["code", "sums"])) == ["code"]
    decisions[1]["figures"] = {"accuracy code": 0.4}
    assert moves.gated(decisions, ["code", "sums"]) == {}


def test_no_feedback_moves_a_row_past_the_last_tier(run: Path) -> None:
    name = table(run)["id"][0]
    known = moves.Known(pl.DataFrame(schema={"id": pl.String, "fate": pl.String, "tier": pl.Int64, "skill": pl.String,
                                             "suspect": pl.Boolean, **dict.fromkeys(visits.COLUMNS, pl.Float64)}),
                        pl.DataFrame(schema=moves.MOVES), {})  # fmt: skip
    made, _ = moves.moves(known, [Feedback(id=name, verdict="too-late")], Settings())

    assert made.to_dicts() == [{"id": name, "fate": None, "shift": -1, "again": 0, "because": "feedback: too-late"}]
