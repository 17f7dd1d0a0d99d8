"""At a terminal: bars while it works, silence when piped, a clean end on Ctrl-C, and paths of every kind."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from curate.cli.bars import Seen
from curate.cli.main import call
from curate.core import pulse
from curate.engines.local import LocalEngine
from curate.protocol import Done, Part
from curate.store.stamps import stamp
from curate.store.work import Work
from tests.pipeline_runs import hears_ctrl_c, tree, write_source

if TYPE_CHECKING:
    from pathlib import Path

CURATE = [sys.executable, "-m", "curate"]
SLOW = '''
import time
import numpy as np
from curate import Rising, ScoreField, Scorer, Scores

class Slow(Scorer):
    """Takes its time."""
    name, version, about, source = "slow", "1", "how long a text is, slowly", "none"
    needs = ("full_view",)
    gives = (ScoreField(name="letters", rising=Rising.HARDER, unit="letters", about="letters", headline=True),)

    def score(self, batch):
        time.sleep(0.3)
        return Scores({"letters": np.array([len(text) for text in batch["full_view"].to_pylist()], np.float32)})
'''
RECIPE = 'sources = ["lessons.jsonl"]\npart_rows = 10\n[score]\nscorers = ["slow:Slow"]\n'


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A folder with rows, a scorer that takes its time, and a recipe of many small parts."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "slow.toml").write_text(RECIPE)
    write_source(tmp_path / "lessons.jsonl")
    return tmp_path


def at_terminal(folder: Path, arguments: list[str], **environment: str) -> tuple[str, str]:
    """What a command prints to stdout, and what it draws on a terminal."""
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [*CURATE, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment},
    )
    os.close(theirs)
    drawn = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    os.close(ours)
    out, _ = command.communicate(timeout=60)
    assert command.returncode == 0, drawn.decode()
    return out, drawn.decode()


# --- bars ---


def test_a_bar_tells_rows_parts_and_tokens_a_second() -> None:
    seen = Seen(since=100.0)
    for report in (
        (0, 3, "parts"),
        (0, 60, "rows"),
        (0, None, "tokens"),
        (900, None, "tokens"),
        (20, 60, "rows"),
        (1, 3, "parts"),
    ):
        seen.hear(*report)

    assert seen.told(now=103.0) == "1/3 parts · 20/60 rows · 300 tokens/s"
    assert seen.length == (20, 60)


def test_a_bar_without_tokens_tells_rows_a_second_and_one_part_is_not_worth_a_word() -> None:
    seen = Seen(since=0.0)
    for report in ((0, 1, "parts"), (0, 60, "rows"), (30, 60, "rows")):
        seen.hear(*report)

    assert seen.told(now=0.5) == "30/60 rows"
    assert seen.told(now=10.0) == "30/60 rows · 3 rows/s"


def test_work_of_one_piece_is_a_bar_without_figures_until_something_can_be_counted() -> None:
    seen = Seen(since=0.0)
    seen.hear(0, None, "step")

    assert (seen.told(now=9.0), seen.length) == ("", (0, None))

    seen.hear(1, 4, "tables")

    assert (seen.told(now=9.0), seen.length) == ("1/4 tables", (1, 4))


def test_what_goes_through_a_model_is_heard_within_a_part() -> None:
    class Model:
        """A job whose parts go through a model in four batches of seven tokens."""

        name = "model"

        def open(self) -> None:
            """Nothing to load."""

        def run(self, part: Part) -> Done:
            for batch in range(4):
                pulse.beat(7, batch + 1, 4)
            return Done(part.index, part.rows)

    heard: list[tuple[int, int | None, str]] = []

    def hear(step: str, done: int, total: int | None, unit: str) -> None:
        assert step == "lm"
        heard.append((done, total, unit))

    parts = [Part(0, 8), Part(1, 4)]
    work = Work(stamp({}), LocalEngine(), progress=hear)

    assert [done.index for done in work.each(Model(), parts, parts, "lm")] == [0, 1]

    assert [done for done, _, unit in heard if unit == "rows"] == [0, 2, 4, 6, 8, 8, 9, 10, 11, 12, 12]
    assert [done for done, _, unit in heard if unit == "tokens"] == [7, 14, 21, 28, 35, 42, 49, 56]
    assert {total for _, total, unit in heard if unit == "rows"} == {12}


@pytest.mark.slow
@pytest.mark.model
def test_a_terminal_sees_bars_and_a_pipe_sees_none(slow: Path) -> None:
    arguments = ["score", "--recipe", "slow.toml", "-o"]

    out, drawn = at_terminal(slow, [*arguments, "run"])
    _, quiet = at_terminal(slow, [*arguments, "quiet", "-q", "--limit", "10"])
    piped = subprocess.run(
        [*CURATE, *arguments, "piped", "--limit", "10"], cwd=slow, capture_output=True, text=True, check=True
    )

    assert re.search(r"slow .*[1-6]/7 parts · \d+/60 rows", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn))
    assert "\x1b" not in out
    assert quiet == ""
    assert piped.stderr == "next: curate tier piped\n"


@pytest.mark.slow
@pytest.mark.model
def test_no_color_draws_without_colour(slow: Path) -> None:
    arguments = ["score", "--recipe", "slow.toml", "-o", "run", "--limit", "30"]

    _, coloured = at_terminal(slow, arguments)
    _, plain = at_terminal(slow, [*arguments, "--seed", "1", "--limit", "31"], NO_COLOR="1")

    assert re.search(r"\x1b\[[0-9;]*m", coloured)
    assert not re.search(r"\x1b\[[0-9;]+m", plain)


# --- Ctrl-C ---


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_cleanly_says_how_to_go_on_and_loses_nothing(slow: Path, workers: str) -> None:
    arguments = ["score", "--recipe", "slow.toml", "-o", "a run", "--workers", workers]
    running = subprocess.Popen(
        [*CURATE, *arguments],
        cwd=slow,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hears_ctrl_c,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list((slow / "a run").glob("scores/*/part-*.parquet"))) < 2:
        time.sleep(0.05)
    finished = {path: path.stat().st_mtime_ns for path in (slow / "a run").glob("scores/*/part-*.parquet")}

    os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to all processes of the command
    out, err = running.communicate(timeout=20)

    assert running.returncode == 130
    assert out == ""
    assert err.lstrip("\n") == (
        "interrupted; what is finished is kept, and the same command goes on from there:\n"
        f"  curate {shlex.join(arguments)}\n"
    )
    assert len(finished) >= 2
    subprocess.run([*CURATE, *arguments, "-q"], cwd=slow, check=True, capture_output=True)
    subprocess.run([*CURATE, *arguments[:4], "whole", "-q"], cwd=slow, check=True, capture_output=True)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert tree(slow / "a run") == tree(slow / "whole")


# --- shell ---


def test_completion_knows_commands_and_options() -> None:
    def complete(words: str, place: int) -> list[str]:
        done = subprocess.run(
            CURATE,
            env={**os.environ, "_CURATE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)},
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.split(",")[1] for line in done.stdout.split()]

    assert complete("curate ti", 1) == ["tier"]
    assert complete("curate tier --holdout-", 2) == ["--holdout-domain"]
    assert "zigzag" in complete("curate tier --policy ", 3)


@pytest.mark.model
def test_paths_may_hold_spaces_and_any_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meine Übungen").mkdir()
    source = write_source(tmp_path / "meine Übungen" / "Lektion 1 日本.jsonl").relative_to(tmp_path)
    run = "läufe/erster lauf"

    assert call(["score", str(source), "-o", run, "--scorers", "length"]) == 0
    assert capsys.readouterr().err == f"next: curate tier '{run}'\n"
    assert call(["tier", run, "--stages", "3", "--skills", "column:skill"]) == 0
    assert capsys.readouterr().err.endswith(f"next: curate audit '{run}'\n")
    for arguments in (["audit", run], ["verify", run], ["show", run], ["status", run], ["explain", run, f"{source}:1"]):
        assert call(arguments) == 0
    assert call(["tier", run, "--stages", "4", "--dry-run"]) == 0
    assert (tmp_path / run / "audit" / "report.html").is_file()
