"""Texts of one meaning: matched as their sets hold them, scored as the run scores its own, none of them lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from curate.cli.main import call
from curate.errors import SettingsError
from curate.recipe import check, dump
from curate.run import Run
from tests.audit_runs import told
from tests.pipeline_runs import rows, write_source
from tests.train_runs import finished_run

if TYPE_CHECKING:
    from pathlib import Path

    from curate.audit.report import PairSet


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("pairs"), 90).root.parent


def audited(made: Path, source: Path, match: str, render: str = "json") -> PairSet:
    """What the report says of *source*, matched as the option says."""
    assert call(["audit", str(made / "run"), "--pairs", str(source), "--match", match, "--render", render, "-q"]) == 0
    held = told(made / "run").pairs
    assert held is not None
    return held


def lines(path: Path, held: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in held), encoding="utf-8")
    return path


def twins(path: Path, words: tuple[str, str] = ("short", "rather much longer")) -> Path:
    """Forty pairs of texts of one meaning; those of the second group have more letters."""
    rows = [
        {
            "pair": pair,
            "group": side,
            "instruction": f"Which {pair}?",
            "output": f"This {words[side == 'long']} {pair}.",
        }
        for pair in range(40)
        for side in ("brief", "long")
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_pairs_are_scored_as_the_run_scores_its_own_and_the_score_that_parts_them_is_named(made: Path) -> None:
    before = sorted(str(path) for path in (made / "run" / "scores").rglob("*"))

    assert call(["audit", str(made / "run"), "--pairs", str(twins(made / "twins.jsonl")), "-q"]) == 0

    held = told(made / "run").pairs
    assert held is not None
    line = held.pairs[0]
    assert (held.texts, held.unranked, held.left_out, line.pairs) == (80, 0, (), 40)
    harder = line.first if line.verdict == "higher" else line.second
    assert harder == "long"
    assert sum(line.causes.values()) == pytest.approx(line.gap)
    assert max(line.causes, key=lambda name: abs(line.causes[name])) == "letters.letters"
    assert any(each.kind == "pairs" and "of --pairs" in each.says for each in told(made / "run").findings)
    assert sorted(str(path) for path in (made / "run" / "scores").rglob("*")) == before


def test_pairs_that_differ_in_nothing_that_is_scored_are_no_finding(made: Path) -> None:
    same = twins(made / "same.jsonl", ("cold", "warm"))

    assert call(["audit", str(made / "run"), "--pairs", str(same), "-q"]) == 0

    held = told(made / "run").pairs
    assert held is not None
    assert (held.pairs[0].gap, held.pairs[0].harder, held.pairs[0].easier) == (0.0, 0, 0)


def test_pairs_without_their_columns_are_refused_with_a_hint(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = write_source(made / "plain.jsonl", 5)

    assert call(["audit", str(made / "run"), "--pairs", str(plain), "-q"]) == 2

    assert "matched by 'group', a column that no row has" in capsys.readouterr().err


# --- as sets hold them ---


def letters(text: object) -> float:
    """The length of a text as the run of these tests ranks it: nothing is longer than its longest answer."""
    own = [len(str(row["output"])) for row in rows(90)]
    return float(np.clip(len(str(text)), min(own), max(own)))


def signs(first: list[object], second: list[object]) -> tuple[int, int]:
    """How often the first text is longer, and how often the second is."""
    gap = np.array([letters(one) - letters(other) for one, other in zip(first, second, strict=True)])
    return int((gap > 0).sum()), int((gap < 0).sum())


@pytest.mark.real
def test_crows_pairs_are_two_columns_of_a_row(made: Path, real: Path) -> None:
    source = real / "crows_pairs" / "crows_pairs.jsonl"
    held = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]

    found = audited(made, source, "texts=sent_more+sent_less")

    assert (found.texts, found.alone, found.unread, found.pairs[0].pairs) == (3016, 0, 0, 1508)
    assert (found.pairs[0].first, found.pairs[0].second) == ("sent_less", "sent_more")
    assert (found.pairs[0].harder, found.pairs[0].easier) == signs(
        [each["sent_less"] for each in held], [each["sent_more"] for each in held]
    )


@pytest.mark.real
def test_winobias_is_matched_by_the_places_of_its_rows(made: Path, real: Path) -> None:
    source = real / "winobias" / "winobias.jsonl"
    held = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    held.sort(key=lambda each: (each["type"], each["split"]))
    pro, anti = ([each["text"] for each in held if each["stereotype"] == side] for side in ("pro", "anti"))

    found = audited(made, source, "group=stereotype,aligned=type+split")

    assert (found.texts, found.alone, found.unread, found.pairs[0].pairs) == (3168, 0, 0, 1584)
    assert (found.pairs[0].first, found.pairs[0].second) == ("anti", "pro")
    assert (found.pairs[0].harder, found.pairs[0].easier) == signs(anti, pro)


def test_files_whose_lines_go_together_are_pairs_by_their_names(made: Path) -> None:
    folder = made / "parallel"
    folder.mkdir()
    for name, more in (("plain", ""), ("dialect", " innit")):
        texts = [{"text": f"We went to town number {each}{more}"} for each in range(20)]
        lines(folder / f"{name}.jsonl", texts)

    found = audited(made, folder, "group=source,aligned=")

    sides = (found.pairs[0].first, found.pairs[0].second)
    assert [side.rpartition("/")[2] for side in sides] == ["dialect.jsonl", "plain.jsonl"]
    assert (found.pairs[0].pairs, found.pairs[0].harder, found.pairs[0].verdict) == (20, 20, "higher")


def test_a_text_of_several_pairs_counts_in_each(made: Path) -> None:
    held: list[dict[str, Any]] = [
        {"a": "One and the same sentence.", "b": "A sentence " * (each + 2)} for each in range(12)
    ]

    found = audited(made, lines(made / "same.jsonl", held), "texts=a+b")

    assert (found.texts, found.pairs[0].pairs) == (24, 12)


def test_texts_without_a_partner_and_rows_without_a_text_are_counted(made: Path) -> None:
    held: list[dict[str, Any]] = [
        {"a": f"This is sentence {each}.", "b": f"That is sentence {each}."} for each in range(12)
    ]
    held += [{"a": "Nothing beside it.", "b": None}]

    found = audited(made, lines(made / "holes.jsonl", held), "texts=a+b", "html")

    assert (found.texts, found.alone, found.unread, found.pairs[0].pairs) == (25, 1, 1, 12)
    assert "1 of them have no partner" in (made / "run" / "audit" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("side", "more"), [("a", [{"side": "b", "text": "one too many"}]), ("a", [{"side": "b"}])])
def test_places_that_do_not_match_are_refused(
    made: Path, capsys: pytest.CaptureFixture[str], side: str, more: list[dict[str, Any]]
) -> None:
    held = [{"side": each, "text": f"Sentence {number} {each}."} for number in range(10) for each in (side, "b")]
    source = lines(made / "odd.jsonl", [*held, *more])

    assert call(["audit", str(made / "run"), "--pairs", str(source), "--match", "group=side,aligned=", "-q"]) == 2

    assert "cannot be matched by their places: there are 10 of a, 1" in capsys.readouterr().err


@pytest.mark.parametrize("match", ["texts=a", "texts=a+b,pair=c", "group=a,pair=b,aligned=c", "tests=a+b", "texts"])
def test_what_cannot_be_meant_is_refused(made: Path, match: str) -> None:
    source = lines(made / "two.jsonl", [{"a": "one", "b": "two"}])

    assert call(["audit", str(made / "run"), "--pairs", str(source), "--match", match, "-q"]) == 2


def test_how_pairs_go_together_stands_in_the_recipe_and_is_read_again() -> None:
    told = check({"pairs": [{"path": "a.jsonl", "texts": ["x", "y"]}, "b.jsonl"]}, "a test's recipe")

    import tomllib

    assert check(tomllib.loads(dump(told).decode()), "again") == told
    with pytest.raises(SettingsError, match="leave prompt out of its map"):
        check({"pairs": [{"path": "a", "texts": ["x", "y"], "map": {"prompt": "q", "completion": "x"}}]}, "a recipe")


def test_from_python_the_same_words_are_used(made: Path) -> None:
    held: list[dict[str, Any]] = [
        {"a": f"This is sentence {each}.", "b": f"That was a sentence {each}."} for each in range(12)
    ]
    source = lines(made / "python.jsonl", held)

    report = Run(made / "run").audit(pairs=[source], match={"texts": ["a", "b"]})

    assert report.pairs is not None
    assert (report.pairs.pairs[0].first, report.pairs.pairs[0].harder) == ("a", 0)
