"""The recipe that README names runs on the demo data, and finds what is planted there."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.cli.main import call
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.tutorials import agrees

ROOT = Path(__file__).parents[1]
PLANTED = json.loads((ROOT / "examples" / "data" / "planted.json").read_bytes())

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "quickstart"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert call(["run", "examples/quickstart.toml", "-o", str(folder), "-q"]) == 0
    (folder / "printed.txt").write_text(printed.getvalue(), encoding="utf-8")
    return folder


def fates(run: Path) -> dict[tuple[str, int], str]:
    """The fate, or the outcome where there is none, of each input row by file name and line."""
    known = {row["id"]: row["fate"] for row in pq.read_table(run / "tiers.parquet").to_pylist()}
    return {
        (Path(row["source"]).name, row["row"]): known[row["id"]] if row["outcome"] == "example" else row["outcome"]
        for path in sorted((run / "ledger").iterdir())
        for row in pq.read_table(path).to_pylist()
    }


def planted(kind: str) -> list[tuple[str, int]]:
    return [(each["file"], each["line"]) for each in PLANTED[kind]]


def test_readme_shows_what_it_prints(run: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("It ends with this:\n\n```text\n")[2].partition("```")[0]

    assert shown
    assert agrees("...\n" + shown, (run / "printed.txt").read_text(encoding="utf-8"))


def test_the_quickstart_verifies(run: Path) -> None:
    assert [each.claim for each in verify.run(Workspace(run)).checks if not each.holds] == []


@pytest.mark.parametrize(
    ("kind", "fate"),
    [("malformed", "rejected"), ("copies", "copy"), ("near_duplicates", "duplicate"), ("leaks", "contaminated")],
)
def test_what_is_planted_meets_its_fate_and_nothing_else_does(run: Path, kind: str, fate: str) -> None:
    found = sorted(place for place, met in fates(run).items() if met == fate)

    assert found == sorted(planted(kind))


def test_the_rare_but_good_cluster_stays(run: Path) -> None:
    met = fates(run)

    assert {met[place] for place in planted("rare_cluster")} <= {"train", "holdout"}


def test_the_small_group_is_a_finding(run: Path) -> None:
    findings = json.loads((run / "audit" / "report.json").read_bytes())["findings"]

    assert any("femi" in each["says"] and each["severity"] == "error" for each in findings)


def test_difficulty_rises_with_the_level_that_authors_gave(run: Path) -> None:
    from scipy.stats import spearmanr

    rows = [
        (row["curate_difficulty"], row["level"])
        for path in sorted((run / "dataset" / "data").rglob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
        if row["curate_role"] == "new"
    ]

    hard, level = zip(*rows, strict=True)
    assert spearmanr(list(hard), list(level)).statistic > 0.5
