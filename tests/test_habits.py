"""The habits of the house hold: dependencies are justified, releases are prepared, links lead somewhere."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

import curate

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])


def _dependencies() -> set[str]:
    """What `pyproject.toml` asks for, always and in extras, without ourselves."""
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    return {re.split(r"[<>=\[ ]", each)[0] for group in groups for each in group} - {"curate-curriculum"}


def _script(file: str, name: str) -> Any:  # noqa: ANN401 - a function of a script
    return runpy.run_path(str(ROOT / ".ci" / file), run_name="script")[name]


def test_every_dependency_is_justified_and_nothing_else_is() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    told = {
        name.strip()
        for line in page.splitlines()
        if line.startswith("| ") and not line.startswith(("| library", "| ---"))
        for name in line.split("|")[1].split(",")
    }

    assert told == _dependencies()


def test_every_dependency_has_its_version_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0].lower()) for line in pins if "==" in line}

    assert {re.sub(r"[-_.]+", "-", name.lower()) for name in _dependencies()} <= pinned


def test_the_lowest_versions_are_the_bounds_but_for_torch() -> None:
    found = _script("lowest.py", "lowest")(
        ["moto[s3]>=5.1", "torch>=2.7", "ours[train]"], ["# these", "moto==5.3", "torch==2.13.0", "torchmetrics==1.9.0"]
    )

    assert found == ["moto==5.1", "torch==2.13.0"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [*re.findall(r"\]\(([^)#\s]+)", text), *re.findall(r'<img src="([^"]+)"', text)]

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_a_release_moves_what_was_unreleased_under_its_version() -> None:
    log = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 · 2025-01-01\n\n- Old.\n"

    assert _script("release.py", "dated")(log, "0.2.0", "2026-01-02") == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 · 2026-01-02\n\n- New.\n\n## 0.1.0 · 2025-01-01\n\n- Old.\n"
    )


def test_nothing_new_is_no_release() -> None:
    with pytest.raises(SystemExit, match="nothing to release"):
        _script("release.py", "dated")(
            "# Changelog\n\n## Unreleased\n\n## 0.1.0 · 2025-01-01\n\n- Old.\n", "0.2.0", "2026-01-02"
        )


@pytest.mark.parametrize(("version", "words"), [("0.0.9", "not later"), ("1.0", "no version like")])
def test_a_version_must_be_a_later_one(version: str, words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        _script("release.py", "versioned")((ROOT / "curate" / "__init__.py").read_text(encoding="utf-8"), version)


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "curate.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", curate.__version__)
