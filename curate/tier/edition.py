"""What the first edition of a corpus measured, and later ones keep: weights, ranks and borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from curate.core.ids import digest
from curate.core.plan import Calibration, Ingredient, Knots
from curate.protocol import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.tier.settings import Settings


class Borders(Frozen):
    """The highest difficulty of each tier but the last, inside one group."""

    group: str | None = Field(description="None where tiers are cut in the whole, or for rows without a group.")
    upper: tuple[float, ...]


class Measured(Frozen):
    """The measure that rows are held against. While it is frozen, a row with the same scores keeps its tier."""

    edition: int
    rows: int = Field(description="Examples of the corpus when it was measured.")
    domain: str | None
    folders: dict[str, str] = Field(description="Where each score lay; another model or setting has another folder.")
    weighed_by: str = Field(description="Digest of what the weights were made from.")
    cut_by: str = Field(description="Digest of what the borders were cut by.")
    ingredients: tuple[Ingredient, ...]
    calibration: tuple[Calibration, ...]
    knots: tuple[Knots, ...]
    borders: tuple[Borders, ...]
    label: str | None = Field(default=None, description="Column whose values are the tiers.")
    labels: tuple[float, ...] = Field(default=(), description="Its values, lowest first: the first is tier 0.")


def weighed_by(settings: Settings, folders: Mapping[str, str]) -> str:
    """A digest of what the weights of the scores depend on, beside the rows."""
    return digest(settings.model_dump(mode="json", include={"weights", "labels", "order", "domain"}), dict(folders))


def cut_by(settings: Settings, ingredients: Sequence[Ingredient], folders: Mapping[str, str]) -> str:
    """A digest of what the borders depend on, beside the rows."""
    asked = settings.model_dump(mode="json", include={"domain", "cut", "thresholds", "within", "missing"})
    made_of = [(one.score, one.weights, folders[one.score]) for one in ingredients]
    return digest(asked, settings.tier_count, made_of)


def known_labels(last: Measured | None, settings: Settings) -> tuple[float, ...]:
    """The values of the column of labels that have their tier already; none where words are given in order."""
    return () if last is None or settings.order or last.label != settings.label else last.labels


def known_knots(last: Measured | None, settings: Settings, folders: Mapping[str, str]) -> dict[tuple[str, str], Knots]:
    """The distributions that stay: of scores that are still read from the same folder, in the same kind of domain."""
    if last is None or last.domain != settings.domain:
        return {}
    return {
        (table.score, table.domain): table
        for table in last.knots
        if last.folders.get(table.score) == folders.get(table.score)
    }
