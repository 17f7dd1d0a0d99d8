"""Learning rates: what the schedule's contract asks of each stage, or one shape over the whole training instead.

Decay that ends near zero takes an ascending curriculum's effect away, since its last rows meet a rate that teaches
nothing (Luo et al. 2026, arXiv 2511.18903); so the contracts end at 0.3 of the peak, our shapes at half, and full
decay is warned of.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from curate.core.plan import LearningRate

Shape = Literal["schedule", "constant", "wsd", "cosine", "cyclical"]
"""``schedule`` follows the contract of each stage; the others take its place."""

DECAY = 0.2
"""The share of training through which ``wsd`` decays (Hu et al. 2024, MiniCPM, use the last tenth to fifth)."""
FULL_DECAY = 0.3
"""A share of the peak below which the end of training counts as fully decayed."""


def share(shape: Shape, contract: LearningRate, done: float, of_stage: float, final: float, warm_up: float) -> float:
    """The share of the peak when *done* of the training and *of_stage* of the running stage are over."""
    if shape == "schedule":
        return contracted(contract, of_stage)
    return overall(shape, done, of_stage, final, warm_up)


def overall(shape: Shape, done: float, of_stage: float, final: float, warm_up: float) -> float:
    """The share of the peak when *done* of the training and *of_stage* of the running stage are over, in (0, 1].

    ``constant``; ``wsd``: constant, then linear to *final* over the last fifth; ``cosine``: from 1 to *final* in each
    stage, and again from 1 in the next (warm restarts: Loshchilov and Hutter 2017, equation 5); ``cyclical``: up from
    *final* to 1 and down again in each stage (Smith 2017, triangular). All rise linearly over the first *warm_up*.
    """
    match shape:
        case "wsd":
            reached = 1.0 - (1.0 - final) * max(0.0, (done - (1.0 - DECAY)) / DECAY)
        case "cosine":
            reached = final + (1.0 - final) * (1.0 + math.cos(math.pi * of_stage)) / 2.0
        case "cyclical":
            reached = final + (1.0 - final) * (1.0 - abs(2.0 * of_stage - 1.0))
        case _:
            reached = 1.0
    return reached * min(1.0, done / warm_up) if warm_up else reached


def contracted(contract: LearningRate, of_stage: float) -> float:
    """The share of the peak that a stage's contract asks for when *of_stage* of the stage is over, in [0, 1]."""
    if contract.warm_up and of_stage < contract.warm_up:
        return contract.start * of_stage / contract.warm_up
    left = (of_stage - contract.warm_up) / (1.0 - contract.warm_up)
    if contract.shape == "constant":
        return contract.start
    fallen = left if contract.shape == "linear" else (1.0 - math.cos(math.pi * left)) / 2.0
    return contract.start + (contract.end - contract.start) * fallen


def final_share(shape: Shape, final: float, last: LearningRate) -> float:
    """The share of the peak that the last rows of a training are taught with."""
    return share(shape, last, 1.0, 1.0, final, 0.0)
