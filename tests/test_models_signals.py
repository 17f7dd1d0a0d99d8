"""The numbers of a visit are those of automatic differentiation and of the definitions."""

from __future__ import annotations

import pytest

from curate.models.signals import of_row


@pytest.mark.parametrize("tokens", [1, 2, 17])
def test_the_gradient_norm_is_that_of_autograd_on_a_linear_head(tokens: int) -> None:
    import torch

    torch.manual_seed(tokens)
    head = torch.nn.Linear(8, 30, bias=False)
    states, targets = torch.randn(tokens, 8), torch.randint(0, 30, (tokens,))
    loss = torch.nn.functional.cross_entropy(head(states), targets)
    loss.backward()  # type: ignore[no-untyped-call]
    assert head.weight.grad is not None

    visit = of_row(states, head(states), targets)

    assert visit.gradient_norm == pytest.approx(float(head.weight.grad.norm()), rel=1e-5)


def test_the_error_norm_is_that_of_the_gradient_of_the_logits() -> None:
    import torch

    torch.manual_seed(0)
    logits, targets = torch.randn(5, 30, requires_grad=True), torch.randint(0, 30, (5,))
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None

    visit = of_row(torch.randn(5, 8), logits, targets)

    assert visit.error_norm == pytest.approx(float(logits.grad.norm(dim=1).mean()), rel=1e-5)


def test_for_a_single_token_the_gradient_is_error_times_state() -> None:
    import torch

    states = torch.tensor([[3.0, 4.0]])

    visit = of_row(states, torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([1]))

    assert visit.gradient_norm == pytest.approx(visit.error_norm * 5)


def test_loss_probability_and_margin_are_means_over_tokens() -> None:
    import torch

    logits = torch.tensor([[0.75, 0.25], [0.1, 0.9]]).log()

    visit = of_row(torch.ones(2, 2), logits, torch.tensor([0, 0]))

    assert visit.tokens == 2
    assert visit.gold_prob == pytest.approx((0.75 + 0.1) / 2)
    assert visit.loss == pytest.approx(-float(torch.tensor([0.75, 0.1]).log().mean()))
    assert visit.margin == pytest.approx(float(torch.tensor([3.0, 1 / 9]).log().mean()))


def test_what_is_asked_for_during_training_leaves_the_graph_alone() -> None:
    import torch

    head = torch.nn.Linear(4, 6)
    states = torch.randn(3, 4, requires_grad=True)
    logits = head(states)
    before = logits.detach().clone()

    of_row(states, logits, torch.tensor([0, 1, 2]))

    assert torch.equal(logits, before)
    assert states.grad is None
