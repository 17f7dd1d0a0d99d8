"""The place of each row among those of its group, by which groups take turns or give so many of their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def nth_of_group(group: NDArray[Any]) -> NDArray[np.int64]:
    """How many rows of its group come before each row, where the rows of a group lie together. Shapes (n,)."""
    begins = np.ones(len(group), np.bool_)
    begins[1:] = group[1:] != group[:-1]
    first = np.flatnonzero(begins)
    return np.arange(len(group)) - np.repeat(first, np.diff(first, append=len(group)))
