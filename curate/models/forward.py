"""How a causal language model is run: hidden states at the scored positions only, and logits from a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from curate.models.passes import Pass
    from curate.models.untyped import Network


class Forward(Protocol):
    """Runs a batch of passes. States and logits are kept apart so that logits need never be whole in memory."""

    padded: bool
    """Whether a batch costs its longest pass times its passes, rather than the sum of their tokens."""

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        """What the scored tokens are predicted from, in the order of passes and targets. Shape (k, hidden)."""

    def logits(self, states: torch.Tensor) -> Iterable[torch.Tensor]:
        """Blocks of the vocabulary in its order, shape (c, block) each, in the model's number format."""


class ThroughBase:
    """The base model's own forward, then the head on the scored states alone."""

    padded = True

    def __init__(self, network: Network) -> None:
        self._base = network.base_model
        self._head = network.get_output_embeddings()

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        """Padding stands on the right, where a causal model cannot see it."""
        tokens, where = pad(batch, self._head.weight.device)
        hidden = self._base(input_ids=tokens, use_cache=False).last_hidden_state
        states: torch.Tensor = hidden.flatten(0, 1)[where]
        return states

    def logits(self, states: torch.Tensor) -> list[torch.Tensor]:
        """The head's output."""
        return [self._head(states)]


class ThroughWhole:
    """The whole model's own forward, for those that change the logits after the head; the head sees scored states only.

    Here *states* are logits already, so a batch holds one row of logits for each scored token.
    """

    padded = True

    def __init__(self, network: Network) -> None:
        self._network = network

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        """Logits of the scored tokens."""
        head = self._network.get_output_embeddings()
        tokens, where = pad(batch, head.weight.device)
        hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0].flatten(0, 1)[where].unsqueeze(0),))
        try:
            logits: torch.Tensor = self._network(input_ids=tokens, use_cache=False).logits
        finally:
            hook.remove()
        return logits[0]

    def logits(self, states: torch.Tensor) -> list[torch.Tensor]:
        """They are."""
        return [states]


def pad(batch: Sequence[Pass], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of shape (rows, longest), padded on the right with 0, and the flat positions that predict the targets."""
    longest = max(len(one.tokens) for one in batch)
    tokens = np.zeros((len(batch), longest), dtype=np.int64)
    for row, one in enumerate(batch):
        tokens[row, : len(one.tokens)] = one.tokens
    where = np.concatenate([row * longest + one.targets - 1 for row, one in enumerate(batch)])
    return to_device(tokens, device), to_device(where.astype(np.int64), device)


def to_device(array: np.ndarray[Any, np.dtype[np.int64]], device: torch.device) -> torch.Tensor:
    """A copy on the device; on CUDA from pinned memory, so that it overlaps with what runs there."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
