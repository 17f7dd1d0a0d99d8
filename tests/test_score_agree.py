"""What the report on agreement says of scores that were planted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.cli.main import call
from curate.core.plan import Ingredient, ScoreSource
from curate.errors import SettingsError
from curate.pipeline import build
from curate.protocol import Rising, ScoreField
from curate.score.agree import Agreement, Rows, agree
from curate.store.workspace import Workspace
from tests.pipeline_runs import recipe, write_source

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def source(alias: str, *fields: tuple[str, Rising]) -> ScoreSource:
    made = tuple(
        ScoreField(name=name, rising=rising, unit="", about="", headline=not place)
        for place, (name, rising) in enumerate(fields)
    )
    return ScoreSource(alias=alias, folder="", fields=made)


def planted(label: NDArray[np.float64] | None) -> Rows:
    """Two domains; ``a.x`` follows the label, ``b.y`` is length, ``b.z`` neutral."""
    dice = np.random.default_rng(0)
    truth, length = dice.normal(size=600), dice.normal(size=600)
    domain = np.repeat([0, 1], 300).astype(np.int32)
    return Rows(
        scores={
            "a.x": (truth + 50 * domain).astype(np.float32),
            "b.y": np.exp(length).astype(np.float32),
            "b.z": truth.astype(np.float32),
        },
        domain=domain,
        domains=("en/text", "de/text"),
        kind=np.zeros(600, np.int8),
        length=length,
        luck=dice.random(600),
        label=None if label is None else label * truth,
    )


SOURCES = (source("a", ("x", Rising.HARDER)), source("b", ("y", Rising.HARDER), ("z", Rising.NEUTRAL)))


def both(*_: object) -> tuple[Ingredient, ...]:
    return tuple(
        Ingredient(score=name, weights={"text": 1.0, "task": 0.0, "chat": 0.0, "code": 0.0}) for name in ("a.x", "b.y")
    )


def lines(found: Agreement) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {line.score: (line.length, line.label, line.label_given_length) for line in found.lines}


def test_scores_are_held_against_length_and_label_inside_their_domain() -> None:
    found = agree(planted(np.ones(600)), SOURCES, "level", both)

    told = lines(found)
    assert list(told) == ["difficulty", "a.x", "b.y", "length", "random"]
    assert told["a.x"][1] == pytest.approx(1)
    assert told["b.y"][0] == pytest.approx(1)
    assert told["b.y"][2] is None
    assert told["difficulty"][1] == pytest.approx(0.7, abs=0.05)
    assert abs(told["random"][1] or 1) < 0.1
    assert (found.rows, found.labelled, found.domains) == (600, 600, {"en/text": 300, "de/text": 300})


def test_the_difficulty_given_length_is_what_length_does_not_tell() -> None:
    told = lines(agree(planted(np.ones(600)), SOURCES, "level", both))

    assert told["difficulty"][2] == pytest.approx(1, abs=0.05)


def test_both_tables_hold_the_headlines() -> None:
    found = agree(planted(None), SOURCES, None, both)

    assert found.headlines == ("a.x", "b.y")
    assert found.spearman[0][0] == pytest.approx(1)
    assert found.spearman[0][1] == found.spearman[1][0] == pytest.approx(0, abs=0.1)
    assert found.given_length[0][1] is None
    assert found.concordance == pytest.approx((1 + (found.spearman[0][1] or 0)) / 2)
    assert [line.label for line in found.lines] == [None] * 5


def test_rows_without_a_label_or_a_score_are_left_out() -> None:
    label = np.ones(600)
    label[::2] = np.nan
    rows = planted(label)
    rows.scores["a.x"][1::4] = np.nan

    found = agree(rows, SOURCES, "level", both)

    assert found.labelled == 300
    assert next(line.rows for line in found.lines if line.score == "a.x") == 450
    assert found.concordant_rows == 450
    assert lines(found)["a.x"][1] == pytest.approx(1)


@pytest.mark.model
def test_the_command_reports_on_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_source(tmp_path / "lessons.jsonl", 40)
    rows = [json.loads(line) for line in path.read_text().splitlines()[:40]]
    path.write_text("".join(json.dumps(row | {"level": len(row["output"])}) + "\n" for row in rows))
    letters = "tests.pipeline_runs:Letters"
    asked = ["score", str(path), "-o", str(tmp_path / "run"), "--scorers", f"length,{letters}", "--labels", "level"]

    assert call([*asked, "--report", "--json", "-q"]) == 0

    found = Agreement.model_validate(json.loads(capsys.readouterr().out)["agreement"])
    assert found.labelled == 40
    assert lines(found)["letters.letters"][1] == pytest.approx(1)
    assert call([*asked, "--report", "-q"]) == 0
    assert "'level', which 40 rows have" in capsys.readouterr().out


@pytest.mark.model
def test_labels_that_have_no_order_are_refused(tmp_path: Path) -> None:
    path = write_source(tmp_path / "lessons.jsonl", 10)
    made = build(Workspace(tmp_path / "run"), recipe(path, score={"scorers": ["letters"], "labels": "author"}), "score")

    with pytest.raises(SettingsError, match="labels in 'author' are no numbers"):
        made.agreement()


@pytest.mark.model
def test_a_column_of_labels_that_is_not_there_is_refused_before_scoring(tmp_path: Path) -> None:
    path = write_source(tmp_path / "lessons.jsonl", 10)
    asked = recipe(path, score={"scorers": ["regression"], "labels": "auther"})

    with pytest.raises(SettingsError, match="no example has a column 'auther'") as caught:
        build(Workspace(tmp_path / "run"), asked, "score")

    assert "author" in caught.value.fix
