"""Likelihoods of a suite on tiny models: exact against the model's own forward, whatever the way they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.models import llama
from curate.models.chat import COLUMNS, Rendered, render
from curate.models.load import wrap
from curate.models.write import write
from curate.probe import written
from curate.probe.compare import transfer
from curate.probe.likelihood import look
from curate.probe.measure import Checkpoint, measure
from tests.lm_fakes import tiny_lm, tiny_network, tiny_tokenizer
from tests.probe_suites import QUIZ, plain_only, suite

if TYPE_CHECKING:
    from curate.core.measured import Measured
    from curate.models.untyped import Network, Tokenizer
    from curate.probe.suite import Suite

LIST = "Where do you keep sugar?\nOptions:\n- container\n- kitchen\n- coffee"
TASK = "Summarise the following text:\n\nThe sea was calm and the boats came home early."


def own(network: Network, example: Rendered) -> tuple[float, int]:
    """NLL of the last answer by the model's own forward in one row, and how many of its tokens are first choices."""
    import torch

    tokens, span = torch.tensor(example.tokens[None].astype(np.int64)), example.answers[-1]
    with torch.inference_mode():
        likely = network(tokens).logits[0].double().log_softmax(-1)
    gold = tokens[0, span.start : span.end]
    before = likely[span.start - 1 : span.end - 1]
    return -float(before.gather(1, gold[:, None]).sum()), int((before.argmax(-1) == gold).sum())


def shown(tokenizer: Tokenizer, made: Suite) -> list[Rendered]:
    return [one for one in render(tokenizer, made.table.select(list(COLUMNS))) if isinstance(one, Rendered)]


def test_loss_and_hits_are_those_of_the_models_own_forward() -> None:
    network, tokenizer = tiny_network(), tiny_tokenizer()
    made = suite((QUIZ, "B"), (TASK, "A calm day."))

    found = look(made, wrap(network, tokenizer))

    expected = [own(network, example) for example in shown(tokenizer, made)]
    assert found.nll == pytest.approx([nll for nll, _ in expected], rel=1e-5)
    assert found.hits.tolist() == [hits for _, hits in expected]
    assert len(found.confidence) == found.tokens.sum() == len(found.row)
    assert np.bincount(found.row, found.right).tolist() == found.hits.tolist()


@pytest.mark.parametrize(
    ("prompt", "answer", "others"), [(QUIZ, "B", ("A", "B", "C")), ("Is it?", "yes", ("yes", "no"))]
)
def test_options_have_the_likelihood_that_each_has_as_an_answer(
    prompt: str, answer: str, others: tuple[str, ...]
) -> None:
    """Letters are looked up in one place; all that follows is the same text, so only the letter itself can decide."""
    network, tokenizer = tiny_network(), tiny_tokenizer()

    found = look(plain_only(suite((prompt, answer))), wrap(network, tokenizer))

    alone = [shown(tokenizer, plain_only(suite((prompt, other))))[0] for other in others]
    if len({len(each.tokens) for each in alone}) == 1:
        first = [own(network, _cut(each)) for each in alone]
    else:
        first = [own(network, each) for each in alone]
    power = np.exp([-nll for nll, _ in first])
    assert found.options[0] == pytest.approx(power / power.sum(), rel=1e-4)


def _cut(example: Rendered) -> Rendered:
    span = example.answers[-1]
    return Rendered(example.tokens[: span.start + 1], (type(span)(span.header, span.start, span.start + 1),), 0)


def test_options_in_words_are_read_whole() -> None:
    network, tokenizer = tiny_network(), tiny_tokenizer()

    found = look(plain_only(suite((LIST, "kitchen"))), wrap(network, tokenizer))

    each = [shown(tokenizer, plain_only(suite((LIST, other))))[0] for other in ("container", "kitchen", "coffee")]
    power = np.exp([-own(network, one)[0] for one in each])
    assert found.options[0] == pytest.approx(power / power.sum(), rel=1e-4)


def test_rows_longer_than_the_context_go_through_in_windows() -> None:
    network, tokenizer = tiny_network(max_position_embeddings=64), tiny_tokenizer()
    made = plain_only(suite((QUIZ, "B"), ("Why?", "Because it is so. " * 10)))

    found = look(made, wrap(network, tokenizer))

    assert not np.isnan(found.nll).any()
    assert found.tokens.tolist() == [
        len(one.tokens[one.answers[0].start : one.answers[0].end]) for one in shown(tokenizer, made)
    ]


def test_what_a_model_cannot_show_is_counted_and_has_no_figure() -> None:
    made = plain_only(suite((QUIZ, "B"), ("Why?", " ")))

    found = measure(made, tiny_lm(), Checkpoint("a", "a"))

    assert found.skipped == {"there is no answer to score": 1}
    assert found.rows.nll[1] is None
    assert found.cells[0].result.loss.rows == 1


