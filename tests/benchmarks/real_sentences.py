"""Sentences of all the real sets, each once, in an order that their hashes decide; and their vectors.

    python -m tests.benchmarks.real_sentences VECTORS.npy [--rows 100000]

writes unit vectors of shape (rows, 384) by the encoder that the project takes where none is named.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import time
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.real_rows import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST, MOST = 4, 24
"""Words of a sentence: what is longer would only make the encoder's work longer."""

_END = re.compile(r"(?<=[.!?])\s+|\n+")


def sentences(count: int) -> list[str]:
    """*count* sentences, or all there are."""
    found = {
        sentence
        for path in sorted(DATA.glob("*/*.jsonl*"))
        for text in _texts(path)
        for piece in _END.split(text)
        if FEWEST <= len((sentence := " ".join(piece.split())).split()) <= MOST
    }
    return sorted(found, key=lambda text: blake2b(text.encode(), digest_size=16).digest())[:count]


def _texts(path: Path) -> Iterator[str]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        yield from _strings(json.loads(line))


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _strings(one)
        case dict():
            yield from _strings(list(value.values()))


def main() -> None:
    """Embed as many sentences as asked for and write their vectors."""
    from curate.models import load, names

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    texts = sentences(options.rows)
    encoder = load.load_encoder(names.resolve("auto", "encoder"), "auto", "cpu")
    began = time.perf_counter()
    np.save(options.vectors, encoder.encode(texts))
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"rows": len(texts), "seconds": round(seconds, 1)}) + "\n")


if __name__ == "__main__":
    main()
