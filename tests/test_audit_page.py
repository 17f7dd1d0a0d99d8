"""The page and its short form: escaped, whole, the same every time, and alive in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.audit import charts, markdown, render
from curate.audit.step import Settings, run
from curate.audit.thresholds import Thresholds
from curate.core.plan import Length
from tests.audit_runs import WORK, Rows, write

if TYPE_CHECKING:
    from pathlib import Path

    from curate.audit.report import AuditReport

HOSTILE = (
    "</script><script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    '=HYPERLINK("http://example.org")|*bold*|`code`',
    "{{ 7 * 7 }} ' \" & \u2028 datum.x",
)
LIMITS = Thresholds()
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    chance = np.random.default_rng(6)
    difficulty = chance.random(1200)
    group = np.array(HOSTILE, dtype=object)[np.where(difficulty > 0.7, 0, chance.integers(0, 4, 1200))]
    rows = Rows(
        1200,
        difficulty=difficulty,
        columns={"group": group.tolist(), "many": [f"value {each}" for each in chance.integers(0, 12, 1200)]},
        skill=[f"{HOSTILE[1]} {each}" for each in chance.integers(0, 3, 1200)],
        scores={"length": difficulty},
        vectors=chance.normal(size=(1200, 8)).astype(np.float32),
    )
    space = write(tmp_path_factory.mktemp("page"), rows)
    return run(space, Settings(by=("group", "many"), render=()), WORK)


@pytest.fixture(scope="module")
def page(report: AuditReport) -> str:
    return render.page(report, LIMITS)


def test_the_page_is_one_file_that_asks_for_nothing_from_outside(page: str) -> None:
    outline = Outline()
    outline.feed(page)

    assert len(page.encode()) < 8_000_000
    assert "default-src 'none'" in page
    assert outline.fetched == []


def test_no_data_becomes_markup(page: str) -> None:
    outline = Outline()
    outline.feed(page)

    assert page.count("</script>") == outline.tags["script"] == 2 + drawings(page)
    assert outline.tags["img"] == 0
    assert "{{ 7 * 7 }}" in unescape(page)


def test_the_specifications_still_hold_the_data(page: str) -> None:
    specs = [json.loads(each) for each in re.findall(r'data-spec="[^"]*">(.*?)</script>', page, flags=re.S)]

    assert any(HOSTILE[0] in json.dumps(each) for each in specs)


def test_the_same_report_gives_the_same_page(report: AuditReport, page: str) -> None:
    assert render.page(report, LIMITS) == page


def test_every_chart_has_words_and_a_table(report: AuditReport, page: str) -> None:
    drawn = [*render.drawn(report).values(), *(charts.ratios(each, 0) for each in report.groupings)]

    assert all(each.says and each.rows and len(each.head) == len(each.rows[0]) for each in drawn)
    assert page.count('role="img" aria-label="') == drawings(page)


def test_every_chart_is_as_the_schema_of_vega_lite_asks(report: AuditReport) -> None:
    import altair as alt

    drawn = [
        *render.drawn(report).values(),
        charts.ratios(report.groupings[0], 0),
        charts.forest(report.groupings[0], 0),
    ]

    for chart in drawn:
        alt.Root.from_dict(chart.spec, validate=True)


def drawings(page: str) -> int:
    return len(re.findall(r'data-spec="[a-z]', page))


class Outline(HTMLParser):
    """What a page is made of: tags, headings, ids, links, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: Counter[str] = Counter()
        self.fetched: list[str] = []
        self.heads_without_scope = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.tags[tag] += 1
        self.fetched += [str(held[name]) for name in ("src", "srcset", "data", "action") if name in held]
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if held.get("id"):
            self.ids.append(str(held["id"]))
        if tag == "a":
            self.targets.append(str(held["href"]).removeprefix("#"))
        self.heads_without_scope += tag == "th" and "scope" not in held


