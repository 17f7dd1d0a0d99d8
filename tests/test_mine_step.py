"""Mine proposes: four tables, their kinds and partners, with and without vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from curate.core import schemas
from curate.engines.local import LocalEngine
from curate.errors import SettingsError
from curate.mine import groups, jobs
from curate.mine import step as mine
from curate.store.stamps import stamp
from curate.store.work import Work
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from curate.protocol import Done, Part, PartJob

STAMP = stamp("mine", "test")
LONG = (
    "The river rises in the northern hills and runs for two hundred miles through farms, forests and three small "
    "towns before it reaches the sea near the old harbour where fishing boats still land every morning"
)


def examples(pairs: list[tuple[str, str]], **columns: list[str]) -> pa.Table:
    rows = len(pairs)
    own = columns or {"note": [""] * rows}
    user = [{name: values[row] for name, values in own.items()} for row in range(rows)]
    return pa.table(
        {
            "id": [f"{row:032x}" for row in range(rows)],
            "record": ["prompt-completion"] * rows,
            "messages": pa.nulls(rows, schemas.MESSAGES),
            "prompt": [prompt for prompt, _ in pairs],
            "completion": [answer for _, answer in pairs],
            "text": pa.nulls(rows, pa.string()),
            "source": ["here.jsonl"] * rows,
            "row": list(range(rows)),
            "user": user,
        }
    )


def place(folder: Path, table: pa.Table, part_rows: int = 3) -> tuple[Workspace, Work]:
    space = Workspace(folder)
    for index, start in enumerate(range(0, len(table), part_rows)):
        space.write_table(Workspace.part("examples", index), table.slice(start, part_rows), STAMP)
    return space, Work(STAMP, LocalEngine())


def embed(space: Workspace, ids: list[str], vectors: NDArray[np.float32], k: int = 5) -> None:
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -np.inf)
    nearest = np.argsort(-cosine, axis=1)[:, :k]
    table = pa.table({"id": ids, "vector": list(vectors)}, schema=schemas.vectors(vectors.shape[1]))
    space.write_table("vectors/part-00000.parquet", table, STAMP)
    listed = {"id": ids, "neighbours": list(nearest), "similarity": list(np.take_along_axis(cosine, nearest, 1))}
    space.write_table("neighbours/part-00000.parquet", pa.table(listed, schema=schemas.NEIGHBOURS), STAMP)


class Noting:
    """An engine that notes which parts of the examples are traced, and which are looked through for a benchmark."""

    def __init__(self) -> None:
        self.read: dict[str, list[int]] = {"minhash": [], "leaks": []}

    def map(self, job: PartJob, parts: Iterator[Part]) -> Iterator[Done]:
        given = list(parts)
        read = [each for part in given for each in job.groups[part.index]] if isinstance(job, jobs.TraceJob) else given
        self.read[job.name] += [part.index for part in read]
        return LocalEngine().map(job, iter(given))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


PAIRS = [
    ("Describe the river.", LONG),
    ("Name a fish.", "A trout is a fish that lives in cold rivers."),
    ("describe the RIVER", LONG.upper() + "!"),
    ("Describe the river.", LONG + " again"),
    ("What is two plus two?", "Two plus two is four."),
]


def test_copies_and_near_copies_name_the_row_that_stays(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS))

    report = mine.run(space, mine.Settings(), None, work)

    found = space.read_table("mined/duplicates.parquet").to_pylist()
    assert [(row["id"][-1], row["kind"], row["partners"]) for row in found] == [
        ("2", "exact", [f"{0:032x}"]),
        ("3", "near", [f"{0:032x}"]),
    ]
    assert (report.kinds["duplicates"], report.groups) == ({"exact": 1, "near": 1}, 1)


def test_only_parts_that_changed_are_traced_again(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS[:4]), part_rows=1)
    mine.run(space, mine.Settings(), None, work)
    grown = examples([*PAIRS[:3], ("Say it again.", LONG), PAIRS[4]])
    for index in (3, 4):
        space.write_table(Workspace.part("examples", index), grown.slice(index, 1), stamp("mine", "grown"))
    engine = Noting()

    mine.run(space, mine.Settings(), None, replace(work, engine=engine))

    assert engine.read == {"minhash": [3, 4], "leaks": []}
    once, again = place(tmp_path / "once", grown, part_rows=1)
    mine.run(once, mine.Settings(), None, again)
    assert space.read_table("mined/duplicates.parquet") == once.read_table("mined/duplicates.parquet")


def test_the_traces_of_a_part_do_not_depend_on_those_that_are_traced_with_it(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS), part_rows=2)
    mine.run(space, mine.Settings(), None, work)
    together = contents(tmp_path / "statistics")
    (tmp_path / "statistics/minhash/part-00001.parquet").unlink()
    (tmp_path / "statistics/cases/part-00002.parquet").unlink()

    mine.run(space, mine.Settings(), None, work)

    assert contents(tmp_path / "statistics") == together
    assert sorted(together) == [f"{kind}/part-0000{part}.parquet" for kind in ("cases", "minhash") for part in range(3)]


def test_a_part_without_examples_leaves_empty_traces(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS), part_rows=3)
    space.write_table(Workspace.part("examples", 2), examples(PAIRS).slice(0, 0), STAMP)

    report = mine.run(space, mine.Settings(), None, work)

    assert report.kinds["duplicates"] == {"exact": 1, "near": 1}
    assert [space.rows(path) for path in space.parts("statistics/minhash")] == [3, 2, 0]


def test_traces_of_parts_that_are_gone_go_too(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS), part_rows=2)
    mine.run(space, mine.Settings(), None, work)
    space.disk.remove(Workspace.part("examples", 2))

    mine.run(space, mine.Settings(), None, work)

    assert len(space.parts("statistics/minhash")) == len(space.parts("statistics/cases")) == 2


def test_without_vectors_the_report_says_what_was_not_looked_for(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS))

    report = mine.run(space, mine.Settings(), None, work)

    assert "no vectors" in report.skipped[0]
    assert all(space.read_table(f"mined/{name}.parquet").schema.names == schemas.MINED.names for name in mine.TABLES)


def test_the_longest_of_a_group_stays_when_asked(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS))

    mine.run(space, mine.Settings(stays="longest"), None, work)

    found = space.read_table("mined/duplicates.parquet").to_pylist()
    assert {row["partners"][0][-1] for row in found} == {"3"}


def test_the_hardest_cannot_stay_where_nothing_says_what_is_hard(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS))

    with pytest.raises(SettingsError, match="how hard"):
        mine.run(space, mine.Settings(stays="hardest"), None, work)


def score(space: Workspace, folder: str, name: str, values: list[float | None]) -> tuple[str, str]:
    for index, start in enumerate(range(0, len(values), 3)):
        some = pa.array(values[start : start + 3], pa.float32())
        space.write_table(Workspace.part(folder, index), pa.table({name: some}), STAMP)
    return folder, name


@pytest.mark.parametrize(("policy", "stays"), [("hardest", "3"), ("easiest", "0")])
def test_the_hardest_or_easiest_by_the_scores_stays(tmp_path: Path, policy: groups.Policy, stays: str) -> None:
    space, work = place(tmp_path, examples(PAIRS))
    harder = score(space, "scores/lm", "total_nll", [1.0, None, 2.0, 3.0, 9.0])

    mine.run(space, mine.Settings(stays=policy), None, work, mine.Given(difficulty=(harder,)))

    found = space.read_table("mined/duplicates.parquet").to_pylist()
    assert {row["partners"][0][-1] for row in found} == {stays}


def test_a_row_that_surprises_the_model_in_a_dense_place_is_curious(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = (np.eye(16)[0] + 0.05 * rng.normal(size=(100, 16))).astype(np.float32)
    vectors[7] = vectors[:50].mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = examples([("Say it.", f"word{row} other{row * 7} third{row * 3}") for row in range(100)])
    space, work = place(tmp_path, table)
    embed(space, table.column("id").to_pylist(), vectors)
    loss = score(space, "scores/lm", "mean_nll", [9.0 if row == 7 else 2.0 + row % 5 / 10 for row in range(100)])

    mine.run(space, mine.Settings(semantic=1), None, work, mine.Given(embedded=True, loss=loss))

    found = [row for row in space.read_table("mined/edges.parquet").to_pylist() if row["kind"] == "curious"]
    assert [row["id"] for row in found] == [f"{7:032x}"]
    assert "above its neighbours', in a dense place" in found[0]["because"]


def test_a_leaked_benchmark_row_is_named(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS))
    benchmark = examples([("Tell me all about it.", LONG), ("What is two plus two?", "4")])

    report = mine.run(space, mine.Settings(), [benchmark], work)

    found = space.read_table("mined/contamination.parquet").to_pylist()
    assert [(row["id"][-1], row["kind"], row["partners"]) for row in found] == [
        ("0", "verbatim", ["here.jsonl:0"]),
        ("2", "verbatim", ["here.jsonl:0"]),
        ("3", "verbatim", ["here.jsonl:0"]),
        ("4", "same", ["here.jsonl:1"]),
    ]
    assert report.against == {"here.jsonl": 4}


def test_a_benchmark_is_looked_for_in_parts_that_changed_until_it_changes_itself(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS[:4]), part_rows=1)
    benchmark = examples([("Tell me all about it.", LONG), ("What is two plus two?", "4")])
    mine.run(space, mine.Settings(), [benchmark], work)
    space.write_table(Workspace.part("examples", 4), examples(PAIRS).slice(4, 1), STAMP)
    grown, other = Noting(), Noting()

    mine.run(space, mine.Settings(), [benchmark], replace(work, engine=grown))
    found = space.read_table("mined/contamination.parquet").to_pylist()
    mine.run(space, mine.Settings(), [benchmark.slice(0, 1)], replace(work, engine=other))

    assert grown.read["leaks"] == [4]
    assert [(row["id"][-1], row["kind"]) for row in found] == [(row, "verbatim") for row in "023"] + [("4", "same")]
    assert other.read == {"minhash": [], "leaks": [0, 1, 2, 3, 4]}
    mine.run(space, mine.Settings(), None, work)
    assert not space.parts("statistics/leaks")


def test_vectors_bring_semantic_duplicates_and_suspected_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(2, 16)).repeat(30, axis=0)
    vectors = (centre + 0.3 * rng.normal(size=(60, 16))).astype(np.float32)
    vectors[1] = vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = ["b" if row >= 30 or row == 7 else "a" for row in range(60)]
    words = [f"word{row} other{row * 7} third{row * 3} fourth{row}" for row in range(60)]
    words[:2] = ["a cat sits down here", "one kitten takes its seat"]
    table = examples([("Say it in other words.", text) for text in words], label=labels)
    space, work = place(tmp_path, table)
    embed(space, table.column("id").to_pylist(), vectors)

    report = mine.run(space, mine.Settings(labels="label", semantic=0.9999), None, work, mine.Given(embedded=True))

    noise = space.read_table("mined/noise.parquet").to_pylist()
    assert [row["id"] for row in noise] == [f"{7:032x}"]
    assert "kinds" in report.model_dump()
    assert set(report.kinds["edges"]) <= {"rare", "rare_good", "rare_broken"}


def test_the_strongest_of_each_kind_are_told_with_their_texts(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples(PAIRS))
    benchmark = examples([("Tell me all about it.", LONG)] * 2)

    report = mine.run(space, mine.Settings(), [benchmark], work)

    copy = next(one for one in report.strongest if one.kind == "exact")
    assert (copy.table, copy.id[-1], copy.partner) == ("duplicates", "2", f"{0:032x}")
    assert (copy.text, copy.beside) == (
        f"describe the RIVER {LONG.upper()}"[:120],
        f"Describe the river. {LONG}"[:120],
    )
    leak = next(one for one in report.strongest if one.table == "contamination")
    assert (leak.partner, leak.beside) == ("here.jsonl:0", None)


def test_no_more_than_ten_of_a_kind_are_told(tmp_path: Path) -> None:
    space, work = place(tmp_path, examples([("Describe the river.", LONG + "!" * turn) for turn in range(14)]))

    report = mine.run(space, mine.Settings(), None, work)

    assert report.kinds["duplicates"] == {"exact": 13}
    assert [one.kind for one in report.strongest] == ["exact"] * 10


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        space, work = place(tmp_path / name, examples(PAIRS))
        mine.run(space, mine.Settings(), [examples(PAIRS[:1])], work)
        hashes.append([space.sha256(f"mined/{table}.parquet") for table in mine.TABLES])

    assert hashes[0] == hashes[1]
