"""What one visit of training tells about an example: loss, margin, and the norms that early-training scores take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Visit:
    """The numbers of one row at one visit, over its t scored tokens; see `curate.core.schemas.SIGNALS`."""

    tokens: int
    loss: float
    gold_prob: float
    margin: float
    error_norm: float
    gradient_norm: float


def of_row(states: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> Visit:
    """One row's visit, from the states that predict its scored tokens (t, h), their logits (t, v) and the tokens (t,).

    With p = softmax(logits) and y the one-hot targets, the error of a token is e = p - y, which is the gradient of its
    loss with respect to its logits. ``error_norm`` is the mean of ||e|| (EL2N: Paul et al. 2021, arXiv 2107.07075,
    section 2). ``gradient_norm`` is that of the gradient of the row's mean loss with respect to the weights of the
    linear output layer, the outer product of errors and states: ||(1/t) sum_i e_i h_i^T||, for one token ||e|| ||h||
    (last-layer GraNd). It is had from inner products alone: ||sum_i e_i h_i^T||^2 = sum_ij (e_i.e_j) (h_i.h_j).
    """
    logits, states = logits.detach().float(), states.detach().float()
    count = len(targets)
    gold = logits.gather(1, targets[:, None])[:, 0]
    others = logits.scatter(1, targets[:, None], float("-inf")).amax(dim=1)
    errors = logits.softmax(dim=1)
    probability = errors.gather(1, targets[:, None])[:, 0]
    errors = errors.scatter_add(1, targets[:, None], errors.new_full((count, 1), -1.0))
    squared = ((errors @ errors.T) * (states @ states.T)).double().sum()
    return Visit(
        tokens=count,
        loss=float((logits.logsumexp(dim=1) - gold).mean()),
        gold_prob=float(probability.mean()),
        margin=float((gold - others).mean()),
        error_norm=float(errors.norm(dim=1).mean()),
        gradient_norm=float(squared.clamp(min=0).sqrt()) / count,
    )
