"""Likelihoods and entropies from logits that come in blocks of the vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from curate.models import head
from curate.models.head import of_states

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from curate.models.passes import Pass


class _InBlocks:
    """States are logits already; they are handed over in blocks of these widths."""

    padded = True

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = list(widths)

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        raise NotImplementedError

    def logits(self, states: torch.Tensor) -> Sequence[torch.Tensor]:
        import torch

        return torch.split(states, self._widths, dim=1)


def _exact(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same three in fp64, from the definitions."""
    import torch

    logs = logits.double().log_softmax(dim=1)
    nll = -logs.gather(1, targets[:, None])[:, 0]
    return torch.stack([nll, -(logs.exp() * logs).sum(dim=1), -logs.amax(dim=1)])


@pytest.mark.parametrize("widths", [[60], [1, 59], [59, 1], [20, 20, 20], [7, 13, 40], [1] * 60])
@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
def test_blocks_of_any_width_give_the_values_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, widths: list[int], number_format: str
) -> None:
    import torch

    monkeypatch.setattr(head, "_ROWS", {"cpu": 50})
    monkeypatch.setattr(head, "_ELEMENTS", {"cpu": 240})
    logits = (torch.randn((130, 60), generator=torch.Generator().manual_seed(0)) * 5).to(getattr(torch, number_format))
    targets = torch.arange(130) % 60

    found = of_states(_InBlocks(widths), logits.clone(), targets)

    torch.testing.assert_close(found.double(), _exact(logits, targets), rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("scale", [200.0, 3000.0])
def test_a_likelier_token_in_a_later_block_leaves_nothing_of_what_is_far_below(scale: float) -> None:
    import torch

    rising = torch.linspace(-1, 1, 8)[None, :] * scale
    logits = torch.cat([rising, rising.flip(1)])
    targets = torch.tensor([7, 7])

    found = of_states(_InBlocks([2, 2, 2, 2]), logits.clone(), targets)

    torch.testing.assert_close(found.double(), _exact(logits, targets), rtol=1e-6, atol=1e-6)


def test_where_the_target_is_the_likeliest_its_value_is_that_to_the_bit() -> None:
    import torch

    logits = torch.randn((500, 40), generator=torch.Generator().manual_seed(1)) * 3
    found = of_states(_InBlocks([16, 16, 8]), logits.clone(), logits.argmax(dim=1))

    assert torch.equal(found[0], found[2])


def test_no_targets_have_no_values() -> None:
    import torch

    assert of_states(_InBlocks([4]), torch.empty((0, 4)), torch.empty(0, dtype=torch.int64)).shape == (3, 0)
