"""Which held-out rows a probe asks: cells take turns, and luck decides inside a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.core.turns import nth_of_group

if TYPE_CHECKING:
    from numpy.typing import NDArray


def take_turns(cell: NDArray[np.int64], luck: NDArray[np.float64]) -> NDArray[np.intp]:
    """The rows in the order in which they are asked: the first of each cell by *luck*, then the second of each ..

    The rows of a smaller probe are therefore the first of a larger one. Shapes (n,) in and out.
    """
    order = np.lexsort((luck, cell))
    turn = np.empty(len(cell), np.int64)
    turn[order] = nth_of_group(cell[order])
    return np.lexsort((luck, turn))


def within(cost: NDArray[np.int64], budget: int) -> NDArray[np.bool_]:
    """Which rows, in their order, fit into a budget; the rest after the first that does not are left out. (n,)."""
    return np.asarray(np.cumsum(cost) <= budget, np.bool_)
