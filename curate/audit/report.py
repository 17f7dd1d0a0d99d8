"""What `audit/report.json` holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curate.core.plan import Length
from curate.protocol import Frozen

Severity = Literal["error", "warning", "note"]
Scope = Literal["corpus", "train", "tier", "stage", "exposure"]
Verdict = Literal["as expected", "over", "under", "explained", "masked", "too few to say"]
Direction = Literal["as expected", "higher", "lower", "explained", "masked", "too few to say"]


class Interval(Frozen):
    """The ends of an interval at the report's confidence; no upper end where none is known."""

    low: float
    high: float | None


class Place(Frozen):
    """A set of rows that shares are counted in.

    corpus: all examples. train: those that are trained. tier and stage: one of them. exposure: every row of the
    training order, reviews and repeats counted as often as they come.
    """

    scope: Scope
    number: int | None = None

    @property
    def name(self) -> str:
        """The place in words."""
        return self.scope if self.number is None else f"{self.scope} {self.number}"


class Spread(Frozen):
    """Where the values of a set of rows lie; the deviation is that of the population."""

    rows: int
    mean: float
    deviation: float
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float


class Summary(Frozen):
    """The size of one place."""

    place: Place
    rows: int
    distinct: int
    roles: dict[str, int]
    tokens: int | None
    difficulty: Spread | None
    length: Spread | None = Field(description="Tokens per row.")


class Share(Frozen):
    """The share of one group in one place, against what is expected of it."""

    place: Place
    value: str
    rows: int
    share: float
    share_interval: Interval
    reference: float = Field(description="The expected share: the corpus's own, or the one that was asked for.")
    ratio: float | None = Field(description="share / reference")
    ratio_interval: Interval | None
    expected_rows: float
    given: float | None = Field(description="rows / expected rows, given the strata of the grouping.")
    p: float | None
    q: float | None
    q_crude: float | None = Field(description="The same test without strata.")
    verdict: Verdict


class MatchedPair(Frozen):
    """Two groups over the units that hold rows of both: texts that mean the same and differ by group."""

    first: str
    second: str
    pairs: int
    gap: float = Field(description="Mean difficulty of the first less that of the second.")
    gap_interval: Interval
    harder: int = Field(description="Pairs in which the first is ranked harder.")
    easier: int
    p: float | None
    q: float | None
    verdict: Direction
    causes: dict[str, float] = Field(default={}, description="By score: its part in the gap. They add up to the gap.")


class PairSet(Frozen):
    """Texts of one meaning that were scored for this report as the run scores its own, and are not part of it."""

    texts: int
    unread: int = Field(default=0, description="Rows that are no text, as where its column is empty.")
    alone: int = Field(
        default=0, description="Texts that nothing stands beside: no text of another group has their pair."
    )
    unranked: int = Field(description="Texts that have no difficulty.")
    domain: str = Field(description="The domain of the corpus whose tables gave the ranks.")
    left_out: tuple[str, ...] = Field(description="Scores of the difficulty that such texts cannot have.")
    pairs: tuple[MatchedPair, ...]


class Skew(Frozen):
    """How far the shares of a place lie from the reference: half the sum of absolute differences, in [0, 1]."""

    place: Place
    distance: float
    by_chance: float = Field(description="Its mean when labels are exchangeable.")


class Effect(Frozen):
    """Cliff's delta of a group against all others: in [-1, 1], above 0 where the group lies higher."""

    value: str
    rows: int
    delta: float
    interval: Interval
    given: float | None = Field(description="The same within the strata of the grouping.")
    given_interval: Interval | None
    p: float | None
    q: float | None
    q_crude: float | None = Field(description="The same test without strata.")
    verdict: Direction
    causes: dict[str, float] = Field(
        default={}, description="By score: its part in the gap of mean difficulty. They add up to the gap."
    )


class Grouping(Frozen):
    """One way to group the rows, and how its groups fare."""

    column: str
    expect: str
    held: tuple[str, ...] = Field(description="What the tests hold fixed: labels are exchanged within its strata.")
    strata: int
    values: dict[str, int] = Field(description="Rows of the corpus by group, largest first.")
    folded: int = Field(description="How many small groups were put together as (other).")
    shares: tuple[Share, ...]
    skews: tuple[Skew, ...]
    difficulty: tuple[Effect, ...] = Field(description="Is a group ranked harder?")
    arrival: tuple[Effect, ...] = Field(description="Does a group come later?")
    pairs: tuple[MatchedPair, ...] = Field(description="Matched pairs, where a column says what belongs together.")


class Example(Frozen):
    """One example and an excerpt of its text; a text of a reference set has no id, and some texts are not shown."""

    id: str | None
    text: str | None
    difficulty: float | None = None


