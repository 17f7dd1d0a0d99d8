"""The dataset card: `README.md` with explicit configurations, so that no file name is guessed at."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curate.core.manifest import Schedule
    from curate.core.plan import Gate, Plan

MEANINGS = {
    "messages": "the chat: a list of role and content",
    "tools": "tool specifications as a JSON string, or null",
    "prompt": "what the model is given",
    "completion": "what it must say",
    "text": "the text",
    "curate_id": "32 hex digits that stand for the content",
    "curate_order": "place in the training order, from 0; null for held-out rows",
    "curate_stage": "stage, from 0; null for held-out rows",
    "curate_tier": "tier of difficulty, from 0 (easiest)",
    "curate_role": "new, review, repeat, or augmented; holdout for held-out rows",
    "curate_parent": "id of the row that this one is a variation of, else null",
    "curate_difficulty": "rank-blended difficulty from 0 to 1",
    "curate_skill": "the skill that the row teaches",
}

_SIZES = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"),
)  # fmt: skip
"""The Hub's categories of size, each below its number of rows."""


def front_matter(schedule: Schedule, holdout: Sequence[str], about: Mapping[str, str | None]) -> str:
    """The YAML block: licence and languages as told, and one configuration per stage with its files listed.

    Splits are named ``train`` (and ``test`` for held-out rows) because every trainer asks for one.
    """
    ordered = [path for stage in schedule.stages for path in stage.files]
    lines = ["configs:", *_config("ordered", "train", ordered, default=True)]
    for stage in schedule.stages:
        lines += _config(stage.config, "train", stage.files)
    if holdout:
        lines += _config("holdout", "test", holdout)
    size = next((name for most, name in _SIZES if schedule.rows < most), "other")
    head = [f"{key}: {_quoted(value)}" for key, value in about.items() if value and key != "language"]
    spoken = [one.strip() for one in (about.get("language") or "").split(",") if one.strip()]
    head += ["language:", *(f"- {_quoted(one)}" for one in spoken)] if spoken else []
    tags = ["tags:", "- curriculum-learning", "task_categories:", "- text-generation", "size_categories:", f"- {size}"]
    return "\n".join([*head, *tags, *lines]) + "\n"


def render(
    name: str,
    schedule: Schedule,
    plan: Plan,
    counts: Mapping[str, int],
    columns: Sequence[str],
    holdout: Sequence[str],
    why: Mapping[str, str],
    about: Mapping[str, str | None],
) -> str:
    """The whole card as Markdown; what users wrote is escaped for table cells."""
    from jinja2 import Environment, StrictUndefined

    # Markdown, not HTML: user text is escaped by the filter `cell`.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["cell"] = cell
    environment.filters["figure"] = _figure
    template = environment.from_string(files("curate.write").joinpath("card.md.jinja").read_text(encoding="utf-8"))
    return template.render(
        front_matter=front_matter(schedule, holdout, about),
        name=name,
        schedule=schedule,
        plan=plan,
        manifest_counts=counts,
        why=why,
        gate=_gate,
        columns={column: MEANINGS.get(column, "yours, kept as it was") for column in columns},
    )


def cell(text: object) -> str:
    """Text that cannot leave its table cell or become markup."""
    line = re.sub(r"\s+", " ", str(text))
    return re.sub(r"([\\`*_|<>\[\]{}#])", r"\\\1", line)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _gate(gate: Gate) -> str:
    """What must hold before the next stage opens, in words."""
    asked = []
    if gate.score is not None:
        asked.append(f"probe accuracy from {gate.score:.0%}")
    if gate.gain is not None:
        asked.append(f"loss gains less than {gate.gain:.1%} in {gate.window_steps} steps")
    kept = [] if gate.drop is None else [f"no earlier stage falls by {gate.drop:.0%}"]
    return "; ".join([" or ".join(asked), *kept] if asked else kept) or "none"


def _config(name: str, split: str, paths: Sequence[str], *, default: bool = False) -> list[str]:
    lines = [f"- config_name: {name}"]
    if default:
        lines.append("  default: true")
    return [*lines, "  data_files:", f"  - split: {split}", "    path:", *(f"    - {path}" for path in paths)]


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
