"""Every block of every tutorial runs, in order and in one folder, and says what the page says."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import tutorials

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[1] / "examples"
PAGES = sorted(EXAMPLES.glob("[0-9][0-9]-*.md"))

pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that all tutorials work in, as a clone looks."""
    made = tmp_path_factory.mktemp("clone")
    shutil.copytree(EXAMPLES, made / "examples")
    path = list(sys.path)
    with contextlib.chdir(made):
        sys.path.insert(0, str(made))
        yield made
    sys.path[:] = path


@pytest.fixture(scope="module")
def wrong(folder: Path) -> dict[str, list[str]]:
    """Where each page and what happened disagree; all pages are run in order, since later ones build on earlier."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        found[page.name] = [
            f"{step.text}\nshould print\n{step.seen}\n({step.code}), but prints\n{printed}\n({code})"
            for step, printed, code in tutorials.run(page.read_text(encoding="utf-8"))
            if code != step.code or (step.seen is not None and not tutorials.agrees(step.seen, printed))
        ]
    return found


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_a_tutorial_says_what_happens(wrong: dict[str, list[str]], page: str) -> None:
    assert "\n\n".join(wrong[page]) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_tutorial_has_steps_and_links_that_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert len(list(tutorials.steps(text))) >= 2
    links = re.findall(r"\]\(([^)#]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_a_page_that_says_something_else_is_found_out() -> None:
    assert tutorials.agrees("rows 1\n...\nend", "rows 1\nmany\nend\nnext: go on\n")
    assert not tutorials.agrees("rows 2\n...\nend", "rows 1\nmany\nend\n")
    assert tutorials.agrees("mean 0.549 of 3, 22.4%.", "mean 0.548 of 3, 22.5%.")
    assert not tutorials.agrees("mean 0.549", "mean 0.547")
    assert not tutorials.agrees("version 1.2.3", "version 1.2.4")
