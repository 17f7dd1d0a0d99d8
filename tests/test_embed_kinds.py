"""Every kind of index is the same every time, and finds what it says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.core.chance import chance
from curate.embed import kinds
from curate.embed.coarse import CHUNK, CoarseIndex
from curate.embed.lists import ListIndex
from curate.embed.measure import drawn
from curate.embed.neighbours import Index, build, nearest
from curate.embed.products import has_fast_bytes
from curate.embed.threads import in_threads
from curate.errors import SettingsError
from tests.test_embed import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clustered(rows: int, width: int = 48) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    centres = unit(50, width, seed=1)
    mixed = centres[np.arange(rows) % 50] + 0.6 * unit(rows, width, seed=2)
    scaled: np.ndarray[tuple[int, int], np.dtype[np.float32]] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return scaled


def recall(index: Index, vectors: NDArray[np.float32], k: int, luck: np.random.Generator) -> float:
    """The share of the true k nearest that *index* finds for a sample of the rows themselves."""
    asked = vectors[drawn(len(vectors), luck)]
    return kinds.share_found(index.search(asked, k)[0], build(vectors).search(asked, k)[0])


@pytest.mark.parametrize("rows", [40, 1000, 3001])
@pytest.mark.parametrize("width", [48, 51])
def test_the_coarse_search_finds_what_the_exact_one_finds(rows: int, width: int) -> None:
    vectors = clustered(rows, width)
    true, _ = build(vectors).search(vectors, 11)

    cosine, place = CoarseIndex(vectors).search(vectors, 11)

    assert cosine == pytest.approx(true, abs=2e-4)
    assert np.einsum("md,mkd->mk", vectors, vectors[place]) == pytest.approx(cosine, abs=1e-5)
    assert (place < rows).all()


def test_a_base_of_several_chunks_is_searched_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(3001)
    whole = CoarseIndex(vectors).search(vectors[:100], 5)
    monkeypatch.setattr("curate.embed.coarse.CHUNK", CHUNK // 4)

    parted = CoarseIndex(vectors).search(vectors[:100], 5)

    assert (parted[1] == whole[1]).all()


@pytest.mark.parametrize("kind", ["flat", "coarse", "ivf", "pq"])
def test_an_index_built_twice_answers_the_same(kind: kinds.Kind) -> None:
    vectors = clustered(2500)

    one, other = (nearest(kinds.make(kind, vectors, 11, 3), vectors[:50], np.arange(50), 10, 2500) for _ in range(2))

    assert (one[0] == other[0]).all()
    assert (one[1] == other[1]).all()


def test_the_recall_of_the_exact_index_is_one_and_others_reach_what_is_asked() -> None:
    vectors = clustered(2500)

    found = {kind: recall(kinds.make(kind, vectors, 10, 0), vectors, 10, chance(0, "t", "t")) for kind in kinds.ABOUT}

    assert found["flat"] == found["coarse"] == 1
    assert found["ivf"] >= kinds.AIM
    assert found["pq"] >= 0.95


def test_a_recall_below_the_setting_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"finds 0\.900"):
        kinds.hold("ivf", 0.9, 0.95)


def test_the_kind_goes_by_size() -> None:
    assert kinds.choose(100, 384) == "flat"
    assert kinds.choose(100_000, 384) == ("coarse" if has_fast_bytes() else "flat")
    assert kinds.choose(3_000_000, 384) == "ivf"
    assert kinds.choose(30_000_000, 384) == "pq"


def test_copies_in_crowds_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.repeat(clustered(20), 300, axis=0)

    cosine, place = CoarseIndex(vectors).search(vectors[:600], 50)

    assert (cosine > 0.999).all()
    assert (place // 300 == np.repeat([0, 1], 300)[:, None]).all()
    assert len(np.unique(place[0])) == 50


def test_without_fast_bytes_the_search_runs_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.embed.products.has_fast_bytes", lambda: False)
    vectors = clustered(3001)

    cosine, _ = CoarseIndex(vectors).search(vectors, 11)

    assert cosine == pytest.approx(build(vectors).search(vectors, 11)[0], abs=2e-6)


def test_the_number_of_threads_changes_nothing() -> None:
    import torch

    vectors = clustered(3001)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(CoarseIndex(vectors).search(vectors, 11))
    torch.set_num_threads(before)

    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()


def test_a_job_that_fails_stops_those_that_wait() -> None:
    done: list[int] = []

    def work(job: int) -> None:
        done.append(job)
        if job == 2:
            raise KeyError(job)
        time.sleep(0.001)

    with pytest.raises(KeyError):
        in_threads(work, range(1000))

    assert len(done) < 1000


def test_as_many_lists_are_looked_through_as_the_aim_needs() -> None:
    vectors = unit(3000, 24)

    few, enough = ListIndex(vectors, 10, 0, 0.5), ListIndex(vectors, 10, 0, kinds.AIM)

    assert few.probes < enough.probes
    assert 0.4 < recall(few, vectors, 10, chance(0, "t", "t")) < 0.8
    assert recall(enough, vectors, 10, chance(0, "t", "t")) >= 0.98
