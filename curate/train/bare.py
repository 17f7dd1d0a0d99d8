"""Training on a fixed list of updates, for comparisons: no gates, no checkpoints, the same steps for every arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from curate.models.device import pick_device
from curate.train.build import adapted, require
from curate.train.encode import IGNORED, pad

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from numpy.typing import NDArray

    from curate.models.untyped import Network
    from curate.train.encode import Encoded
    from curate.train.settings import Settings

_LOOKED_AT_ONCE = 64
_CLIP = 1.0


def trainee(network: Network, settings: Settings, seed: int, *, fresh: bool) -> Network:
    """The network as a training begins with it: with adapters where asked for, or with *fresh* weights by the seed."""
    from transformers import AutoModelForCausalLM, set_seed

    if fresh:
        set_seed(seed)
        network = AutoModelForCausalLM.from_config(network.config)
    return adapted(network, settings.model_copy(update={"seed": seed})).to(pick_device(settings.device))


def follow(
    network: Network,
    updates: Sequence[Sequence[Encoded]],
    rates: Sequence[float],
    settings: Settings,
    filler: int,
    look: Callable[[int], None],
) -> None:
    """Make the updates one after the other at the given rates; *look* is called with the number that are done.

    As transformers' trainer does by default: AdamW (Loshchilov and Hutter 2019) without weight decay, the gradient of
    the mean loss of an update's tokens, its norm clipped at 1. Micro-batches hold ``settings.batch_rows`` rows.
    """
    import torch

    learnt = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=rates[0], weight_decay=0.0)
    network.train()
    for number, (rows, rate) in enumerate(zip(updates, rates, strict=True), 1):
        for group in optimiser.param_groups:
            group["lr"] = rate
        scored = sum(int((one.labels[1:] != IGNORED).sum()) for one in rows)
        for start in range(0, len(rows), settings.batch_rows):
            summed = _nll(network, rows[start : start + settings.batch_rows], filler).sum()
            (summed / max(scored, 1)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learnt, _CLIP)
        optimiser.step()
        optimiser.zero_grad()
        look(number)


def losses(network: Network, rows: Sequence[Encoded], filler: int) -> NDArray[np.float64]:
    """Nats of the whole answer of each row, as the network stands. Shape (n,)."""
    import torch

    training = network.training
    network.eval()
    order = np.argsort([len(one.ids) for one in rows], kind="stable")
    found = np.empty(len(rows))
    with torch.no_grad():
        for start in range(0, len(rows), _LOOKED_AT_ONCE):
            places = order[start : start + _LOOKED_AT_ONCE]
            found[places] = _nll(network, [rows[at] for at in places], filler).double().cpu().numpy()
    network.train(training)
    return found


def merged(
    network: Network,
    stages: Sequence[Sequence[Sequence[Encoded]]],
    rates: Sequence[Sequence[float]],
    settings: Settings,
    seed: int,
    filler: int,
) -> Network:
    """One adapter trained on the updates of each stage, each from the same start, and all added up by peft.

    The changes of the weights add up exactly (``combination_type="cat"`` with weights of 1): task arithmetic (Ilharco
    et al. 2023, arXiv 2212.04089).
    """
    require("peft")
    held = trainee(network, settings, seed, fresh=False)
    how: Any = held.peft_config["default"]
    names = ["default", *(f"stage-{number:02d}" for number in range(1, len(stages)))]
    for name, updates, shares in zip(names, stages, rates, strict=True):
        if name != "default":
            held.add_adapter(name, how)
        held.set_adapter(name)
        follow(held, updates, shares, settings, filler, lambda _: None)
    held.add_weighted_adapter(names, [1.0] * len(names), "merged", combination_type="cat")
    held.set_adapter("merged")
    return held


def _nll(network: Network, rows: Sequence[Encoded], filler: int) -> torch.Tensor:
    """The summed loss of each row's scored tokens. Shape (rows,)."""
    import torch

    place = next(network.parameters()).device
    batch = {name: torch.from_numpy(array).to(place) for name, array in pad(rows, filler).items()}
    labels = batch.pop("labels")[:, 1:]
    logits = network(**batch).logits[:, :-1].float()
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=IGNORED)
    return each.sum(dim=1)
