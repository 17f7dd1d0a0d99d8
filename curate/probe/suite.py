"""The suite of a run: held-out rows as they are, in other forms, and under attack. Every row of it is untrained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from curate.core import views
from curate.core.ids import digest, example_id
from curate.core.options import choice
from curate.core.schemas import PROBE
from curate.core.vary import vary
from curate.probe import adversarial
from curate.probe.sample import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from curate.core import vary as variations
    from curate.core.measured import Family, Size
    from curate.core.vary import Turns

VARIATIONS: tuple[variations.Kind, ...] = (
    "typos", "case", "spacing", "punctuation", "template", "options", "without-hints",
)  # fmt: skip
"""Kinds of `vary` that leave the task and its answer as they were."""

Made = tuple["Turns", str | None]


class Budget(NamedTuple):
    """Tokens that a probe of one size spends on rows as they are, on variations and on adversarial prompts."""

    plain: int
    variation: int
    adversarial: int

    @property
    def longest(self) -> int:
        """Most tokens of one row: a longer one would stand for many others."""
        return self.plain // 20


BUDGETS: dict[Size, Budget] = {"quick": Budget(9_000, 4_000, 3_000), "full": Budget(400_000, 150_000, 100_000)}
TOO_LONG = "longer than a probe of this size asks"


@dataclass(frozen=True, eq=False)
class Suite:
    """Probe rows (schema `PROBE`), and how the cells (skill, tier) are weighted in each mix."""

    table: pa.Table
    size: Size
    seed: int
    mixes: Mapping[str, Mapping[tuple[str, int], float]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Equal for two suites that ask the same."""
        return digest(self.table.column("id").to_pylist(), self.size)


def build(held: pa.Table, size: Size, seed: int) -> pa.Table:
    """The probe rows made from held-out rows, which come in the order in which they are asked.

    *held* has the columns id, group, skill, tier, domain, tokens, tools and those of a record. The first rows that fit
    into the budget are asked as they are; then kinds take turns, each with the next of these rows that it applies to,
    and each begins at another of them.
    """
    budget = BUDGETS[size]
    rows = held.to_pylist()
    turns = [tuple(views.turns(row)) for row in rows]
    plain = [_row(row, each, "plain", "plain", (each, None)) for row, each in zip(rows, turns, strict=True)]
    costs = np.array([_cost(made, row["tokens"]) for made, row in zip(plain, rows, strict=True)], np.int64)
    asked = np.flatnonzero(within(costs, budget.plain)).tolist()
    parents = [(rows[place], turns[place]) for place in asked]

    def varied(kind: variations.Kind) -> Callable[[str, Turns], Made | None]:
        return lambda row_id, each: None if (form := vary(kind, each, seed, row_id)) is None else (form, None)

    def provoked(kind: adversarial.Kind) -> Callable[[str, Turns], Made | None]:
        return lambda row_id, each: adversarial.provoke(kind, each, seed, row_id)

    made = [plain[place] for place in asked]
    made += _in_turns("variation", {kind: varied(kind) for kind in VARIATIONS}, parents, budget.variation)
    made += _in_turns("adversarial", {kind: provoked(kind) for kind in adversarial.KINDS}, parents, budget.adversarial)
    distinct = {row["id"]: row for row in reversed(made)}
    return pa.Table.from_pylist(list(reversed(distinct.values())), PROBE)


def _in_turns(
    family: Family,
    kinds: Mapping[str, Callable[[str, Turns], Made | None]],
    parents: Sequence[tuple[dict[str, Any], Turns]],
    budget: int,
) -> list[dict[str, Any]]:
    """Rows of one family: kinds take turns until the tokens are spent, or every kind has gone through all rows.

    Each kind begins elsewhere among the parents, so that a few rows of many kinds come from many hold-out groups.
    """
    starts = [number * len(parents) // len(kinds) for number in range(len(kinds))]
    waiting = {
        kind: _made(family, kind, make, [*parents[start:], *parents[:start]])
        for (kind, make), start in zip(kinds.items(), starts, strict=True)
    }
    found: list[dict[str, Any]] = []
    spent = 0
    while waiting:
        for kind in list(waiting):
            row, tokens = next(waiting[kind], (None, 0))
            if row is None:
                del waiting[kind]
                continue
            spent += _cost(row, tokens)
            if spent > budget:
                return found
            found.append(row)
    return found


def _made(
    family: Family,
    kind: str,
    make: Callable[[str, Turns], Made | None],
    parents: Sequence[tuple[dict[str, Any], Turns]],
) -> Iterator[tuple[dict[str, Any], int]]:
    """The rows to which a kind applies, in order, with the tokens of the row they were made from."""
    for row, turns in parents:
        made = make(row["id"], turns)
        if made is not None:
            yield _row(row, turns, family, kind, made), row["tokens"]


def _row(parent: dict[str, Any], was: Turns, family: str, kind: str, made: Made) -> dict[str, Any]:
    turns, lure = made
    row = {name: parent[name] for name in ("group", "skill", "tier", "domain", "tools")}
    content: dict[str, Any] = (
        {name: parent[name] for name in views.RECORD_COLUMNS}
        if turns == was
        else {"record": "messages", "messages": [{"role": role, "content": content} for role, content in turns]}
    )
    offered = _choice(turns) if lure is None else None
    return {
        **row,
        **content,
        "id": example_id(turns),
        "parent": parent["id"],
        "family": family,
        "kind": kind,
        "answers": None if offered is None else list(offered.answers),
        "right": None if offered is None else offered.right,
        "lure": lure,
    }


def _choice(turns: Turns) -> Any:  # noqa: ANN401 - Choice or None
    """The multiple choice that the only exchange of a row is."""
    if [role for role, _ in turns if role != "system"] != ["user", "assistant"] or turns[-1][0] != "assistant":
        return None
    return choice(turns[-2][1], turns[-1][1])


def _cost(row: dict[str, Any], tokens: int) -> int:
    """Tokens that go through the model, about: a lure is read beside the answer, and so is each option in words."""
    answers = row["answers"] or ()
    in_words = len(answers) > 2 and len({len(answer) for answer in answers}) > 1
    return tokens * (1 + len(answers) * in_words + (row["lure"] is not None))
