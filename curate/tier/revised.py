"""What a revision of the edition moves, after everything else is decided, so that it moves nothing but that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

PATH = "revision.parquet"
_ONLY_TRAINED = ("learnt", "unused")


def moved(
    ids: pa.ChunkedArray, fate: NDArray[np.str_], tier: NDArray[np.int8], tiers: int, revision: pa.Table
) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    """The fates and tiers again, with those that *revision* (of schema `REVISION`) moves; shapes (n,).

    Learnt and unused become only rows that would be trained on; suspected noise is quarantined wherever it stands. A
    tier is never moved past the first or the last of *tiers*. Rows that are no longer among the *ids* are passed over.
    """
    place = pc.index_in(revision.column("id"), value_set=ids.combine_chunks()).to_numpy()
    here = np.flatnonzero(~np.isnan(place.astype(np.float64)))
    at = place[here].astype(np.int64)
    fates, tiers_moved = fate.astype("<U12"), tier.copy()
    wanted = np.array([word or "" for word in revision.column("fate").to_pylist()], dtype="<U12")[here]
    acts = (wanted != "") & (~np.isin(wanted, _ONLY_TRAINED) | (fate[at] == "train"))
    fates[at[acts]] = wanted[acts]
    shift = revision.column("shift").to_numpy()[here].astype(np.int64)
    tiers_moved[at] = np.clip(tier[at] + shift, 0, tiers - 1).astype(np.int8)
    return fates, tiers_moved
