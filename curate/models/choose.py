"""The fastest way to run a model that gives the values of its own forward: tried on a few tokens when it is loaded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from curate.models import llama
from curate.models.forward import ThroughBase, ThroughWhole, to_device
from curate.models.head import of_states
from curate.models.pages import keep_freed_pages
from curate.models.passes import Pass

if TYPE_CHECKING:
    import torch

    from curate.models.forward import Forward
    from curate.models.untyped import Network

_log = logging.getLogger(__name__)

_PROBE_LENGTHS = (97, 96, 40, 7)
_SHARED = 20
"""How many tokens the first and the third of these have in common."""

_LARGEST_SHARE = {"torch.float32": 1e-5, "torch.bfloat16": 2e-2}
"""By how much a probe's NLL may differ from that of the model's own forward, as a share of it."""


def forward_of(network: Network) -> Forward:
    """How to run *network*: rewritten where its family is known and the values agree, else by its own forward."""
    import torch

    with torch.inference_mode():
        own = ThroughBase(network) if _head_is_last(network) else ThroughWhole(network)
        if network.device.type == "cpu":
            keep_freed_pages()
        if not llama.applies(network) or isinstance(own, ThroughWhole):
            return own
        fast = llama.PackedLlama(network)
        share = _deviation(fast, own, network)
    if share <= _LARGEST_SHARE[str(network.dtype)]:
        return fast
    _log.warning(
        "the fast path for %s differs from the model's own forward by %.1e of the NLL, so it is not used",
        type(network).__name__,
        share,
    )
    return own


def _deviation(fast: Forward, own: Forward, network: Network) -> float:
    """The largest |NLL by one - NLL by the other| / NLL over a few random sequences, two of which begin alike."""
    dice = np.random.default_rng(0)
    words = network.get_input_embeddings().weight.shape[0]
    rows = [dice.integers(0, words, length).astype(np.int32) for length in _PROBE_LENGTHS]
    rows[2][:_SHARED] = rows[0][:_SHARED]
    probes = [_probe(row) for row in rows]
    expected, found = _sums(own, probes, network.device), _sums(fast, probes, network.device)
    return float(np.abs((found - expected) / expected).max())


def _probe(tokens: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Pass:
    targets = np.arange(1, len(tokens), dtype=np.int32)
    return Pass(0, tokens, targets, np.zeros_like(targets))


def _sums(forward: Forward, probes: list[Pass], device: torch.device) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    targets = to_device(np.concatenate([one.tokens[one.targets] for one in probes]).astype(np.int64), device)
    nll = of_states(forward, forward.states(probes), targets)[0].double().cpu().numpy()
    ends = np.cumsum([len(one.targets) for one in probes])
    return np.array([part.sum() for part in np.split(nll, ends[:-1])])


def _head_is_last(network: Network) -> bool:
    """Whether the logits are what the head makes of the last hidden state, tried on a few tokens."""
    import torch

    head = network.get_output_embeddings()
    if head is None or network.base_model is network:
        return False
    tokens = torch.arange(1, 9, device=head.weight.device).remainder(head.weight.shape[0]).unsqueeze(0)
    whole = network(input_ids=tokens, use_cache=False).logits
    apart = head(network.base_model(input_ids=tokens, use_cache=False).last_hidden_state)
    same = whole.shape == apart.shape and torch.allclose(whole.float(), apart.float(), rtol=1e-3, atol=1e-3)
    if not same:
        _log.info("%s changes its logits after the head; its own forward is used whole", type(network).__name__)
    return same
