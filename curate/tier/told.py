"""Says in sentences what the settings decided before any stage was planned, and the rows that it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from curate.tier.settings import Settings
    from curate.tier.step import Report


def choices(settings: Settings, report: Report) -> tuple[str, ...]:
    """Removal, hold-out, margin and balance as they were asked for, each with its rows; for the plan and the card."""
    return (*_removed(settings, report), *_held_out(settings, report), *_margin(settings, report), *_balance(settings))


def _removed(settings: Settings, report: Report) -> Iterator[str]:
    if settings.remove:
        counts = ", ".join(f"{report.fates.get(kind, 0):,} {kind}" for kind in settings.remove)
        yield f"Of what mining proposes these rows are left out: {counts}."


def _held_out(settings: Settings, report: Report) -> Iterator[str]:
    if settings.holdout:
        yield (
            f"{settings.holdout:.1%} are held out by a hash of id and seed, near rows together, and of each skill and "
            f"tier at least the whole part of that when it comes: {report.fates.get('holdout', 0):,} rows."
        )
    for domain in settings.holdout_domain:
        yield f"All rows of {domain} are held out."
    near = report.fates.get("near_holdout", 0)
    if near:
        yield (
            f"{near:,} rows are not trained on, since their cosine to a held-out one is "
            f"{settings.holdout_similarity:g} or more, or they are duplicates of it."
        )


def _margin(settings: Settings, report: Report) -> Iterator[str]:
    if settings.label is None and settings.margin:
        yield (
            f"A row on which the scores disagree goes one tier up, if its difficulty plus {settings.margin:g} times "
            f"its uncertainty reaches past the border: {report.unsteady:,} rows."
        )


def _balance(settings: Settings) -> Iterator[str]:
    for column, share in settings.cap.items():
        yield f"No {column} holds more than {share:.1%} of the training rows; what is over that stays unused."
    for column, share in settings.floor.items():
        yield f"Each {column} holds at least {share:.1%} of the training rows; so many of the larger ones stay unused."


def alike(difficulty: NDArray[np.floating], tiers: int) -> Iterator[str]:
    """What cannot be told apart: rows with one and the same difficulty, if a tier cannot hold them. Shape (n,)."""
    known = difficulty[~np.isnan(difficulty)]
    values, counts = np.unique(known, return_counts=True)
    if len(known) > tiers > 1 and counts.max() * tiers > len(known):
        yield (
            f"telling {counts.max():,} of {len(known):,} rows apart: they all have the difficulty "
            f"{values[counts.argmax()]:.3f}; `curate score --scorers` adds scores that differ"
        )
