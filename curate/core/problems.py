"""What pydantic finds wrong with plain values, for messages of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def first(error: ValidationError) -> tuple[str, ErrorDetails]:
    """The path to the first value that does not hold, its steps joined by dots, and what is wrong with it."""
    found = error.errors()[0]
    return ".".join(str(step) for step in found["loc"]), found
