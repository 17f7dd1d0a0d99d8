"""Places for run folders beside the disk: a store in memory, and an S3-compatible server on this machine."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest

from curate.store.workspace import Workspace
from tests.pipeline_runs import EXEMPT

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"

needs_s3 = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("moto", "s3fs", "flask_cors")),
    reason="moto, flask-cors or s3fs is not installed",
)


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3-compatible server with an empty bucket `runs`, which this process is told to use."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ENDPOINT_URL", address)
        s3fs.S3FileSystem.clear_instance_cache()
        fsspec.filesystem("s3").makedirs("runs", exist_ok=True)
        yield address
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def new_url(scheme: str) -> str:
    """The URL of a run folder that nobody has used."""
    return f"{scheme}://runs/{uuid4().hex}"


def contents(url: str) -> dict[str, bytes]:
    """Every file below a URL."""
    system, base = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return {path.removeprefix(f"{base}/"): system.cat_file(path) for path in sorted(system.find(base))}


def tree_at(url: str) -> dict[str, str]:
    """The hash of every file of a run at a URL, as `tree` gives them for a folder."""
    held = contents(url)
    return {name: sha256(data).hexdigest() for name, data in held.items() if name.rpartition("/")[2] not in EXEMPT}


def workspace(scheme: str) -> Workspace:
    """A new run folder in a store."""
    return Workspace(new_url(scheme))
