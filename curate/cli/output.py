"""What people and programs see: tables or JSON on stdout, notes and progress on stderr."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
import orjson

from curate.cli import bars
from curate.protocol import silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from curate.protocol import Frozen, Progress

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS


def as_json(value: Frozen | dict[str, Any] | list[Any]) -> None:
    """Print a result as JSON."""
    plain = value if isinstance(value, dict | list) else value.model_dump(mode="json")
    click.echo(orjson.dumps(plain, option=_OPTIONS).decode())


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table and a blank line below it; numbers are set to the right."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(header_style="bold", box=None, pad_edge=False, show_header=any(columns))
    for place, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[place], int | float) or row[place] is None for row in rows)
        drawn.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(shown(cell)) for cell in row))
    _print(Text(title, style="bold"), drawn)


def drawing(title: str, lines: Sequence[str]) -> None:
    """Print a picture made of letters, each line cut at the terminal's edge, and a blank line below it."""
    from rich.text import Text

    pieces = [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]
    _print(Text(title, style="bold"), *pieces)


def _print(*pieces: RenderableType) -> None:
    from rich.console import Console

    console = Console(
        highlight=False,
        width=None if sys.stdout.isatty() else 120,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )
    with console.capture() as captured:
        for piece in pieces:
            console.print(piece)
    click.echo("\n".join([*(line.rstrip() for line in captured.get().splitlines()), ""]))


def cut(text: str, width: int) -> str:
    """The beginning of a text as one line of at most *width* characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "\u2026"


def shown(cell: object) -> str:
    """A cell as people read it: thousands are set apart, numbers have three decimals, nothing is a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def note(text: str) -> None:
    """A remark beside the result; a quiet command makes none."""
    context = click.get_current_context(silent=True)
    if context is None or not context.params.get("quiet"):
        click.echo(text, err=True)


def quoted(path: str) -> str:
    """A path as it can be pasted into a shell."""
    return shlex.quote(path)


@contextmanager
def watched(*, quiet: bool, verbose: bool) -> Iterator[Progress]:
    """Log to stderr as loud as asked for, and show progress there if it is a terminal."""
    with ExitStack() as stack:
        shown = not quiet and sys.stderr.isatty()
        progress = stack.enter_context(bars.shown()) if shown else silent
        level = logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
        stack.enter_context(_logged(level))
        yield progress


@contextmanager
def _logged(level: int) -> Iterator[None]:
    """Print what the library logs; made when bars are drawn already, so that lines stand above them."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("curate")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
