from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.models.alone import apart
from curate.models.chat import Rendered, render
from curate.models.load import wrap
from curate.protocol import Reason, Status
from scorers.ifd import Ifd, IfdSettings
from scorers.perplexity import Perplexity
from tests.lm_fakes import CHATML, assorted, chat, exchange, rows, text, tiny_lm, tiny_network, tiny_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from curate.models.forward import Forward
    from curate.models.load import LanguageModel
    from curate.models.passes import Pass
    from curate.models.untyped import Network

TALK = chat(("user", "a?"), ("assistant", "b c"), ("user", "d?"), ("assistant", "e f"))


def _ifd(model: LanguageModel, **settings: object) -> Ifd:
    scorer = Ifd(IfdSettings.model_validate(settings))
    scorer.model = model
    return scorer


def _deaf() -> Network:
    """A model that sees the last token only, so that no instruction can help it."""
    network = tiny_network()
    for layer in network.model.layers:
        layer.self_attn.o_proj.weight.zero_()
    return network


def _alone(source: str | None, example: dict[str, object], *, bos: bool = False) -> list[tuple[str, str]]:
    """What stands before each answer when it is alone, and the tokens of it that are scored."""
    tokenizer = tiny_tokenizer(source, bos=bos)
    (one,) = render(tokenizer, rows(example))
    assert isinstance(one, Rendered)
    return [
        (tokenizer.decode(lone.tokens[: lone.answers[0].start]), tokenizer.decode(lone.tokens[lone.answers[0].start :]))
        for lone in apart(tokenizer, one).alone
    ]


def test_an_answer_alone_stands_after_its_header() -> None:
    header = "<|im_start|>assistant\n"

    assert _alone(CHATML, TALK) == [(header, "b c<|im_end|>"), (header, "e f<|im_end|>")]


def test_an_answer_alone_begins_as_the_whole_text_does() -> None:
    assert _alone("{{ bos_token }}" + CHATML, exchange("a", "b")) == [("<s><|im_start|>assistant\n", "b<|im_end|>")]
    assert _alone(None, exchange("a", "bc"), bos=True) == [("<s>", "bc")]


def test_a_token_that_nothing_precedes_is_left_out_with_the_instruction_too() -> None:
    tokenizer = tiny_tokenizer(None)
    (one,) = render(tokenizer, rows(exchange("a", "bcd")))
    assert isinstance(one, Rendered)

    split = apart(tokenizer, one)

    (alone,), (span,) = split.alone, split.given.answers
    assert tokenizer.decode(alone.tokens[alone.answers[0].start :]) == "cd"
    assert tokenizer.decode(split.given.tokens[span.start : span.end]) == "cd"
    assert split.tokens() == 2


def test_the_same_token_ids_are_scored_with_and_without_the_instruction() -> None:
    tokenizer = tiny_tokenizer()
    for one in render(tokenizer, rows(*assorted(24))):
        assert isinstance(one, Rendered)
        split = apart(tokenizer, one)
        for turn, alone in zip(split.kept, split.alone, strict=True):
            span = split.given.answers[turn]
            assert np.array_equal(split.given.tokens[span.start : span.end], alone.tokens[alone.answers[0].start :])


def test_a_model_that_ignores_the_instruction_has_a_ratio_of_one() -> None:
    values = _ifd(wrap(_deaf(), tiny_tokenizer())).score(rows(TALK, exchange("so it goes", "therefore"))).values

    np.testing.assert_allclose(values["ifd"], 1, rtol=1e-6)
    np.testing.assert_allclose(values["ifd_perplexity"], 1, rtol=1e-5)


def test_both_ratios_follow_from_the_two_means() -> None:
    values = _ifd(tiny_lm()).score(rows(*assorted(16)[1::4])).values

    np.testing.assert_allclose(values["ifd"], values["given_nll"] / values["alone_nll"], rtol=1e-6)
    np.testing.assert_allclose(values["ifd_perplexity"], np.exp(values["given_nll"] - values["alone_nll"]), rtol=1e-5)


def test_the_loss_with_the_instruction_is_that_of_perplexity() -> None:
    model = tiny_lm()
    perplexity = Perplexity()
    perplexity.model = model
    table = rows(TALK, exchange("a", "bcd"))

    mine, theirs = _ifd(model).score(table).values, perplexity.score(table).values

    np.testing.assert_allclose(mine["given_nll"], theirs["mean_nll"], rtol=1e-6)
    np.testing.assert_allclose(mine["tokens"], theirs["tokens"])


