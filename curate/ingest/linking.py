"""The parsed parts that hold messages of trees, rewritten with the chats that they make."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from curate.core.ids import digest
from curate.ingest import forest
from curate.ingest.jobs import PARSED
from curate.store.stamps import Stamp
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from curate.ingest.chats import Turn
    from curate.ingest.rounds import Seen
    from curate.ingest.settings import Settings

LINKED = f"{PARSED}/trees"


def link_trees(space: Workspace, settings: Settings, seen: Sequence[Seen]) -> Sequence[Seen]:
    """Write the linked form of each part that holds messages; the parts, with the folder to go on from.

    Trees are linked in this process and anew whenever the input is read; the ids of all messages are in memory.
    """
    held = [part.index for part in seen if part.folder == PARSED and _has_messages(space, part.index)]
    if not held:
        return seen
    grown = forest.gather((index, space.read_table(Workspace.part(PARSED, index), forest.LINKS)) for index in held)
    say = _speaker(space, grown)
    named = forest.name_chats(grown, say, settings)
    linked = list(seen)
    for index in held:
        table = space.read_table(Workspace.part(PARSED, index))
        made, change = forest.link_part(grown, grown.of_part(index), table, say, named)
        base = Stamp(settings=seen[index].base.settings, inputs=digest(seen[index].base.inputs, change))
        space.write_unfinished(Workspace.part(LINKED, index), made, base)
        linked[index] = replace(seen[index], base=base, folder=LINKED)
    return linked


def _has_messages(space: Workspace, index: int) -> bool:
    return bool(space.about(Workspace.part(PARSED, index)).get("messages"))


def _speaker(space: Workspace, grown: forest.Forest) -> Callable[[int], Turn]:
    """What gives the turn of a message, with the last few parts in memory."""

    @lru_cache(maxsize=4)
    def turns(part: int) -> list[Turn]:
        table = space.read_table(Workspace.part(PARSED, part), ["record", "text"])
        return [(row["record"], row["text"]) for row in table.to_pylist()]

    def say(index: int) -> Turn:
        spot = grown.spots[index]
        return turns(spot.part)[spot.position]

    return say
