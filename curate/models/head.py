"""From the states that predict tokens to their likelihood, without ever holding all logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

    from curate.models.forward import Forward

_ROWS = {"cpu": 2048}
_MANY_ROWS = 1024
"""Scored tokens whose logits are held at a time, by kind of device: on a CPU the vocabulary comes in blocks."""

_ELEMENTS = {"cpu": 1 << 18}
_MANY_ELEMENTS = 1 << 26
"""Logits that softmax works on at a time: on a CPU what stays in the cache between its steps."""


def of_states(forward: Forward, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """NLL of *targets* (k,) given the states (k, hidden) before them, entropy, and the NLL of the likeliest token.

    In nats, shape (3, k), fp32. Where a target is the likeliest token, the first and the last are equal to the bit.
    """
    import torch

    if not len(targets):
        return torch.empty((3, 0), device=targets.device)
    rows = _ROWS.get(targets.device.type, _MANY_ROWS)
    chunks = zip(torch.split(states, rows), torch.split(targets, rows), strict=True)
    return torch.cat([_of_few(forward.logits(few), asked) for few, asked in chunks], dim=1)


def _of_few(blocks: Iterable[torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """The same from logits that come in blocks of the vocabulary.

    Of what has been seen of a row, with m the largest logit and x = logit - m: s = sum exp x and t = sum (x exp x) are
    carried from block to block. When m rises by d, s becomes exp(-d) s and t becomes exp(-d) (t - d s): the online
    softmax of Milakov and Gimelshein (2018, arXiv 1805.02867), with the entropy beside it.
    In the end NLL = log s - x[target], entropy = log s - t / s, and the NLL of the likeliest token is log s.
    """
    import torch

    most = torch.full(targets.shape, -torch.inf, device=targets.device)
    total, weighed, gold = torch.zeros_like(most), torch.zeros_like(most), torch.zeros_like(most)
    begin = 0
    for logits in blocks:
        place = targets - begin
        inside = (place >= 0) & (place < logits.shape[1])
        found = logits.gather(-1, place.clamp_(0, logits.shape[1] - 1)[:, None])[:, 0]
        gold = torch.where(inside, found.float(), gold)
        step = max(1, _ELEMENTS.get(targets.device.type, _MANY_ELEMENTS) // logits.shape[1])
        for row in range(0, len(logits), step):
            few = slice(row, row + step)
            _add(logits[few].float(), most[few], total[few], weighed[few])
        begin += logits.shape[1]
    least = total.log()
    return torch.stack([least - (gold - most), least - weighed / total, least]).clamp_(min=0)  # rounding may go below


def _add(logits: torch.Tensor, most: torch.Tensor, total: torch.Tensor, weighed: torch.Tensor) -> None:
    """Add a block of fp32 *logits*, which are used up, to m, s and t of its rows."""
    import torch

    largest = torch.maximum(most, logits.amax(dim=-1))
    shrunk = (most - largest).exp_()
    risen = torch.where(shrunk > 0, largest - most, 0)
    most.copy_(largest)
    shifted = logits.sub_(largest[:, None])
    powers = shifted.exp()
    weighed.addcmul_(risen, total, value=-1).mul_(shrunk)
    total.mul_(shrunk).add_(powers.sum(dim=-1))
    weighed.add_(powers.mul_(shifted).sum(dim=-1))
