"""The limits from which a figure becomes a finding, each with where it comes from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from curate.protocol import Frozen

Share = Annotated[float, Field(gt=0, lt=1)]


class Thresholds(Frozen):
    """The limits of the audit. Those without a named source are ours, chosen to be seen and changed."""

    q: Share = Field(0.05, description="False discovery rate that findings may have (Benjamini and Hochberg 1995).")
    confidence: Share = Field(0.95, description="Confidence of every interval.")
    ratio_low: Share = Field(
        0.80,
        description="The four-fifths rule (US Uniform Guidelines on Employee Selection Procedures 1978, section 4D).",
    )
    ratio_high: float = Field(1.25, gt=1, description="Its reciprocal.")
    ratio_error_low: Share = Field(0.50, description="Half the expected share is an error (ours).")
    ratio_error_high: float = Field(2.0, gt=1, description="Twice the expected share is an error (ours).")
    delta_warning: Share = Field(
        0.147, description="Cliff's delta from which an effect is small rather than negligible (Romano et al. 2006)."
    )
    delta_error: Share = Field(0.33, description="Cliff's delta from which an effect is medium (Romano et al. 2006).")
    odds_ratio: float = Field(
        2.0, gt=1, description="Odds ratio of a word and an identity term from which it clings to it (ours)."
    )
    expected_count: float = Field(
        5.0, gt=0, description="Fewer expected rows than this are too few to say (Cochran 1954)."
    )
    length_share: Share = Field(
        0.80, description="Share of the ranks' variance of difficulty that length may explain (ours)."
    )
    redundant_distance: Share = Field(
        0.10,
        description="Stages of like difficulty whose skill shares lie closer than this are redundant (ours).",
    )
    stability_warning: Share = Field(
        0.10, description="Population stability index from which an edition has drifted (Siddiqi 2006)."
    )
    stability_error: Share = Field(0.25, description="The same for a drift that is an error (Siddiqi 2006).")
    moved_share: Share = Field(
        0.05, description="Share of the rows of the parent edition that may change their tier (ours)."
    )
    failed_share: Share = Field(0.01, description="Share of rows on which a scorer may fail (ours).")
    rejected_share: Share = Field(0.05, description="Share of input rows that may be rejected (ours).")

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.ratio_error_low > self.ratio_low or self.ratio_error_high < self.ratio_high:
            raise ValueError("the limits of an error must lie outside those of a warning")
        if self.delta_error < self.delta_warning:
            raise ValueError("delta_error must not lie below delta_warning")
        if self.stability_error < self.stability_warning:
            raise ValueError("stability_error must not lie below stability_warning")
        return self
