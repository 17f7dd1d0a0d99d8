"""The options of every command that sets something, as types (made by `make reference`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ScoreOptions(TypedDict, total=False):
    """Options of `score`."""

    scorers: Sequence[str]
    """Scorers by alias, entry point name or module:Class; none means those offered by default."""
    lm: str
    """Language model of the scorers that need one: hub id[@revision], folder, .gguf, auto."""
    encoder: str
    """Sentence encoder: hub id[@revision], folder or auto."""
    tokenizer: str
    """Model whose tokenizer counts tokens; auto is that of --lm."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Number format of models: auto, fp32, bf16 or fp16."""
    device: str
    """Where models run: auto, cpu, cuda[:i] or mps."""
    labels: str
    """Column of yours that holds a label, for scorers that use one."""
    max_failures: float
    """Share of rows on which a scorer may fail before the run stops."""
    limit: int
    """Read no more rows than this."""


class TierOptions(TypedDict, total=False):
    """Options of `tier`."""

    stages: int
    """Number of stages; the last one is mixed."""
    tiers: int
    """Number of tiers; by default one less than stages."""
    skills: str
    """Where skills come from: skills.toml, column:NAME (one of yours), source, or discover[:COUNT]."""
    domain: str
    """Column inside which rows are ranked against each other; by default language and kind."""
    labels: str
    """Column that says how hard some rows or all are; the weights of the scores are fitted to it."""
    holdout: float
    """Share of examples that is held out of training."""
    holdout_domain: Sequence[str]
    """Hold out all rows of a domain, as COLUMN=VALUE; source=lessons.jsonl, for example."""
    policy: Literal[
        "tiered",
        "cumulative",
        "one-pass",
        "interleaved",
        "paced",
        "anti",
        "warm-up",
        "folding",
        "zigzag",
        "str",
        "saw",
        "jitter",
        "random",
        "random-paced",
    ]
    """How tiers and difficulty become stages and an order."""
    review: float
    """Share of review rows in every stage but the first."""
    passes: int
    """How often each stage is gone through."""
    reuse: str
    """Take the modules of another recipe, run folder or file of [[module]] tables."""
    modules: Sequence[str]
    """Names of the modules to use, in this order; by default all that are not off."""
    format: Literal["messages", "prompt-completion", "text"]
    """messages, prompt-completion or text; by default the input's own."""
    keep: Sequence[str]
    """Columns of yours that the dataset keeps."""


class AuditOptions(TypedDict, total=False):
    """Options of `audit`."""

    by: Sequence[str]
    """Columns that group the rows, beside source, language and skill."""
    unit: str
    """Column whose equal values make rows one unit: a conversation, a matched pair."""
    lexicon: Mapping[str, Mapping[str, Sequence[str]]]
    """Terms of yours by identity axis and value, beside ours."""
    parent: str
    """Run folder of the edition that this one came from: what drifted since is told."""
    fail_on: Literal["error", "warning", "none"]
    """Severity of a finding from which the audit fails (exit code 6, and no training); kept until none lifts it."""
    render: Sequence[Literal["html", "json", "md"]]
    """Reports to write beside report.json: html, md."""


