"""A corpus that grows keeps its neighbour lists and gains those of the new rows: the same lists as if searched anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.core import schemas
from curate.embed import kinds, search, step
from curate.engines.local import LocalEngine
from curate.protocol import Part
from curate.store.stamps import stamp
from curate.store.work import Work
from curate.store.workspace import Workspace
from tests.test_embed_kinds import clustered

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

K = 7
ROWS = 200


def lists(vectors: NDArray[np.float32]) -> search.Lists:
    return search.Whole(vectors, "flat", K, 0, 0.9).lists(np.arange(len(vectors)))


@pytest.mark.parametrize("added", [1, 5, 300])
def test_a_grown_corpus_has_the_lists_of_one_searched_anew(added: int) -> None:
    vectors = clustered(500 + added)
    grown = search.Grown(vectors, lists(vectors[:500]), K, 0)

    place, cosine = grown.lists(np.arange(len(vectors)))

    assert (place == lists(vectors)[0]).all()
    assert (cosine == lists(vectors)[1]).all()


def test_a_list_that_names_a_row_that_changed_is_searched_anew() -> None:
    vectors = clustered(600)
    known = lists(vectors)
    changed = np.concatenate([vectors[:500], clustered(900)[800:]])

    place, _ = search.Grown(changed, (known[0][:500], known[1][:500]), K, 0).lists(np.arange(600))

    assert (place == lists(changed)[0]).all()


def test_what_is_carried_on_is_not_searched_among_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(520)
    grown = search.Grown(vectors, lists(vectors[:500]), K, 0)
    asked: list[int] = []

    class Counting(search.Whole):
        def lists(self, own: NDArray[np.int64]) -> search.Lists:
            asked.append(len(own))
            return super().lists(own)

    monkeypatch.setattr(search, "Whole", Counting)
    grown.lists(np.arange(520))

    assert asked == [20]


def write(space: Workspace, vectors: NDArray[np.float32]) -> list[Part]:
    parts = []
    for index, first in enumerate(range(0, len(vectors), ROWS)):
        some = vectors[first : first + ROWS]
        ids = [f"{row:032x}" for row in range(first, first + len(some))]
        table = pa.table({"id": ids, "vector": list(some)}, schema=schemas.vectors(vectors.shape[1]))
        space.write_table(Workspace.part("vectors", index), table, stamp("vectors", some.tobytes().hex()))
        parts.append(Part(index, len(some)))
    return parts


def searched(space: Workspace, vectors: NDArray[np.float32], index: kinds.Kind | None = None) -> list[bytes]:
    work = Work(stamp("embed", "test"), LocalEngine())
    settings = step.Settings(neighbours=K, index=index or "auto")
    _, _, found, digests = step._write_neighbours(space, settings, write(space, vectors), work)
    space.finish("embed", work.stamp, step._Searched(searched=digests))
    assert found == 1.0
    return [space.read_bytes(path) for path in space.parts("neighbours")]


def test_growing_and_starting_anew_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(5 * ROWS + 30)
    grown = Workspace(tmp_path / "grown")
    searched(grown, vectors[: 3 * ROWS + 50])
    carried: list[int] = []
    made = search.Grown

    def watched(vectors: NDArray[np.float32], known: search.Lists, k: int, seed: int) -> search.Grown:
        carried.append(len(known[0]))
        return made(vectors, known, k, seed)

    monkeypatch.setattr(search, "Grown", watched)

    one, other = searched(grown, vectors), searched(Workspace(tmp_path / "anew"), vectors)

    assert carried == [3 * ROWS]
    assert one == other


def test_the_exact_kinds_write_the_same_lists(tmp_path: Path) -> None:
    vectors = clustered(5 * ROWS + 30)
    flat_space, coarse_space = Workspace(tmp_path / "flat"), Workspace(tmp_path / "coarse")

    searched(flat_space, vectors, "flat")
    searched(coarse_space, vectors, "coarse")

    spaces = flat_space, coarse_space
    flat, coarse = ([space.read_table(path) for path in space.parts("neighbours")] for space in spaces)
    assert len(flat) == 6
    assert flat == coarse


def test_after_an_interruption_only_what_is_missing_is_written(tmp_path: Path) -> None:
    vectors = clustered(4 * ROWS)
    space = Workspace(tmp_path)
    whole = searched(space, vectors)
    space.disk.remove(Workspace.part("neighbours", 2))
    changed = (tmp_path / "neighbours" / "part-00001.parquet").stat().st_mtime_ns

    assert searched(space, vectors) == whole
    assert (tmp_path / "neighbours" / "part-00001.parquet").stat().st_mtime_ns == changed
