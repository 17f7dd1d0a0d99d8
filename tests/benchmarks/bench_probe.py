"""Likelihoods of a probe beside lm-evaluation-harness's Hugging Face backend: agreement, and rows per second.

    pip install --no-deps lm_eval==0.4.13
    python tests/benchmarks/bench_probe.py [--rows 64] [--rounds 3] [--threads 0] [--batches 1,2,4,8,16]

Real exchanges, half of them multiple choices, with SmolLM2-135M. Asked is the likelihood of each answer and of each
option: the harness gets one request for an answer and one for each option, ours looks options up where it can. The
harness is given token ids, ours renders and tokenises inside the clock; loading is outside. Ratios are medians over
paired rounds, by the clock on the wall and (in brackets) by processor seconds. What both should give is taken from the
model's own forward in fp64, one answer at a time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from tests.benchmarks.bench_lm import _plain as load_plain
from tests.benchmarks.five_formats import alone, in_fp64
from tests.benchmarks.real_rows import DATA, exchanges, is_there
from tests.benchmarks.runs import clocked, paired, say, use_threads
from tests.probe_suites import plain_only, suite

if TYPE_CHECKING:
    from curate.models.chat import Rendered
    from curate.probe.suite import Suite
    from tests.benchmarks.runs import Run

LONGEST = 1500
"""Characters of a prompt and its answer."""


def main() -> None:
    """Run all variants, or the one that is asked for."""
    options = _options()
    if not is_there():
        say("skipped: the real data sets are not beside the project (../shared/data)")
        return
    if options.variant:
        use_threads(options.threads)
        say(json.dumps(_variant(options.variant, options.rows)))
        return
    sizes = [int(size) for size in options.batches.split(",")]
    variants = {"ours-fp32": options.rounds, "ours-bf16": options.rounds, "exact-fp64": min(1, options.rounds)}
    variants |= {f"harness{size}-fp32": options.rounds if size == 16 else min(1, options.rounds) for size in sizes}
    results = paired(__file__, variants, ["--rows", str(options.rows), "--threads", str(options.threads)])
    ours, theirs = results.last("ours-fp32"), results.last(f"harness{sizes[-1]}-fp32")
    off = np.abs(np.array(ours["nll"]) - np.array(theirs["nll"]))
    per_token = off / np.array(ours["tokens"])
    say(f"{len(off)} answers, {ours['requests']} requests of the harness, {sum(ours['tokens'])} answer tokens")
    say(f"largest |difference| of an answer's NLL: {off.max():.1e} nats in all, {per_token.max():.1e} per token")
    say(f"largest |difference| of an option's probability: {_worst(ours['options'], theirs['options']):.1e}")
    say(f"the same answers are greedy: {ours['greedy'] == theirs['greedy']}")
    exact = np.array(results.last("exact-fp64")["nll"])
    for name, found in (("ours", ours), ("the harness", theirs)):
        away = np.abs(np.array(found["nll"]) - exact)
        say(f"{name} in fp32 differs from fp64 by up to {away.max():.1e} nats in all, {away.mean():.1e} in the mean")
    for size in sizes[:-1]:
        own = np.abs(np.array(results.last(f"harness{size}-fp32")["nll"]) - np.array(theirs["nll"]))
        say(f"the harness at batch {size} differs from itself at {sizes[-1]} by up to {own.max():.1e} nats in all")
    best = max(sizes, key=lambda size: results.rate(f"harness{size}-fp32"))
    for name in variants:
        say(f"{name:16s} {results.rate(name):8.2f} rows/s  {results.peak(name):8.0f} MiB")
    for size in dict.fromkeys((16, best)):
        for precision in ("fp32", "bf16"):
            ratio = results.times(f"ours-{precision}", f"harness{size}-fp32")
            say(f"ours in {precision} against the harness in fp32 at batch {size}: {ratio} times")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
    parser.add_argument("--batches", default="1,2,4,8,16")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    return parser.parse_args()


def _variant(name: str, rows: int) -> Run:
    kind, _, precision = name.partition("-")
    network, tokenizer = load_plain("fp32" if kind == "exact" else precision, "cpu")
    asked = _asked(rows)
    if kind == "exact":
        return _exact(network, tokenizer, asked)
    if kind == "ours":
        return _ours(network, tokenizer, asked)
    return _harness(network, tokenizer, asked, int(kind.removeprefix("harness")))


def _asked(rows: int) -> Suite:
    """Half multiple choices, half worked and free answers, none of them very long."""
    with gzip.open(DATA / "flan_cot" / "flan_cot.jsonl.gz", "rt", encoding="utf-8") as lines:
        flan = [json.loads(line) for line in lines]
    choices = [(row["input"], row["target"]) for row in flan if row["task"] in {"aqua", "qasc", "ecqa", "creak"}]
    free = [pair for pair in exchanges(rows * 4) if sum(map(len, pair)) < LONGEST]
    chosen = [*choices[:: len(choices) // (rows // 2)][: rows // 2], *free[: rows - rows // 2]]
    return plain_only(suite(*dict.fromkeys(chosen), size="full"))


def _ours(network: Any, tokenizer: Any, asked: Suite) -> Run:  # noqa: ANN401 - transformers is untyped
    from curate.models.load import wrap
    from curate.probe.likelihood import look

    lm = wrap(network, tokenizer)

    def work() -> Run:
        found = look(asked, lm)
        return {
            "units": len(asked.table),
            "nll": found.nll.tolist(),
            "tokens": found.tokens.tolist(),
            "greedy": (found.hits == found.tokens).tolist(),
            "options": {str(row): each.tolist() for row, each in found.options.items()},
            "requests": len(asked.table) + sum(len(each) for each in found.options.values()),
        }

    return clocked(work)


def _harness(network: Any, tokenizer: Any, asked: Suite, batch: int) -> Run:  # noqa: ANN401 - transformers is untyped
    from lm_eval.models.huggingface import HFLM

    backend = HFLM(pretrained=network, tokenizer=tokenizer, batch_size=batch, device="cpu")
    answers, choices = _requests(tokenizer, asked)
    requests = [_request(tokens, start, end) for tokens, start, end in (*answers, *(each[1:] for each in choices))]

    def work() -> Run:
        found = backend._loglikelihood_tokens(requests, disable_tqdm=True)
        options: dict[str, list[float]] = {}
        for (row, *_), (likely, _) in zip(choices, found[len(answers) :], strict=True):
            options.setdefault(str(row), []).append(likely)
        return {
            "units": len(asked.table),
            "nll": [-likely for likely, _ in found[: len(answers)]],
            "greedy": [bool(greedy) for _, greedy in found[: len(answers)]],
            "options": {row: _shares(each) for row, each in options.items()},
        }

    return clocked(work)


def _exact(network: Any, tokenizer: Any, asked: Suite) -> Run:  # noqa: ANN401 - transformers is untyped
    """The answers' NLL in fp64."""
    in_fp64(network)
    rendered = _rendered(tokenizer, asked)
    return clocked(lambda: {"units": len(rendered), "nll": [float(alone(network, one).sum()) for one in rendered]})


