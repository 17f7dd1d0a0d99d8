"""How fast this machine multiplies matrices of a model's shapes: the limit that no forward pass can beat."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from curate.models.packed import PackedLinear, available

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def seconds_per_token(network: Any, rows: int = 1024) -> float:  # noqa: ANN401 - transformers is untyped
    """The least time that all linear layers of *network* need for one token, each at its best rate here."""
    import torch

    best: dict[torch.Size, float] = {}
    total = 0.0
    with torch.inference_mode():
        for module in network.modules():
            if isinstance(module, torch.nn.Linear):
                shape = module.weight.shape
                if shape not in best:
                    best[shape] = _seconds(module.weight.detach(), 256 if shape[0] > 16_384 else rows)
                total += best[shape]
    return total


def _seconds(weight: torch.Tensor, rows: int) -> float:
    import torch

    x = torch.randn(rows, weight.shape[1]).to(weight.dtype).to(weight.device)
    ways: list[Callable[[], torch.Tensor]] = [lambda: torch.nn.functional.linear(x, weight)]
    if weight.device.type == "cpu" and available(weight.dtype):
        layer = PackedLinear(weight)
        ways.append(lambda: layer(x))
    return min(_once(way) for way in ways for _ in range(8)) / rows


def _once(way: Callable[[], torch.Tensor]) -> float:
    import torch

    began = time.perf_counter()
    way()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
