"""The Llama family on a CPU: no padding, packed linear layers, fused gates, states of scored tokens only.

The same numbers as the model's own forward up to rounding: weights of a norm are multiplied into the linear layer
that follows it, the residual stream stays in fp32, and the rows of the query and key layers are put in an order in
which rotary embedding (Su et al. 2021) is a product of complex numbers that lie in memory as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from curate.models.adapter import is_linear, weight_of
from curate.models.attention import Group, branching, gathered
from curate.models.packed import PackedLinear, available, rounded
from curate.models.prefixes import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from curate.models.passes import Pass
    from curate.models.untyped import Network

_FAMILY = {"llama", "mistral", "qwen2"}
_STATIC_ROPE = {"default", "linear", "llama3", "yarn"}

_VOCABULARY = 4096
"""Tokens whose logits are made at a time: their weights stay in the cache, and so does most of what comes of them."""


def applies(network: Network) -> bool:
    """Whether *network* is built as expected here and this machine can run it so."""
    config, weight = network.config, network.get_input_embeddings().weight
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in _FAMILY
        and weight.device.type == "cpu"
        and getattr(config, "hidden_act", None) == "silu"
        and rope.get("rope_type", "default") in _STATIC_ROPE
        and set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
        and not (getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None))
        and available(weight.dtype)
        and _is_plain(network)
    )


def _is_plain(network: Network) -> bool:
    """Whether every layer is what its weights say: another kind of adapter would be passed over in silence."""
    return all(is_linear(module) for name, module in network.named_modules() if name.endswith(("_proj", "lm_head")))


class PackedLlama:
    """A forward for `curate.models.forward.Forward`."""

    padded = False

    def __init__(self, network: Network) -> None:
        import torch

        body, head = network.base_model, network.get_output_embeddings()
        self._table = body.embed_tokens.weight.detach()
        self._epsilon = network.config.rms_norm_eps
        self._rotation = _Rotation(body.rotary_emb)
        self._layers = [_Layer(layer, _heads(network.config)) for layer in body.layers]
        weights = torch.split(weight_of(head) * body.norm.weight, _VOCABULARY)
        biases = repeat(None) if head.bias is None else torch.split(head.bias, _VOCABULARY)
        self._head = [PackedLinear(rows, bias) for rows, bias in zip(weights, biases, strict=False)]

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        """Normed states; the last norm's weights are in the head. What passes share goes through once."""
        import torch

        lengths = [len(one.tokens) for one in batch]
        held = joined([one.tokens for one in batch])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        filler = rounded(len(held.tokens)) - len(held.tokens)
        tokens = np.pad(held.tokens, (0, filler))
        wanted = np.concatenate(
            [held.place[start + one.targets - 1] for start, one in zip(starts, batch, strict=False)]
        )
        where = torch.from_numpy(np.pad(wanted, (0, rounded(len(wanted)) - len(wanted))))
        together = branching(lengths, held.place, held.own)
        turn = self._rotation.at(torch.from_numpy(np.pad(held.position, (0, filler))))
        stream = self._table[torch.from_numpy(tokens)].float()
        for layer in self._layers[:-1]:
            seen = layer.attend(self._normed(stream), turn, together)
            stream.add_(layer.output(seen))
            stream.add_(layer.think(self._normed(stream)))
        last = self._layers[-1]
        seen = last.attend(self._normed(stream), turn, together).index_select(0, where)
        stream = stream.index_select(0, where).add_(last.output(seen))
        return self._normed(stream.add_(last.think(self._normed(stream))))[: len(wanted)]

    def logits(self, states: torch.Tensor) -> Iterator[torch.Tensor]:
        """The head's output, block by block."""
        from torch.nn.functional import pad

        padded = pad(states, (0, 0, 0, rounded(len(states)) - len(states)))
        return (block(padded)[: len(states)] for block in self._head)

    def _normed(self, stream: torch.Tensor) -> torch.Tensor:
        """Root-mean-square norm without its weights (Zhang and Sennrich 2019), in the model's number format."""
        import torch

        size = torch.linalg.vector_norm(stream, dim=-1, keepdim=True)
        factor = size.square_().div_(stream.shape[-1]).add_(self._epsilon).rsqrt_()
        return torch.mul(stream, factor, out=torch.empty(stream.shape, dtype=self._table.dtype))


