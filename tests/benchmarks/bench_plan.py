"""Tiers, paces and orders a run folder of synthetic scores by the real steps, and writes its shards where asked to.

The folder (examples, counts of tokens, three scores, skills, what was mined) is made in another process before the
clock starts, so its time and memory do not count. Run with:

    python -m tests.benchmarks.bench_plan --rows 10000000
    python -m tests.benchmarks.bench_plan --rows 10000000 --shards
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
import numpy as np
import pyarrow as pa

from curate.core import schemas
from curate.core.plan import Plan, ScoreSource
from curate.engines.local import LocalEngine
from curate.pace import step as pace
from curate.pace.policies import Policy
from curate.protocol import Rising, ScoreField
from curate.store.stamps import stamp
from curate.store.work import Work
from curate.store.workspace import Workspace
from curate.tier import step as tier
from curate.write import step as write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from curate.models.names import Resolved

SCORES, SKILLS, LANGUAGES = 3, 150, ("de", "en")
MADE_ROWS = 1 << 18
"""So many rows are made at once."""


@contextmanager
def timed(name: str) -> Iterator[None]:
    start, worked = time.perf_counter(), time.process_time()
    yield
    took, worked = time.perf_counter() - start, time.process_time() - worked
    click.echo(f"{name:<8}{took:8.1f} s, {worked:.1f} s of the processor   peak {_peak():5.2f} GiB")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def strings(letters: NDArray[np.uint8]) -> pa.Array:
    """Strings of equal length, made without a Python string each. Shape (n, length) in."""
    rows, length = letters.shape
    offsets = pa.py_buffer(np.arange(0, length * rows + 1, length, dtype=np.int32))
    return pa.Array.from_buffers(pa.string(), rows, [None, offsets, pa.py_buffer(np.ascontiguousarray(letters))])


def words(code: NDArray[np.int64], known: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), pa.array(known)).cast(pa.string())


def scores() -> list[ScoreSource]:
    field = ScoreField(name="value", rising=Rising.HARDER, unit="none", about="", headline=True)
    return [ScoreSource(alias=f"s{at}", folder=f"scores/s{at}", fields=(field,)) for at in range(SCORES)]


def make(folder: Path, rows: int, part_rows: int) -> None:
    """A run folder as `score`, `mine` and `tag` leave it."""
    space, made = Workspace(folder), stamp("synthetic")
    random = np.random.default_rng(0)
    hexadecimal = np.frombuffer(b"0123456789abcdef", np.uint8)
    weights = 1 / np.arange(1, SKILLS + 1)
    skills, edges = [], []
    for first in range(0, rows, part_rows):
        count = min(part_rows, rows - first)
        number = first // part_rows
        ids = strings(hexadecimal[random.integers(0, 16, (count, 32), dtype=np.uint8)])
        prompt = random.integers(10, 400, count).astype(np.int32)
        answer = np.minimum(random.pareto(1.2, count) * 120 + 5, 9000).astype(np.int32)
        text = strings(np.full((count, 48), ord("x"), np.uint8))
        none = pa.nulls(count)
        columns = {"id": ids, "record": words(np.zeros(count, np.int64), ["prompt-completion"])}
        columns |= {"messages": none, "prompt": text, "completion": text, "text": none, "tools": none}
        columns |= {"language": words(random.integers(0, 2, count), list(LANGUAGES))}
        columns |= {"source": words(np.zeros(count, np.int64), ["synthetic"]), "row": np.arange(first, first + count)}
        space.write_table(space.part("examples", number), pa.table(columns, schema=schemas.EXAMPLES), made)
        counted = {"id": ids, "tokens": prompt + answer, "prompt_tokens": prompt, "answer_tokens": answer}
        counted |= {"kind": words(random.integers(0, 2, count), ["chat", "code"])}
        space.write_table(space.part("statistics/tokens", number), pa.table(counted, schema=schemas.TOKENS), made)
        status = {"status": words(np.zeros(count, np.int64), ["ok"]), "reason": none}
        for source in scores():
            table = pa.table(
                {"id": ids, "value": random.normal(size=count).astype(np.float32), **status},
                schema=schemas.scores(["value"]),
            )
            space.write_table(space.part(source.folder, number), table, made)
        skill = random.choice(SKILLS, count, p=weights / weights.sum())
        named = [f"skill-{at:03d}" for at in range(SKILLS)]
        of_skill = {"id": ids, "skill": words(skill, named), "weight": np.ones(count, np.float32)}
        of_skill |= {"by": words(np.zeros(count, np.int64), ["rule"])}
        skills.append(pa.table(of_skill, schema=schemas.SKILLS))
        rare = ids.take(pa.array(np.flatnonzero(random.random(count) < 0.01)))
        edges.append(_mined(rare, "rare_good"))
    space.write_table("skills.parquet", pa.concat_tables(skills), made)
    space.write_table("mined/edges.parquet", pa.concat_tables(edges), made)
    for name in ("duplicates", "contamination", "noise"):
        space.write_table(f"mined/{name}.parquet", _mined(pa.array([], pa.string()), name), made)


def _mined(ids: pa.Array, kind: str) -> pa.Table:
    code = np.zeros(len(ids), np.int64)
    columns = {"id": ids, "kind": words(code, [kind]), "strength": np.ones(len(ids), np.float32)}
    columns |= {"because": words(code, ["synthetic"]), "partners": pa.nulls(len(ids))}
    return pa.table(columns, schema=schemas.MINED)


def planned(space: Workspace, stages: int, policy: str) -> Plan:
    """The plan of the run: tiers, stages and order, each step from files to files."""
    work = Work(stamp("benchmark"), LocalEngine())
    divide = tier.Settings(stages=stages)
    with timed("tier"):
        report = tier.run(space, divide, scores(), work, embedded=False)
    divided = pace.Divided(
        stages=stages,
        tier_count=divide.tier_count,
        requires={f"skill-{at:03d}": (f"skill-{at - 1:03d}",) for at in (2, 3, 5, 8)},
        ingredients=report.measured.ingredients,
        tiers=report.tiers,
        knots=report.measured.knots,
        skipped=(),
        tokenizer=_unused,
    )
    with timed("pace"):
        return pace.run(space, pace.Settings.model_validate({"policy": policy}), divided, work)


def _unused() -> Resolved:
    raise AssertionError("nothing is varied here")


@click.command()
@click.option("--rows", default=10_000_000)
@click.option("--part-rows", default=2048, help="Rows of one part file.")
@click.option("--stages", default=5)
@click.option("--policy", type=click.Choice(get_args(Policy)), default="tiered")
@click.option("--shards", is_flag=True, help="Write the dataset too.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the run folder here, or take it from here.")
def main(rows: int, part_rows: int, stages: int, policy: str, folder: Path | None, *, shards: bool) -> None:
    """Time the plan of ROWS rows."""
    place = folder or Path(tempfile.mkdtemp(prefix="bench-plan-"))
    if not (place / "mined").is_dir():
        maker = get_context("spawn").Process(target=make, args=(place, rows, part_rows))
        maker.start()
        maker.join()
    space = Workspace(place)
    begin = time.perf_counter()
    plan = planned(space, stages, policy)
    placed = sum(stage.rows for stage in plan.stages)
    click.echo(
        f"{rows:,} rows in {len(space.parts('examples')):,} parts tiered, paced and ordered, {placed:,} places: "
        f"{time.perf_counter() - begin:.1f} s, peak {_peak():.2f} GiB"
    )
    if shards:
        told = write.Told(rows, rows, 0, 0, {"prompt-completion": rows}, "none", {})
        with timed("write"):
            write.run(space, write.Settings(), plan, told, Work(stamp("benchmark"), LocalEngine()))
    if folder is None:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
