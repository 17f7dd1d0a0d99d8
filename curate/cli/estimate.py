"""Shows what scoring would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate import estimate
from curate.cli import output

if TYPE_CHECKING:
    from curate.recipe import Recipe


def show(recipe: Recipe, *, as_json: bool) -> None:
    """Print rows, tokens and seconds, each extrapolated from the first rows; nothing is written to the run folder."""
    figures = estimate.of(recipe)
    if as_json:
        output.as_json(figures)
        return
    cells = [(key.replace("_", " "), _cell(value)) for key, value in figures.model_dump().items()]
    output.table("Would score", ("what", "about"), cells)
    output.note(f"estimated from the first {figures.sampled_rows} rows, loading included; nothing was written")


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value
