"""What probes measured stands in the page: figures, charts with words, and nothing that data could turn into markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from curate.audit import render
from curate.audit.probed import Probed, robustness
from curate.audit.thresholds import Thresholds
from curate.core.measured import Estimate
from curate.models.load import wrap
from curate.probe.compare import transfer
from curate.probe.measure import Checkpoint, measure
from tests.audit_runs import WORK, Rows, write
from tests.lm_fakes import tiny_network, tiny_tokenizer
from tests.probe_suites import QUIZ, suite

if TYPE_CHECKING:
    from curate.audit.charts import Chart
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


def gaps(probed: Probed, *ends: tuple[float, float, float]) -> Chart:
    """The robustness chart where each kind's loss has one of these estimates."""
    first = probed.last.gaps[0]
    losses = [Estimate(value=value, low=low, high=high, rows=9, groups=9) for value, low, high in ends]
    made = tuple(
        first.model_copy(update={"kind": f"kind {number}", "loss": loss}) for number, loss in enumerate(losses)
    )
    return robustness(probed.last.model_copy(update={"gaps": made}))


def domain(chart: Chart) -> list[float] | None:
    """Where the axis of changes ends, if that is set."""
    found: list[float] | None = chart.spec["layer"][1]["encoding"]["x"].get("scale", {}).get("domain")
    return found


def test_one_interval_out_of_all_proportion_does_not_squash_the_others(probed: Probed) -> None:
    even = gaps(probed, (0.1, 0.0, 0.2), (0.3, 0.2, 0.4), (0.5, 0.2, 0.8))
    wide = gaps(probed, (0.1, 0.0, 0.2), (0.3, 0.2, 0.4), (0.5, -90.0, 80.0))

    assert domain(even) is None
    assert "edge" not in even.says
    assert domain(wide) == pytest.approx([0.0, 0.9])
    assert "edge" in wide.says
    assert wide.rows[2][3:5] == (-90.0, 80.0)


def test_estimates_without_width_leave_the_axis_alone(probed: Probed) -> None:
    assert domain(gaps(probed, (0.1, 0.1, 0.1), (0.3, 0.3, 0.3))) is None


def test_the_history_has_a_line_for_each_probe(probed: Probed) -> None:
    history = probed.history()

    assert [line[1] for line in history] == ["\N{EN DASH}", "0", "1"]
    assert str(history[2][4]).startswith(f"{probed.last.cells[0].result.loss.value:.3f} (")


def test_resistance_and_domains_have_their_intervals(probed: Probed) -> None:
    share = probed.last.resistance[0].share

    assert probed.resistance()[0][1] == f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"


def test_a_page_without_probes_says_nothing_of_them(report: AuditReport) -> None:
    assert 'id="probe"' not in render.page(report, Thresholds())
