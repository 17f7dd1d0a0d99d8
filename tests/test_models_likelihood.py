from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.models.chat import Rendered, render
from curate.models.choose import forward_of
from curate.models.examples import ExampleScores, score_examples
from curate.models.forward import ThroughBase, ThroughWhole
from curate.models.llama import PackedLlama
from curate.models.load import wrap
from curate.models.packed import available
from curate.models.settings import LmSettings
from curate.protocol import Reason, Status
from tests.lm_fakes import assorted, chat, exchange, rows, text, tiny_lm, tiny_network, tiny_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    import torch

    from curate.models.load import LanguageModel
    from curate.models.passes import Pass
    from curate.models.untyped import Network


def _scores(model: LanguageModel, table: pa.Table, **settings: object) -> list[ExampleScores]:
    found = score_examples(model, table, LmSettings.model_validate(settings))
    assert all(isinstance(one, ExampleScores) for one in found)
    return found  # type: ignore[return-value]


def _alone(network: Network, one: Rendered) -> list[tuple[float, float]]:
    """NLL and entropy of each turn by the model's own forward on the one row, in float64."""
    import torch

    with torch.inference_mode():
        logits = network(input_ids=torch.from_numpy(one.tokens.astype(np.int64))[None]).logits[0].double()
    log_p = torch.log_softmax(logits, dim=-1)
    turns = []
    for span in one.answers:
        before = log_p[span.start - 1 : span.end - 1]
        chosen = before.gather(1, torch.from_numpy(one.tokens[span.start : span.end].astype(np.int64))[:, None])
        turns.append((-float(chosen.sum()), -float((before.exp() * before).sum())))
    return turns


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny_lm()


@pytest.mark.parametrize("token_budget", [1, 64, 300, 100_000])
def test_a_batch_gives_what_one_row_at_a_time_gives(model: LanguageModel, token_budget: int) -> None:
    table = rows(*assorted(24))

    found = _scores(model, table, token_budget=token_budget)

    for one, scores in zip(render(model.tokenizer, table), found, strict=True):
        assert isinstance(one, Rendered)
        expected = np.array(_alone(tiny_network(), one))
        assert np.abs(scores.nll - expected[:, 0]).max() <= 1e-5 * np.maximum(1, expected[:, 0]).max()
        assert np.abs(scores.entropy - expected[:, 1]).max() <= 1e-5 * np.maximum(1, expected[:, 1]).max()


def test_the_order_of_rows_changes_nothing(model: LanguageModel) -> None:
    examples = assorted(16)

    there = _scores(model, rows(*examples))
    back = _scores(model, rows(*examples[::-1]))[::-1]

    for one, other in zip(there, back, strict=True):
        np.testing.assert_allclose(one.nll, other.nll, rtol=1e-5)


def test_a_plain_text_costs_the_loss_of_the_model(model: LanguageModel) -> None:
    import torch

    words = "so it goes, and goes"
    tokens = torch.tensor([model.tokenizer(words).input_ids])

    (found,) = _scores(model, rows(text(words)))

    loss = float(tiny_network()(input_ids=tokens, labels=tokens).loss)
    assert found.nll.sum() / found.tokens.sum() == pytest.approx(loss, abs=1e-5)


def test_every_turn_is_scored_in_one_pass_with_all_before_it(model: LanguageModel) -> None:
    turns = (("user", "a b"), ("assistant", "c"), ("user", "d"), ("assistant", "e f"))

    (both,) = _scores(model, rows(chat(*turns)))
    (first,) = _scores(model, rows(chat(*turns[:2])))

    assert both.tokens.tolist() == [2, 4]
    assert both.nll[0] == pytest.approx(first.nll[0], rel=1e-5)


def test_a_uniform_model_costs_the_logarithm_of_its_vocabulary() -> None:
    network = tiny_network(tie_word_embeddings=False)
    network.lm_head.weight.zero_()

    found = _scores(wrap(network, tiny_tokenizer()), rows(*assorted(8)))

    for one in found:
        np.testing.assert_allclose(one.nll / one.tokens, np.log(272), rtol=1e-6)
        np.testing.assert_allclose(one.entropy / one.tokens, np.log(272), rtol=1e-6)


def test_a_long_text_is_scored_in_windows(model: LanguageModel) -> None:
    words = "therefore " * 12

    (found,) = _scores(model, rows(text(words)), context=40, stride=10)

    (one,) = render(model.tokenizer, rows(text(words)))
    assert isinstance(one, Rendered)
    expected = 0.0
    for end in (40, 50, 60, 70, 80, 90, 100, 110, 120):
        part = replace(one, tokens=one.tokens[end - 40 : end], answers=(replace(one.answers[0], end=40),))
        if end > 40:
            part = replace(part, answers=(replace(part.answers[0], start=30),))
        expected += _alone(tiny_network(), part)[0][0]
    assert len(one.tokens) == 120
    assert found.tokens.tolist() == [119]
    assert found.nll[0] == pytest.approx(expected, rel=1e-5)


def test_the_context_is_never_longer_than_the_model() -> None:
    short = tiny_lm(max_position_embeddings=32)

    (found,) = _scores(short, rows(text("therefore " * 8)))

    assert found.tokens.tolist() == [79]


