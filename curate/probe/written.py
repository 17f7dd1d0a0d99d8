"""Short answers that the model writes itself, each checked as its kind asks: an option, a number, or the very words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.core import views
from curate.models.chat import COLUMNS, Rendered, render
from curate.models.write import write
from curate.probe.answers import agrees, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.models.untyped import Network, Tokenizer
    from curate.probe.answers import Task
    from curate.probe.suite import Suite

TOKEN_BUDGET = 4096
"""Of one batch: prompts and answers."""


def check(suite: Suite, network: Network, tokenizer: Tokenizer, longest: int) -> dict[int, bool]:
    """By row, whether the model's own answer is right: rows as they are, with one answer of up to *longest* tokens.

    It may write twice as many tokens as the answer has, and eight at least. Where no token ends an answer, the model is
    heard up to the end of its first line.
    """
    asked = list(_asked(suite, tokenizer, longest)) if longest else []
    if not asked:
        return {}
    prompts = [example.tokens[: example.answers[-1].start] for _, example, _ in asked]
    most = [max(8, 2 * _size(example)) for _, example, _ in asked]
    ends = {row: _end(tokenizer, example) for row, example, _ in asked}
    stops = {end for end in ends.values() if end is not None} | {tokenizer.eos_token_id}
    written = write(network, tokenizer, prompts, most, stops, TOKEN_BUDGET)
    found = {}
    for (row, _, how), text in zip(asked, written, strict=True):
        line = suite.table.slice(row, 1).to_pylist()[0]
        turns = views.turns(line)
        said = text if ends[row] is not None else text.strip().partition("\n")[0]
        found[row] = agrees(how, turns[-1][1], said, turns[-2][1], line["answers"])
    return found


def _asked(suite: Suite, tokenizer: Tokenizer, longest: int) -> Iterator[tuple[int, Rendered, Task]]:
    """Rows whose answer can be checked, as the model sees them."""
    rendered = render(tokenizer, suite.table.select(list(COLUMNS)))
    for row, (line, example) in enumerate(zip(suite.table.to_pylist(), rendered, strict=True)):
        turns = views.turns(line)
        if line["family"] != "plain" or [role for role, _ in turns if role != "system"] != ["user", "assistant"]:
            continue
        how = task(turns[-1][1], line["answers"])
        if isinstance(example, Rendered) and how != "free" and _size(example) <= longest and example.answers[0].start:
            yield row, example, how


def _size(example: Rendered) -> int:
    return example.answers[-1].end - example.answers[-1].start


def _end(tokenizer: Tokenizer, example: Rendered) -> int | None:
    """The token that ends this answer; None where none does."""
    last = int(example.tokens[example.answers[-1].end - 1])
    return last if last in tokenizer.all_special_ids else None
