"""Learnability: what can be learnt and is not learnt yet comes out above noise and above what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.errors import SettingsError
from curate.models.load import wrap
from curate.protocol import Reason, Status
from scorers.learnability import Learnability, LearnabilitySettings, hold_same_tokens
from scorers.perplexity import Perplexity
from tests.lm_fakes import assorted, exchange, rows, text, tiny_network, tiny_tokenizer

if TYPE_CHECKING:
    from curate.models.load import LanguageModel
    from curate.models.untyped import Network, Tokenizer

SHIFT = str.maketrans("abcdefgh", "bcdefgha")


def _scorer(model: LanguageModel, reference: LanguageModel, **settings: object) -> Learnability:
    scorer = Learnability(LearnabilitySettings.model_validate({"reference": "auto", **settings}))
    scorer.model, scorer.reference = model, reference
    return scorer


def _learnable(count: int, seed: int) -> list[tuple[str, str]]:
    """Eight letters, each answered by the next of the alphabet."""
    dice = np.random.default_rng(seed)
    words = ["".join(dice.choice(list("abcdefgh"), 6)) for _ in range(count)]
    return [(word, word.translate(SHIFT)) for word in words]


def _noise(count: int, seed: int) -> list[tuple[str, str]]:
    """The same words, answered at random."""
    answers = [answer for _, answer in _learnable(count, seed + 1)]
    return [(word, answer) for (word, _), answer in zip(_learnable(count, seed), answers, strict=True)]


def _known(count: int, seed: int) -> list[tuple[str, str]]:
    """The same words, answered by what any model learns at once."""
    return [(word, "zzzzzz") for word, _ in _learnable(count, seed)]


def _train(network: Network, tokenizer: Tokenizer, pairs: list[tuple[str, str]], steps: int) -> Network:
    """Adam on batches of 32 pairs, letter by letter: prompt, a dash, answer."""
    import torch

    tokens = torch.tensor([tokenizer(f"{prompt}-{answer}").input_ids for prompt, answer in pairs])
    labels = tokens.clone()
    labels[:, :7] = -100
    network.requires_grad_(requires_grad=True).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    dice = torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = torch.randint(0, len(tokens), (32,), generator=dice)
        loss = network(input_ids=tokens[batch], labels=labels[batch]).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return network.eval().requires_grad_(requires_grad=False)


@pytest.mark.timeout(120)
def test_learnable_rows_stand_above_planted_noise_and_above_what_is_known() -> None:
    from sklearn.metrics import roc_auc_score

    tokenizer = tiny_tokenizer("{% for m in messages %}{{ m.content }}{% if not loop.last %}-{% endif %}{% endfor %}"
                               "{% if add_generation_prompt %}-{% endif %}")  # fmt: skip
    held_out = [*_learnable(800, 1), *_noise(400, 2), *_known(400, 3)]
    sizes = {"num_hidden_layers": 1, "initializer_range": 0.05}
    early, late = (_train(tiny_network(**sizes), tokenizer, held_out, steps) for steps in (20, 200))  # type: ignore[arg-type]
    pool = [*_learnable(80, 4), *_noise(80, 5), *_known(80, 6)]

    scorer = _scorer(wrap(early, tokenizer), wrap(late, tokenizer))
    values = scorer.score(rows(*(exchange(*pair) for pair in pool))).values["learnability"]

    wanted = np.repeat([1, 0, 0], 80)
    assert roc_auc_score(wanted[:160], values[:160]) >= 0.9
    assert roc_auc_score(wanted, values) >= 0.9


def test_it_is_the_difference_of_two_perplexities() -> None:
    tokenizer = tiny_tokenizer()
    models = [wrap(tiny_network(seed), tokenizer) for seed in (0, 1)]
    table = rows(*assorted(12))
    alone = []
    for model in models:
        perplexity = Perplexity()
        perplexity.model = model
        alone.append(perplexity.score(table).values)

    values = _scorer(*models).score(table).values

    np.testing.assert_allclose(values["total_learnability"], alone[0]["total_nll"] - alone[1]["total_nll"], rtol=1e-4)
    np.testing.assert_allclose(values["learnability"], alone[0]["mean_nll"] - alone[1]["mean_nll"], rtol=1e-4)
    np.testing.assert_allclose(values["reference_nll"], alone[1]["mean_nll"], rtol=1e-6)


def test_a_model_has_nothing_to_learn_from_itself() -> None:
    model = wrap(tiny_network(), tiny_tokenizer())

    values = _scorer(model, model).score(rows(*assorted(8))).values

    assert values["learnability"].tolist() == [0] * 8


def test_both_models_see_the_same_windows_of_a_long_row() -> None:
    tokenizer = tiny_tokenizer()
    long, short = (wrap(tiny_network(max_position_embeddings=size), tokenizer) for size in (512, 64))

    values = _scorer(long, short).score(rows(text("therefore " * 20))).values

    assert values["learnability"].tolist() == [0]


def test_models_that_read_other_tokens_are_refused() -> None:
    model, other = (wrap(tiny_network(), tiny_tokenizer()) for _ in range(2))
    other.tokenizer.add_tokens(["sum"])

    with pytest.raises(SettingsError, match="do not share a tokenizer: 1 entries"):
        hold_same_tokens(model, other)


def test_a_row_that_either_model_cannot_score_says_why() -> None:
    tokenizer = tiny_tokenizer()
    network = tiny_network(tie_word_embeddings=False)
    broken = wrap(network, tokenizer)
    network.model.embed_tokens.weight[tokenizer.convert_tokens_to_ids("z")] = float("nan")

    scores = _scorer(wrap(tiny_network(), tokenizer), broken).score(rows(exchange("z", "b"), text("a"), text("ab")))

    assert scores.reasons[0].status is Status.FAILED
    assert scores.reasons[1] == Reason(Status.NOT_APPLICABLE, "no token is scored: the text is a single token or empty")
    assert 2 not in scores.reasons
