"""Real sets go the whole way: a sample of Dolly and GSM8K, cheap scores and density on all, perplexity on some."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from curate.cli.main import call
from curate.store.workspace import Workspace
from curate.verify import step as verify

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.model, pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


def sample(source: Path, target: Path, rows: int) -> Path:
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        target.write_text("".join(line for _, line in zip(range(rows), lines, strict=False)), encoding="utf-8")
    return target


def test_dolly_and_gsm8k_go_the_whole_way(tmp_path: Path, real: Path) -> None:
    dolly = sample(real / "dolly_6400" / "dolly_6400.jsonl.gz", tmp_path / "dolly.jsonl", 300)
    maths = sample(real / "gsm8k" / "gsm8k_train.jsonl.gz", tmp_path / "gsm8k.jsonl", 300)
    run = str(tmp_path / "run")

    assert call(["score", str(dolly), str(maths), "-o", run, "--scorers", "length,readability,density", "-q"]) == 0
    assert call(["tier", run, "--stages", "4", "-q"]) == 0
    assert call(["audit", run, "-q"]) == 0
    assert call(["verify", run, "-q"]) == 0

    plan = json.loads((tmp_path / "run" / "plan.json").read_bytes())
    means = [stage["difficulty"] for stage in plan["stages"][:-1]]
    assert means == sorted(means)
    assert sum(plan["fates"].values()) == verify_examples(run)


def verify_examples(run: str) -> int:
    report = verify.run(Workspace(run))
    return next(int(each.figures.split()[0]) for each in report.checks if "hash of its content" in each.claim)


def test_longer_worked_solutions_have_a_higher_total_nll(tmp_path: Path, real: Path) -> None:
    """Finding 6 of the methods: total NLL rises with the human-written steps of GSM8K."""
    import pyarrow.parquet as pq
    from scipy.stats import spearmanr

    maths = sample(real / "gsm8k" / "gsm8k_train.jsonl.gz", tmp_path / "gsm8k.jsonl", 48)
    run = tmp_path / "run"

    assert call(["score", str(maths), "-o", str(run), "--scorers", "perplexity", "-q"]) == 0

    (scores,) = (pq.read_table(path) for path in (run / "scores").rglob("part-*.parquet"))
    examples = pq.read_table(run / "examples" / "part-00000.parquet")
    steps = [row["n_steps"] for row in examples.column("user").to_pylist()]
    assert spearmanr(scores.column("total_nll").to_pylist(), steps).statistic > 0.4


SETS = [
    "math_levels/math.jsonl.gz",
    "flan_cot/flan_cot.jsonl.gz",
    "oasst_en_100/oasst_en_100.jsonl",
    "mgsm/mgsm.jsonl.gz",
    "gpteacher_codegen/codegen.jsonl.gz",
    "exercism_python/exercism.jsonl",
    "clinc_oos/clinc_oos.jsonl.gz",
]


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_goes_the_whole_way_without_a_fix_up(real: Path, tmp_path: Path, name: str) -> None:
    run = str(tmp_path / "run")

    assert call(["score", str(real / name), "-o", run, "--scorers", "length,structure", "-q"]) == 0
    assert call(["tier", run, "-q"]) == 0
    assert call(["audit", run, "-q"]) == 0
    assert call(["verify", run, "-q"]) == 0
