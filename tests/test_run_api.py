"""From Python: each command is a method, typed, documented by examples that run, and free to import."""

from __future__ import annotations

import doctest
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import curate
from curate import run as run_module
from curate.cli import typed
from curate.cli.main import COMMANDS, call, group
from curate.errors import GateError, SettingsError, StaleError
from curate.run import Run
from tests.pipeline_runs import recipe, tree, write_source
from tests.user import program

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]

SHELL = {"run", "output", "quiet", "verbose", "as_json", "dry_run", "kind", "recipe_path"} | set(
    inspect.signature(Run).parameters
)
"""What is not a keyword: the folder, what is printed, and what `Run` is made with (``kind`` is its engine)."""

CALLED = {"run": "build"}
"""Methods that are not called as their command."""

NAMED = {
    "score": {"mapping": "columns", "report": "agreement"},
    "export": {"targets": "targets", "check": "check_order"},
    "train": {"anew": "restart"},
    "ablate": {"anew": "restart"},
    "explain": {"row": "row"},
    "show": {"most": "rows"},
    "diff": {"most": "moved"},
}
"""Options that are keywords, methods or fields of another name."""


def test_import_loads_nothing_but_itself() -> None:
    code = (
        "import sys, json; before = set(sys.modules); import curate; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )

    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    loaded = json.loads(done.stdout)
    assert [name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names] == ["curate"]
    assert not {"asyncio", "inspect", "dataclasses", "subprocess"} & set(loaded)


def test_about_a_dozen_names_are_public_and_every_one_is_there() -> None:
    assert len(curate.__all__) <= 14
    assert [name for name in curate.__all__ if getattr(curate, name, None) is None] == []
    assert [name for name in curate.__all__ if not inspect.getdoc(getattr(curate, name))] == []


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = curate.nothing


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "scorers"])
def test_every_command_is_a_method_and_every_option_a_keyword(command: str) -> None:
    method: Callable[..., object] = getattr(Run, CALLED.get(command, command))
    found = group.get_command(click.Context(group), command)
    assert found is not None
    keywords = set(inspect.signature(method).parameters)
    if command in typed.TABLES:
        keywords |= set(typed.options(command))
    renamed = NAMED.get(command, {})

    options = {renamed.get(option.name or "", option.name or "") for option in found.params} - SHELL

    assert {name for name in options - keywords if not hasattr(Run, name)} <= {"moved", "recipe", "other"}


@pytest.mark.model
def test_the_calls_write_the_same_bytes_as_the_commands(tmp_path: Path) -> None:
    source = write_source(tmp_path / "lessons.jsonl")
    by_hand, by_call = tmp_path / "hand", tmp_path / "call"
    assert call(["score", str(source), "-o", str(by_hand), "--scorers", "length,structure", "-q"]) == 0
    assert call(["tier", str(by_hand), "--stages", "3", "--skills", "column:skill", "--seed", "3", "-q"]) == 0
    assert call(["audit", str(by_hand), "--by", "author", "-q"]) == 0

    run = Run(by_call)
    run.score([source], scorers=["length", "structure"])
    planned = run.plan(stages=3, skills="column:skill", seed=3)
    plan = run.tier(stages=3, skills="column:skill", seed=3)
    run.audit(by=["author"])

    assert planned == plan
    assert tree(by_call) == tree(by_hand)
    assert set(run.status().values()) == {None}
    assert run.diff(Run(by_hand)).moved == ()


@pytest.mark.model
def test_a_recipe_is_built_and_its_gate_holds(tmp_path: Path) -> None:
    source = write_source(tmp_path / "lessons.jsonl")
    run = Run(tmp_path / "run")

    report = run.build(recipe(source))

    assert report.findings
    with pytest.raises(GateError, match="the audit has findings"):
        run.audit(fail_on="warning")
    assert run.mine().kinds
    assert run.agreement().headlines
    assert run.estimate(limit=10).rows == 10
    assert list(run.export(["trl"])) == ["trl"]
    run.change({"pace": {"review": 0.3}})
    with pytest.raises(StaleError, match="curate tier"):
        run.audit()


@pytest.mark.model
def test_what_cannot_be_is_said_with_a_fix(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    with pytest.raises(SettingsError, match="is no run folder"):
        run.status()
    with pytest.raises(SettingsError, match="no source is named"):
        run.score()
    run.score([write_source(tmp_path / "lessons.jsonl")], scorers=["length"])
    with pytest.raises(SettingsError, match=r"no option 'stagse'\n  fix: did you mean 'stages'"):
        run.tier(stagse=3)  # type: ignore[call-arg]


@pytest.mark.model
def test_that_program_runs(tmp_path: Path) -> None:
    rows = [{"q": f"What is {n} plus {n}?", "a": f"It is {2 * n}. " + "Indeed. " * (n % 7)} for n in range(60)]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = program.main(str(source), tmp_path / "run")

    assert said[:5] == ["length", "structure", "stage-00", "stage-01", "stage-02"]


@pytest.mark.model
def test_the_examples_of_the_reference_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "examples" / "data")
    monkeypatch.chdir(tmp_path)

    found = doctest.DocTestFinder(exclude_empty=True).find(run_module, "curate.run")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed = sum(
        runner.run(each, clear_globs=False).failed for each in sorted(found, key=lambda each: each.lineno or 0)
    )

    assert failed == 0
    assert runner.tries > 8
