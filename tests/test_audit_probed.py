"""What probes measured stands in the page: figures, charts with words, and nothing that data could turn into markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from curate.audit import render
from curate.audit.probed import Probed
from curate.audit.thresholds import Thresholds
from curate.models.load import wrap
from curate.probe.compare import transfer
from curate.probe.measure import Checkpoint, measure
from tests.audit_runs import WORK, Rows, write
from tests.lm_fakes import tiny_network, tiny_tokenizer
from tests.probe_suites import QUIZ, suite

if TYPE_CHECKING:
    from curate.audit.report import AuditReport
    from curate.core.measured import Measured

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def probed() -> Probed:
    asked = suite(
        (QUIZ, "B"), *((f"Tell me about town {each} by the sea, please.", f"Town {each}.") for each in range(6))
    )
    found: list[Measured] = []
    for number, stage in enumerate((None, 0, 1)):
        lm = wrap(tiny_network(number), tiny_tokenizer())
        since = found[-1] if found else None
        found.append(measure(asked, lm, Checkpoint(f"{HOSTILE} {number}", "m", number, stage), since=since))
    return Probed(tuple(found), transfer(found))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    from curate.audit.step import Settings, run

    return run(write(tmp_path_factory.mktemp("probed"), Rows(60)), Settings(render=()), WORK)


def test_the_page_shows_every_chart_of_the_last_probe(report: AuditReport, probed: Probed) -> None:
    page = render.page(report, Thresholds(), probed)

    names = re.findall(r'data-spec="(probe-[a-z-]+)"', page)
    assert names == [
        "probe-matrix",
        "probe-reliability-token",
        "probe-reliability-choice",
        "probe-robustness",
        "probe-changes",
        "probe-lessons",
    ]
    assert page.count('href="#probe"') == 1
    assert HOSTILE not in page


def test_every_chart_has_words_and_a_table_of_its_numbers(probed: Probed) -> None:
    for chart in probed.charts:
        assert chart.says
        assert all(len(line) == len(chart.head) for line in chart.rows)
    matrix = probed.charts[0]
    assert matrix.rows[0][2] == probed.last.cells[0].result.loss.value


def test_every_chart_is_as_the_schema_of_vega_lite_asks(probed: Probed) -> None:
    import altair as alt

    for chart in probed.charts:
        alt.Root.from_dict(chart.spec, validate=True)


def test_the_history_has_a_line_for_each_probe(probed: Probed) -> None:
    history = probed.history()

    assert [line[1] for line in history] == ["\N{EN DASH}", "0", "1"]
    assert str(history[2][4]).startswith(f"{probed.last.cells[0].result.loss.value:.3f} (")


def test_resistance_and_domains_have_their_intervals(probed: Probed) -> None:
    share = probed.last.resistance[0].share

    assert probed.resistance()[0][1] == f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"


def test_a_page_without_probes_says_nothing_of_them(report: AuditReport) -> None:
    assert 'id="probe"' not in render.page(report, Thresholds())
