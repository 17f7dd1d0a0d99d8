"""Examples as token ids, with the tokens that are scored; for counting, no weights are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.core.views import all_turns, full_view
from curate.models.layout import Answer, Layout, lay_out
from curate.models.template import ChatTemplate, UnscorableError
from curate.protocol import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from curate.models.untyped import Encoding, Tokenizer

    Counts = NDArray[np.int32]

COLUMNS = ("record", "messages", "prompt", "completion", "text", "tools")
"""The columns of an example that its rendering depends on."""


@dataclass(frozen=True)
class Span:
    """Tokens of one answer: ``start`` to ``end`` are scored; its assistant header begins at ``header``."""

    header: int
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Rendered:
    """One example as the model sees it.

    ``tokens`` has shape (t,). ``answers`` has one span for each assistant turn, in order; a plain text is one span
    that leaves out the first token, which nothing precedes. ``answer_bytes`` is the size in UTF-8 of the text that
    is scored, without headers and end-of-turn tokens.
    """

    tokens: NDArray[np.int32]
    answers: tuple[Span, ...]
    answer_bytes: int


def render(tokenizer: Tokenizer, table: pa.Table) -> list[Rendered | Reason]:
    """Each row of *table* (with the `COLUMNS`) as the model sees it, or why it cannot be scored.

    The whole text is tokenised at once, never an answer apart. A token is scored when it holds a character of an
    answer or of its end-of-turn token.
    """
    layouts = list(_layouts(ChatTemplate(tokenizer), table))
    rendered: list[Rendered | Reason | None] = [one if isinstance(one, Reason) else None for one in layouts]
    for adds_specials in (False, True):
        rows = [
            row for row, one in enumerate(layouts) if isinstance(one, Layout) and one.adds_specials == adds_specials
        ]
        texts: list[Layout] = [layouts[row] for row in rows]  # type: ignore[misc]
        for row, one in zip(rows, _tokenised(tokenizer, texts, adds_specials=adds_specials), strict=True):
            rendered[row] = one
    return [one for one in rendered if one is not None]


def count_tokens(
    tokenizer: Tokenizer, table: pa.Table
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Tokens, prompt tokens and answer tokens of each row of *table*, each of shape (n,).

    Counted in the text that the model sees, chat template and all; answers with their end-of-turn tokens; a plain
    text is answer throughout. A row that the template cannot show is counted as its turns with blank lines between
    them, all of it prompt, but for a text of one token.
    """
    rendered = render(tokenizer, table.select(list(COLUMNS)))
    total = np.zeros(len(rendered), np.int32)
    answer = np.zeros(len(rendered), np.int32)
    for row, one in enumerate(rendered):
        if isinstance(one, Rendered):
            total[row] = len(one.tokens)
            answer[row] = sum(span.end - span.start for span in one.answers)
    _count_plainly(tokenizer, table, [row for row, one in enumerate(rendered) if not isinstance(one, Rendered)], total)
    is_plain = table.column("record").to_numpy(zero_copy_only=False) == "text"
    answer[is_plain] = total[is_plain]
    return total, total - answer, answer


def _layouts(template: ChatTemplate, table: pa.Table) -> Iterator[Layout | Reason]:
    for turns, tools in zip(all_turns(table), table.column("tools").to_pylist(), strict=True):
        try:
            yield lay_out(template, turns, tools)
        except UnscorableError as error:
            yield Reason(Status.NOT_APPLICABLE, str(error))


def _tokenised(tokenizer: Tokenizer, layouts: Sequence[Layout], *, adds_specials: bool) -> Iterator[Rendered | Reason]:
    if not layouts:
        return
    encoded = tokenizer(
        [one.text for one in layouts],
        add_special_tokens=adds_specials,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    for one, ids, encoding in zip(layouts, encoded["input_ids"], encoded.encodings, strict=True):
        yield _mapped(one, np.asarray(ids, np.int32), encoding)


def _mapped(layout: Layout, tokens: NDArray[np.int32], encoding: Encoding) -> Rendered | Reason:
    if layout.answers is None:
        spans = [Span(0, 1, len(tokens))] if len(tokens) > 1 else []
        scored = layout.text[(encoding.token_to_chars(0) or (0, 0))[1] :] if spans else ""
        answer_bytes = len(scored.encode("utf-8", "surrogatepass"))
    else:
        found = (_span(answer, encoding, len(layout.text)) for answer in layout.answers)
        spans = [span for span in found if span.start < span.end]
        pieces = (layout.text[answer.start : answer.text_end] for answer in layout.answers)
        answer_bytes = sum(len(piece.encode("utf-8", "surrogatepass")) for piece in pieces)
    if not spans:
        return Reason(Status.NOT_APPLICABLE, "no token is scored: the text is a single token or empty")
    return Rendered(tokens, tuple(spans), answer_bytes)


def _span(answer: Answer, encoding: Encoding, size: int) -> Span:
    """From the first token that ends after the answer begins, to the last that begins before the turn ends."""
    first, header = _holding(encoding, answer.start, size), _holding(encoding, answer.header, size)
    end = _holding(encoding, answer.end - 1, size)
    while (held := encoding.token_to_chars(end)) and held[0] < answer.end:
        end += 1
    return Span(min(header, first), max(first, 1), end)


def _holding(encoding: Encoding, place: int, size: int) -> int:
    """The first token that holds the character at *place* or one behind it, of *size*; behind all where none does.

    What the tokenizer adds at the end holds no character and is behind all.
    """
    for character in range(place, size):
        token: int | None = encoding.char_to_token(character)
        if token is not None:
            return token
    count = len(encoding)
    while count and encoding.token_to_chars(count - 1) is None:
        count -= 1
    return count


def _count_plainly(tokenizer: Tokenizer, table: pa.Table, rows: list[int], total: NDArray[np.int32]) -> None:
    if rows:
        texts = [full_view(turns) for turns in all_turns(table.take(rows))]
        ids = tokenizer(texts, return_attention_mask=False, verbose=False)["input_ids"]
        total[rows] = [len(one) for one in ids]
