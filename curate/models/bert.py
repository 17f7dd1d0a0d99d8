"""The BERT family on a CPU: no padding, packed linear layers with bias, GELU and residual done in the same go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.models.attention import Group, gathered, groups
from curate.models.packed import PackedLinear, available, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from curate.models.pooling import Mode
    from curate.models.untyped import Network


def applies(network: Network) -> bool:
    """Whether *network* is built as expected here and this machine can run it so."""
    config = network.config
    return (
        config.model_type == "bert"
        and network.device.type == "cpu"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", None) in {None, "absolute"}
        and not getattr(config, "is_decoder", False)
        and available(network.dtype)
    )


class PackedBert:
    """A body for `curate.models.bodies.Body`."""

    padded = False

    def __init__(self, network: Network, mode: Mode) -> None:

        inner = network.embeddings
        self.device: torch.device = network.device
        self._mode = mode
        self._words = inner.word_embeddings.weight
        self._places = inner.position_embeddings.weight + inner.token_type_embeddings.weight[0]
        self._norm = _Norm(inner.LayerNorm)
        self._layers = [_Layer(layer, network.config.num_attention_heads) for layer in network.encoder.layer]

    def vectors(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """The texts in any order; attention is cheapest where neighbours are of one length."""
        import torch
        from torch.nn.functional import normalize

        lengths = [len(one) for one in ids]
        filler = rounded(sum(lengths)) - sum(lengths)
        tokens = torch.from_numpy(
            np.concatenate([*(np.asarray(one, np.int64) for one in ids), np.zeros(filler, np.int64)])
        )
        places = torch.cat([*(torch.arange(length) for length in lengths), torch.zeros(filler, dtype=torch.int64)])
        states = self._norm(self._words[tokens] + self._places[places])
        together = [(group, _hidden(group, states.dtype)) for group in groups(lengths)]
        for layer in self._layers:
            states = layer(states, together)
        texts = torch.split(states[: sum(lengths)].float(), lengths)
        pooled = [one[0] if self._mode == "cls" else one.mean(dim=0) for one in texts]
        return normalize(torch.stack(pooled), dim=-1)


class _Norm:
    """Layer norm with its weights."""

    def __init__(self, norm: Network) -> None:
        self._weight, self._bias, self._epsilon = norm.weight, norm.bias, norm.eps

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import layer_norm

        return layer_norm(states, self._weight.shape, self._weight, self._bias, self._epsilon)


class _Layer:
    """One block of the model."""

    def __init__(self, layer: Network, heads: int) -> None:
        import torch

        parts = (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value)
        self._heads = heads
        self._inwards = PackedLinear(
            torch.cat([one.weight for one in parts]).detach(), torch.cat([one.bias for one in parts]).detach()
        )
        self._outwards = _packed(layer.attention.output.dense)
        self._after_attention = _Norm(layer.attention.output.LayerNorm)
        self._up, self._down = _packed(layer.intermediate.dense), _packed(layer.output.dense)
        self._after = _Norm(layer.output.LayerNorm)

    def __call__(self, states: torch.Tensor, together: Sequence[tuple[Group, torch.Tensor | None]]) -> torch.Tensor:
        import torch

        made = self._inwards(states)
        seen = torch.zeros_like(states)
        for group, hidden in together:
            seen[group.start : group.end] = gathered(
                made[group.start : group.end], group, self._heads, self._heads, hidden=hidden
            )
        states = self._after_attention(self._outwards.plus(seen, states))
        return self._after(self._down.plus(self._up.gelu(states), states))


def _packed(linear: Network) -> PackedLinear:
    return PackedLinear(linear.weight.detach(), linear.bias)


def _hidden(group: Group, number_format: torch.dtype) -> torch.Tensor | None:
    """Minus infinity for each pad. Shape (rows, 1, 1, longest); None where there is no pad."""
    import torch

    if group.inside is None:
        return None
    pads = torch.arange(group.longest) >= group.lengths[:, None]
    return torch.zeros(pads.shape, dtype=number_format).masked_fill_(pads, float("-inf"))[:, None, None]
