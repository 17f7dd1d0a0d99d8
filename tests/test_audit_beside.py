"""What stands beside a run: licences, the signals of training, the parent edition, and pairs of texts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.audit import drift, learnt, licences
from curate.audit.corpus import Coded, Corpus, Visits, code
from curate.audit.step import Given, Settings, run
from curate.audit.thresholds import Thresholds
from curate.cli.main import call
from curate.pipeline import build
from curate.store.workspace import Workspace
from tests.audit_runs import STAMP, WORK, Rows, told, write
from tests.pipeline_runs import recipe, write_source
from tests.train_runs import finished_run

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.audit.report import AuditReport, LicenceUse

LIMITS = Thresholds()


def corpus(difficulty: NDArray[np.float64]) -> Corpus:
    size = len(difficulty)
    return Corpus(
        ids=pa.array([f"{row:032x}" for row in range(size)]),
        fate=Coded(np.zeros(size, np.int64), ("train",)),
        tier=np.zeros(size, np.int64),
        difficulty=difficulty,
        tokens=np.full(size, 10.0),
        skill=Coded(np.zeros(size, np.int64), ("one",)),
        unit=np.arange(size),
    )


# --- licences ---


@pytest.mark.parametrize(
    ("name", "plain"), [("CC BY-SA 4.0", "cc-by-sa-4.0"), ("Apache-2.0", "apache-2.0"), ("  ", None), (None, None)]
)
def test_licences_are_named_as_the_hub_names_them(name: str | None, plain: str | None) -> None:
    assert licences.plain(name) == plain


def uses(
    source: list[str], own: list[str | None], given: dict[str, str], trained: list[bool]
) -> tuple[LicenceUse, ...]:
    said = licences.said(pa.chunked_array([own], pa.string()))
    return licences.uses(code(pa.array(source)), code(said), given, np.array(trained))


def test_rows_are_counted_by_source_and_licence_and_their_own_word_counts_first() -> None:
    held = uses(["a", "a", "b", "b"], ["MIT", None, None, None], {"a": "cc-by-4.0"}, [True, True, False, True])

    assert [(each.source, each.licence, each.rows, each.trained) for each in held] == [
        ("a", "cc-by-4.0", 1, 1),
        ("a", "mit", 1, 1),
        ("b", None, 2, 1),
    ]


@pytest.mark.parametrize(
    ("licence", "card", "words"),
    [
        ("cc-by-nd-4.0", "mit", ["no adaptations"]),
        ("cc-by-nc-4.0", "mit", ["no commercial use"]),
        ("cc-by-nc-4.0", "cc-by-nc-4.0", []),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", ["the same licence"]),
        ("cc-by-sa-4.0", "apache-2.0", ["the same licence"]),
        ("cc-by-sa-4.0", None, []),
        ("gpl-3.0", "mit", ["the same licence"]),
        ("cc-by-4.0", "apache-2.0", []),
        ("mit", "apache-2.0", []),
    ],
)
def test_what_a_licence_asks_is_held_against_the_card(licence: str, card: str | None, words: list[str]) -> None:
    held = uses(["a", "a"], [licence, None], {"a": licence}, [True, True])

    found = list(licences.check(held, card))

    assert len(found) == len(words)
    assert all(
        word in each.says and "2 trained rows of a" in each.says for word, each in zip(words, found, strict=True)
    )


def test_licences_come_from_the_column_of_the_rows(tmp_path: Path) -> None:
    rows = Rows(40, columns={"license": ["CC BY-NC 4.0"] * 40})

    report = run(write(tmp_path, rows), Settings(render=()), WORK, Given(card="mit"))

    assert [(each.licence, each.rows) for each in report.quality.licences] == [("cc-by-nc-4.0", 40)]
    assert "licence" in {each.kind for each in report.findings}


def test_a_source_without_a_licence_is_named_where_others_have_one(tmp_path: Path) -> None:
    rows = Rows(40, source=["a.jsonl"] * 20 + ["b.jsonl"] * 20)

    report = run(write(tmp_path, rows), Settings(render=()), WORK, Given(licences={"a.jsonl": "mit"}))

    found = [each for each in report.findings if each.kind == "licence"]
    assert [each.severity for each in found] == ["note"]
    assert "No licence is named for b.jsonl" in found[0].says


# --- signals of training ---


def visits(row: list[int], stage: list[int], role: list[int]) -> Visits:
    return Visits(np.array(row), np.array(stage), np.array(role))


def test_the_kth_signal_of_a_row_belongs_to_its_kth_place_in_the_order() -> None:
    order = visits([0, 1, 2, 0, 3, 0], [0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 0, 1])
    row, visit = np.array([0, 3, 0, 1, 0, 2, 0]), np.array([2, 1, 3, 1, 1, 1, 4])
    loss = np.array([1.5, 4.0, 1.0, 2.0, 2.5, 3.0, 9.0])

    held = learnt.learn(corpus(np.array([0.1, 0.2, 0.5, 0.9])), order, row, visit, loss, 0.95)

    assert {(each.stage, each.role): each.loss for each in held.stages} == {
        (0, "new"): 2.25, (1, "new"): 3.0, (1, "review"): 1.5, (2, "new"): 4.0, (2, "review"): 1.0,
    }  # fmt: skip
    assert [(each.stage, each.loss) for each in held.forgotten] == [(1, -1.0), (2, -1.5)]
    assert (held.signals, held.strange) == (7, 1)


def trained(agreement: float, change: float, seed: int = 1) -> tuple[Corpus, Visits, NDArray[np.float64]]:
    """200 rows in two stages, the first hundred again in the second, and a loss for each place in the order."""
    chance = np.random.default_rng(seed)
    difficulty = np.sort(chance.random(200))
    order = visits(list(range(200)) + list(range(100)), [0] * 100 + [1] * 200, [0] * 200 + [1] * 100)
    loss = agreement * difficulty + chance.normal(0, 0.05, 200) + 2
    loss[100:] -= 1.5  # the model has learnt by then
    again = loss[:100] + change + chance.normal(0, 0.05, 100)
    return corpus(difficulty), order, np.concatenate([loss, again])


@pytest.mark.parametrize(
    ("agreement", "change", "words"),
    [
        (1.0, -0.5, []),
        (-1.0, -0.5, ["finds the rows easier that are ranked harder"]),
        (0.0, -0.5, ["costs the model no more"]),
        (1.0, 0.5, ["forgotten"]),
    ],
)
def test_order_that_the_model_contradicts_and_rows_it_forgets_are_findings(
    agreement: float, change: float, words: list[str]
) -> None:
    held, order, loss = trained(agreement, change)
    visit = np.repeat([1, 2], [200, 100])

    said = [each.says for each in learnt.check(learnt.learn(held, order, order.row, visit, loss, 0.95))]

    assert len(said) == len(words)
    assert all(word in one for word, one in zip(words, said, strict=True))


def test_agreement_is_that_of_spearman_within_stages() -> None:
    from scipy.stats import spearmanr

    held, order, loss = trained(1.0, 0.0)
    told = learnt.learn(held, order, order.row, np.repeat([1, 2], [200, 100]), loss, 0.95)

    by_hand = [spearmanr(held.difficulty[part], loss[part]).statistic for part in (slice(100), slice(100, 200))]
    assert told.agreement == pytest.approx(np.mean(by_hand))


def test_signals_in_the_run_folder_are_read(tmp_path: Path) -> None:
    rows = Rows(300)
    space = write(tmp_path, rows)
    order = space.read_table("order.parquet")
    ids = order.column("id").to_pylist()
    seen: dict[str, int] = {}
    numbers = [seen.setdefault(each, 0) for each in ids]
    for at, each in enumerate(ids):
        seen[each] += 1
        numbers[at] = seen[each]
    hard = dict(zip(rows.ids, rows.difficulty if rows.difficulty is not None else (), strict=True))
    table = pa.table(
        {"curate_id": ids, "visit": numbers, "step": range(len(ids)), "loss": [float(hard[each]) for each in ids]}
    )
    space.write_table(Workspace.part("training/signals", 0), table, STAMP)

    report = run(space, Settings(render=("html",)), WORK)

    assert report.learnt is not None
    assert report.learnt.agreement == pytest.approx(1.0, abs=1e-6)
    assert report.learnt.strange == 0
    assert sum(each.rows for each in report.learnt.stages) == len(ids)
    assert b"What the model learnt" in space.read_bytes("audit/report.html")


# --- the parent edition ---


def test_the_stability_index_by_hand() -> None:
    # with half a row more in each bin: 50.5 and 50.5 of 101 against 75.5 and 25.5
    index, _ = drift.stability(np.array([50.0, 50.0]), np.array([75.0, 25.0]), 0.05)

    one, other = np.array([50.5, 50.5]) / 101, np.array([75.5, 25.5]) / 101
    assert index == pytest.approx(((one - other) * np.log(one / other)).sum())


def test_chance_stays_under_what_is_said_as_often_as_is_said() -> None:
    chance = np.random.default_rng(1)
    share = np.full(10, 0.1)
    over = 0
    for _ in range(2000):
        index, most = drift.stability(
            chance.multinomial(800, share).astype(float), chance.multinomial(500, share).astype(float), 0.05
        )
        over += index > most

    assert 0.03 <= over / 2000 <= 0.06


def edition(root: Path, rows: Rows, parent: Workspace | None = None, days: int | None = None) -> AuditReport:
    return run(write(root, rows), Settings(render=("html",)), WORK, Given(parent=parent, days=days))


def test_an_edition_that_changed_nothing_has_not_drifted(tmp_path: Path) -> None:
    edition(tmp_path / "one", Rows(600))

    report = edition(tmp_path / "two", Rows(600), Workspace(tmp_path / "one"), 30)

    held = report.drift
    assert held is not None
    assert (held.parent, held.edition, held.days) == ("one", 2, 30)
    assert (held.kept, held.added, held.removed, held.other_tier, held.other_stage) == (600, 0, 0, 0, 0)
    assert [each.index for each in held.shifts] == [0.0] * 4
    assert [each for each in report.findings if each.kind == "drift"] == []


def test_editions_are_numbered_down_the_line(tmp_path: Path) -> None:
    edition(tmp_path / "one", Rows(60))
    edition(tmp_path / "two", Rows(60), Workspace(tmp_path / "one"))

    report = edition(tmp_path / "three", Rows(60), Workspace(tmp_path / "two"))

    assert report.drift is not None
    assert report.drift.edition == 3


def test_rows_that_moved_and_shares_that_shifted_are_findings(tmp_path: Path) -> None:
    before = Rows(900)
    edition(tmp_path / "one", before)
    assert before.difficulty is not None
    after = replace(before, difficulty=before.difficulty**3)

    report = edition(tmp_path / "two", after, Workspace(tmp_path / "one"))

    held = report.drift
    assert held is not None
    assert held.other_tier == int((after.tier != before.tier).sum())
    found = {(each.column, each.severity) for each in report.findings if each.kind == "drift"}
    assert found == {("difficulty", "error"), (None, "warning")}
    assert "values from the lowest to" in next(each.most for each in held.shifts if each.what == "difficulty")


def test_a_new_source_is_told_and_is_no_error(tmp_path: Path) -> None:
    edition(tmp_path / "one", Rows(500))
    grown = Rows(500, source=["lessons.jsonl"] * 300 + ["more.jsonl"] * 200)

    report = edition(tmp_path / "two", grown, Workspace(tmp_path / "one"))

    found = [each for each in report.findings if each.kind == "drift"]
    assert [(each.column, each.severity) for each in found] == [("source", "warning")]
    assert "more.jsonl" in found[0].says


# --- through the pipeline and the command line ---


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("beside"), 90).root.parent


def test_a_reference_without_vectors_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["audit", str(made / "run"), "--reference", str(made / "rows.jsonl"), "-q"]) == 2

    assert "add density to --scorers" in capsys.readouterr().err


def test_a_lexicon_comes_from_a_file(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = made / "words.toml"
    words.write_text('[tone]\nplain = ["answer"]\nurgent = ["because"]\n', encoding="utf-8")

    assert call(["audit", str(made / "run"), "--lexicon", str(words), "-q"]) == 0

    held = next(each for each in told(made / "run").groupings if each.column == "mentioned tone")
    assert set(held.values) == {"plain", "urgent"}
    words.write_text("[tone\n", encoding="utf-8")
    assert call(["audit", str(made / "run"), "--lexicon", str(words), "-q"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_parent_is_read_from_its_run_folder(made: Path) -> None:
    source = write_source(made / "more.jsonl", 120)
    build(Workspace(made / "next"), recipe(source, write={"date": "2026-03-01"}))

    assert call(["audit", str(made / "next"), "--parent", str(made / "run"), "-q"]) == 0

    held = told(made / "next").drift
    assert held is not None
    assert (held.parent, held.kept, held.added, held.removed, held.days) == ("run", 90, 30, 0, None)


def test_a_parent_that_is_no_edition_is_refused(made: Path, tmp_path: Path) -> None:
    assert call(["audit", str(made / "run"), "--parent", str(tmp_path), "-q"]) == 2


def test_the_licence_of_a_source_stands_in_the_recipe(tmp_path: Path) -> None:
    source = write_source(tmp_path / "rows.jsonl", 30)
    named = recipe(source, sources=[{"path": str(source), "license": "CC BY-ND 4.0"}])

    pipeline = build(Workspace(tmp_path / "run"), named)

    assert "no adaptations" in " ".join(each.says for each in told(tmp_path / "run").findings)
    assert pipeline.stale()["audit"] is None


def test_signals_that_training_writes_later_make_the_audit_stale(tmp_path: Path) -> None:
    pipeline = build(Workspace(tmp_path / "run"), recipe(write_source(tmp_path / "rows.jsonl", 30)))
    order = pipeline.space.read_table("order.parquet")
    one = pa.table({"curate_id": order.column("id").slice(0, 1), "visit": [1], "loss": [2.0]})

    pipeline.space.write_table(Workspace.part("training/signals", 0), one, STAMP)

    assert pipeline.stale()["audit"] == "its inputs changed"
