"""Two or more checkpoints on the same rows: what changed, and what each stage did to each skill."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from curate.core.measured import Change, Lesson, Transfer
from curate.probe import estimates
from curate.probe.columns import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from curate.core.measured import Measured, Rows
    from curate.probe.columns import Columns


def cells(skill: NDArray[np.str_], tier: NDArray[np.int64]) -> Iterator[tuple[str | None, int | None]]:
    """Everything, each skill, each tier, and each skill in each tier, in their order."""
    skills, tiers = np.unique(skill).tolist(), np.unique(tier).tolist()
    yield None, None
    yield from ((each, None) for each in skills)
    yield from ((None, each) for each in tiers)
    yield from ((one, other) for one in skills for other in tiers)


def inside(held: Columns, skill: str | None, tier: int | None) -> NDArray[np.bool_]:
    """Plain rows of a skill, a tier or both."""
    rows = held.plain
    rows = rows if skill is None else rows & (held.skill == skill)
    return rows if tier is None else rows & (held.tier == tier)


def changes(now: Rows, then: Rows) -> Iterator[Change]:
    """What became of each cell since *then*, on the plain rows that both asked and could measure."""
    after, before = _pair(now, then)
    for skill, tier in cells(after.skill, after.tier):
        rows = inside(after, skill, tier)
        if rows.any():
            yield Change(
                skill=skill,
                tier=tier,
                loss=estimates.difference(after.loss.take(rows), before.loss.take(rows)),
                token_accuracy=estimates.difference(after.hits.take(rows), before.hits.take(rows)),
            )


def transfer(probes: Sequence[Measured]) -> Transfer | None:
    """What each stage did to each skill; None where no two stages, or the start and a stage, were measured alike.

    All are of the training that was probed last. A probe without a stage counts as before training where it comes
    before all that have one. Of several probes after one stage the last counts, and of the two sizes the one that
    measured more stages.
    """
    of_one = _of_one_training(sorted(probes, key=lambda each: each.number))
    by_size = [_staged([each for each in of_one if each.size == size]) for size in ("full", "quick")]
    staged = max(by_size, key=len)
    if len(staged) < 2:
        return None
    stages = sorted(staged)
    return Transfer(
        training=staged[stages[-1]].training,
        checkpoints={stage: staged[stage].name for stage in stages},
        size=staged[stages[0]].size,
        lessons=tuple(
            Lesson(stage=stage, skill=change.skill, loss=change.loss)
            for earlier, stage in pairwise(stages)
            for change in changes(staged[stage].rows, staged[earlier].rows)
            if change.tier is None
        ),
    )


def _of_one_training(in_order: Sequence[Measured]) -> list[Measured]:
    """The probes of the training that was probed last, and of models that are of no training.

    A training that was taken up at an earlier step, or begun anew, has left probes behind that it never came to again.
    """
    of_stages = [each for each in in_order if each.stage is not None]
    kept: list[Measured] = []
    for each in in_order:
        if each.training is None and each.stage is None:
            kept.append(each)
        elif of_stages and each.training == of_stages[-1].training:
            kept = [one for one in kept if each.step is None or one.step is None or one.step < each.step]
            kept.append(each)
    return kept


def _staged(in_order: Sequence[Measured]) -> dict[int, Measured]:
    """The last probe after each stage, of the suite that was asked last; -1 is before training."""
    alike = [each for each in in_order if each.suite == in_order[-1].suite]
    first = next((place for place, each in enumerate(alike) if each.stage is not None), 0)
    untrained = [each for each in alike[:first] if each.training is None]
    before = {-1: untrained[-1]} if untrained else {}
    return before | {each.stage: each for each in alike if each.stage is not None}


def _pair(now: Rows, then: Rows) -> tuple[Columns, Columns]:
    """Both as columns of the rows that both asked and could measure, in one order and in the groups of *now*."""
    known = {row_id for row_id, nll in zip(then.id, then.nll, strict=True) if nll is not None}
    shared = [row_id for row_id, nll in zip(now.id, now.nll, strict=True) if nll is not None and row_id in known]
    after, before = _only(now, shared), _only(then, shared)
    return columns(after), columns(before.model_copy(update={"group": after.group}))


def _only(rows: Rows, ids: Sequence[str]) -> Rows:
    place = {row_id: number for number, row_id in enumerate(rows.id)}
    wanted = [place[row_id] for row_id in ids]
    return rows.model_copy(
        update={name: tuple(getattr(rows, name)[at] for at in wanted) for name in type(rows).model_fields}
    )
