"""Varies rows part by part: the contents of `RUN/augmented`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.core import schemas, views
from curate.core.ids import example_id
from curate.core.vary import KINDS, vary
from curate.models import chat, load, names
from curate.protocol import Done
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from curate.core.vary import Turns
    from curate.protocol import Part
    from curate.store.stamps import Stamp

FOLDER = "unfinished/vary"


@dataclass
class VaryJob:
    """Tries to vary chosen rows of one part and writes those variations that there are.

    *place* holds positions among all examples and *kind* places in `KINDS`, sorted by position; *starts* the position
    at which each part begins.
    """

    space: Workspace
    seed: int
    tokenizer: names.Resolved
    stamp: Stamp
    place: NDArray[np.int64]
    kind: NDArray[np.int8]
    starts: NDArray[np.int64]
    name: str = "vary"
    _tokenizer: object = field(default=None, repr=False)

    def stands(self, index: int) -> bool:
        """Whether this part is made already."""
        return self.space.stamp_of(Workspace.part(FOLDER, index)) == self.stamp

    def open(self) -> None:
        """Load the tokenizer, which counts what the variations hold; no weights are needed."""
        self._tokenizer = load.load_tokenizer(self.tokenizer)

    def run(self, part: Part) -> Done:
        """Write the variations of one part."""
        inside = slice(*np.searchsorted(self.place, self.starts[part.index : part.index + 2]).tolist())
        examples = self.space.read_table(Workspace.part("examples", part.index))
        table = varied(examples, self.place[inside] - self.starts[part.index], self.kind[inside], self.seed)
        tokens = chat.count_tokens(self._tokenizer, table)[0] if len(table) else np.zeros(0, np.int32)
        table = table.append_column("tokens", pa.array(tokens, pa.int32()))
        self.space.write_table(Workspace.part(FOLDER, part.index), table, self.stamp)
        return Done(part.index, len(table))


def varied(examples: pa.Table, line: NDArray[np.int64], kind: NDArray[np.int8], seed: int) -> pa.Table:
    """The variations of rows at *line* that there are, as a table of examples with ``parent`` and ``how`` besides."""
    chosen = examples.take(pa.array(line))
    kept, parents, hows, made = [], [], [], []
    for at, (turns, parent, code) in enumerate(
        zip(views.all_turns(chosen), chosen.column("id").to_pylist(), kind.tolist(), strict=True)
    ):
        turned = vary(KINDS[code], turns, seed, parent)
        if turned is not None:
            kept.append(at)
            parents.append(parent)
            hows.append(KINDS[code])
            made.append(turned)
    originals = chosen.take(pa.array(kept, pa.int64()))
    columns = {
        "id": pa.array([example_id(turns) for turns in made], pa.string()),
        "parent": pa.array(parents, pa.string()),
        "how": pa.array(hows, pa.string()),
        **_records(originals.column("record").to_pylist(), made),
    }
    columns |= {name: originals.column(name) for name in ("tools", "language", "source", "row", "user")}
    return pa.table(columns)


def _records(records: Sequence[str], made: Sequence[Turns]) -> dict[str, pa.Array]:
    """The columns of the content: a pair stays one where it still is one exchange, all else are messages."""
    pairs = [
        record == "prompt-completion" and [role for role, _ in turns] == ["user", "assistant"]
        for record, turns in zip(records, made, strict=True)
    ]
    messages = [
        None if pair else [{"role": role, "content": content} for role, content in turns]
        for pair, turns in zip(pairs, made, strict=True)
    ]
    return {
        "record": pa.array(["prompt-completion" if pair else "messages" for pair in pairs], pa.string()),
        "messages": pa.array(messages, schemas.MESSAGES),
        "prompt": pa.array(
            [turns[0][1] if pair else None for pair, turns in zip(pairs, made, strict=True)], pa.string()
        ),
        "completion": pa.array(
            [turns[1][1] if pair else None for pair, turns in zip(pairs, made, strict=True)], pa.string()
        ),
        "text": pa.nulls(len(made), pa.string()),
    }
