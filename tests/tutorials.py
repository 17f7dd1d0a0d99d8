"""Runs the blocks of a tutorial: what a reader would type, and whether it says what the page says.

A block of `console` holds commands after `$` and below each what it prints, where `...` stands for anything and notes
on stderr may be left out. A block of `python` is run, all of a page in one namespace, and what it prints is in a
block of `text` below it. A block with `file=NAME` after its language is written to that file.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curate.cli.main import call

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DECIMAL = re.compile(r"(?<![\w.])(\d+)\\\.(\d+)(?!\w|\\\.\d)")  # as re.escape writes it
_CODES = re.compile(r"\s+# exit code (\d)$")


@dataclass(frozen=True)
class Step:
    """One thing that a reader does, and what must be seen then; None where the page does not say."""

    kind: str
    text: str
    seen: str | None
    code: int = 0


def steps(page: str) -> Iterator[Step]:
    """All steps of a page in order."""
    blocks = [(match[1], match[2], match[3]) for match in _FENCE.finditer(page)]
    for place, (language, file, body) in enumerate(blocks):
        if file is not None:
            yield Step(f"file {file}", body, None)
        elif language == "console":
            yield from _commands(body)
        elif language == "python":
            follows = blocks[place + 1] if place + 1 < len(blocks) else ("", None, "")
            yield Step("python", body, follows[2] if follows[0] == "text" else None)


def _commands(body: str) -> Iterator[Step]:
    for piece in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, _, seen = piece.partition("\n")
        found = _CODES.search(line)
        yield Step("console", _CODES.sub("", line), seen or None, int(found[1]) if found else 0)


def run(page: str) -> Iterator[tuple[Step, str, int]]:
    """Do what the page says in the folder that we are in: each step with what it printed and its exit code."""
    names: dict[str, object] = {}
    for step in steps(page):
        if step.kind.startswith("file "):
            Path(step.kind.removeprefix("file ")).write_text(step.text, encoding="utf-8")
        elif step.kind == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(step.text, "tutorial", "exec"), names)
            yield step, printed.getvalue(), 0
        else:
            yield step, *_typed(step.text)


def _typed(line: str) -> tuple[str, int]:
    """What a command prints to stdout and stderr, and its exit code; `curate` is called here, which is quicker."""
    words = shlex.split(line, comments=True)
    if words[0] != "curate":
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr, done.returncode
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = call(words[1:])
    return printed.getvalue(), code


def agrees(seen: str, printed: str) -> bool:
    """Whether what was printed begins with what the page shows; `...` stands for anything, and all space is alike.

    The last decimal may be off by one: the model is read in bfloat16 where the processor has it, else in fp32.
    """
    pieces = [_DECIMAL.sub(_or_beside, re.escape(" ".join(piece.split()))) for piece in seen.split("...")]
    return re.match(".*".join(pieces) + r"(?!\w)", " ".join(printed.split()), re.DOTALL) is not None


def _or_beside(found: re.Match[str]) -> str:
    places = len(found[2])
    number = int(found[1] + found[2])
    near = (f"{each / 10**places:.{places}f}" for each in (number - 1, number, number + 1))
    return f"(?:{'|'.join(map(re.escape, near))})"


def main() -> None:
    """Print what the steps of some pages print, for whoever writes them."""
    for name in sys.argv[1:]:
        began = time.perf_counter()
        for step, printed, code in run(Path(name).read_text(encoding="utf-8")):
            told = "" if step.seen is None or agrees(step.seen, printed) else f"NOT:\n{step.seen}\n"
            seconds, began = time.perf_counter() - began, time.perf_counter()
            sys.stdout.write(f"--- {step.kind} [{code}] {seconds:.1f} s\n$ {step.text}\n{printed}\n{told}")


if __name__ == "__main__":
    main()
