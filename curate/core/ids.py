"""Names that depend on content alone: ids of examples and digests of settings."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable


def example_id(turns: Iterable[tuple[str, str]]) -> str:
    """32 hex digits of BLAKE2b-128 over the (role, content) pairs.

    Each string is preceded by its length, so no two different lists of turns share their bytes. Two records of one
    conversation, one in Alpaca and one in messages form, share an id.
    """
    state = _NOTHING.copy()
    for role, content in turns:
        data = content.encode("utf-8", "surrogatepass")
        state.update(_with_length(role) + len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


_NOTHING = blake2b(digest_size=16)


@lru_cache(maxsize=64)
def _with_length(role: str) -> bytes:
    data = role.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "little") + data


def digest(*values: object) -> str:
    """32 hex digits that stand for *values* (anything that JSON can hold), whatever the order of their keys."""
    return blake2b(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
