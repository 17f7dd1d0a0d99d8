"""What the audit may be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from curate.audit.thresholds import Thresholds
from curate.protocol import Frozen

ExpectedShare = Annotated[float, Field(ge=0, le=1)]


class Expectation(Frozen):
    """The shares that the groups of one column should have."""

    expect: Literal["uniform", "corpus"] | dict[str, ExpectedShare] = Field(
        default="corpus", description="uniform, corpus, or a table of value = share; a value left out should not occur."
    )


class Matching(Frozen):
    """How texts of --pairs go together: joined by a column or by their places, or as columns of one row."""

    texts: tuple[str, ...] = Field(
        default=(),
        description="Columns that hold one text each: every row is a pair, and a column's name is the group.",
    )
    group: str = Field(default="group", description="Column that says what texts of one pair differ in.")
    pair: str = Field(default="pair", description="Column whose equal values join texts of one meaning.")
    aligned: tuple[str, ...] | None = Field(
        default=None,
        description="Instead of pair: the n-th row of each group belongs to the n-th of the others, among rows that "
        "are equal in these columns.",
    )

    @model_validator(mode="after")
    def _plain(self) -> Matching:
        if len(self.texts) == 1 or len(set(self.texts)) < len(self.texts):
            raise ValueError("texts must name two columns or more, each once")
        if self.texts and (self.group, self.pair, self.aligned) != ("group", "pair", None):
            raise ValueError("texts makes each row a pair by itself: leave group, pair and aligned out")
        if self.aligned is not None and self.pair != "pair":
            raise ValueError("rows are joined by pair, or by their places with aligned: leave one of the two out")
        return self


class Settings(Frozen):
    """What the audit looks at, and when it stops a pipeline."""

    by: tuple[str, ...] = Field(
        default=(), description="Columns that group the rows, beside source, language and skill."
    )
    unit: str | None = Field(
        default=None,
        description="Column whose equal values make rows one unit: a conversation, a matched pair.",
    )
    fail_on: Literal["error", "warning", "none"] = Field(
        default="none",
        description="Severity of a finding from which the audit fails (exit code 6, and no training); kept until none "
        "lifts it.",
    )
    render: tuple[Literal["html", "json", "md"], ...] = Field(
        default=("html",), description="Reports to write beside report.json: html, md."
    )
    parent: str | None = Field(
        default=None, description="Run folder of the edition that this one came from: what drifted since is told."
    )
    groups: dict[str, Expectation] = Field(
        default_factory=dict, description="By column, the shares that its groups should have."
    )
    lexicon: dict[str, dict[str, tuple[str, ...]]] = Field(
        default_factory=dict, description="Terms of yours by identity axis and value, beside ours."
    )
    thresholds: Thresholds = Field(
        default_factory=Thresholds, description="The limits from which a figure becomes a finding."
    )
