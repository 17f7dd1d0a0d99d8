"""Randomness from one seeded place: the same seed, room and name give the same choices on any machine."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


def chance(seed: int, room: str, name: str) -> np.random.Generator:
    """A generator for one purpose; other purposes do not disturb it."""
    return np.random.Generator(np.random.PCG64(_key(seed, room, name)))


def draw(ids: Sequence[str] | pa.ChunkedArray, seed: int, room: str, name: str) -> NDArray[np.float64]:
    """One number in [0, 1) for each id, that depends on the id and the purpose and on nothing else.

    A row keeps its number when other rows come or go, which is what makes a hold-out sticky. Shape (n,).
    """
    words = words_of(ids)
    key = _key(seed, room, name) & 0xFFFF_FFFF_FFFF_FFFF
    mixed = _splitmix(_splitmix(words[:, 0] ^ np.uint64(key)) ^ words[:, 1])
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def words_of(ids: Sequence[str] | pa.ChunkedArray) -> NDArray[np.uint64]:
    """The 128 bits of each id as two numbers. Shape (n, 2); ids are 32 hex digits."""
    chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids if isinstance(ids, pa.Array) else pa.array(ids)]
    return np.concatenate([_words(chunk) for chunk in chunks if len(chunk)] or [np.zeros((0, 2), np.uint64)])


def _words(ids: pa.Array) -> NDArray[np.uint64]:
    """The same of one array, straight from its letters."""
    offsets, letters = np.frombuffer(ids.buffers()[1], np.int32), np.frombuffer(ids.buffers()[2], np.uint8)
    begin, end = int(offsets[ids.offset]), int(offsets[ids.offset + len(ids)])
    nibbles = _NIBBLES[letters[begin:end]]
    if end - begin != 32 * len(ids) or (nibbles > 15).any():
        raise ValueError("an id has not 32 hexadecimal digits")
    pairs = (nibbles[0::2] << 4) | nibbles[1::2]
    return pairs.view("<u8").reshape(-1, 2).astype(np.uint64)


def _key(seed: int, room: str, name: str) -> int:
    text = f"{seed}\x00{room}\x00{name}"
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")


def _splitmix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014), on each number."""
    mixed = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
