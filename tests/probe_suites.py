"""Held-out rows and suites for tests of the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curate.core import schemas
from curate.core.ids import example_id
from curate.probe.suite import Suite, build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.core.measured import Size

HELD = pa.schema(
    [
        ("id", pa.string()),
        ("group", pa.int64()),
        ("skill", pa.string()),
        ("tier", pa.int8()),
        ("domain", pa.string()),
        ("tokens", pa.int32()),
        *((name, schemas.EXAMPLES.field(name).type) for name in schemas.EXAMPLES.names[1:7]),
    ]
)
QUIZ = "Which city lies on the Seine?\nA) Berlin\nB) Paris\nC) Rome"


def held(*exchanges: tuple[str, str], tokens: int = 20, skill: str = "s", tier: int = 0) -> pa.Table:
    """Held-out exchanges, a group each."""
    return pa.Table.from_pylist(
        [
            {
                "id": example_id([("user", prompt), ("assistant", answer)]),
                "group": number,
                "skill": skill,
                "tier": tier,
                "tokens": tokens,
                "record": "prompt-completion",
                "prompt": prompt,
                "completion": answer,
            }
            for number, (prompt, answer) in enumerate(exchanges)
        ],
        HELD,
    )


def suite(*exchanges: tuple[str, str], size: Size = "quick", seed: int = 0) -> Suite:
    """A suite of a few exchanges with all their variations."""
    return Suite(build(held(*exchanges), size, seed), size, seed)


def plain_only(made: Suite) -> Suite:
    """The same without variations."""
    return Suite(made.table.filter(pa.compute.equal(made.table.column("family"), "plain")), made.size, made.seed)


def of_kind(made: Suite, kind: str) -> Sequence[dict[str, Any]]:
    """The rows of one kind."""
    return [row for row in made.table.to_pylist() if row["kind"] == kind]
