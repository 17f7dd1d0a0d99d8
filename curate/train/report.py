"""What training came to: loss by stage and skill, from what was written down on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl
from pydantic import Field

from curate.protocol import Frozen
from curate.store.forms import frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from curate.core.measured import Measured
    from curate.train.gates import Decision


class SkillLoss(Frozen):
    """How one skill went in one stage."""

    skill: str
    visits: int
    loss: float = Field(description="Mean over visits of the row's loss in nats a token.")


class StageResult(Frozen):
    """How one stage went."""

    stage: int
    steps: int
    rows: int
    roles: dict[str, int]
    tokens: int = Field(description="Tokens that were trained on.")
    first_loss: float | None = Field(description="Mean loss of its first tenth of steps, at least one.")
    last_loss: float | None = Field(description="The same of its last tenth.")
    skills: tuple[SkillLoss, ...]
    probe_loss: float | None = Field(default=None, description="Loss on held-out rows at its end, where a probe ran.")
    probe_accuracy: float | None = None


class Report(Frozen):
    """What `training/report.json` holds."""

    model: str
    trainer: str
    adapter: str
    steps: int
    rows: int
    tokens: int
    stages: tuple[StageResult, ...]
    decisions: dict[str, int] = Field(description="How many of each action.")
    ended: str = Field(description="Why training ended.")
    passed_over: dict[str, int] = Field(description="Rows by tier whose answer lies beyond the longest sequence.")
    cut: dict[str, int] = Field(description="Rows by tier that lost their end to the longest sequence.")


def results(
    signals: pa.Table, order: pa.Table, skill_of: Mapping[str, str], probes: Mapping[int, Measured]
) -> tuple[StageResult, ...]:
    """The result of each stage from the signals, the realised order, and the last probe of each stage."""
    rows = frame(order)
    skills = pl.DataFrame({"curate_id": list(skill_of), "skill": list(skill_of.values())})
    visits = frame(signals).join(rows.select("step", "stage").unique(), on="step", how="left")
    visits = visits.join(skills, on="curate_id", how="left")
    return tuple(
        _stage(
            stage,
            rows.filter(pl.col("stage") == stage),
            visits.filter(pl.col("stage") == stage),
            probes.get(stage),
        )
        for stage in sorted(rows["stage"].unique().to_list())
    )


def counts(decisions: Sequence[Decision]) -> dict[str, int]:
    """How many decisions there were of each action."""
    made = [each.action for each in decisions]
    return {action: made.count(action) for action in sorted(set(made))}


def by_tier(order: pa.Table, what: Literal["passed-over", "cut"]) -> dict[str, int]:
    """Rows by tier that were cut, or that had no answer left."""
    rows = frame(order).filter(pl.col("cut") if what == "cut" else pl.col("role") == what)
    return {str(tier): count for tier, count in rows.group_by("tier").len().sort("tier").iter_rows()}


def _stage(stage: int, rows: pl.DataFrame, visits: pl.DataFrame, probe: Measured | None) -> StageResult:
    by_step = visits.group_by("step").agg(pl.col("loss").mean()).sort("step")["loss"].to_list()
    tenth = max(1, len(by_step) // 10)
    of_skill = visits.group_by("skill").agg(pl.len().alias("visits"), pl.col("loss").mean()).sort("skill")
    whole = None if probe is None else probe.at()
    return StageResult(
        stage=stage,
        steps=rows["step"].n_unique(),
        rows=len(rows),
        roles={role: int((rows["role"] == role).sum()) for role in sorted(rows["role"].unique().to_list())},
        tokens=int(visits["tokens"].sum()),
        first_loss=sum(by_step[:tenth]) / tenth if by_step else None,
        last_loss=sum(by_step[-tenth:]) / tenth if by_step else None,
        skills=tuple(
            SkillLoss(skill=skill or "", visits=times, loss=loss) for skill, times, loss in of_skill.iter_rows()
        ),
        probe_loss=None if whole is None else whole.loss.value,
        probe_accuracy=None if whole is None else whole.token_accuracy.value,
    )
