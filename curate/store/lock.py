"""One run at a time on one folder: a lock that the system lets go of when its holder dies, or a lease at a URL."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from curate.errors import CurateError
from curate.store import lease
from curate.store.url import UrlDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from curate.store.workspace import Workspace


@contextmanager
def locked(space: Workspace) -> Iterator[None]:
    """Hold the run folder for one run; a second run is refused, at a URL once it has seen the first one's next beat."""
    if isinstance(space.disk, UrlDisk):
        with lease.held(space.disk):
            yield
    else:
        with _locked_folder(space.root):
            yield


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("ab")
    except OSError as error:
        raise CurateError(
            f"cannot write to {folder}: {error.strerror}", fix="name a folder that you may write to with -o"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise lease.busy(str(folder)) from error
        yield
