"""Hold-out groups: rows that repeat each other, or belong together, are one piece of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray


def join(ids: Sequence[str], pairs: Sequence[tuple[str, str]], labels: Mapping[str, Hashable]) -> NDArray[np.int64]:
    """The group of each row as a number, shape (n,).

    Rows that a chain of *pairs* connects share one, and rows of one label do; pairs with strangers connect nothing.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = {row_id: number for number, row_id in enumerate(ids)}
    links = [(place[one], place[other]) for one, other in pairs if one in place and other in place]
    first: dict[Hashable, int] = {}
    links += [(first.setdefault(label, place[row_id]), place[row_id]) for row_id, label in labels.items()]
    one, other = np.array(links, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(links), np.int8), (one, other)), shape=(len(ids), len(ids)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
