"""How far the work inside one part has come: told from deep inside a model to whoever listens in this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_listeners: list[Callable[[int, int, int], None]] = []


def beat(tokens: int, done: int, total: int) -> None:
    """*tokens* more have gone through a model, which makes *done* of *total* of what it was asked for."""
    if _listeners:
        _listeners[-1](tokens, done, total)


@contextmanager
def heard(by: Callable[[int, int, int], None]) -> Iterator[None]:
    """Hear every beat until the end of the block; an outer listener hears none meanwhile."""
    _listeners.append(by)
    try:
        yield
    finally:
        _listeners.remove(by)