class Association(Frozen):
    """A word and a value of an identity axis, and whether it comes oftener than with the other values of the axis.

    Rows that mention several values of the axis count for none.
    """

    axis: str
    value: str
    word: str
    kind: str = Field(description="occupation, pleasant, unpleasant or toxic.")
    rows: int = Field(description="Rows with both.")
    of: int = Field(description="Rows with the value.")
    other_rows: int = Field(description="Rows with the word and another value.")
    other_of: int
    npmi: float
    odds_ratio: float
    interval: Interval
    p: float | None
    q: float | None
    verdict: Verdict
    examples: tuple[Example, ...] = ()


class Point(Frozen):
    """One example on the map."""

    id: str
    x: float
    y: float
    stage: int | None
    tier: int | None
    skill: str
    kind: str = Field(description="What mine found it to be, the gravest first; 'usual' where nothing was found.")
    difficulty: float | None
    text: str = Field(description="The beginning of its text.")


class Map(Frozen):
    """A sample of the examples along the two directions in which their vectors differ most."""

    kept: float = Field(description="Share of the variance that the two directions keep.")
    rows: int = Field(description="Of so many examples the points are a sample.")
    points: tuple[Point, ...]


class Step(Frozen):
    """From one stage to the next, new rows only."""

    stage: int
    following: int
    delta: float | None = Field(description="Cliff's delta of difficulty: above 0 where the next stage is harder.")
    interval: Interval | None
    skill_distance: float = Field(description="How far the skill shares lie apart, in [0, 1].")
    shared: float = Field(description="Share of the next stage's rows that this stage holds too.")


class ReviewOf(Frozen):
    """What one stage looks back on."""

    stage: int
    planned: float | None
    share: float
    stages_since: dict[str, int] = Field(description="Review rows by how many stages ago the row came last.")
    earlier: dict[str, int] = Field(description="Review rows by the stage in which the row was new.")


class Progression(Frozen):
    """Whether the order is the curriculum that it means to be. Mixed stages are left out of tau and steps."""

    tau: float | None = Field(description="Kendall's tau-b between stage and difficulty, new rows.")
    tau_length: float | None = Field(description="Kendall's tau-b between stage and length, new rows.")
    tau_given_length: float | None = Field(description="Mean tau-b within length strata, weighted by pairs.")
    length_share: float | None = Field(description="Squared Spearman correlation of difficulty and length.")
    mixed: tuple[int, ...]
    steps: tuple[Step, ...]
    reviews: tuple[ReviewOf, ...]
    roles_out_of_turn: int = Field(description="Review or repeat rows that were not new before.")


class LossOf(Frozen):
    """The mean loss of some rows of one stage: as signals give it, per token."""

    stage: int
    role: str
    rows: int
    loss: float
    interval: Interval | None


class Learnt(Frozen):
    """What the signals of training say of the order."""

    signals: int
    strange: int = Field(description="Signals that no place in the order accounts for.")
    stages: tuple[LossOf, ...]
    agreement: float | None = Field(description="Spearman's rho of difficulty and first loss, within stages.")
    agreement_interval: Interval | None
    compared: int
    forgotten: tuple[LossOf, ...] = Field(description="Loss at review less loss when new, by the stage of the review.")


class Shift(Frozen):
    """How far the trained rows of an edition lie from those of its parent, by one trait."""

    what: str
    index: float = Field(description="Population stability index.")
    by_chance: float = Field(description="What it stays under where nothing changed.")
    most: str = Field(description="Where most of it comes from.")


class Drift(Frozen):
    """An edition against the one that it came from."""

    parent: str
    edition: int = Field(description="1 for an edition without a parent, 2 for its child, and so on.")
    days: int | None = Field(description="Days between the dates of the two cards.")
    kept: int = Field(description="Rows that both hold.")
    added: int
    removed: int
    other_tier: int = Field(description="Kept rows whose tier changed.")
    other_stage: int = Field(description="Kept rows that are new in another stage, or in one of the editions in none.")
    shifts: tuple[Shift, ...]


class SkillCell(Frozen):
    """One skill in one stage."""

    skill: str
    stage: int
    rows: int
    new: int
    tiers: tuple[int, ...] = Field(description="The rows by tier, from tier 0 on.")


class Gap(Frozen):
    """A skill without rows in a tier, or in a stage between its first and its last."""

    skill: str
    place: Place
    due: float = Field(description="Rows that were due there, if skills were spread evenly.")


class Reach(Frozen):
    """How much of a set of texts one place comes near."""

    place: Place
    rows: int
    share: float
    interval: Interval
    expected: float = Field(description="The share that as many rows would reach, drawn from where the texts are from.")