def test_what_the_model_writes_is_its_likeliest_token_at_each_step() -> None:
    import torch

    network, tokenizer = tiny_network(), tiny_tokenizer()
    prompts = [np.array(tokenizer(text)["input_ids"], np.int32) for text in ("sum of 2 and 3", "a", "what is the loop")]
    most = [9, 4, 12]

    found = write(network, tokenizer, prompts, most, {tokenizer.eos_token_id}, 4096)

    for prompt, longest, text in zip(prompts, most, found, strict=True):
        tokens = prompt.astype(np.int64).tolist()
        for _ in range(longest):
            with torch.inference_mode():
                token = int(network(torch.tensor([tokens])).logits[0, -1].argmax())
            if token == tokenizer.eos_token_id:
                break
            tokens.append(token)
        assert text == tokenizer.decode(tokens[len(prompt) :], skip_special_tokens=True)


def test_only_short_answers_that_can_be_checked_are_written() -> None:
    made = suite((QUIZ, "B"), ("What is 2 + 2?", "4"), ("Why is it so?", "It was like that. " * 3))

    found = written.check(made, tiny_network(), tiny_tokenizer(), 24)

    rows = made.table.to_pylist()
    assert {(rows[row]["kind"], rows[row]["completion"]) for row in found} == {("plain", "B"), ("plain", "4")}
    assert written.check(made, tiny_network(), tiny_tokenizer(), 0) == {}


def probe(seed: int, name: str, number: int, stage: int | None, since: Measured | None = None) -> Measured:
    made = suite(*((f"Tell me about town {each} by the sea, please.", f"Town {each}.") for each in range(8)))
    lm = wrap(tiny_network(seed), tiny_tokenizer())
    return measure(made, lm, Checkpoint(name, name, number, stage), since=since)


def test_a_change_is_the_difference_of_two_probes_row_by_row() -> None:
    first = probe(0, "first", 0, None)

    second = probe(1, "second", 1, 0, first)

    whole = second.change()
    assert whole is not None
    assert whole.loss.value == pytest.approx(second.cells[0].result.loss.value - first.cells[0].result.loss.value)
    assert whole.loss.groups == 8


def test_lessons_run_from_the_last_probe_of_one_stage_to_that_of_the_next() -> None:
    probes = [probe(0, "base", 0, None), probe(1, "early", 1, 0), probe(2, "late", 2, 0), probe(3, "end", 3, 1)]

    told = transfer(probes)

    assert told is not None
    assert told.checkpoints == {-1: "base", 0: "late", 1: "end"}
    expected = probes[3].cells[0].result.loss.value - probes[2].cells[0].result.loss.value
    last = next(each for each in told.lessons if each.stage == 1 and each.skill is None)
    assert last.loss.value == pytest.approx(expected)


def of_training(probes: list[tuple[str, str | None, int | None, int | None]]) -> dict[int, str]:
    """Which of some probes (name, training, stage, step), in their order, tell what stages taught."""
    one = probe(0, "any", 0, None)
    told = transfer(
        [
            one.model_copy(update={"name": name, "number": number, "training": training, "stage": stage, "step": step})
            for number, (name, training, stage, step) in enumerate(probes)
        ]
    )
    return {} if told is None else told.checkpoints


def test_checkpoints_of_two_trainings_are_never_mixed() -> None:
    base, one = ("base", None, None, None), [("a0", "a", 0, 10), ("a1", "a", 1, 20), ("a2", "a", 2, 30)]

    assert of_training([base, *one, ("b0", "b", 0, 10)]) == {-1: "base", 0: "b0"}
    assert of_training([base, *one, ("mine", None, 1, None)]) == {-1: "base", 1: "mine"}
    assert of_training([*one, ("b0", "b", 0, 10)]) == {}


def test_what_a_training_left_behind_when_it_was_taken_up_earlier_does_not_count() -> None:
    one = [("a0", "a", 0, 10), ("a1", "a", 1, 20), ("a2", "a", 2, 30)]

    assert of_training([*one, ("again", "a", 1, 15)]) == {0: "a0", 1: "again"}
    assert of_training([*one, ("anew", "a", 0, 10)]) == {}


def test_one_checkpoint_teaches_nothing() -> None:
    assert transfer([probe(0, "only", 0, 2)]) is None


def test_an_adapter_beside_a_linear_layer_is_never_passed_over() -> None:
    import torch

    class Adapted(torch.nn.Linear):
        """What adapters do: the weight is the old one, and the forward adds a little."""

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) + 1e-5 * input.mean()

    network, tokenizer = tiny_network(), tiny_tokenizer()
    layer = network.model.layers[0].self_attn
    adapted = Adapted(layer.q_proj.in_features, layer.q_proj.out_features, bias=False)
    adapted.load_state_dict(layer.q_proj.state_dict())

    assert llama.applies(network)
    layer.q_proj = adapted
    assert not llama.applies(network)
    made = plain_only(suite((QUIZ, "B")))
    assert look(made, wrap(network, tokenizer)).nll[0] == pytest.approx(
        own(network, shown(tokenizer, made)[0])[0], rel=1e-6
    )
