"""A run folder at a URL: files are whole or absent, a run is as on a disk, and nobody learns a secret."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

from curate.cli.main import call
from curate.errors import BusyError, CurateError, SettingsError
from curate.pipeline import build
from curate.recipe import dump, held_recipe
from curate.store import lease
from curate.store.disk import Disk, LocalDisk
from curate.store.overlay import OverlayDisk
from curate.store.url import UrlDisk
from curate.store.workspace import Workspace
from curate.verify import step as verify
from tests.pipeline_runs import recipe, tree, write_source
from tests.stores import SECRET, contents, needs_s3, new_url, s3_server, tree_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

QUICK = lease.Pace(beat_seconds=0.1, missed_beats=3)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["memory", pytest.param("s3", marks=needs_s3)])
def scheme(request: pytest.FixtureRequest) -> str:
    if request.param == "s3":
        request.getfixturevalue("server")
    return str(request.param)


@pytest.fixture(params=["folder", "overlay", "memory", pytest.param("s3", marks=needs_s3)])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    if request.param == "folder":
        return LocalDisk(tmp_path)
    if request.param == "overlay":
        return OverlayDisk(LocalDisk(tmp_path))
    if request.param == "s3":
        request.getfixturevalue("server")
    return UrlDisk(new_url(request.param))


def put(disk: Disk, path: str, data: bytes) -> None:
    with disk.create(path) as file:
        file.write(data)


def get(disk: Disk, path: str) -> bytes:
    with disk.open(path) as file:
        return file.read()


# --- one contract for all disks ---


def test_a_file_is_read_as_it_was_written_and_written_over(disk: Disk) -> None:
    put(disk, "scores/a/part-00000", b"first")
    put(disk, "scores/a/part-00000", b"second")

    assert get(disk, "scores/a/part-00000") == b"second"


def test_a_file_has_its_name_only_when_it_is_whole(disk: Disk) -> None:
    with disk.create("part") as file:
        file.write(b"half")
        file.flush()
        seen = disk.exists("part")

    assert (seen, disk.exists("part")) == (False, True)


def test_a_file_whose_writer_failed_is_not_there(disk: Disk) -> None:
    def fail() -> None:
        with disk.create("part") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert (disk.exists("part"), disk.names("")) == (False, [])


def test_names_are_sorted_and_those_of_one_folder(disk: Disk) -> None:
    for path in ("a/2", "a/1", "ab/3", "a/deep/4"):
        put(disk, path, b"x")

    assert disk.names("a") == ["1", "2", "deep"]
    assert disk.names("none") == []
    assert (disk.exists("a"), disk.exists("a/deep/4"), disk.exists("a/4")) == (True, True, False)


def test_what_is_removed_is_gone_with_all_below_it_and_nothing_else(disk: Disk) -> None:
    for path in ("a/1", "a/deep/2", "ab/3", "c"):
        put(disk, path, b"x")
    for path in ("a", "c", "none"):
        disk.remove(path)

    assert [disk.exists(path) for path in ("a", "a/deep/2", "c", "ab/3")] == [False, False, False, True]


def test_a_file_that_is_not_there_is_not_found(disk: Disk) -> None:
    with pytest.raises(FileNotFoundError):
        get(disk, "none")


# --- URLs alone ---


def test_a_large_file_goes_up_whole(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.store.url._ONE_PUT_BYTES", 1000)
    disk = UrlDisk(new_url(scheme))
    put(disk, "large", bytes(5000))

    assert get(disk, "large") == bytes(5000)


def test_one_of_two_claims_wins(scheme: str) -> None:
    disk = UrlDisk(new_url(scheme))

    assert [disk.claim("lease", b"a"), disk.claim("lease", b"b")] == [True, False]
    assert get(disk, "lease") == b"a"


def test_a_disk_that_travels_takes_its_address_only(scheme: str) -> None:
    disk = UrlDisk(new_url(scheme))
    put(disk, "a", b"x")
    travelling = pickle.dumps(disk)

    assert SECRET.encode() not in travelling
    assert get(pickle.loads(travelling), "a") == b"x"


@pytest.mark.parametrize("url", ["sftp://anna:pa55word@host/run", "https://host/run?token=pa55word"])
def test_a_url_with_a_secret_in_it_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Workspace(url)

    assert "pa55word" not in str(refused.value)


def test_a_store_without_its_client_is_refused_with_what_to_install() -> None:
    with pytest.raises(SettingsError, match=r"foo://bucket/run cannot be reached"):
        Workspace("foo://bucket/run").disk.exists("recipe.toml")


@needs_s3
@pytest.mark.usefixtures("server")
def test_a_bucket_that_is_not_there_is_an_error_with_a_fix() -> None:
    with pytest.raises(CurateError, match=r"cannot write s3://nowhere/run/a: .*\n  fix: give the credentials"):
        put(UrlDisk("s3://nowhere/run"), "a", b"x")


def test_a_folder_is_asked_for_where_only_a_folder_will_do() -> None:
    with pytest.raises(SettingsError, match="training needs one"):
        _ = Workspace("memory://run").root


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    space = Workspace(f"file://{tmp_path}/run")

    assert isinstance(space.disk, LocalDisk)
    assert space.root == tmp_path / "run"


# --- the lease ---


def held(disk: UrlDisk, pace: lease.Pace = QUICK) -> AbstractContextManager[None]:
    return lease.held(disk, pace)


def test_a_second_run_is_refused_and_a_finished_one_leaves_no_lease(scheme: str) -> None:
    disk = UrlDisk(new_url(scheme))
    with held(disk), pytest.raises(BusyError, match="another run is at work"), held(disk):
        pass

    assert disk.names("") == []
    with held(disk):
        pass


def test_a_dead_run_is_succeeded_when_its_lease_stands_still(scheme: str) -> None:
    disk = UrlDisk(new_url(scheme))
    disk.claim(lease.LEASE, b"dead 7")
    began = time.monotonic()
    with held(disk):
        pass

    assert time.monotonic() - began >= QUICK.beat_seconds * QUICK.missed_beats
    assert disk.names("") == []


def test_a_run_that_stood_still_for_too_long_says_so_and_leaves_the_lease_of_the_other() -> None:
    disk = UrlDisk(new_url("memory"))
    with pytest.raises(BusyError, match="took over"), held(disk):
        put(disk, lease.LEASE, b"other 1")

    assert get(disk, lease.LEASE) == b"other 1"


def test_of_many_that_find_a_dead_lease_one_goes_on() -> None:
    disk = UrlDisk(new_url("memory"))
    disk.claim(lease.LEASE, b"dead 7")
    ended: list[str] = []

    def run() -> None:
        try:
            with held(disk):
                time.sleep(1.0)
                ended.append("went on")
        except BusyError:
            ended.append("refused")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ended) == ["refused"] * 3 + ["went on"]


def test_an_error_inside_gives_the_lease_back() -> None:
    disk = UrlDisk(new_url("memory"))
    with pytest.raises(KeyError), held(disk):
        raise KeyError

    assert disk.names("") == []


# --- whole runs ---


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "lessons.jsonl")


@pytest.mark.slow
@pytest.mark.model
def test_a_run_at_a_url_has_the_bytes_of_one_on_disk_and_verifies(tmp_path: Path, source: Path, scheme: str) -> None:
    asked, url = recipe(source), new_url(scheme)
    build(Workspace(tmp_path / "run"), asked)
    pipeline = build(Workspace(url), asked)

    assert tree_at(url) == tree(tmp_path / "run")
    assert verify.run(Workspace(url)).holds
    assert set(pipeline.stale().values()) == {None}


class FailingDisk(UrlDisk):
    """A store that cannot be reached from its n-th write on."""

    left = 30

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        FailingDisk.left -= 1
        if FailingDisk.left < 0:
            raise CurateError("cannot write: the store is gone", fix="wait")
        with super().create(path) as file:
            yield file


@pytest.mark.slow
@pytest.mark.model
def test_a_run_goes_on_at_a_url_where_it_was_cut_off(tmp_path: Path, source: Path, scheme: str) -> None:
    asked, url = recipe(source), new_url(scheme)
    build(Workspace(tmp_path / "run"), asked)
    FailingDisk.left = 30
    with pytest.raises(CurateError, match="the store is gone"):
        build(Workspace(url, FailingDisk(url)), asked)

    build(Workspace(url), asked)

    assert tree_at(url) == tree(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.model
def test_the_commands_take_a_url_and_no_secret_is_told_or_kept(
    tmp_path: Path,
    source: Path,
    scheme: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, url = tmp_path / "small.toml", new_url(scheme)
    path.write_bytes(dump(recipe(source)))
    caplog.set_level(logging.DEBUG, "curate")

    ran = [call(["run", str(path), "-o", url, "-v"])]
    ran += [call([name, url]) for name in ("status", "verify", "audit", "tier", "show")]
    ran += [
        call(["explain", url, f"{source}:3"]),
        call(["tier", url, "--dry-run"]),
        call(["export", url, "--to", "trl"]),
    ]
    told = capsys.readouterr()

    assert ran == [0] * 9
    assert "claims hold" in told.out
    assert SECRET not in told.out + told.err + caplog.text
    assert [name for name, data in contents(url).items() if SECRET.encode() in data] == []
    assert ".lease" not in contents(url)
    assert held_recipe(Workspace(url)).sources[0].path == str(source)


def test_a_url_without_a_run_is_refused(scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["status", new_url(scheme)]) == 2
    assert "holds no recipe.toml" in capsys.readouterr().err


def test_workers_that_share_no_memory_are_refused_a_run_there(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.toml"
    path.write_bytes(dump(recipe(source)))

    assert call(["run", str(path), "-o", new_url("memory"), "--workers", "2"]) == 2
    assert "which workers do not share" in capsys.readouterr().err