def test_what_a_trainer_would_cut_off_stands_by_tier_and_limit_on_both_pages(report: AuditReport) -> None:
    lengths = tuple(
        Length(limit=limit, tier=tier, rows=90 + tier, truncated=7000 // limit + tier, dropped=tier)
        for limit in (1024, 2048)
        for tier in (0, 1)
    )
    told = report.model_copy(update={"lengths": lengths})

    page, short = render.page(told, LIMITS), markdown.text(told)

    table = page.split("What a trainer would cut off")[1].split("</table>")[0]
    assert [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in table.splitlines() if "<td" in line] == [
        ["tier 0", "90", "6", "0", "3", "0"],
        ["tier 1", "91", "7", "1", "4", "1"],
    ]
    assert '<th scope="col">over 1,024</th><th scope="col">dropped</th>' in page
    assert "| tier 1 | 91 | 7 | 1 | 4 | 1 |" in short
    assert "What a trainer would cut off" not in render.page(report, LIMITS)


def test_headings_are_in_order_and_links_lead_somewhere(page: str) -> None:
    outline = Outline()
    outline.feed(page)

    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False))
    assert set(outline.targets) <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.heads_without_scope == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: str, scheme: str) -> None:
    style = page[page.index("<style>") : page.index("</style>")]
    first, second = re.findall(r":root \{(.*?)\}", style, flags=re.S)[:2]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", first if scheme == "light" else second))

    for name in ("text", "quiet", "error", "warning", "note", "fine"):
        for ground in ("ground", "panel"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, from relative luminance."""
    light = []
    for colour in (one, other):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        light.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_markdown_holds_no_markup_of_the_data(report: AuditReport) -> None:
    made = markdown.text(report)

    assert "<script" not in made.replace("\\<", "")
    assert "\\`code\\`" in made
    assert all(line.startswith("|") for line in made.splitlines() if " | " in line)


def test_markdown_of_nothing_found_says_so(report: AuditReport) -> None:
    made = markdown.text(report.model_copy(update={"findings": ()}))

    assert "No errors, no warnings and no notes" in made.replace("\\", "")
    assert "Nothing was found." in made


def browse(tmp_path: Path, page: str, script: str = "", *flags: str) -> tuple[str, list[str]]:
    """The page's DOM after *script* ran, and what was said on the console."""
    assert CHROMIUM is not None
    file = tmp_path / "page.html"
    before, _, after = page.rpartition("</body>")
    file.write_text(f"{before}<script>{script}</script></body>{after}", encoding="utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            f"--user-data-dir={tmp_path / 'profile'}",
            *flags,
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@needs_browser
@pytest.mark.parametrize("flags", [(), ("--window-size=390,800",), ("--blink-settings=preferredColorScheme=0",)])
def test_a_browser_draws_every_chart_and_has_nothing_to_complain_of(
    tmp_path: Path, page: str, flags: tuple[str, ...]
) -> None:
    dom, console = browse(tmp_path, page, "", *flags)

    assert console == []
    assert dom.count('data-drawn="yes"') == drawings(page)
    assert "<title>Audit of the curriculum</title>" in dom


WORK_THE_PAGE = """
const done = {};
const findings = [...document.querySelectorAll(".finding")];
const shown = () => findings.filter((each) => !each.hidden).length;
const all = shown();
const box = document.querySelector("input[name=severity]");
box.click();
done.hidden = all - shown();
done.marked = document.querySelectorAll(`.finding.${box.value}`).length;
box.click();
const search = document.querySelector("input[name=containing]");
search.value = "no finding holds these words";
search.dispatchEvent(new Event("input", { bubbles: true }));
done.none = shown();
const table = document.querySelector("#stages > .scroll table");
const head = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === "rows");
const column = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[head].dataset.value));
table.tHead.rows[0].cells[head].querySelector("button").click();
done.rising = column();
table.tHead.rows[0].cells[head].querySelector("button").click();
done.falling = column();
done.sort = table.tHead.rows[0].cells[head].getAttribute("aria-sort");
document.body.dataset.done = JSON.stringify(done);
"""


@needs_browser
def test_filters_and_sorting_work(tmp_path: Path, page: str) -> None:
    dom, console = browse(tmp_path, page, WORK_THE_PAGE)

    found = re.search(r'data-done="(.*?)"', dom)
    assert found is not None
    done = json.loads(unescape(found[1]))
    assert console == []
    assert done["hidden"] == done["marked"] > 0
    assert done["none"] == 0
    assert done["rising"] == sorted(done["rising"])
    assert done["falling"] == sorted(done["falling"], reverse=True)
    assert done["sort"] == "descending"


def test_names_are_measured_so_that_a_narrow_page_can_turn_and_wrap_them() -> None:
    assert charts.room(["stage 0", "stage 1"], ["en", "de"], ["a"]) == {"across": 114, "entry": 48, "left": 60}
    assert charts.room((), ["x" * 99])["entry"] == charts.room((), ["x" * 24])["entry"]


def test_a_command_that_mends_is_set_as_such_and_the_rest_escaped() -> None:
    shown = render.environment().from_string("{{ text | commands }}").render(text="see <b> (`curate show`), not `b`")

    assert shown == "see &lt;b&gt; (<code>curate show</code>), not `b`"