def _rendered(tokenizer: Any, asked: Suite) -> list[Rendered]:  # noqa: ANN401 - transformers is untyped
    from curate.models.chat import COLUMNS, render

    return render(tokenizer, asked.table.select(list(COLUMNS)))  # type: ignore[return-value]


def _requests(
    tokenizer: Any,  # noqa: ANN401 - transformers is untyped
    asked: Suite,
) -> tuple[list[tuple[Any, int, int]], list[tuple[int, Any, int, int]]]:
    """Tokens, and where the answer begins and ends, of each answer; and row by row the same of each option.

    An option that one token tells from the others is asked up to that token, any other as a whole.
    """
    from curate.probe.likelihood import rewritten, telling

    rendered = _rendered(tokenizer, asked)
    answers = [(one.tokens, one.answers[-1].start, one.answers[-1].end) for one in rendered]
    choices = []
    for row, offered in rewritten(tokenizer, asked.table, "answers").items():
        place = telling(offered, rendered[row])
        for one in offered:
            span = one.answers[-1]
            choices.append((row, one.tokens, span.start, span.end if place is None else place + 1))
    return answers, choices


def _request(tokens: Any, start: int, end: int) -> tuple[None, list[int], list[int]]:  # noqa: ANN401 - an array
    return None, tokens[:start].tolist(), tokens[start:end].tolist()


def _shares(likely: list[float]) -> list[float]:
    power = np.exp(np.array(likely) - max(likely))
    shares: list[float] = (power / power.sum()).tolist()
    return shares


def _worst(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> float:
    return max(abs(one - other) for row in ours for one, other in zip(ours[row], theirs[row], strict=True))


if __name__ == "__main__":
    main()
