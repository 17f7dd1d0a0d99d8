"""What a probe measured: how well one model does on held-out rows, every figure with its interval.

Types alone, so that training, studies and the report can read what the room `probe` measures.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from pydantic import Field

from curate.protocol import Frozen

Size = Literal["quick", "full"]
Family = Literal["variation", "adversarial"]
Kind = Literal["token", "choice"]


class Estimate(Frozen):
    """A figure with the ends of its interval. The unit of evidence is a hold-out group, not a row."""

    value: float
    low: float | None = Field(description="None where too few groups stand behind the figure.")
    high: float | None
    rows: int
    groups: int = Field(description="Hold-out groups: rows that repeat each other, or share the unit column, are one.")


class Result(Frozen):
    """How a model does on one set of held-out rows."""

    loss: Estimate = Field(description="Nats per answer token, end-of-turn tokens included.")
    token_accuracy: Estimate = Field(description="Share of answer tokens that are the model's own first choice.")
    choice_accuracy: Estimate | None = Field(
        description="Share of multiple choices whose right option is the likeliest; None where there are none."
    )
    match: Estimate | None = Field(
        default=None, description="Share of short answers that the model generates rightly; None where none was asked."
    )


class Cell(Frozen):
    """One skill in one tier; None stands for all skills, or all tiers."""

    skill: str | None
    tier: int | None
    result: Result


class Mix(Frozen):
    """All cells together, each with a weight: as a whole stage mixes them, for example."""

    name: str = Field(description="rows (each alike), even (each cell alike), or the name of a stage.")
    covered: float = Field(description="Share of the weight whose cells have held-out rows; the figures are of these.")
    loss: Estimate
    token_accuracy: Estimate


class Domain(Frozen):
    """A whole domain that was held out, as COLUMN=VALUE."""

    name: str
    result: Result


class Bin(Frozen):
    """One bar of a reliability diagram: observations of like confidence, and how many of them were right."""

    confidence: float = Field(description="Mean confidence.")
    accuracy: Estimate
    observations: int


class Calibration(Frozen):
    """Whether the model is right as often as it is sure.

    token: the likeliest token at each place of an answer, right where it is the answer's own. choice: the likeliest
    option of a multiple choice, with its probability among the options.
    """

    kind: Kind
    observations: int
    ece: Estimate = Field(description="Expected calibration error: the mean of |confidence - accuracy| over the bins.")
    by_chance: float = Field(description="What a calibrated model would show with as many guesses.")
    brier: Estimate = Field(description="Mean squared difference of confidence and outcome, in [0, 1].")
    confidence: float = Field(description="Mean confidence of all observations.")
    bins: tuple[Bin, ...]


class Gap(Frozen):
    """What one variation of the prompt costs, against the same rows as they were."""

    family: Family
    kind: str = Field(description="all for the whole family.")
    loss: Estimate = Field(description="Loss on the variation less loss on the original; above 0 is worse.")
    token_accuracy: Estimate = Field(description="The same for token accuracy; below 0 is worse.")
    choice_accuracy: Estimate | None = Field(description="The same for choice accuracy.")


class Resistance(Frozen):
    """How often a model prefers the right answer to the one that an adversarial prompt tries to draw from it."""

    kind: str
    share: Estimate = Field(description="Share of rows whose right answer is likelier per token than the lure.")


class Change(Frozen):
    """Since an earlier checkpoint, on the same rows, pair by pair; skill and tier as in `Cell`."""

    skill: str | None
    tier: int | None
    loss: Estimate = Field(description="Loss now less loss then; below 0 is better.")
    token_accuracy: Estimate = Field(description="Token accuracy now less then; above 0 is better.")


class Rows(Frozen):
    """What was asked and what each row gave, in parallel: two checkpoints can be compared row by row."""

    id: tuple[str, ...]
    parent: tuple[str, ...] = Field(description="The held-out row that it was made from; itself where kind is plain.")
    family: tuple[Literal["plain", "variation", "adversarial"], ...]
    kind: tuple[str, ...]
    skill: tuple[str, ...]
    tier: tuple[int, ...]
    domain: tuple[str | None, ...] = Field(description="The held-out domain that it is of, if any.")
    group: tuple[int, ...]
    nll: tuple[float | None, ...] = Field(description="Summed over the answer's tokens, in nats; None where it failed.")
    tokens: tuple[int, ...]
    hits: tuple[int, ...] = Field(description="Answer tokens that are the model's own first choice.")
    chose_right: tuple[bool | None, ...] = Field(description="None where the row is no multiple choice.")
    sure: tuple[float | None, ...] = Field(description="Probability of the chosen option among the options.")
    resists: tuple[bool | None, ...] = Field(description="None where there is no lure.")
    matched: tuple[bool | None, ...] = Field(description="Whether the generated answer is right; None where not asked.")


class Measured(Frozen):
    """What `probe/NAME.json` holds: one model, or one checkpoint of a model, on the probe suite of a run."""

    name: str
    model: str
    number: int = Field(ge=0, description="Probes of a run are numbered as they are made.")
    training: str | None = Field(default=None, description="The training that it was taken in; None where not told.")
    stage: int | None = Field(description="The stage after which the checkpoint was taken; None where not known.")
    step: int | None = Field(description="The optimiser step; None where not known.")
    size: Size
    precision: str
    suite: str = Field(description="Digest of the rows that were asked; equal where two probes asked the same.")
    confidence_level: float = Field(description="Of all intervals.")
    cells: tuple[Cell, ...] = Field(description="Skill x tier with both margins; the first is everything.")
    mixes: tuple[Mix, ...]
    domains: tuple[Domain, ...]
    calibration: tuple[Calibration, ...]
    gaps: tuple[Gap, ...]
    resistance: tuple[Resistance, ...]
    since: str | None = Field(description="Name of the earlier probe that `changes` compares with.")
    changes: tuple[Change, ...]
    skipped: dict[str, int] = Field(description="Rows without a figure, by reason.")
    rows: Rows

    def at(self, skill: str | None = None, tier: int | None = None) -> Result | None:
        """The result of one skill, one tier or both; of all rows where neither is named; None where it has no rows."""
        return next((cell.result for cell in self.cells if (cell.skill, cell.tier) == (skill, tier)), None)

    def change(self, skill: str | None = None, tier: int | None = None) -> Change | None:
        """The change since the earlier probe, named in the same way."""
        return next((each for each in self.changes if (each.skill, each.tier) == (skill, tier)), None)


class Lesson(Frozen):
    """What one stage of training did to one skill: loss after the stage less loss before it, on the same rows."""

    stage: int
    skill: str | None = Field(description="None for all skills.")
    loss: Estimate


class Transfer(Frozen):
    """What `probe/transfer.json` holds: stage x skill, from checkpoints that one training took after stages."""

    training: str | None = Field(default=None, description="That training; None where no probe tells of one.")
    checkpoints: dict[int, str] = Field(description="Name of the probe taken after each stage; -1 is before training.")
    size: Size
    lessons: tuple[Lesson, ...]


class Prober(Protocol):
    """The quick probe as training sees it: measures a causal model in memory, as it stands, and leaves it so."""

    def __call__(
        self,
        network: Any,  # noqa: ANN401 - a model of transformers
        tokenizer: Any,  # noqa: ANN401 - its tokenizer
        *,
        name: str,
        stage: int | None = None,
        step: int | None = None,
        since: Measured | None = None,
    ) -> Measured:
        """What *network* gives now; with *since*, also the change since then, row by row."""
