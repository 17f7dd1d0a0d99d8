"""Negative log-likelihood and predictive entropy of scored tokens, in batches, equal to one row at a time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from curate.core import pulse
from curate.models import prefixes
from curate.models.batches import padded
from curate.models.forward import to_device
from curate.models.head import of_states
from curate.models.memory import halving
from curate.protocol import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from curate.models.load import LanguageModel
    from curate.models.passes import Pass


@dataclass(frozen=True, eq=False)
class TokenScores:
    """For each target of a pass, in nats: ``nll`` = -log p(token), ``entropy`` = -sum p log p. Shape (k,) each.

    ``least`` is -log p of the likeliest token in the same place: equal to ``nll`` where the target is that token.
    """

    nll: NDArray[np.float32]
    entropy: NDArray[np.float32]
    least: NDArray[np.float32]


_CALLS = 2
_LAST: WeakKeyDictionary[LanguageModel, OrderedDict[bytes, list[TokenScores | Reason]]] = WeakKeyDictionary()


def score_tokens(model: LanguageModel, passes: Sequence[Pass], token_budget: int) -> list[TokenScores | Reason]:
    """The scores of all targets of each pass, or why a pass has none.

    Batches are cut by length, then position, with at most *token_budget* tokens each, whatever memory is free; passes
    that begin alike come together where the model runs what they share only once. Logits are made at the scored
    positions only, a few at a time; softmax and sums are in fp32. A batch that does not fit is halved; a single pass
    that does not fit is ``failed``, like one whose probabilities are not finite.
    """
    import torch

    scores: list[TokenScores | Reason | None] = [None] * len(passes)
    lengths = np.array([len(one.tokens) for one in passes], dtype=np.int64)
    with torch.inference_mode():
        waiting = []
        done = 0
        for batch in _batches(model, passes, lengths, token_budget):
            for rows, three in halving(batch.tolist(), lambda rows: _score(model, [passes[row] for row in rows])):
                if three is None:
                    scores[rows[0]] = Reason(
                        Status.FAILED, f"out of memory on a single sequence of {lengths[rows[0]]} tokens"
                    )
                else:
                    waiting.append((rows, three))
            done += len(batch)
            pulse.beat(int(lengths[batch].sum()), done, len(passes))
        for rows, three in waiting:
            _hand_out(rows, three.cpu().numpy(), passes, scores)
    return [one for one in scores if one is not None]


def _batches(
    model: LanguageModel, passes: Sequence[Pass], lengths: NDArray[np.int64], token_budget: int
) -> Iterator[NDArray[np.intp]]:
    if model.forward.padded:
        return padded(lengths, token_budget)
    return prefixes.batches([one.tokens for one in passes], token_budget)


def remembered(model: LanguageModel, passes: Sequence[Pass], token_budget: int) -> list[TokenScores | Reason]:
    """`score_tokens`, done once for the same passes of the same model while they are among the last few asked for.

    Scorers that see the same part one after another share what they have in common. Only whole calls are remembered,
    so that batches, and with them the last bits of a value, never depend on what was asked before.
    """
    key = _key(passes, token_budget)
    calls = _LAST.setdefault(model, OrderedDict())
    if key not in calls:
        calls[key] = score_tokens(model, passes, token_budget)
    calls.move_to_end(key)
    while len(calls) > _CALLS:
        calls.popitem(last=False)
    return calls[key]


def _key(passes: Sequence[Pass], token_budget: int) -> bytes:
    state = blake2b(str(token_budget).encode(), digest_size=16)
    for one in passes:
        state.update(len(one.tokens).to_bytes(8, "little") + len(one.targets).to_bytes(8, "little"))
        state.update(one.tokens.tobytes())
        state.update(one.targets.tobytes() + one.wanted.tobytes())
    return state.digest()


def _score(model: LanguageModel, batch: Sequence[Pass]) -> torch.Tensor:
    """What `of_states` gives for the targets of all passes, one after another. Shape (3, k)."""
    targets = np.concatenate([one.wanted for one in batch]).astype(np.int64)
    return of_states(model.forward, model.forward.states(batch), to_device(targets, model.device))


def _hand_out(
    rows: Sequence[int],
    three: NDArray[np.float32],
    passes: Sequence[Pass],
    scores: list[TokenScores | Reason | None],
) -> None:
    start = 0
    for row in rows:
        end = start + len(passes[row].targets)
        nll, entropy, least = three[:, start:end]
        scores[row] = (
            TokenScores(nll, entropy, least)
            if np.isfinite(nll).all() and np.isfinite(entropy).all()
            else Reason(Status.FAILED, "the model gives a probability that is not finite")
        )
        start = end
