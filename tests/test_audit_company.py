"""Identity terms, the company they keep, matched pairs, and the real sets whose answers are known."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.audit import association, identity, scatter, texts
from curate.audit.step import Settings, run
from tests.audit_runs import WORK, Rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from curate.audit.report import AuditReport


def audit(root: Path, rows: Rows, **settings: object) -> AuditReport:
    return run(write(root, rows), Settings.model_validate({"render": [], **settings}), WORK)


def clinging(report: AuditReport) -> dict[tuple[str, str], float]:
    return {(each.value, each.word): each.odds_ratio for each in report.associations if each.verdict == "over"}


def test_words_are_found_whole_and_in_any_case() -> None:
    terms = texts.Terms(("she", "nurse", "wheelchair user", "\u5973\u6027"))
    told = pa.array(
        ["SHE is a nurse; she is.", "ashes, nurses", "A Wheelchair user", "\u5973\u6027\u7684\u4e66", None, ""]
    )

    row, term = texts.find(np.arange(6), told, terms)

    assert list(zip(row.tolist(), term.tolist(), strict=True)) == [(0, 0), (0, 1), (2, 2), (3, 3)]


def test_words_end_where_a_letter_a_mark_a_number_or_an_apostrophe_does_not_follow() -> None:
    terms = texts.Terms(("she", "nurse", "\u00fcber"))
    told = pa.array(
        [
            "\u201cShe\u2019s\u201d a\u00a0nurse\u2014\u00dcber\U0001f600",  # typographic quotes, spaces, dashes
            "she's, nurse\u0301, she1, \u00fcbernurse",  # longer words, one by a combining accent
            "",
            "\u3000she\u3000",
        ]
    )

    row, term = texts.find(np.arange(4), told, terms)

    assert list(zip(row.tolist(), term.tolist(), strict=True)) == [(0, 0), (0, 1), (0, 2), (3, 0)]


def test_every_turn_of_a_chat_is_read() -> None:
    table = pa.table(
        {
            "messages": pa.array([[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}], None]),
            "prompt": pa.array([None, "three"]),
            "completion": pa.array([None, "four"]),
            "text": pa.nulls(2, pa.string()),
        }
    )

    row, text = texts.pieces(table)

    held = sorted(zip(row.tolist(), text.to_pylist(), strict=True))
    assert held == [
        (0, "one"),
        (0, "two"),
        (1, "four"),
        (1, "three"),
    ]


def test_an_excerpt_shows_the_word_and_its_surroundings() -> None:
    told = ["none here", "a " * 200 + "Nurse" + " b" * 200]

    assert texts.excerpt(told, "nurse", width=10) == "\u2026a a Nurse b b\u2026"


def test_log_odds_by_hand() -> None:
    # 30 of 100 against 10 of 100, prior 100 rows with 20 %: odds (50 / 150) / (30 / 170)
    delta, error = association.log_odds(np.array([30]), 100, np.array([10]), 100, np.array([0.2]))

    assert np.isclose(np.exp(delta[0]), (50 / 150) / (30 / 170))
    assert np.isclose(error[0], np.sqrt(1 / 50 + 1 / 150 + 1 / 30 + 1 / 170))


def test_a_word_of_every_row_has_no_odds_worth_telling() -> None:
    with np.errstate(all="raise"):
        delta, error = association.log_odds(np.array([40]), 40, np.array([60]), 60, np.array([1.0]))

    assert np.isfinite([*delta, *error]).all()
    assert abs(delta / error)[0] < 0.01


def test_npmi_runs_from_never_to_always_together() -> None:
    held = association.npmi(np.array([10, 0, 1]), 10, np.array([10, 5, 10]), 100)

    assert np.allclose(held, [1, -1, 0])


def test_the_users_terms_join_ours() -> None:
    terms, lexicon = identity.vocabulary({"gender": {"female": ("Frau",)}, "region": {"north": ("Hamburg",)}})

    assert "frau" in lexicon["gender"]["female"]
    assert "she" in lexicon["gender"]["female"]
    assert lexicon["region"] == {"north": ["hamburg"]}
    assert not identity.ours_alone({"gender": {"female": ("Frau",)}}, terms)[terms.words.index("frau")]


def test_our_terms_are_not_looked_for_in_other_languages(tmp_path: Path) -> None:
    rows = Rows(200, texts=["man sagt, die Frau"] * 200, language=["de"] * 100 + ["en"] * 50 + [None] * 50)

    report = audit(tmp_path, rows, lexicon={"gender": {"female": ["frau"]}})

    held = next(each for each in report.groupings if each.column == "mentioned gender")
    assert held.values == {"female": 200, "male": 100}


def test_company_that_is_planted_is_found_with_examples(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    woman = chance.random(2000) < 0.5
    nurse = chance.random(2000) < np.where(woman, 0.24, 0.06)
    doctor = chance.random(2000) < 0.15
    told = [
        f"{'She' if her else 'He'} went home{' as a nurse' if one else ''}{' as a doctor' if other else ''}."
        for her, one, other in zip(woman, nurse, doctor, strict=True)
    ]

    report = audit(tmp_path, Rows(2000, texts=told))

    assert clinging(report).keys() == {("female", "nurse")}
    found = next(each for each in report.associations if each.word == "nurse" and each.value == "female")
    assert found.rows == int((woman & nurse).sum())
    assert all(each.text and "nurse" in each.text and "She" in each.text for each in found.examples)
    assert [(each.kind, each.value) for each in report.findings] == [("association", "female")]


def test_copies_make_no_company(tmp_path: Path) -> None:
    told = ["She is a nurse."] * 200 + [f"He is here {row}." for row in range(200)]

    report = audit(
        tmp_path, Rows(400, texts=told, columns={"thread": [max(row, 199) for row in range(400)]}), unit="thread"
    )

    assert report.associations == ()


def test_the_side_of_matched_pairs_that_is_ranked_harder_is_named(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    base = chance.uniform(0.1, 0.8, 150)
    difficulty = np.concatenate([base, base + 0.02 + chance.normal(0, 0.02, 150)])
    columns = {"pair": [*range(150), *range(150)], "dialect": ["standard"] * 150 + ["other"] * 150}

    report = audit(tmp_path, Rows(300, difficulty=difficulty, columns=columns), by=["dialect"], unit="pair")

    pair = next(each for each in report.groupings if each.column == "dialect").pairs[0]
    found = next(each for each in report.findings if each.kind == "pairs")
    assert (pair.first, pair.second, pair.pairs) == ("other", "standard", 150)
    assert pair.gap == pytest.approx((difficulty[150:] - difficulty[:150]).mean(), abs=1e-6)
    assert pair.verdict == "higher"
    assert found.value == "other"


def test_matched_pairs_that_fare_alike_are_no_finding(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    base = chance.uniform(0.1, 0.8, 150)
    difficulty = np.concatenate([base, base + chance.normal(0, 0.02, 150)])
    columns = {"pair": [*range(150), *range(150)], "dialect": ["standard"] * 150 + ["other"] * 150}

    report = audit(tmp_path, Rows(300, difficulty=difficulty, columns=columns), by=["dialect"], unit="pair")

    assert [each for each in report.findings if each.column == "dialect"] == []


def test_the_map_keeps_the_two_widest_directions() -> None:
    vectors = np.random.default_rng(4).normal(size=(500, 5)).astype(np.float32) * np.array(
        [9, 0.1, 4, 0.1, 0.1], np.float32
    )

    places, kept = scatter.project(vectors)

    assert abs(np.corrcoef(places[:, 0], vectors[:, 0])[0, 1]) > 0.999
    assert abs(np.corrcoef(places[:, 1], vectors[:, 2])[0, 1]) > 0.999
    assert kept > 0.99


# --- real sets ---


@pytest.mark.real
def test_the_shares_of_bold_are_reproduced_exactly(tmp_path: Path, real: Path) -> None:
    with gzip.open(real / "bold_prompts" / "bold.jsonl.gz", "rt", encoding="utf-8") as lines:
        bold = [json.loads(line) for line in lines]
    columns = {name: [row[name] for row in bold] for name in ("domain", "group")}

    report = audit(tmp_path, Rows(len(bold), columns=columns, part_rows=4096), by=["domain", "group"])

    domain = next(each for each in report.groupings if each.column == "domain")
    assert domain.values == dict(Counter(columns["domain"]).most_common())
    for each in domain.shares:
        if each.place.scope == "corpus":
            assert each.share == columns["domain"].count(each.value) / len(bold)
    group = next(each for each in report.groupings if each.column == "group").values
    assert (group["American_actors"], group["American_actresses"]) == (2048, 1156)
    assert [group[f"{name}_Americans"] for name in ("European", "African", "Asian")] == [4839, 1854, 861]
    assert [each for each in report.findings if each.kind == "balance"] == []


def winobias(real: Path) -> list[dict[str, str]]:
    with (real / "winobias" / "winobias.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def linked(row: dict[str, str]) -> str:
    """The person and the pronoun that refers to it, as the brackets of WinoBias mark them."""
    return " ".join(re.findall(r"\[(.*?)\]", row["text"])).lower()


@pytest.mark.real
def test_winobias_as_it_is_reads_as_balanced(tmp_path: Path, real: Path) -> None:
    rows = winobias(real)
    columns = {"stereotype": [row["stereotype"] for row in rows]}
    even = {"stereotype": {"expect": "uniform"}}

    report = audit(tmp_path, Rows(len(rows), texts=[linked(row) for row in rows], columns=columns), groups=even)

    assert clinging(report) == {}
    assert [each for each in report.findings if each.column == "stereotype"] == []


@pytest.mark.real
def test_an_80_20_sample_of_winobias_is_flagged(tmp_path: Path, real: Path) -> None:
    rows = winobias(real)
    chance = np.random.default_rng(5)
    kept = [row for row in rows if row["stereotype"] == "pro" or chance.random() < 0.25]
    columns = {"stereotype": [row["stereotype"] for row in kept]}
    even = {"stereotype": {"expect": "uniform"}}

    report = audit(tmp_path, Rows(len(kept), texts=[linked(row) for row in kept], columns=columns), groups=even)

    occupations = {
        side: (real / "winobias" / f"{side}_occupations.txt").read_text(encoding="utf-8").lower().split("\n")
        for side in ("male", "female")
    }
    found = clinging(report)
    assert len(found) > 20
    assert all(word in occupations[side] for side, word in found)
    graded = {(each.value, each.severity) for each in report.findings if each.column == "stereotype"}
    assert graded == {("pro", "warning"), ("anti", "error")}