@dataclass(frozen=True)
class _Heads:
    """How many query heads and key heads, and how wide each is."""

    query: int
    key: int
    width: int


def _heads(config: Network) -> _Heads:
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return _Heads(config.num_attention_heads, config.num_key_value_heads, width)


class _Rotation:
    """The angles of each position as complex numbers."""

    def __init__(self, rotary: Network) -> None:
        self._frequencies = rotary.inv_freq.detach().float()
        self._scaling = float(rotary.attention_scaling)

    def at(self, positions: torch.Tensor) -> torch.Tensor:
        """Shape (tokens, 1, half a head), complex."""
        import torch

        angles = positions.float()[:, None, None] * self._frequencies
        return torch.polar(torch.full_like(angles, self._scaling), angles)


class _Layer:
    """One block of the model."""

    def __init__(self, layer: Network, heads: _Heads) -> None:
        import torch

        attention, gates, before, after = (
            layer.self_attn,
            layer.mlp,
            layer.input_layernorm.weight,
            layer.post_attention_layernorm.weight,
        )
        self._heads = heads
        order = torch.cat([_pairs(heads), torch.arange(heads.key * heads.width) + _first_value(heads)])
        rows = torch.cat([weight_of(one) for one in (attention.q_proj, attention.k_proj, attention.v_proj)])
        biases = [one.bias for one in (attention.q_proj, attention.k_proj, attention.v_proj)]
        bias = None if biases[0] is None else torch.cat(biases).detach()[order]
        self._inwards = PackedLinear((rows * before)[order], bias)
        self.output = PackedLinear(weight_of(attention.o_proj), attention.o_proj.bias)
        self._gate = PackedLinear(weight_of(gates.gate_proj) * after, gates.gate_proj.bias)
        self._up = PackedLinear(weight_of(gates.up_proj) * after, gates.up_proj.bias)
        self._down = PackedLinear(weight_of(gates.down_proj), gates.down_proj.bias)

    def think(self, x: torch.Tensor) -> torch.Tensor:
        """The gated linear unit (Shazeer 2020)."""
        return self._down(self._up.times(x, self._gate.swish(x)))

    def attend(self, x: torch.Tensor, turn: torch.Tensor, together: Sequence[Group]) -> torch.Tensor:
        """What each token gathers from those before it, heads side by side. Shape (tokens, query heads x width)."""
        import torch

        heads = self._heads
        made = self._inwards(x)
        pairs = made[:, : _first_value(heads)].view(len(x), heads.query + heads.key, heads.width // 2, 2)
        turned = torch.view_as_complex(pairs.float()).mul_(turn)  # in place where they are fp32
        if made.dtype != torch.float32:
            pairs.copy_(torch.view_as_real(turned))
        seen = torch.zeros((len(x), heads.query * heads.width), dtype=x.dtype)
        for group in together:
            if group.into is None:
                seen[group.start : group.end] = gathered(
                    made[group.start : group.end], group, heads.query, heads.key, causal=True
                )
            else:
                seen[group.into] = gathered(made, group, heads.query, heads.key, causal=True)
        return seen


def _first_value(heads: _Heads) -> int:
    return (heads.query + heads.key) * heads.width


def _pairs(heads: _Heads) -> torch.Tensor:
    """Rows of the query and key layers: in each head one of the first half, then its partner of the second."""
    import torch

    return torch.arange(_first_value(heads)).view(-1, 2, heads.width // 2).transpose(1, 2).reshape(-1)
