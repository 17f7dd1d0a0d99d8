"""Likelihood of real texts: tokens per second, padding, memory and deviation beside two peers.

    python tests/benchmarks/bench_lm.py [--rows 256] [--rounds 3] [--threads 0] [--device cpu]

(a) ``evaluate``: the algorithm of the library evaluate (batch of 16 in arrival order, the whole corpus padded to its
longest, full logits, transposed cross-entropy), in one round only. (b) ``loop``: one row at a time with ``labels=``,
the best peer on a CPU, in fp32, and in bf16 with a page-friendly malloc. (c) ``ours``. Tokenisation is inside the
clock, loading is not. Ratios are medians over paired rounds, by the clock on the wall and (in brackets) by processor
seconds, which neighbours on a shared machine disturb less, most of all with ``--threads 1``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curate.core.schemas import EXAMPLES

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs as a script

from tests.benchmarks.gemm import seconds_per_token
from tests.benchmarks.real_rows import exchanges, is_there
from tests.benchmarks.runs import Results, clocked, paired, say, use_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.benchmarks.runs import Run

LONGEST = 512
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


def main() -> None:
    """Run all variants, or the one that is asked for."""
    options = _options()
    if not is_there():
        say("skipped: the real data sets are not beside the project (../shared/data)")
        return
    if options.variant:
        use_threads(options.threads)
        say(json.dumps(_variant(options)))
        return
    once = min(1, options.rounds)
    variants = {"evaluate-fp32": once, "loop-fp32": options.rounds, "loop-bf16": options.rounds}
    variants |= {"ours-fp32": options.rounds, "ours-bf16": options.rounds, "limit-fp32": once, "limit-bf16": once}
    variants |= {"ppl-bf16": options.rounds, "ifd-bf16": options.rounds, "both-bf16": options.rounds}
    shared = ["--rows", str(options.rows), "--threads", str(options.threads), "--device", options.device]
    _report(paired(__file__, variants, shared))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tuning", action="store_true", help="the half of the rows that tuning may look at")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    return parser.parse_args()


def _variant(options: argparse.Namespace) -> Run:
    kind, _, precision = options.variant.partition("-")
    pairs = exchanges(options.rows, tuning=options.tuning)
    if kind == "ours":
        return _ours([f"{prompt}\n\n{answer}" for prompt, answer in pairs], precision, options.device)
    if kind in {"ppl", "ifd", "both"}:
        return _chats(pairs, kind, precision, options.device)
    network, tokenizer = _plain(precision, options.device)
    if kind == "limit":
        return {"units": 1, "seconds": seconds_per_token(network), "cpu_seconds": 1, "peak_mib": 0}
    texts = [f"{prompt}\n\n{answer}" for prompt, answer in pairs]
    peer: Callable[..., Run] = _evaluate if kind == "evaluate" else _loop
    if precision == "bf16":
        from curate.models.pages import keep_freed_pages

        keep_freed_pages()
    return clocked(lambda: peer(network, tokenizer, texts))


def _plain(precision: str, device: str) -> tuple[Any, Any]:
    """The model as transformers loads it."""
    from transformers import AutoModelForCausalLM

    from curate.models.gguf import weights_folder
    from curate.models.load import load_tokenizer
    from curate.models.names import resolve

    model = resolve("auto", "lm")
    folder = model.folder or weights_folder(model)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[precision]).to(device).eval()
    tokenizer = load_tokenizer(model)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return network, tokenizer


def _evaluate(network: Any, tokenizer: Any, texts: list[str]) -> Run:  # noqa: ANN401 - transformers is untyped
    import torch

    batch_size = 16
    encoded = tokenizer(
        texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt", add_special_tokens=False
    ).to(network.device)
    means: list[float] = []
    loss = torch.nn.CrossEntropyLoss(reduction="none")
    for start in range(0, len(texts), batch_size):
        tokens = encoded["input_ids"][start : start + batch_size]
        mask = encoded["attention_mask"][start : start + batch_size]
        with torch.no_grad():
            logits = network(tokens, attention_mask=mask).logits
        shifted = logits[..., :-1, :].contiguous()
        seen = mask[..., 1:].contiguous()
        nll = (loss(shifted.transpose(1, 2), tokens[..., 1:].contiguous()) * seen).sum(1) / seen.sum(1)
        means += nll.tolist()
    return {"units": int(encoded["attention_mask"].sum()), "shown": encoded["input_ids"].numel(), "means": means}


def _loop(network: Any, tokenizer: Any, texts: list[str]) -> Run:  # noqa: ANN401 - transformers is untyped
    import torch

    means, tokens = [], 0
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")["input_ids"].to(network.device)
        with torch.inference_mode():
            means.append(float(network(input_ids=ids, labels=ids).loss))
        tokens += ids.numel()
    return {"units": tokens, "shown": tokens, "means": means}


def _ours(texts: list[str], precision: str, device: str) -> Run:
    from curate.models.likelihood import TokenScores, score_tokens
    from curate.models.load import load_lm
    from curate.models.names import resolve
    from curate.models.passes import Pass
    from curate.models.settings import LmSettings, budget

    model = load_lm(resolve("auto", "lm"), precision, device)  # type: ignore[arg-type]

    def work() -> Run:
        encoded = model.tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]
        ids = [np.array(one, dtype=np.int32) for one in encoded]
        passes = [Pass(row, one, np.arange(1, len(one), dtype=np.int32), np.zeros(len(one) - 1, np.int32))
                  for row, one in enumerate(ids)]  # fmt: skip
        scores = score_tokens(model, passes, budget(model, LmSettings()))
        tokens = sum(len(one) for one in ids)
        means = [float(one.nll.mean(dtype=np.float64)) for one in scores if isinstance(one, TokenScores)]
        lengths = np.array([len(one) for one in ids])
        shown = _shown(lengths, budget(model, LmSettings()), padded=model.forward.padded)
        return {"units": tokens, "shown": shown, "means": means}

    return clocked(work)


def _shown(lengths: NDArray[np.int64], token_budget: int, *, padded: bool) -> int:
    """Tokens that go through the linear layers, pads and fillers included."""
    from curate.models import batches
    from curate.models.packed import rounded

    if padded:
        return sum(len(rows) * int(lengths[rows].max()) for rows in batches.padded(lengths, token_budget))
    return sum(rounded(int(lengths[rows].sum())) for rows in batches.packed(lengths, token_budget))


def _chats(pairs: list[tuple[str, str]], kind: str, precision: str, device: str) -> Run:
    """Perplexity, IFD, or both one after the other, of the rows as chats."""
    from curate.models.chat import Rendered, render
    from scorers.ifd import Ifd, IfdSettings
    from scorers.perplexity import Perplexity

    settings = IfdSettings.model_validate({"precision": precision, "device": device})
    scorers = [Perplexity(settings)] * (kind != "ifd") + [Ifd(settings)] * (kind != "ppl")
    records = [{"record": "prompt-completion", "prompt": prompt, "completion": answer} for prompt, answer in pairs]
    table = pa.Table.from_pylist(records, schema=EXAMPLES)
    for scorer in scorers:
        scorer.open(None)
    rendered = [one for one in render(scorers[0].model.tokenizer, table) if isinstance(one, Rendered)]
    answers = sum(span.end - span.start for one in rendered for span in one.answers)
    tokens = sum(len(one.tokens) for one in rendered)

    def work() -> Run:
        for scorer in scorers:
            scorer.score(table)
        return {"units": len(pairs), "prompt_tokens": tokens - answers, "answer_tokens": answers}

    return clocked(work)


def _report(results: Results) -> None:
    heads = ("variant", "tokens/s", "per cpu-s", "padding", "peak MiB", "mean |dNLL|", "max", "rank")
    say("{:<14} {:>9} {:>9} {:>8} {:>9} {:>12} {:>8} {:>8}".format(*heads))
    truth = np.array(results.last("loop-fp32")["means"])
    for name in ("evaluate-fp32", "loop-fp32", "ours-fp32", "loop-bf16", "ours-bf16"):
        run = results.last(name)
        means = np.array(run["means"])
        off = np.abs(means - truth)
        ranks = float(np.corrcoef(means.argsort().argsort(), truth.argsort().argsort())[0, 1])
        padding = 1 - run["units"] / run["shown"]
        say(
            f"{name:<14} {results.rate(name):9.0f} {results.rate(name, clock='cpu_seconds'):9.0f} {padding:8.1%} "
            f"{results.peak(name):9.0f} {off.mean():12.1e} {off.max():8.1e} {ranks:8.5f}"
        )
    for precision in ("fp32", "bf16"):
        ours, loop = f"ours-{precision}", f"loop-{precision}"
        limit = 1 / results.last(f"limit-{precision}")["seconds"]
        say(
            f"{ours}: {results.times(ours, loop)} x the {precision} loop, {results.times(ours, 'evaluate-fp32')} x "
            f"evaluate, {results.rate(ours) / limit:.0%} of the limit of {limit:.0f} tokens/s, "
            f"{results.peak(ours) / results.peak('evaluate-fp32'):.2f} x the memory of evaluate"
        )
    run = results.last("ifd-bf16")
    prompts, answers = run["prompt_tokens"], run["answer_tokens"]
    allowed = (prompts + 2 * answers) / (prompts + answers)
    say(
        f"ifd: {results.times('ppl-bf16', 'ifd-bf16')} x the time of perplexity, both together "
        f"{results.times('ppl-bf16', 'both-bf16')} x; (P+2A)/(P+A) is {allowed:.2f}"
    )


if __name__ == "__main__":
    main()
