"""Prepares a release: `make release VERSION=0.2.0`. What is published is the tag; nothing is uploaded from here."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HOME = Path("curate/__init__.py")
"""Where the version stands; `pyproject.toml` reads it from there."""
LOG = Path("CHANGELOG.md")


def dated(log: str, version: str, date: str) -> str:
    """The changelog with what was unreleased under a version and a date, and an empty heading above it."""
    head, found, rest = log.partition("## Unreleased\n")
    if not found or not re.split(r"^## ", rest, flags=re.MULTILINE)[0].strip():
        raise SystemExit("CHANGELOG.md has nothing under Unreleased: there is nothing to release")
    return f"{head}## Unreleased\n\n## {version} · {date}\n{rest}"


def versioned(source: str, version: str) -> str:
    """The package's source with another version, which must be a later one."""
    held = re.search(r'^__version__ = "([^"]+)"$', source, flags=re.MULTILINE)
    if held is None or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"{version!r} is no version like 1.2.3")
    if _numbers(version) < _numbers(held[1]):
        raise SystemExit(f"{version} is not later than {held[1]}")
    return source.replace(held[0], f'__version__ = "{version}"')


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in version.split("."))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def main(version: str) -> None:
    """Write version and changelog, run all that has to pass, commit and tag."""
    if _git("status", "--porcelain"):
        raise SystemExit("commit first: a release is made of what is committed")
    if f"v{version}" in _git("tag").split():
        raise SystemExit(f"v{version} is released already")
    source = versioned(HOME.read_text(encoding="utf-8"), version)
    log = dated(LOG.read_text(encoding="utf-8"), version, datetime.now(tz=UTC).date().isoformat())
    HOME.write_text(source, encoding="utf-8")
    LOG.write_text(log, encoding="utf-8")
    try:
        subprocess.run([".ci/run"], check=True)
    except (subprocess.CalledProcessError, KeyboardInterrupt):
        _git("checkout", "--", str(HOME), str(LOG))
        raise SystemExit("not released: .ci/run did not pass, and both files are as they were") from None
    _git("commit", "--all", "--message", f"Release {version}")
    _git("tag", "--annotate", f"v{version}", "--message", f"curate {version}")
    sys.stdout.write(
        f"committed and tagged v{version}; the wheel is in dist/\n"
        f"publish with: git push --follow-tags && .venv/bin/python -m twine upload dist/*\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
