"""What sequences have in common at their beginning goes through the model once, and every sequence keeps its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.models import prefixes
from curate.models.attention import branching
from curate.models.choose import forward_of
from curate.models.forward import ThroughBase
from curate.models.head import of_states
from curate.models.llama import PackedLlama
from curate.models.passes import Pass
from tests.lm_fakes import tiny_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.models.forward import Forward

# few kinds of tokens, so that many begin alike
SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=20)


def arrays(sequences: Sequence[Sequence[int]]) -> list[NDArray[np.int32]]:
    return [np.array(one, np.int32) for one in sequences]


@given(sequences=SEQUENCES)
def test_each_beginning_is_kept_once_and_every_sequence_finds_its_tokens(sequences: list[list[int]]) -> None:
    held = prefixes.joined(arrays(sequences))
    starts = np.cumsum([0, *map(len, sequences)])
    distinct = {tuple(one[: end + 1]) for one in sequences for end in range(len(one))}

    assert len(held.tokens) == len(distinct) == held.own.sum()
    assert sorted(held.place[held.own].tolist()) == list(range(len(distinct)))
    for number, one in enumerate(sequences):
        mine = held.place[starts[number] : starts[number + 1]]
        assert held.tokens[mine].tolist() == one
        assert held.position[mine].tolist() == list(range(len(one)))


@given(sequences=SEQUENCES, budget=st.integers(1, 60))
def test_batches_hold_every_sequence_once_and_keep_the_budget(sequences: list[list[int]], budget: int) -> None:
    given_arrays = arrays(sequences)
    batches = [batch.tolist() for batch in prefixes.batches(given_arrays, budget)]

    assert sorted(one for batch in batches for one in batch) == list(range(len(sequences)))
    for batch in batches:
        lengths = [len(sequences[one]) for one in batch]
        assert lengths == sorted(lengths, reverse=True)
        assert len(prefixes.joined([given_arrays[one] for one in batch]).tokens) <= budget or len(batch) == 1


def test_sequences_that_share_nothing_are_cut_by_length_then_position() -> None:
    sequences = arrays([[1, 1, 1], [2, 2, 2, 2, 2], [3, 3, 3], [4, 4, 4, 4, 4]])

    assert [batch.tolist() for batch in prefixes.batches(sequences, 11)] == [[1, 3], [0, 2]]
    assert list(prefixes.batches([], 11)) == []


def test_what_begins_alike_comes_together_whatever_stands_between() -> None:
    prompt = list(range(10, 20))
    sequences = arrays([[*prompt, 1], [9] * 12, [*prompt, 2, 3, 4], [8] * 12, [*prompt, 5]])

    assert [batch.tolist() for batch in prefixes.batches(sequences, 15)] == [[2, 0, 4], [1], [3]]


def test_without_anything_shared_attention_works_on_slices() -> None:
    held = prefixes.joined(arrays([[1, 2, 3], [2, 3, 4]]))

    assert all(group.into is None for group in branching([3, 3], held.place, held.own))
    assert held.place.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("changes", [{}, {"num_key_value_heads": 1, "head_dim": 16}])
def test_options_after_one_prompt_have_the_values_of_the_models_own_forward(changes: dict[str, object]) -> None:
    network = tiny_network(**changes)  # type: ignore[arg-type]
    dice = np.random.default_rng(1)
    opening, prompts = dice.integers(0, 260, 20), [dice.integers(0, 260, size) for size in (150, 40, 3)]
    batch = [
        one_pass(np.concatenate([opening, prompt, dice.integers(0, 260, size)]), len(opening) + len(prompt))
        for prompt in prompts
        for size in (1, 4, 4, 9)
    ]
    batch = sorted([*batch, batch[0], one_pass(dice.integers(0, 260, 30), 1)], key=lambda one: -len(one.tokens))
    fast = forward_of(network)

    assert isinstance(fast, PackedLlama)
    np.testing.assert_allclose(values(fast, batch), values(ThroughBase(network), batch), rtol=1e-5, atol=1e-5)


def one_pass(tokens: NDArray[np.int64], first: int) -> Pass:
    targets = np.arange(first, len(tokens), dtype=np.int32)
    return Pass(0, tokens.astype(np.int32), targets, np.zeros_like(targets))


def values(forward: Forward, batch: Sequence[Pass]) -> NDArray[np.float32]:
    import torch

    wanted = torch.from_numpy(np.concatenate([one.wanted for one in batch]).astype(np.int64))
    with torch.inference_mode():
        return np.asarray(of_states(forward, forward.states(batch), wanted).numpy())
