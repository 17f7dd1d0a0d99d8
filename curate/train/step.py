"""Open a dataset for training; nothing here runs before its files are proven to be the ones that were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.core.manifest import Manifest, Schedule
from curate.errors import GateError, IntegrityError
from curate.store.rows import open_shards
from curate.train.reader import Reader, fingerprint_of

if TYPE_CHECKING:
    from curate.store.workspace import Workspace


def open_reader(space: Workspace, refused: str | None = None, *, trust: bool = False) -> Reader:
    """The dataset of a run, ready to read.

    Raises `IntegrityError` where a file is not the one that the manifest lists, and `GateError` where the audit
    failed (*refused* says why); *trust* takes the data all the same.
    """
    manifest = space.read_json("dataset/manifest.json", Manifest)
    if not trust:
        if refused is not None:
            raise GateError(
                f"the audit of {space.root} failed: {refused}",
                fix="mend what audit/report.html names, or train all the same with --trust",
            )
        _check_hashes(space, manifest)
    schedule = space.read_json("dataset/schedule.json", Schedule)
    paths = [f"dataset/{path}" for stage in schedule.stages for path in stage.files]
    rows = open_shards(space.disk, paths)
    if len(rows) != schedule.rows:
        raise IntegrityError(
            f"the shards hold {len(rows)} rows, the schedule says {schedule.rows}",
            fix="write the dataset again: `curate tier`",
        )
    return Reader(rows, schedule, fingerprint_of(manifest))


def _check_hashes(space: Workspace, manifest: Manifest) -> None:
    for file in (*manifest.shards, *manifest.files):
        if space.sha256(f"dataset/{file.path}") != (file.sha256, file.size_bytes):
            raise IntegrityError(
                f"dataset/{file.path} is not the file that was written: its hash differs from the manifest's",
                fix="write the dataset again (`curate tier`), or train on what is there with --trust",
            )
