"""How far batched values are from those of one row at a time: 100 real rows of each of five formats.

    python tests/benchmarks/bench_exact.py [--rows 100] [--formats text,talk] [--threads 0]

fp32: the largest |NLL - NLL of transformers on the row alone| / max(1, NLL), over several sizes of batches and the rows
in both orders; the same from the model's own forward in fp64 (``of fp64``), and how far transformers is from that
(``alone``). bf16: |mean NLL - mean NLL in fp32|, its mean and largest, and the rank correlation of the two. Rows
are as long as they are, up to 512 tokens.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from curate.core.agreement import spearman
from curate.models.chat import Rendered, render
from curate.models.examples import ExampleScores, score_rendered
from curate.models.gguf import weights_folder
from curate.models.load import load_lm
from curate.models.names import resolve
from curate.models.settings import LmSettings
from tests.benchmarks.five_formats import FORMATS, alone, examples, in_fp64
from tests.benchmarks.real_rows import is_there
from tests.benchmarks.runs import say, use_threads
from tests.lm_fakes import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.models.load import LanguageModel

LONGEST = 512
BUDGETS = (1, 1024, 4096)


def main() -> None:
    """Print one line per format and one for all rows together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100, help="of each format")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
    options = parser.parse_args()
    if not is_there():
        say("skipped: the real data sets are not beside the project (../shared/data)")
        return
    use_threads(options.threads)
    from transformers import AutoModelForCausalLM

    name = resolve("auto", "lm")
    network = AutoModelForCausalLM.from_pretrained(name.folder or weights_folder(name), dtype="float32").eval()
    doubled = in_fp64(copy.deepcopy(network))
    fp32, bf16 = load_lm(name, "fp32", "cpu"), load_lm(name, "bf16", "cpu")
    heads = ("format", "rows", "tokens", "fp32 worst", "of fp64", "alone", "bf16 mean", "bf16 most", "rank")
    say("{:<10} {:>5} {:>7} {:>11} {:>8} {:>8} {:>10} {:>10} {:>8}".format(*heads))
    collected: list[NDArray[np.float64]] = []
    for kind in options.formats.split(","):
        shown = [
            one
            for one in render(fp32.tokenizer, rows(*examples(kind, 3 * options.rows)))
            if isinstance(one, Rendered) and len(one.tokens) <= LONGEST
        ][: options.rows]
        truth = np.array([alone(network, one).sum() for one in shown])
        exact = np.array([alone(doubled, one).sum() for one in shown])
        ours = [found for budget in BUDGETS for found in _both_ways(fp32, shown, budget)]
        worst, of_exact = (max(_off(found, right) for found in ours) for right in (truth, exact))
        sums, tokens = _sums(bf16, shown, 1024)
        same = [np.full(len(tokens), most) for most in (worst, of_exact, _off(truth, exact))]
        collected.append(np.array([truth / tokens, sums / tokens, tokens, *same]))
        _tell(kind, collected[-1])
    _tell("all", np.concatenate(collected, axis=1))


def _both_ways(model: LanguageModel, shown: Sequence[Rendered], budget: int) -> list[NDArray[np.float64]]:
    """NLL of the rows in this order and in the other."""
    return [_sums(model, shown, budget)[0], _sums(model, shown[::-1], budget)[0][::-1]]


def _off(found: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float((np.abs(found - right) / np.maximum(1, right)).max())


def _sums(
    model: LanguageModel, shown: Sequence[Rendered], budget: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = score_rendered(model, shown, LmSettings(token_budget=budget))
    scores = [one for one in found if isinstance(one, ExampleScores)]
    if len(scores) != len(found):
        raise RuntimeError(f"{len(found) - len(scores)} rows could not be scored")
    return np.array([one.nll.sum() for one in scores]), np.array([float(one.tokens.sum()) for one in scores])


def _tell(kind: str, columns: NDArray[np.float64]) -> None:
    truth, found, tokens, *worst = columns
    fp32 = [each.max() for each in worst]
    off = np.abs(found - truth)
    say(
        f"{kind:<10} {len(truth):5d} {int(tokens.sum()):7d} {fp32[0]:11.1e} {fp32[1]:8.1e} {fp32[2]:8.1e} "
        f"{off.mean():10.5f} {off.max():10.5f} {spearman(truth, found):8.5f}"
    )


if __name__ == "__main__":
    main()