class _Counting:
    """A forward that counts the tokens it is shown."""

    def __init__(self, inner: Forward) -> None:
        self._inner = inner
        self.padded = inner.padded
        self.tokens = 0

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        self.tokens += sum(len(one.tokens) for one in batch)
        return self._inner.states(batch)

    def logits(self, states: torch.Tensor) -> Iterable[torch.Tensor]:
        return self._inner.logits(states)


def test_after_perplexity_only_the_answers_alone_are_run() -> None:
    model = tiny_lm()
    counting = _Counting(model.forward)
    model = replace(model, forward=counting)
    table = rows(TALK, text("so it goes"), exchange("a", "b"), exchange("a", "bcd"))
    perplexity = Perplexity()
    perplexity.model = model
    perplexity.score(table)
    whole, counting.tokens = counting.tokens, 0

    shared = _ifd(model).score(table).values
    after, counting.tokens = counting.tokens, 0
    apart_values = _ifd(replace(model, forward=counting)).score(table).values

    assert counting.tokens == whole + after
    for name, values in shared.items():
        np.testing.assert_array_equal(values, apart_values[name])


def test_what_has_no_ratio_says_why() -> None:
    table = rows(text("so it goes"), exchange("a", "b"), chat(("assistant", "b c d")), chat(("user", "a")), TALK)

    scores = _ifd(tiny_lm()).score(table)

    nothing = "no answer stands after an instruction"
    assert scores.reasons == {
        0: Reason(Status.NOT_APPLICABLE, nothing),
        1: Reason(Status.NOT_APPLICABLE, "the answers have 2 tokens, fewer than 3"),
        2: Reason(Status.NOT_APPLICABLE, nothing),
        3: Reason(Status.NOT_APPLICABLE, "there is no answer to score"),
    }
    for values in scores.values.values():
        assert np.isfinite(values).tolist() == [False] * 4 + [True]


def test_a_table_of_plain_text_is_not_run_at_all() -> None:
    model = tiny_lm()
    counting = _Counting(model.forward)

    scores = _ifd(replace(model, forward=counting)).score(rows(text("so"), text("it goes")))

    assert len(scores.reasons) == 2
    assert counting.tokens == 0


def test_a_model_that_is_certain_has_no_ratio() -> None:
    model = tiny_lm(CHATML.replace("<|im_end|>", "a"))
    certain = _Certain(model.forward, model.tokenizer.convert_tokens_to_ids("a"))

    scores = _ifd(replace(model, forward=certain)).score(rows(exchange("b", "aaaa")))

    assert "certain" in scores.reasons[0].text


class _Certain:
    """A forward that knows the next token."""

    padded = True

    def __init__(self, inner: Forward, token: int) -> None:
        self._inner = inner
        self._token = token

    def states(self, batch: Sequence[Pass]) -> torch.Tensor:
        return self._inner.states(batch)

    def logits(self, states: torch.Tensor) -> Iterable[torch.Tensor]:
        import torch

        logits = torch.cat(list(self._inner.logits(states)), dim=1) * 0 - 1e4
        logits[:, self._token] = 1e4
        return [logits]


def test_a_row_that_fails_in_either_pass_fails() -> None:
    network = tiny_network(tie_word_embeddings=False)
    broken = wrap(network, tiny_tokenizer())
    network.model.embed_tokens.weight[broken.tokenizer.convert_tokens_to_ids("z")] = float("nan")

    scores = _ifd(broken).score(rows(exchange("z", "bcd"), exchange("a", "bzd"), exchange("a", "bcd")))

    assert {row: reason.status for row, reason in scores.reasons.items()} == dict.fromkeys((0, 1), Status.FAILED)


@pytest.mark.model
@pytest.mark.slow
def test_shuffled_instructions_raise_it() -> None:
    questions = ["What is the capital of France?", "How many legs has a spider?", "Who wrote the play Hamlet?",
                 "What do bees make?", "Which planet is known as the red planet?"]  # fmt: skip
    answers = ["The capital of France is Paris.", "A spider has eight legs.", "Hamlet was written by Shakespeare.",
               "Bees make honey.", "Mars is known as the red planet."]  # fmt: skip
    scorer = Ifd(IfdSettings(precision="fp32"))
    scorer.open(None)

    right = scorer.score(rows(*map(exchange, questions, answers))).values["ifd"]
    wrong = scorer.score(rows(*map(exchange, [*questions[1:], questions[0]], answers))).values["ifd"]

    assert (right < wrong).all()
