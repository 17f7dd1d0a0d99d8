"""Answers that a model writes itself: greedy, in batches, each row as if it were alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.models.batches import padded
from curate.models.forward import to_device

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from curate.models.untyped import Network, Tokenizer

_STEP = 8


def write(
    network: Network,
    tokenizer: Tokenizer,
    prompts: Sequence[NDArray[np.int32]],
    most: Sequence[int],
    stops: Collection[int],
    token_budget: int,
) -> list[str]:
    """What the model answers to each prompt, without special tokens: its likeliest token at each step.

    An answer ends before the first of *stops*, or after its own *most* tokens. Pads stand on the left.
    """
    import torch
    from transformers import GenerationConfig

    answers = [""] * len(prompts)
    with torch.inference_mode():
        for batch in _batches(prompts, most, token_budget):
            longest = max(len(prompts[row]) for row in batch)
            tokens = np.zeros((len(batch), longest), np.int64)
            seen = np.zeros_like(tokens)
            for line, row in enumerate(batch):
                tokens[line, longest - len(prompts[row]) :] = prompts[row]
                seen[line, longest - len(prompts[row]) :] = 1
            written = network.generate(
                to_device(tokens, network.device),
                attention_mask=to_device(seen, network.device),
                generation_config=GenerationConfig(
                    max_new_tokens=max(most[row] for row in batch),
                    do_sample=False,
                    eos_token_id=sorted(stops),
                    pad_token_id=min(stops),
                ),
            )
            for row, line in zip(batch, written[:, longest:].tolist(), strict=True):
                kept = line[: most[row]]
                end = next((place for place, token in enumerate(kept) if token in stops), len(kept))
                answers[row] = tokenizer.decode(kept[:end], skip_special_tokens=True)
    return answers


def _batches(prompts: Sequence[NDArray[np.int32]], most: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Rows that may write equally much go together, so that short answers do not wait for long ones."""
    steps = -(-np.array(most, np.int64) // _STEP)
    for step in np.unique(steps):
        rows = np.flatnonzero(steps == step)
        lengths = np.array([len(prompts[row]) + most[row] for row in rows.tolist()], np.int64)
        for batch in padded(lengths, token_budget):
            yield rows[batch].tolist()
