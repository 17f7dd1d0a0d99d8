"""The self-join finds what the exact search finds, whatever the blocks, the threads and the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.embed import products, selfjoin
from curate.embed.found import fits
from curate.embed.neighbours import build, nearest
from tests.test_embed import unit
from tests.test_embed_kinds import clustered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


def exact(vectors: Vectors, k: int) -> NDArray[np.float32]:
    return nearest(build(vectors), vectors, np.arange(len(vectors)), k, len(vectors))[1]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.embed.selfjoin.BLOCK", 256)
    monkeypatch.setattr("curate.embed.found._WAITING", 1)


@pytest.mark.parametrize(("rows", "width", "k"), [(2, 8, 10), (40, 48, 10), (3001, 48, 10), (3001, 51, 3)])
def test_it_finds_what_the_exact_search_finds(rows: int, width: int, k: int) -> None:
    vectors = clustered(rows, width)

    place, cosine = selfjoin.join(vectors, k)

    assert cosine == pytest.approx(exact(vectors, k), abs=2e-4)
    assert np.einsum("md,mkd->mk", vectors, vectors[place]) == pytest.approx(cosine, abs=1e-5)
    assert not (place == np.arange(rows)[:, None]).any()
    assert all(len(set(row)) == len(row) for row in place.tolist())


@pytest.mark.usefixtures("small_blocks")
def test_blocks_and_what_waits_in_them_change_nothing() -> None:
    vectors = clustered(3001)

    place, cosine = selfjoin.join(vectors, 10)

    assert cosine == pytest.approx(exact(vectors, 10), abs=2e-4)
    assert np.einsum("md,mkd->mk", vectors, vectors[place]) == pytest.approx(cosine, abs=1e-5)


def test_a_crowd_of_copies_finds_copies_and_not_itself() -> None:
    vectors = np.repeat(clustered(20), 300, axis=0)

    place, cosine = selfjoin.join(vectors, 50)

    assert (cosine > 0.999).all()
    assert (place // 300 == np.arange(6000)[:, None] // 300).all()
    assert not (place == np.arange(6000)[:, None]).any()


def test_rows_that_have_nothing_near_are_searched_one_by_one() -> None:
    lonely = np.eye(64, dtype=np.float32)
    vectors = np.concatenate([lonely, -lonely, clustered(500, 64)])

    _, cosine = selfjoin.join(vectors, 10)

    assert cosine == pytest.approx(exact(vectors, 10), abs=2e-4)


def test_without_fast_bytes_it_runs_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.embed.products.has_fast_bytes", lambda: False)
    vectors = clustered(2000)

    _, cosine = selfjoin.join(vectors, 10)

    assert cosine == pytest.approx(exact(vectors, 10), abs=2e-6)


@pytest.mark.usefixtures("small_blocks")
def test_the_number_of_threads_changes_nothing() -> None:
    import torch

    vectors = unit(2500, 24)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(selfjoin.join(vectors, 10))
    torch.set_num_threads(before)

    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()


@pytest.mark.usefixtures("small_blocks")
def test_it_tells_how_many_blocks_are_done() -> None:
    heard: list[tuple[int, int]] = []

    selfjoin.join(clustered(1000), 5, lambda done, total: heard.append((done, total)))

    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_vectors_that_all_look_alike_are_told_apart() -> None:
    pressed = unit(3000, 48) + 8 * unit(1, 48, seed=9)
    vectors = (pressed / np.linalg.norm(pressed, axis=1, keepdims=True)).astype(np.float32)

    _, cosine = selfjoin.join(vectors, 10)

    true = exact(vectors, 10)
    assert true.min() > 0.95
    assert (cosine >= true[:, -1:] - 1e-6).mean() > 0.99


@pytest.mark.parametrize("pressed", [0, 1, 8])
def test_a_level_is_the_cosine_within_the_slack(pressed: int) -> None:
    vectors = unit(1000, 48) + pressed * unit(1, 48, seed=9)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    space = products.Space(vectors)

    made = space.levels(space.asked(vectors), products.packed(space.base(vectors))).numpy()

    true = (vectors @ vectors.T - space.lowest) / space.unit
    assert np.abs(made - np.clip(true, 0, products.MOST)).max() <= space.slack
    assert made.std() > 10


def test_what_would_not_fit_into_memory_is_searched_part_by_part() -> None:
    assert fits(100_000, 100)
    assert not fits(300_000, 1000)