def test_long_rows_can_be_left_out_with_a_reason(model: LanguageModel) -> None:
    found = score_examples(model, rows(text("so " * 30), text("so")), LmSettings(context=40, long_rows="skip"))

    assert found[0] == Reason(Status.NOT_APPLICABLE, "90 tokens do not fit into a context of 40")
    assert isinstance(found[1], ExampleScores)


class _Small:
    """A forward on a machine where only so many tokens fit."""

    padded = True

    def __init__(self, inner: Network, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        if sum(len(one.tokens) for one in batch) > self._limit:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"
            )
        states: torch.Tensor = self._inner.states(batch)
        return states

    def logits(self, states: torch.Tensor) -> Iterable[torch.Tensor]:
        logits: Iterable[torch.Tensor] = self._inner.logits(states)
        return logits


def test_a_batch_that_does_not_fit_is_split_and_its_values_stay(model: LanguageModel) -> None:
    table = rows(*[exchange("a" * size, "b") for size in (5, 10, 15, 20, 200)])
    small = replace(model, forward=_Small(model.forward, 120))

    expected = _scores(model, table)
    found = score_examples(small, table, LmSettings(token_budget=1000))

    for one, other in zip(found[:4], expected[:4], strict=True):
        assert isinstance(one, ExampleScores)
        np.testing.assert_allclose(one.nll, other.nll, rtol=1e-5)
    length = len(render(model.tokenizer, table.slice(4))[0].tokens)  # type: ignore[union-attr]
    assert found[4] == Reason(Status.FAILED, f"out of memory on a single sequence of {length} tokens")


def test_a_probability_that_is_not_finite_fails_its_row_alone() -> None:
    network = tiny_network(tie_word_embeddings=False)
    broken = wrap(network, tiny_tokenizer())
    network.model.embed_tokens.weight[broken.tokenizer.convert_tokens_to_ids("z")] = float("nan")

    found = score_examples(broken, rows(exchange("a", "b"), exchange("z", "b")), LmSettings())

    assert isinstance(found[0], ExampleScores)
    assert found[1] == Reason(Status.FAILED, "the model gives a probability that is not finite")


def test_a_model_that_changes_its_logits_is_run_whole() -> None:
    from transformers import CohereConfig, CohereForCausalLM

    settings = {"vocab_size": 272, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    network = CohereForCausalLM(
        CohereConfig(**settings, num_attention_heads=4, num_key_value_heads=2, logit_scale=0.25, eos_token_id=None)
    ).eval()
    scaled = wrap(network, tiny_tokenizer())
    table = rows(*assorted(8))

    found = _scores(scaled, table)

    assert isinstance(scaled.forward, ThroughWhole)
    for one, scores in zip(render(scaled.tokenizer, table), found, strict=True):
        assert isinstance(one, Rendered)
        np.testing.assert_allclose(scores.nll, [nll for nll, _ in _alone(network, one)], rtol=1e-5)


def test_a_model_of_another_family_is_run_through_its_own_base() -> None:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    network = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=272,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=256,
        )
    ).eval()
    model = wrap(network, tiny_tokenizer())
    table = rows(*assorted(8))

    found = _scores(model, table)

    assert isinstance(model.forward, ThroughBase)
    for one, scores in zip(render(model.tokenizer, table), found, strict=True):
        assert isinstance(one, Rendered)
        np.testing.assert_allclose(scores.nll, [nll for nll, _ in _alone(network, one)], rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tie_word_embeddings": True},
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1, "head_dim": 16},
        {"attention_bias": True, "mlp_bias": True},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
    ],
)
def test_the_fast_path_of_a_llama_gives_its_own_values(changes: dict[str, object]) -> None:
    network = tiny_network(**changes)  # type: ignore[arg-type]
    model = wrap(network, tiny_tokenizer())
    table = rows(*assorted(16), text("therefore " * 40))

    found = _scores(model, table)

    assert isinstance(model.forward, PackedLlama)
    for one, scores in zip(render(model.tokenizer, table), found, strict=True):
        assert isinstance(one, Rendered)
        expected = np.array(_alone(network, one))
        np.testing.assert_allclose(scores.nll, expected[:, 0], rtol=1e-5)
        np.testing.assert_allclose(scores.entropy, expected[:, 1], rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
    ],
)
def test_a_llama_that_the_fast_path_does_not_know_is_run_as_it_is(changes: dict[str, object]) -> None:
    assert isinstance(forward_of(tiny_network(**changes)), ThroughBase)  # type: ignore[arg-type]


def test_a_fast_path_that_differs_is_not_used_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("curate.models.packed.PackedLinear.swish", lambda self, x: self(x))

    assert isinstance(forward_of(tiny_network()), ThroughBase)
    assert "differs from the model's own forward by" in caplog.text


def test_the_fast_path_keeps_its_values_in_bf16_where_the_processor_packs_it() -> None:
    import torch

    network = tiny_network(initializer_range=0.2).to(torch.bfloat16)

    assert isinstance(forward_of(network), PackedLlama if available(torch.bfloat16) else ThroughBase)


def test_where_the_processor_does_not_pack_bf16_the_own_forward_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)

    assert not available(torch.bfloat16)
    assert available(torch.float32)
    assert isinstance(forward_of(tiny_network().to(torch.bfloat16)), ThroughBase)
    assert isinstance(forward_of(tiny_network()), PackedLlama)
