from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from curate.models.chat import Rendered, count_tokens, render
from curate.protocol import Reason, Status
from tests.lm_fakes import chat, exchange, rows, text, tiny_tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.models.untyped import Tokenizer


def _only(tokenizer: Tokenizer, table: pa.Table) -> Rendered:
    (one,) = render(tokenizer, table)
    assert isinstance(one, Rendered)
    return one


def _scored(tokenizer: Tokenizer, one: Rendered) -> list[str]:
    return [tokenizer.decode(one.tokens[span.start : span.end]) for span in one.answers]


FORMATS = {
    "text": (text("so it goes"), ["o it goes"]),
    "exchange": (exchange("a?", "b\n"), ["b\n<|im_end|>"]),
    "alpaca": (exchange("Add.\n\n1 and 2", "3"), ["3<|im_end|>"]),
    "system": (chat(("system", "be"), ("user", "a?"), ("assistant", "été")), ["été<|im_end|>"]),
    "talk": (
        chat(("user", "a"), ("assistant", "b"), ("tool", "b"), ("assistant", "c d")),
        ["b<|im_end|>", "c d<|im_end|>"],
    ),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_scored_tokens_are_the_answers(kind: str) -> None:
    tokenizer = tiny_tokenizer()
    example, expected = FORMATS[kind]

    assert _scored(tokenizer, _only(tokenizer, rows(example))) == expected


def test_the_text_is_tokenised_whole_and_a_shared_token_is_scored() -> None:
    tokenizer = tiny_tokenizer()

    one = _only(tokenizer, rows(chat(("user", "a"), ("assistant", "\nb"))))

    assert _scored(tokenizer, one) == ["\n\nb<|im_end|>"]
    assert tokenizer.decode(one.tokens) == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n\nb<|im_end|>\n"


def test_the_header_stands_before_the_answer() -> None:
    tokenizer = tiny_tokenizer()

    one = _only(tokenizer, rows(exchange("a", "b")))

    (span,) = one.answers
    assert tokenizer.decode(one.tokens[span.header : span.start]) == "<|im_start|>assistant\n"


def test_a_plain_text_begins_as_the_tokenizer_begins_it() -> None:
    tokenizer = tiny_tokenizer(bos=True)

    one = _only(tokenizer, rows(text("so")))

    assert tokenizer.decode(one.tokens) == "<s>so"
    assert _scored(tokenizer, one) == ["so"]
    assert one.answer_bytes == 2


def test_a_single_exchange_without_template_has_its_answer_scored() -> None:
    tokenizer = tiny_tokenizer(None, bos=True)

    one = _only(tokenizer, rows(exchange("a", "b c")))

    assert tokenizer.decode(one.tokens) == "<s>a\n\nb c"
    assert _scored(tokenizer, one) == ["b c"]


def test_what_the_tokenizer_adds_at_the_end_is_no_part_of_an_answer_without_template() -> None:
    from tokenizers import processors

    tokenizer = tiny_tokenizer(None)
    end = ("</s>", tokenizer.convert_tokens_to_ids("</s>"))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[end])

    one = _only(tokenizer, rows(exchange("a", "b c")))

    assert tokenizer.decode(one.tokens) == "a\n\nb c</s>"
    assert _scored(tokenizer, one) == ["b c"]


def test_an_answer_that_is_a_word_of_the_template_has_its_own_bytes() -> None:
    one = _only(tiny_tokenizer(), rows(exchange("a", "end")))

    assert one.answer_bytes == 3


def test_bytes_are_those_of_the_answers_alone() -> None:
    assert _only(tiny_tokenizer(), rows(FORMATS["system"][0])).answer_bytes == len("été".encode())
    assert _only(tiny_tokenizer(), rows(FORMATS["talk"][0])).answer_bytes == 4
    assert _only(tiny_tokenizer(), rows(text("so"))).answer_bytes == 1


def test_rows_keep_their_places_and_those_without_a_scored_token_say_why() -> None:
    table = rows(text("a"), exchange("a", "b"), chat(("user", "a")), text("so"), text(""), exchange("a", " "))

    made = render(tiny_tokenizer(), table)

    assert [isinstance(one, Rendered) for one in made] == [False, True, False, True, False, False]
    assert made[2] == Reason(Status.NOT_APPLICABLE, "there is no answer to score")
    assert made[0] == made[4]


def test_tokens_are_counted_in_the_text_that_the_model_sees() -> None:
    table = rows(exchange("ab", "c"), text("so"), text("a"), text(""), chat(("user", "ab")))

    total, prompt, answer = count_tokens(tiny_tokenizer(), table)

    rendered = _only(tiny_tokenizer(), table.slice(0, 1))
    assert total.tolist() == [len(rendered.tokens), 2, 1, 0, 2]
    assert answer.tolist() == [2, 2, 1, 0, 0]
    assert (prompt + answer == total).all()
    assert {array.dtype.name for array in (total, prompt, answer)} == {"int32"}


def test_an_empty_table_has_no_counts() -> None:
    assert [len(array) for array in count_tokens(tiny_tokenizer(), rows())] == [0, 0, 0]
