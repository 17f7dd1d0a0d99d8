"""What live signals cost: the time of looking at logits against the time of the whole step, in one process.

Usage: python -m tests.benchmarks.bench_signals [ROUNDS]. Needs the offline model wheel.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

from curate.models import load, names, signals
from curate.train.encode import Encoded, pad

ROWS, PROMPT, ANSWER = 2, 32, 64


def main() -> None:
    """Print the share of a step that signals take, over some rounds, for all weights and for an adapter."""
    import torch

    from curate.train.build import adapted
    from curate.train.settings import Settings

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    dice = np.random.default_rng(0)
    ids = dice.integers(100, 40_000, (ROWS, PROMPT + ANSWER))
    labels = ids.copy()
    labels[:, :PROMPT] = -100
    rows = [Encoded(one, label, whole=True) for one, label in zip(ids, labels, strict=True)]
    batch = {name: torch.from_numpy(array) for name, array in pad(rows, 0).items()}
    for adapter in ("none", "lora"):
        settings = Settings(adapter=adapter, device="cpu")
        network = adapted(load.load_network(names.resolve("auto", "lm")), settings).train()
        found: list[torch.Tensor] = []
        network.get_output_embeddings().register_forward_pre_hook(lambda _, given, found=found: found.append(given[0]))
        shares, steps = [], []
        for number in range(rounds + 1):
            began = time.perf_counter()
            out = network(**batch)
            out.loss.backward()
            network.zero_grad()
            step = time.perf_counter() - began
            began = time.perf_counter()
            with torch.no_grad():
                for row in range(ROWS):
                    at = torch.nonzero(batch["labels"][row, 1:] != -100)[:, 0]
                    targets = batch["labels"][row, 1:][at]
                    signals.of_row(found[-1].detach()[row, :-1][at], out.logits[row, :-1][at], targets)
            looked = time.perf_counter() - began
            found.clear()
            if number:
                shares.append(looked / (step + looked))
                steps.append(step)
        sys.stdout.write(
            f"{adapter}: step {statistics.median(steps):.2f} s, signals {statistics.median(shares):.2%} of it "
            f"({min(shares):.2%} to {max(shares):.2%}, {rounds} rounds, {ROWS} rows of {PROMPT}+{ANSWER} tokens)\n"
        )


if __name__ == "__main__":
    main()
