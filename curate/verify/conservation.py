"""Conservation: every input row is accounted for once, and every example has one fate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from curate.verify.findings import Check, check

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUTCOMES = ("example", "copy", "rejected")
FATES = ("train", "holdout", "duplicate", "contaminated", "quarantined", "near_holdout", "unused", "learnt")


def ledger(ledger: pl.DataFrame, examples: pl.DataFrame, rejected: pl.DataFrame) -> list[Check]:
    """Claims about the ledger (source, row, id, outcome), the examples (id, source, row) and the rejected rows."""
    twice = ledger.filter(pl.struct("source", "row").is_duplicated())
    odd = ledger.filter(~pl.col("outcome").is_in(_OUTCOMES))
    made = ledger.filter(pl.col("outcome") == "example")
    refused = ledger.filter(pl.col("outcome") == "rejected")
    copies = ledger.filter(pl.col("outcome") == "copy")
    keys = ["source", "row"]
    return [
        check("every input row is in the ledger once", _named(twice, keys), f"{len(ledger)} rows"),
        check("every outcome is example, copy or rejected", _named(odd, keys), f"{len(ledger)} rows"),
        check(
            "the examples are exactly the ledger's examples",
            _difference(made.select("id", *keys), examples.select("id", *keys)),
            f"{len(made)} in the ledger, {len(examples)} stored",
        ),
        check("no two examples share an id", _named(examples.filter(pl.col("id").is_duplicated()), ["id"]), ""),
        check(
            "the rejected rows are exactly the ledger's rejected, each with a reason",
            _difference(refused.select(keys), rejected.select(keys))
            + _named(refused.filter(pl.col("reason").is_null() | (pl.col("reason") == "")), keys),
            f"{len(refused)} in the ledger, {len(rejected)} stored",
        ),
        check(
            "every copy has an example of the same id",
            _named(copies.join(examples, on="id", how="anti"), keys),
            f"{len(copies)} copies",
        ),
    ]


def fates(examples: pl.DataFrame, tiers: pl.DataFrame, order: pl.DataFrame, augmented: pl.DataFrame) -> list[Check]:
    """Claims about the fate of each example (id, fate) and its places in the order (order, id, role, stage).

    *augmented* (id, parent) holds varied rows, which are no examples.
    """
    new = order.filter(pl.col("role") == "new")
    train = tiers.filter(pl.col("fate") == "train")
    learnt = tiers.filter(pl.col("fate") == "learnt")
    known = order.filter(pl.col("role") != "new").join(learnt, on="id", how="semi")
    strangers = tiers.filter(~pl.col("fate").is_in(FATES))
    return [
        check(
            "every example has exactly one fate",
            _difference(examples.select("id"), tiers.select("id"))
            + _named(tiers.filter(pl.col("id").is_duplicated()), ["id"])
            + _named(strangers, ["id", "fate"]),
            ", ".join(f"{count} {fate}" for fate, count in _counts(tiers, "fate")),
        ),
        check(
            "an example is trained on if and only if it is new exactly once",
            _difference(train.select("id"), new.select("id"))
            + _named(new.filter(pl.col("id").is_duplicated()), ["id"]),
            f"{len(train)} to train on, {len(new)} new rows",
        ),
        check(
            "no row of another fate is in the order, but for learnt ones, which are never new",
            _named(
                order.join(train, on="id", how="anti")
                .join(augmented, on="id", how="anti")
                .join(known, on=["order", "id"], how="anti"),
                ["order", "id"],
            ),
            f"{len(order)} rows in the order",
        ),
    ]


def _counts(table: pl.DataFrame, column: str) -> list[tuple[str, int]]:
    return [(str(name), int(count)) for name, count in table[column].value_counts().sort(column).iter_rows()]


def _difference(left: pl.DataFrame, right: pl.DataFrame) -> list[str]:
    """Rows that only one of the two tables has."""
    keys = left.columns
    return _named(left.join(right, on=keys, how="anti"), keys) + _named(right.join(left, on=keys, how="anti"), keys)


def _named(rows: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    return [" ".join(str(cell) for cell in row) for row in rows.select(list(columns)).iter_rows()]
