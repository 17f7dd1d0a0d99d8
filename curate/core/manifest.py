"""What leaves the house beside the shards: the manifest and the schedule."""

from __future__ import annotations

from pydantic import Field

from curate.core.plan import Gate, LearningRate, Length
from curate.protocol import Frozen


class Shard(Frozen):
    """One Parquet file of the dataset."""

    path: str = Field(description="Relative to the dataset folder.")
    rows: int
    size_bytes: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    stage: int | None = Field(description="None for held-out rows.")
    first_order: int | None = Field(description="`curate_order` of the first row; None for held-out rows.")


class RunFile(Frozen):
    """One file of the run folder that the dataset was made from."""

    path: str = Field(description="Relative to the run folder.")
    size_bytes: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(Frozen):
    """What `dataset/manifest.json` holds; it is written last, so a dataset that has one is whole."""

    format_version: int = 1
    record: str = Field(description="messages, prompt-completion or text.")
    columns: tuple[str, ...]
    seed: int
    input_rows: int
    rejected: int
    copies: int
    examples: int
    fates: dict[str, int]
    training_rows: int
    holdout_rows: int
    shards: tuple[Shard, ...]
    files: tuple[Shard, ...] = Field(description="Card, schedule and Croissant.")
    lengths: tuple[Length, ...] = Field(default=(), description="What trainers cut off by tier at usual limits.")
    run_files: tuple[RunFile, ...]
    versions: dict[str, str] = Field(description="Of the libraries that decide the bytes.")


class ScheduledStage(Frozen):
    """One stage as a trainer sees it."""

    stage: int
    config: str = Field(description="Name of the dataset configuration that holds this stage alone.")
    module: str = Field(default="", description="Name of the module that the stage was made from.")
    why: str = Field(default="", description="Why the stage is there.")
    rows: int
    tokens: int
    roles: dict[str, int]
    tiers: tuple[int, ...]
    skills: dict[str, int]
    opens_skills: tuple[str, ...] = ()
    learning: LearningRate = Field(default=LearningRate(), description="The contract on the learning rate.")
    gate: Gate = Field(default=Gate(), description="What must hold before the next stage opens.")
    first_order: int
    files: tuple[str, ...]


class Schedule(Frozen):
    """What `dataset/schedule.json` holds: how a trainer goes through the dataset."""

    config: str = Field(default="ordered", description="Configuration that holds all stages in order.")
    epochs: int = Field(default=1, description="Always one: a second epoch would start the curriculum again.")
    shuffle: bool = Field(default=False, description="Row order is training order.")
    rows: int
    tokens: int
    tokenizer: str
    stages: tuple[ScheduledStage, ...]
