"""From the states that predict tokens to their likelihood, without ever holding all logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from curate.models.forward import Forward

_ROWS = {"cpu": 256}
_MANY_ROWS = 1024
"""Scored tokens whose logits are held at a time, by kind of device."""

_ELEMENTS = {"cpu": 1 << 18}
_MANY_ELEMENTS = 1 << 26
"""Logits that softmax works on at a time: on a CPU what stays in the cache between its steps."""


def of_states(forward: Forward, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """NLL of *targets* (k,) given the states (k, hidden) before them, entropy, and the NLL of the likeliest token.

    In nats, shape (3, k), fp32. Where a target is the likeliest token, the first and the last are equal to the bit.
    """
    import torch

    three = torch.empty((3, len(targets)), dtype=torch.float32, device=targets.device)
    rows = _ROWS.get(targets.device.type, _MANY_ROWS)
    for start in range(0, len(targets), rows):
        logits = forward.logits(states[start : start + rows])
        step = max(1, _ELEMENTS.get(targets.device.type, _MANY_ELEMENTS) // logits.shape[1])
        for row in range(0, len(logits), step):
            few = slice(start + row, start + min(row + step, len(logits)))
            _summarise(logits[row : row + step].float(), targets[few], three[:, few])
    return three.clamp_(min=0)  # rounding may go below


def _summarise(logits: torch.Tensor, targets: torch.Tensor, three: torch.Tensor) -> None:
    """Write all three for each row of fp32 *logits*, which are used up.

    With x = logit - largest logit and s = sum exp x: NLL = log s - x[target], entropy = log s - sum (x exp x) / s, and
    the NLL of the likeliest token is log s.
    """
    shifted = logits.sub_(logits.amax(dim=-1, keepdim=True))
    gold = shifted.gather(-1, targets[:, None])[:, 0]
    powers = shifted.exp()
    total = powers.sum(dim=-1)
    expected = powers.mul_(shifted).sum(dim=-1).div_(total)
    total.log_()
    three[0] = total - gold
    three[1] = total - expected
    three[2] = total
