"""Control tokens, secrets and personal data: what is one, what only looks like one, and that nobody is asked."""

from __future__ import annotations

import gzip
import json
import socket
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.audit import marks
from curate.audit.step import Settings, run
from tests.audit_runs import WORK, Rows, write

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {
    "AWS Access Key": "AKIAIQ3ZC7XJ2L5TRWMB",
    "GitHub Token": "ghp_" + "a1B2" * 9,
    "Slack Token": "xoxb-123456789012-123456789012-abcdefghijklmnopqrstuvwx",
    "OpenAI Token": "sk-proj-" + "q8Z" * 7 + "T3BlbkFJ" + "b7Y2" * 5,
    "Private Key": "-----BEGIN RSA PRIVATE KEY-----",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123",
    "Hugging Face Token": "hf_" + "a1" * 17,
    "Google API Key": "AIza" + "Sy7" * 11 + "Q9",
}


def held(text: str, language: str | None = "en") -> list[str]:
    found = marks.find(np.array([0]), pa.array([text]), [language])
    return [name for name, rows in found.rows.items() if len(rows)]


@pytest.mark.parametrize("kind", SECRETS)
def test_keys_of_fixed_form_are_secrets(kind: str) -> None:
    assert kind in marks.secrets(f"the key is {SECRETS[kind]} and so on")
    assert held(f"the key is {SECRETS[kind]} and so on") == ["keys and secrets"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a <|im_end|> b", "control tokens"),
        ("<start_of_turn>user", "control tokens"),
        ("write to jo.smith+news@mail.uni-bonn.de today", "e-mail addresses"),
        ("call +49 30 901820 at noon", "telephone numbers"),
        ("call (212) 736-5000 at noon", "telephone numbers"),
        ("pay with 4111 1111 1111 1111", "cards and bank accounts"),
        ("to DE89 3704 0044 0532 0130 00", "cards and bank accounts"),
    ],
)
def test_marks_are_found(text: str, name: str) -> None:
    assert held(text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > a, [INST is no token",
        "write to me@example.org",
        "name@localhost and a@b",
        "pi is 3.14159265358979 and 2 ** 64 is 18446744073709551616",
        "4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00",
        "from 1914-1918, pages 123-456, version 1.22.333",
        "https://example.org/a/very/long/path/that/holds/no/secret/at/all.html",
        "",
    ],
)
def test_what_only_looks_like_a_mark_is_none(text: str) -> None:
    assert held(text) == []


def test_numbers_without_a_country_are_looked_for_where_the_language_is_spoken() -> None:
    assert held("call (212) 736-5000", "de") == []
    assert held("call (212) 736-5000", None) == ["telephone numbers"]


def test_rows_are_counted_once() -> None:
    told = pa.array(["<|im_end|> <|im_end|>", "a@uni-bonn.de", "b@uni-bonn.de", "<|im_end|>"])

    found = marks.find(np.array([4, 4, 4, 7]), told, ["en"] * 8)

    assert found.rows["control tokens"].tolist() == [4, 7]
    assert found.rows["e-mail addresses"].tolist() == [4]


def test_the_report_names_rows_and_types_and_shows_no_secret(tmp_path: Path) -> None:
    texts = [f"answer {row}" for row in range(60)]
    texts[7] = f"use {SECRETS['AWS Access Key']}"
    rows = Rows(60, texts=texts)
    space = write(tmp_path, rows)

    report = run(space, Settings(render=("html", "md")), WORK)

    found = next(each for each in report.findings if "secrets" in each.says)
    assert found.severity == "error"
    assert "AWS Access Key: 1" in found.says
    assert [each.id for each in found.examples] == [rows.ids[7]]
    for name in ("json", "html", "md"):
        assert SECRETS["AWS Access Key"].encode() not in space.read_bytes(f"audit/report.{name}")


def test_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    for text in (*SECRETS.values(), "a@uni-bonn.de", "+49 30 901820", "4111 1111 1111 1111"):
        assert held(text) != []


@pytest.mark.real
@pytest.mark.parametrize(("folder", "file"), [("gsm8k", "gsm8k_train.jsonl.gz"), ("math_levels", "math.jsonl.gz")])
def test_mathematics_holds_no_personal_data(real: Path, folder: str, file: str) -> None:
    with gzip.open(real / folder / file, "rt", encoding="utf-8") as lines:
        told = [" ".join(str(value) for value in json.loads(line).values()) for line in lines]

    found = marks.find(np.arange(len(told)), pa.array(told), ["en"] * len(told))

    assert {name: len(rows) for name, rows in found.rows.items() if len(rows)} == {}
