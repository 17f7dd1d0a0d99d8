"""Which tier each row belongs to: by quantile, natural break, threshold or label, whole or inside groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from curate.errors import SettingsError
from curate.tier import breaks, cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.tier.settings import Settings


def borders(difficulty: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """The highest difficulty of each tier but the last, as the settings ask. NaN is left out. Shape (tiers - 1,)."""
    known = difficulty[~np.isnan(difficulty)]
    if settings.thresholds:
        return _thresholds(settings)
    return (breaks.natural if settings.cut == "natural" else cut.borders)(known, settings.tier_count)


def by_difficulty(
    difficulty: NDArray[np.float32],
    uncertainty: NDArray[np.float32],
    group: NDArray[np.int32],
    settings: Settings,
    frozen: Mapping[int, NDArray[np.float32]],
) -> tuple[NDArray[np.int8], dict[int, NDArray[np.float32]]]:
    """The tier of each row, cut inside its group, and the borders of each group. Shapes (n,).

    A group that has *frozen* borders keeps them, so a row of equal difficulty keeps its tier. NaN goes to the last.
    """
    tier = np.empty(len(difficulty), np.int8)
    used: dict[int, NDArray[np.float32]] = dict(frozen)
    order = np.argsort(group, kind="stable")
    for inside in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        code = int(group[inside[0]]) if len(inside) else 0
        if code not in used:
            used[code] = borders(difficulty[inside], settings)
        upper = used[code]
        placed = cut.place(np.nan_to_num(difficulty[inside], nan=np.inf), upper)
        tier[inside] = steady(placed, difficulty[inside], uncertainty[inside], upper, settings.margin)
    return tier, used


def steady(
    tier: NDArray[np.int8],
    difficulty: NDArray[np.float32],
    uncertainty: NDArray[np.float32],
    upper: NDArray[np.float32],
    margin: float,
) -> NDArray[np.int8]:
    """Rows whose difficulty plus *margin* times its uncertainty reaches past their border go one tier up.

    A row on which the scores disagree is then taught rather too late than too early. Shapes (n,), (tiers - 1,).
    """
    if margin <= 0:
        return tier
    reach = difficulty + np.float32(margin) * np.nan_to_num(uncertainty)
    return np.minimum(tier + 1, np.maximum(tier, cut.place(np.nan_to_num(reach, nan=np.inf), upper))).astype(np.int8)


def by_label(
    column: str, words: Sequence[str], code: NDArray[np.int32], settings: Settings, frozen: Sequence[float] = ()
) -> tuple[NDArray[np.int8], tuple[float, ...]]:
    """The tier of each row by its label, in the order of `label_values`, and the values that are tiers, lowest first.

    *code* points into the distinct *words*, -1 where a row has no label; shape (n,) in and out. *frozen* values keep
    their tiers: one above them makes a tier of its own, any other goes to the tier of the next higher. `SettingsError`
    where a row has no label, or where there are more labels than tiers.
    """
    values = label_values(column, words, settings.order)
    missing = int(np.isnan(np.append(values, np.nan)[code]).sum())
    if missing:
        raise SettingsError(
            f"{missing} of {len(code)} examples have no value in {column!r}, which makes the tiers",
            fix="fill the column, or cut tiers by difficulty",
        )
    above = values[values > max(frozen, default=-np.inf)]
    known = np.arange(len(settings.order)) if settings.order else np.append(frozen, np.unique(above))
    if len(known) > settings.tier_count:
        raise SettingsError(
            f"the column {column!r} has {len(known)} values for {settings.tier_count} tiers",
            fix=f"give --tiers {len(known)}",
        )
    return np.searchsorted(known, values).astype(np.int8)[code], tuple(known.tolist())


def label_values(column: str, words: Sequence[str], order: Sequence[str]) -> NDArray[np.float64]:
    """What each word of a column of labels stands for: its place in *order*, or the number that it is.

    Words have no order of their own (easy, hard, medium), so `SettingsError` asks for one. Shape (words,).
    """
    try:
        return np.array([order.index(word) if order else float(word) for word in words], np.float64)
    except ValueError as error:
        shown = ", ".join(repr(word) for word in words[:8])
        raise SettingsError(
            f"the values of {column!r} ({shown}) are not numbers, or not all in [tier] order",
            fix='write them lowest first, for example [tier] order = ["easy", "medium", "hard"]',
        ) from error


def _thresholds(settings: Settings) -> NDArray[np.float32]:
    upper = np.array(settings.thresholds, np.float32)
    if len(upper) != settings.tier_count - 1 or (np.diff(upper) < 0).any():
        raise SettingsError(
            f"{len(upper)} thresholds cannot make {settings.tier_count} tiers, or they do not rise",
            fix="give one rising threshold less than there are tiers",
        )
    return upper