class TrainOptions(TypedDict, total=False):
    """Options of `train`."""

    model: str
    """Model to train: auto, ORG/NAME[@REVISION], a folder, a .gguf file."""
    trainer: Literal["transformers", "trl"]
    """Whose trainer goes through the stages."""
    adapter: Literal["lora", "none"]
    """lora: low-rank matrices beside all linear layers; none: all weights."""
    learning_rate: float
    """The peak, of which contracts and shape are shares."""
    shape: Literal["schedule", "constant", "wsd", "cosine", "cyclical"]
    """schedule: the rates that the plan sets for each stage; the others instead of it."""
    final: float
    """Share of the peak at the end of wsd, cosine and cyclical."""
    batch_rows: int
    """Rows that go through the model at once."""
    accumulation: int
    """Such batches that make up one step."""
    max_tokens: int
    """Tokens from which a row is cut; the report counts by tier."""
    max_steps: int
    """Most optimiser steps of the whole training."""
    gates: bool
    """Whether the schedule's gates are looked at; else the plan is followed."""
    score: float
    """Probe accuracy from which any stage may end, where its gate names none."""
    gain: float
    """Relative fall of the loss below which any stage may end; the same."""
    gain_steps: int
    """Steps over which that fall is taken, where our gain counts."""
    drop: float
    """Fall of an earlier tier's accuracy that calls for review; the same."""
    gate_every: int
    """Steps between two looks at a gate; at the end of each stage only where not given."""
    patience: int
    """Looks in a row without anything better after which training stops."""
    adaptive: Literal["plan", "leitner", "skill-it", "self-paced"]
    """plan, or by live losses: leitner review, skill-it weights, self-paced threshold."""
    checkpoint_every: int
    """Steps between two checkpoints; one more after each stage."""
    average: int
    """How many of the last checkpoints the final weights average."""
    seed: int
    """Decides adapters' first weights and dropout."""
    device: str
    """auto, cpu, cuda, cuda:1 .., mps"""


class ExportOptions(TypedDict, total=False):
    """Options of `export`."""

    model: str
    """Model to train: auto, ORG/NAME[@REVISION], a folder, a .gguf file."""
    adapter: Literal["lora", "none"]
    """lora: low-rank matrices beside all linear layers; none: all weights."""
    learning_rate: float
    """The peak, of which contracts and shape are shares."""
    batch_rows: int
    """Rows that go through the model at once."""
    accumulation: int
    """Such batches that make up one step."""
    max_tokens: int
    """Tokens from which a row is cut; the report counts by tier."""


class ProbeOptions(TypedDict, total=False):
    """Options of `probe`."""

    unit: str
    """Column whose equal values make held-out rows one piece of evidence: a document, a conversation."""
    generate: int
    """Longest answer in tokens that the model also writes itself and that is then checked; 0 for none."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Number format of the model: auto, fp32, bf16 or fp16."""
    device: str
    """Where the model runs: auto, cpu, cuda[:i] or mps."""


class ReviseOptions(TypedDict, total=False):
    """Options of `revise`."""

    learnt: float
    """Probability at the last visit from which a row that was never forgotten is learnt."""
    noise: float
    """Robust deviations above its peers' loss from which a row that was never right is called noise."""
    stagnant: float
    """Relative fall of the loss from first to last visit below which a skill that is mostly wrong stagnates."""
    budget: float
    """Tokens of the edition, as a share of those of its parent."""


class AblateOptions(TypedDict, total=False):
    """Options of `ablate`."""

    arms: Sequence[str]
    """random, random-paced, curriculum, no-review, anti, warm-up, length, merged, without:MODULE; all but merged."""
    seeds: int
    """Paired seeds of every arm."""
    budget: float
    """Tokens of every arm, as a share of those of the plan."""
    tuning_seeds: int
    """Other seeds, on which each arm finds its learning rate."""
    fresh: bool
    """Begin with random weights, drawn by the seed, of the model's shape."""
    looks: int
    """How often the held-out rows are asked on the way."""
    margin: float
    """Share of random's loss within which a difference is none to care for."""
    model: str
    """Model to train: auto, ORG/NAME[@REVISION], a folder, a .gguf file."""
    adapter: Literal["lora", "none"]
    """lora: low-rank matrices beside all linear layers; none: all weights."""
    learning_rate: float
    """The peak, of which contracts and shape are shares."""
    shape: Literal["schedule", "constant", "wsd", "cosine", "cyclical"]
    """schedule: the rates that the plan sets for each stage; the others instead of it."""
    batch_rows: int
    """Rows that go through the model at once."""
    max_tokens: int
    """Tokens from which a row is cut; the report counts by tier."""
    device: str
    """auto, cpu, cuda, cuda:1 .., mps"""
