"""Scorers are found by entry point or as module:Class, and whatever cannot be used says why."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from curate import plugins
from curate.errors import SettingsError
from curate.plugins import available, check_settings, load
from curate.testing import CountingScorer, FailingScorer
from curate.testing.fakes import FailingSettings

if TYPE_CHECKING:
    from pathlib import Path

PRINT_HEAVY = (
    "import sys; from curate import plugins; plugins.available(); "
    "print([name for name in ('torch', 'scorers', 'wordfreq', 'curate.models', 'curate.store') if name in sys.modules])"
)


def offer(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str, str]) -> None:
    """Let these (name, target, distribution) be all that is installed."""
    made = []
    for name, target, distribution in points:
        point = EntryPoint(name, target, plugins.GROUP)
        vars(point)["dist"] = SimpleNamespace(name=distribution)
        made.append(point)
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(made).select(group=group))
    monkeypatch.setattr(plugins, "_offered", plugins.available)


def test_our_own_scorers_come_in_by_their_entry_points() -> None:
    entry = available()["length"]

    assert (entry.target, entry.distribution) == ("scorers.length:Length", "curate-curriculum")
    assert load("length").name == "length"


def test_every_scorer_that_we_offer_can_be_loaded() -> None:
    assert {name: load(name).name for name in available()} == {name: name for name in available()}


def test_looking_what_is_installed_imports_no_scorer() -> None:
    done = subprocess.run([sys.executable, "-c", PRINT_HEAVY], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_class_is_found_by_its_module() -> None:
    assert load("curate.testing:CountingScorer") is CountingScorer


def test_a_module_in_the_folder_we_start_in_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from curate.testing import CountingScorer\nclass Mine(CountingScorer):\n    name = 'mine'\n"
    (tmp_path / "a_scorer_of_mine.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    assert load("a_scorer_of_mine:Mine").name == "mine"


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match="did you mean 'length'"):
        load("lenght")


def test_two_distributions_may_not_offer_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, ("length", "scorers.length:Length", "ours"), ("length", "other:Length", "theirs"))

    with pytest.raises(SettingsError, match=r"ours \(scorers.length:Length\) and theirs \(other:Length\)"):
        available()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("curate.testing:make_examples", "does not inherit from curate.Scorer"),
        ("curate.protocol:Frozen", "does not inherit from curate.Scorer"),
        ("curate.protocol:Scorer", "has no method `score`"),
        ("curate.testing:CountingScore", "did you mean 'CountingScorer'"),
        ("no_such_module:Mine", "cannot be imported: No module named 'no_such_module'"),
        ("curate.no_such_module:Mine", "No module named 'curate.no_such_module'"),
        (":Mine", "a nameless module cannot be imported"),
        ("tests_of_nothing.py:", "cannot be imported"),
    ],
)
def test_what_is_no_scorer_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load(name)


def test_a_scorer_without_declarations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from curate import Scorer\nclass Bare(Scorer):\n    name = 'bare'\n    def score(self, batch): ...\n"
    (tmp_path / "a_bare_scorer.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(SettingsError, match="does not declare version, about, source, needs, gives"):
        load("a_bare_scorer:Bare")


def test_an_entry_point_whose_module_is_gone_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, ("gone", "gone_away:Scorer", "theirs"))

    with pytest.raises(SettingsError, match="'gone': gone_away cannot be imported"):
        load("gone")


def test_settings_are_checked_against_the_scorer() -> None:
    assert check_settings("mine", FailingScorer, {"word": "no"}) == FailingSettings(word="no")


@pytest.mark.parametrize(
    ("given", "complaint"), [({"wrd": "no"}, "did you mean 'word'"), ({"word": 3}, "word is 3: input should be")]
)
def test_a_setting_that_does_not_hold_is_named(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        check_settings("mine", FailingScorer, given)
