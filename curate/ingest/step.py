"""Read all sources into the ledger, the examples and the rejects of a run folder.

Rows are read in two rounds of part jobs, for a copy may be far from its first occurrence. The first parses each part
into ``unfinished/ingest``; then the ids of all parts tell which rows are copies; the second settles each part. A part
whose files stand with the right stamps is left alone in either round, so what was killed goes on where it was, and an
input that has grown costs its new rows alone.
"""

from __future__ import annotations

import shutil
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from curate.core.ids import digest
from curate.errors import DataError
from curate.ingest import jobs, linking, report, rounds
from curate.ingest.parts import cut
from curate.ingest.readers.find import Input, find, left_out
from curate.ingest.report import Finding, Report, SourceReport
from curate.ingest.settings import Settings, Source
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from curate.store.work import Work

__all__ = [
    "Finding",
    "Report",
    "Settings",
    "Source",
    "SourceReport",
    "count_rows",
    "fingerprint",
    "keep_stdin",
    "licences",
    "parse",
    "run",
]

KEPT_STDIN = "inputs/stdin"
_COUNTED_AT_ONCE = 8192
OUTPUTS = ("ledger", "examples", "rejected")


def keep_stdin(space: Workspace, stdin: IO[bytes]) -> None:
    """Keep standard input in the run folder, so that a killed run can go on and a later command can look again."""
    with space.disk.create(KEPT_STDIN) as file:
        shutil.copyfileobj(stdin, file, 1 << 20)


def fingerprint(sources: Sequence[Source], settings: Settings, space: Workspace | None = None) -> str:
    """A digest of the names, maps and contents of all inputs, and of the settings: it tells whether to read again.

    *space* is needed where ``-`` is among the sources. Raises `SettingsError` where a source names nothing that can
    be read, and `DataError` where a file cannot be opened.
    """
    inputs = find(sources, _stdin(space))
    held = [(each.name, dict(each.map), each.sha256()[0]) for each in inputs]
    return digest(jobs.VERSION, settings.model_dump(mode="json"), held)


def licences(sources: Sequence[Source], space: Workspace | None = None) -> dict[str, str]:
    """The licence of each input by its name in the ledger, where the recipe names one."""
    return {
        each.name: source.license
        for source in sources
        if source.license is not None
        for each in find([source], _stdin(space))
    }


def count_rows(sources: Sequence[Source], settings: Settings) -> int:
    """How many rows the sources hold: they are read, but not parsed. Standard input is not counted."""
    return sum(part.rows for part in cut(find(sources, None), settings, _COUNTED_AT_ONCE))


def run(space: Workspace, settings: Settings, sources: Sequence[Source], work: Work) -> Report:
    """Write ``ledger``, ``examples`` and ``rejected``, a part of each for every ``part_rows`` input rows.

    Raises `DataError` where a file is damaged beyond its rows, and where no row at all becomes an example.
    """
    inputs, job, seen = _parsed(space, settings, sources, work)
    rounds.settle(job, inputs, linking.link_trees(space, settings, seen), work)
    for folder in OUTPUTS:
        space.trim(folder, len(seen))
    files = [(each.name, *each.sha256()) for each in inputs]
    made = report.add_up(_tallies(space, len(seen)), files, left_out(sources))
    space.disk.remove(jobs.PARSED)
    if made.examples == 0:
        raise _no_examples(space.read_table(Workspace.part("rejected", 0)), made.rows, inputs)
    return made


def parse(space: Workspace, sources: Sequence[Source], work: Work) -> list[pa.Table]:
    """The rows of the sources part by part, copies and rejects among them, as `rows.FIXED` and ``user`` tell them.

    Raises `DataError` where there are no rows, and where none of them is an example.
    """
    inputs, _, seen = _parsed(space, Settings(), sources, work)
    tables = [space.read_table(Workspace.part(part.folder, part.index)) for part in seen]
    outcomes = [each for table in tables for each in table.column("outcome").to_pylist()]
    if "example" not in outcomes:
        refused = pa.concat_tables([each.select(["source", "row", "reason"]) for each in tables])
        raise _no_examples(refused, len(outcomes), inputs)
    return tables


def _parsed(
    space: Workspace, settings: Settings, sources: Sequence[Source], work: Work
) -> tuple[list[Input], jobs.ParseJob, list[rounds.Seen]]:
    """The inputs, the job that parses them, and their parts, which are parsed."""
    inputs = find(sources, _stdin(space))
    job = jobs.ParseJob(space, settings, {each.name: dict(each.map) for each in inputs if each.map})
    seen = rounds.parse(job, inputs, work)
    if not seen:
        raise DataError(f"{_named(inputs)} has no rows", fix="name a source that has some")
    return inputs, job, seen


def _stdin(space: Workspace | None) -> Callable[[], IO[bytes]] | None:
    if space is None or not space.disk.exists(KEPT_STDIN):
        return None
    return lambda: space.disk.open(KEPT_STDIN)


def _tallies(space: Workspace, parts: int) -> Iterator[dict[str, Any]]:
    for index in range(parts):
        tally: Any = space.about(Workspace.part("ledger", index))["tally"]
        yield tally


def _no_examples(rejected: pa.Table, rows: int, inputs: Sequence[Input]) -> DataError:
    row = next(iter(rejected.slice(0, 1).to_pylist()), None)
    first = f"; the first, {row['source']}:{row['row']}: {row['reason']}" if row else ""
    return DataError(
        f"none of the {rows} rows of {_named(inputs)} is an example{first}",
        fix="name their columns with --map prompt=q,completion=a (a dot reaches inside: turns.0.text), or mend it",
    )


def _named(inputs: Sequence[Input]) -> str:
    return inputs[0].name if len(inputs) == 1 else f"{inputs[0].name} and {len(inputs) - 1} more"
