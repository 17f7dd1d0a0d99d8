"""Tiers, paces and orders synthetic scored rows, and says how long each step took and how much memory it needed.

Run with: python -m tests.benchmarks.bench_plan --rows 10000000
"""

from __future__ import annotations

import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

import click
import numpy as np
import pyarrow as pa

from curate.core import agreement, schemas
from curate.core.chance import chance, draw
from curate.pace import arrange
from curate.pace.policies import Policy
from curate.pace.sequence import ROLES
from curate.pace.settings import Settings as PaceSettings
from curate.tier import assign, difficulty
from curate.tier.holdout import hold_out
from curate.tier.settings import Settings as TierSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

SCORES, DOMAINS, SKILLS = 3, 4, 150


@contextmanager
def timed(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    click.echo(f"{name:<24}{time.perf_counter() - start:8.1f} s   peak {peak:5.2f} GiB")


def make_ids(rows: int, random: np.random.Generator) -> pa.ChunkedArray:
    """Random ids of 32 hex digits, made without a Python string each."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    chunks = []
    for start in range(0, rows, 1 << 20):
        length = min(1 << 20, rows - start)
        text = digits[random.integers(0, 16, (length, 32), dtype=np.uint8)]
        offsets = pa.py_buffer(np.arange(0, 32 * length + 1, 32, dtype=np.int32))
        chunks.append(pa.Array.from_buffers(pa.string(), length, [None, offsets, pa.py_buffer(text)]))
    return pa.chunked_array(chunks)


def tiered(
    scores: np.ndarray[tuple[int, int], np.dtype[np.float32]], domain: np.ndarray[tuple[int], np.dtype[np.int32]]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Ranks inside domains, and their blend, as the step does it."""
    ranks = np.full(scores.shape, np.nan)
    for code in range(DOMAINS):
        inside = np.flatnonzero(domain == code)
        for line in range(SCORES):
            values = scores[line][inside]
            ranks[line, inside] = difficulty.rank(values, difficulty.knots("s", "d", values))
    hard, uncertainty = agreement.blend(ranks, np.ones((SCORES, 1)))
    return hard, uncertainty


@click.command()
@click.option("--rows", default=10_000_000)
@click.option("--stages", default=5)
@click.option("--policy", type=click.Choice(get_args(Policy)), default="tiered")
def main(rows: int, stages: int, policy: str) -> None:
    """Time the plan of ROWS rows."""
    random = np.random.default_rng(0)
    scores = random.normal(size=(SCORES, rows)).astype(np.float32)
    domain = random.integers(0, DOMAINS, rows, dtype=np.int32)
    weights = 1 / np.arange(1, SKILLS + 1)
    skill = random.choice(SKILLS, rows, p=weights / weights.sum()).astype(np.int32)
    tokens = random.integers(20, 2000, rows)
    ids = make_ids(rows, random)
    begin = time.perf_counter()
    settings, pacing = TierSettings(stages=stages), PaceSettings.model_validate({"policy": policy})
    with timed("difficulty"):
        hard, spread = tiered(scores, domain)
    with timed("tiers"):
        tier = assign.by_difficulty(hard, spread, None, settings)
    with timed("hold-out"):
        stratum = skill.astype(np.int64) * settings.tier_count + tier
        held = hold_out(draw(ids, 0, "tier", "holdout"), stratum, settings.holdout)
    with timed("training rows"):
        place = np.flatnonzero(~held)
        ids = ids.take(pa.array(place))
        kept = arrange.Rows(
            tier[place],
            hard[place],
            skill[place],
            tokens[place],
            draw(ids, 0, "pace", "luck"),
            [f"skill-{number:03d}" for number in range(SKILLS)],
        )
    frame = arrange.Frame(stages, settings.tier_count, {})
    with timed("course"):
        course = arrange.course(kept, frame, pacing, chance(0, "pace", "policy"))
    with timed("order"):
        laid = list(arrange.lay(kept, course, frame, pacing, chance(0, "pace", "review").random(len(place))))
    with timed("order table"):
        order = np.concatenate([each.order for each in laid])
        table = pa.table(
            {
                "order": np.arange(len(order), dtype=np.int64),
                "stage": np.repeat([each.stage for each in laid], [len(each.order) for each in laid]).astype(np.int16),
                "tier": kept.tier[order],
                "id": ids.take(pa.array(order)),
                "role": pa.DictionaryArray.from_arrays(
                    pa.array(np.concatenate([each.role for each in laid])), pa.array(ROLES)
                ).cast(pa.string()),
            },
            schema=schemas.ORDER,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    click.echo(f"{rows} rows, {len(table)} placed: {time.perf_counter() - begin:.1f} s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