class Reached(Frozen):
    """How much of a set of texts lies near what each place holds."""

    name: str = Field(description="hold-out or reference.")
    texts: int
    nearest: int = Field(description="k: a text is near a row that is no farther than its k-th nearest in the set.")
    reaches: tuple[Reach, ...]
    unreached: int = Field(description="Texts that no trained row comes near.")
    unreached_by_skill: dict[str, int]
    farthest: tuple[Example, ...] = Field(description="Those of them that are farthest from all that is trained.")


class Variety(Frozen):
    """How varied one place is."""

    place: Place
    effective_skills: float = Field(description="exp of the Shannon entropy of the skill shares (Hill number, q = 1).")
    effective_clusters: float | None = Field(description="The same over clusters of the vectors of a sample.")
    vendi: float | None = Field(description="Vendi score of a sample, through the eigenvalues of its covariance.")
    sampled: int


class Coverage(Frozen):
    """What the curriculum teaches, and where."""

    cells: tuple[SkillCell, ...]
    by_tier: dict[str, dict[str, int]] = Field(description="Trained rows by skill and tier.")
    gaps: tuple[Gap, ...] = Field(description="Skills without rows where rows are due.")
    unreviewed: tuple[str, ...] = Field(description="Skills that come new before the last stage and never again.")
    untaught: dict[str, int] = Field(description="Skills that the hold-out asks for and no stage teaches.")
    variety: tuple[Variety, ...]
    clusters: int = Field(description="Into how many clusters the vectors were put.")
    reached: tuple[Reached, ...] = Field(description="How much of the hold-out and of a reference set is near.")


class ScorerHealth(Frozen):
    """How scoring ended for one scorer."""

    alias: str
    ok: int
    not_applicable: int
    failed: int
    reasons: dict[str, int]


class LicenceUse(Frozen):
    """Rows of one source under one licence."""

    source: str
    licence: str | None
    rows: int
    trained: int


class Quality(Frozen):
    """What became of the input, and what is wrong with it."""

    input_rows: int
    outcomes: dict[str, int]
    rejected: dict[str, dict[str, int]] = Field(description="Rejected rows by reason and source.")
    repairs: dict[str, int]
    fates: dict[str, int]
    mined: dict[str, dict[str, int]] = Field(description="Proposals of mine by kind: rows, and by skill.")
    scorers: tuple[ScorerHealth, ...]
    marks: dict[str, int] = Field(description="Rows whose text holds control tokens, secrets or personal data.")
    secrets: dict[str, int] = Field(default={}, description="Rows by the type of secret that they hold.")
    marked: dict[str, tuple[str, ...]] = Field(default={}, description="Some of the rows with each mark, by id.")
    licences: tuple[LicenceUse, ...] = Field(default=(), description="Rows by source and licence.")


class Sample(Frozen):
    """Some of the rows that are new in one stage: near its 10th, 50th and 90th percentile of difficulty."""

    place: Place
    examples: tuple[Example, ...]


class Figure(Frozen):
    """The number that a finding rests on."""

    name: str
    value: float
    interval: Interval | None = None


class Finding(Frozen):
    """One thing to know: how grave, how sure, in plain words, and the option that would mend it."""

    severity: Severity
    kind: str
    column: str | None = None
    value: str | None = None
    places: tuple[Place, ...] = ()
    figure: Figure
    threshold: str
    q: float | None = None
    says: str
    mend: str
    examples: tuple[Example, ...] = ()


class AuditReport(Frozen):
    """The audit of one run: sizes, groups, progression, coverage, quality, and the findings, gravest first."""

    version: int = 1
    confidence: float
    tests: int = Field(description="How many tests share the false discovery rate.")
    findings: tuple[Finding, ...]
    summaries: tuple[Summary, ...]
    groupings: tuple[Grouping, ...]
    progression: Progression
    coverage: Coverage
    learnt: Learnt | None = Field(description="None where no training has written signals.")
    drift: Drift | None = Field(description="None where no parent edition is named.")
    quality: Quality
    pairs: PairSet | None = Field(description="The texts of --pairs; None where none were named.")
    samples: tuple[Sample, ...] = Field(description="Some rows of each stage, from easy to hard.")
    lengths: tuple[Length, ...] = Field(default=(), description="What trainers cut off by tier at usual limits.")
    associations: tuple[Association, ...] = Field(description="The strongest of those with support, by list.")
    map: Map | None
    skipped: tuple[str, ...] = Field(description="What could not be looked at, and why.")

    def count(self, severity: Severity) -> int:
        """How many findings are of this severity."""
        return sum(finding.severity == severity for finding in self.findings)
