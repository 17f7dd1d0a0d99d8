"""Training rows in one record type: messages, prompt-completion or text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.core.schemas import MESSAGES
from curate.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Record = Literal["messages", "prompt-completion", "text"]

COLUMNS: dict[Record, tuple[str, ...]] = {
    "messages": ("messages", "tools"),
    "prompt-completion": ("prompt", "completion"),
    "text": ("text",),
}


def choose(counts: Mapping[str, int], asked: Record | None) -> Record:
    """The record type of a dataset whose examples come in these types, as asked for or by default the input's own.

    Messages and prompt-completion together are messages. Chats and plain texts together need a decision, and plain
    text cannot become a chat: both are a `DataError` with the counts.
    """
    present = {name for name, count in counts.items() if count}
    told = ", ".join(f"{counts[name]} {name}" for name in sorted(present))
    if asked is None and "text" in present and len(present) > 1:
        raise DataError(f"the examples are of several types: {told}", fix="choose one with --format text")
    if asked in {"messages", "prompt-completion"} and "text" in present:
        raise DataError(
            f"plain text cannot be written as {asked} ({told})",
            fix="use --format text, or map a prompt and a completion column with --map",
        )
    if asked is not None:
        return asked
    if present <= {"text"}:
        return "text"
    return "prompt-completion" if present == {"prompt-completion"} else "messages"


def convert(examples: pa.Table, record: Record) -> dict[str, pa.Array]:
    """The columns of `COLUMNS` for each example, made of whole columns and not row by row.

    As text a chat is its turns with a blank line between them. A chat of more than one exchange, or with a system
    turn, does not fit prompt-completion: a `DataError`.
    """
    if record == "prompt-completion" and pc.all(_is(examples, record)).as_py():
        return {name: _flat(examples, name) for name in COLUMNS[record]}
    messages = _messages(examples)
    if record == "messages":
        return {"messages": messages, "tools": examples.column("tools").combine_chunks()}
    turns = messages.flatten()
    role, content = turns.field("role"), turns.field("content")
    if record == "text":
        held = pa.ListArray.from_arrays(messages.offsets, content)
        plain = examples.column("text").combine_chunks()
        return {"text": pc.if_else(_is(examples, "text"), plain, pc.binary_join(held, "\n\n"))}
    first = messages.offsets.to_numpy()[:-1]
    fit = _one_exchange(first, np.diff(messages.offsets.to_numpy()), role)
    if not fit.all():
        raise DataError(
            f"{int((~fit).sum())} chats have more than one prompt and one answer, so they do not fit prompt-completion",
            fix="use --format messages",
        )
    return {"prompt": content.take(pa.array(first)), "completion": content.take(pa.array(first + 1))}


def _messages(examples: pa.Table) -> pa.ListArray:
    """The turns of each example: a chat's own, those of a pair made of its two columns, none of a plain text."""
    chats = examples.column("messages").combine_chunks()
    if pc.all(_is(examples, "messages")).as_py():
        return pa.ListArray.from_arrays(pc.subtract(chats.offsets, chats.offsets[0]), chats.flatten())
    lengths = np.where(_is(examples, "messages"), pc.fill_null(pc.list_value_length(chats), 0), 0)
    pair = np.asarray(_is(examples, "prompt-completion"))
    offsets = np.concatenate([[0], np.cumsum(np.where(pair, 2, lengths))]).astype(np.int32)
    own = chats.flatten()
    # Where each turn comes from: the chats' turns, then all prompts, then all completions.
    source = np.empty(int(offsets[-1]), np.int64)
    begin = offsets[:-1][pair]
    source[begin] = len(own) + np.flatnonzero(pair)
    source[begin + 1] = len(own) + len(pair) + np.flatnonzero(pair)
    of_chats = np.ones(len(source), np.bool_)
    of_chats[begin] = of_chats[begin + 1] = False
    source[of_chats] = np.arange(len(own))
    content = pa.concat_arrays([own.field("content"), *(_flat(examples, name) for name in ("prompt", "completion"))])
    role = np.where(source < len(own) + len(pair), "user", "assistant")
    roles = pa.array(role, pa.string())
    if len(own):
        roles = pc.if_else(pa.array(of_chats), own.field("role").take(pa.array(source, mask=~of_chats)), roles)
    turns = pa.StructArray.from_arrays([roles, content.take(pa.array(source))], fields=list(MESSAGES.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets), turns)


def _one_exchange(first: NDArray[np.int32], turns: NDArray[np.int32], role: pa.Array) -> NDArray[np.bool_]:
    """Which chats are a user's turn and an assistant's, and nothing else."""
    fit: NDArray[np.bool_] = turns == 2
    at = pa.array(first[fit])
    said = pc.and_(pc.equal(role.take(at), "user"), pc.equal(role.take(pc.add(at, 1)), "assistant"))
    fit[fit] = said.to_numpy(zero_copy_only=False)
    return fit


def _is(examples: pa.Table, record: str) -> pa.Array:
    return pc.equal(examples.column("record"), record).combine_chunks()


def _flat(examples: pa.Table, name: str) -> pa.Array:
    return examples.column(name).combine_chunks().cast(pa.string())
