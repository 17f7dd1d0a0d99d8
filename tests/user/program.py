"""A program of a user: `make check` type-checks it strictly, and it uses nothing but what `curate` offers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from curate import (
    CurateError,
    Frozen,
    Reason,
    Rising,
    Run,
    ScoreField,
    Scorer,
    Scores,
    Status,
    check_scorer,
    read_recipe,
    scorers,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from curate import Recipe


class Settings(Frozen):
    """What my scorer may be told."""

    word: str = Field(default="please", description="The word that is counted.")


class Polite(Scorer):
    """How often a word stands in the prompt."""

    name, version, about, source = "polite", "1", "how often a word stands in the prompt", "an example"
    needs = ("prompt_view",)
    gives = (ScoreField(name="times", rising=Rising.NEUTRAL, unit="times", about="occurrences", headline=True),)
    settings = Settings

    def score(self, batch: pa.Table) -> Scores:
        """Count the word; a row without a prompt has no value."""
        word = self.options.word if isinstance(self.options, Settings) else "please"
        prompts: list[str | None] = batch.column("prompt_view").to_pylist()
        times = [np.nan if text is None else text.lower().count(word) for text in prompts]
        lost = {place: Reason(Status.NOT_APPLICABLE, "no prompt") for place, text in enumerate(prompts) if not text}
        times = [np.nan if place in lost else value for place, value in enumerate(times)]
        return Scores({"times": np.array(times, np.float32)}, lost)


def main(source: str, folder: Path) -> list[str]:
    """Score, tier, audit, look; the names of the stages."""
    check_scorer(Polite)
    run = Run(folder)
    scored = run.score([source], scorers=["length", "structure"], columns={"prompt": "q", "completion": "a"}, seed=1)
    plan = run.tier(stages=3, policy="tiered", skills="source", holdout=0.1)
    report = run.audit(by=["language"], render=["html", "md"])
    recipe: Recipe = run.change({"pace": {"edges": 0.2}})
    again: Recipe = read_recipe(folder / "recipe.toml")
    hardest: list[float] = [row.difficulty for row in run.show(stage=plan.stages[-1].stage, rows=3)]
    said = [finding.says for finding in report.findings]
    names: list[str] = [each.alias for each in scored.scorers if each.scorer in scorers()]
    assert again == recipe
    assert run.verify().holds
    return [*names, *(stage.name for stage in plan.stages), *said, str(hardest)]


def wrong(run: Run) -> None:
    """Calls that mypy must refuse: were one of them allowed, its comment would be unused, which is an error too."""
    run.tier(stagse=3)  # type: ignore[call-arg]
    run.tier(stages="three")  # type: ignore[arg-type]
    run.tier(policy="easiest")  # type: ignore[arg-type]
    run.export(["unknown"])  # type: ignore[list-item]
    _ = run.verify().held  # type: ignore[attr-defined]


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    except CurateError as error:
        sys.exit(f"{error.problem}: {error.fix}")
