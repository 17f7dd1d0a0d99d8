"""Message trees: rows with a parent id, of which the best-ranked path from each root becomes a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from curate.ingest.chats import role_of
from curate.ingest.parse import kind
from curate.ingest.reasons import Reason, RowError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.ingest.chats import Turn

NODE = pa.schema([("node", pa.string()), ("parent", pa.string()), ("rank", pa.float64())])
"""What links a message to its tree in the table of a parsed part."""

_TAKEN = frozenset({"role", "text", "content", "parent_id", "rank"})


class Message(NamedTuple):
    """One message of a tree, and the columns of its row that are the user's own."""

    turn: Turn
    node: str
    parent: str | None
    rank: float | None
    user: dict[str, object]


class Place(NamedTuple):
    """Where a message stands: the path that it is a turn of, or why it is on none.

    ``path`` holds positions among all messages and is set for a root with a chat; ``root`` is set for its turns.
    """

    path: tuple[int, ...] | None = None
    root: int | None = None
    reason: Reason | None = None


def is_message(row: Mapping[str, object]) -> bool:
    """Whether a row is a message of a tree."""
    return "parent_id" in row and "message_id" in row and "role" in row


def message(row: Mapping[str, object]) -> Message:
    """The message that a row holds."""
    node, parent = row["message_id"], row["parent_id"]
    if node is None or type(node) is bool or not isinstance(node, str | int):
        raise RowError(Reason.WRONG_TYPE, f"message_id is {kind(node)}")
    if parent is not None and (type(parent) is bool or not isinstance(parent, str | int)):
        raise RowError(Reason.WRONG_TYPE, f"parent_id is {kind(parent)}")
    user = {name: value for name, value in row.items() if name not in _TAKEN}
    return Message(_turn(row), str(node), None if parent is None else str(parent), _rank(row.get("rank")), user)


def _turn(row: Mapping[str, object]) -> Turn:
    content = row.get("text") if row.get("text") is not None else row.get("content")
    if type(content) is not str:
        raise RowError(Reason.WRONG_TYPE, f"text of a message is {kind(content)}, not text")
    return role_of(row.get("role"), 1), content


def _rank(value: object) -> float | None:
    if value is None:
        return None
    if type(value) is bool or not isinstance(value, int | float):
        raise RowError(Reason.WRONG_TYPE, f"rank is {kind(value)}")
    return float(value)


def _order(rank: float | None, place: int) -> tuple[bool, float, int]:
    """What replies are sorted by: 0 is the best rank, those without one come last, the earlier first among equals."""
    return rank is None, rank or 0.0, place


def is_nested(row: Mapping[str, object]) -> bool:
    """Whether a row is a whole tree: a first message that holds its replies, which hold theirs."""
    prompt = row.get("prompt")
    return type(prompt) is dict and type(prompt.get("replies")) is list


def nested_path(first: Mapping[str, object]) -> list[Turn]:
    """The best-ranked path of a tree in one row, as `link` finds it among rows."""
    turns: list[Turn] = []
    message: Mapping[str, object] | None = first
    while message is not None:
        turns.append(_turn(message))
        replies = message.get("replies")
        given = [each for each in replies if type(each) is dict] if type(replies) is list else []
        message = min(given, key=lambda each: _order(_rank(each.get("rank")), 0), default=None)
    while turns and turns[-1][0] != "assistant":
        turns.pop()
    return turns


def link(
    nodes: Sequence[str], parents: Sequence[str | None], ranks: Sequence[float | None], roles: Sequence[str]
) -> list[Place]:
    """The place of each message, given in the order of the input.

    From its root a path follows the best-ranked reply, and ends with the last turn of the assistant.
    """
    first: dict[str, int] = {}
    for index, node in enumerate(nodes):
        first.setdefault(node, index)
    replies: dict[int, list[int]] = {}
    roots: list[int] = []
    for index, (node, parent) in enumerate(zip(nodes, parents, strict=True)):
        if first[node] != index:
            continue
        if parent is None:
            roots.append(index)
        elif parent in first:
            replies.setdefault(first[parent], []).append(index)

    places = [
        Place(reason=Reason.ORPHAN if first[node] == index else Reason.SIBLING) for index, node in enumerate(nodes)
    ]
    for root in roots:
        for index in _below(root, replies):
            places[index] = Place(root=root, reason=Reason.SIBLING)
        path = [root]
        while path[-1] in replies:
            path.append(min(replies[path[-1]], key=lambda each: _order(ranks[each], each)))
        while path and roles[path[-1]] != "assistant":
            path.pop()
        for index in path:
            places[index] = Place(root=root)
        places[root] = Place(path=tuple(path), root=root) if path else Place(root=root, reason=Reason.NO_ANSWER)
    return places


def _below(root: int, replies: Mapping[int, Sequence[int]]) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        index = waiting.pop()
        found.append(index)
        waiting.extend(replies.get(index, ()))
    return found
