"""One run at a time on one URL: a lease that its holder renews, and that others take over once nobody does.

An object store lets go of nothing when a process dies, and clocks of two machines cannot be compared. So whoever finds
a lease watches it: one that changes belongs to a run at work, one that does not change for some beats to a dead one.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING
from uuid import uuid4

from curate.errors import BusyError, CurateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.store.url import UrlDisk

LEASE = ".lease"


@dataclass(frozen=True)
class Pace:
    """Seconds between two renewals, and how many of them may fail to come before a lease counts as left behind."""

    beat_seconds: float = 5.0
    missed_beats: int = 4


@contextmanager
def held(disk: UrlDisk, pace: Pace | None = None) -> Iterator[None]:
    """Hold the lease of the run at a URL; `BusyError` where another run renews it.

    `BusyError` at the end, too, where another run took the lease over because this one was stopped for too long.
    """
    pace = pace or Pace()
    holder = _Holder(disk, uuid4().hex, pace)
    if not disk.claim(LEASE, holder.state()):
        if _stands_still(disk, pace):
            holder.renew()
            time.sleep(pace.beat_seconds / 5)  # of two that take over at once, the one that wrote last holds it
        else:
            disk.claim(LEASE, holder.state())
    if not holder.holds():
        raise busy(disk.url)
    renewing = Thread(target=holder.keep, name="lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        holder.stop.set()
        renewing.join()
        kept = holder.holds()
        if kept:
            disk.remove(LEASE)
    if not kept:
        raise BusyError(
            f"another run took over {disk.url} while this one stood still",
            fix="wait until it ends, then give the same command again; what is done already is kept",
        )


class _Holder:
    """Writes the lease anew with every beat, as long as it is still its own."""

    def __init__(self, disk: UrlDisk, token: str, pace: Pace) -> None:
        self.stop = Event()
        self._disk = disk
        self._token = token
        self._pace = pace
        self._beats = 0

    def state(self) -> bytes:
        return f"{self._token} {self._beats}".encode()

    def renew(self) -> None:
        self._beats += 1
        with self._disk.create(LEASE) as file:
            file.write(self.state())

    def holds(self) -> bool:
        return (_read(self._disk) or b"").startswith(self._token.encode())

    def keep(self) -> None:
        while not self.stop.wait(self._pace.beat_seconds):
            try:
                if not self.holds():
                    return
                self.renew()
            except CurateError:
                continue  # the store cannot be reached just now; the next beat tries again


def _stands_still(disk: UrlDisk, pace: Pace) -> bool:
    """Whether a lease has not changed for some beats; not so if it is gone, and `BusyError` as soon as it changes."""
    first = _read(disk)
    for _ in range(pace.missed_beats * 5):
        time.sleep(pace.beat_seconds / 5)
        now = _read(disk)
        if now is None:
            return False
        if now != first:
            raise busy(disk.url)
    return True


def _read(disk: UrlDisk) -> bytes | None:
    try:
        return disk.fetch(LEASE)
    except FileNotFoundError:
        return None


def busy(name: str) -> BusyError:
    """What is said of a run folder that another run holds."""
    return BusyError(f"another run is at work in {name}", fix="wait until it ends, or stop it, then try again")
