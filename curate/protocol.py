"""The contract between the house, its scorers and its engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

# --- settings ---------------------------------------------------------------------------------------------------


class Frozen(BaseModel):
    """The base of all settings, manifests and reports: frozen once built, no key is unknown, and every number is one.

    JSON has no NaN and no infinity, so a model that held one could not be read back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Number format of a model's weights and activations; ``auto`` is bf16 where the processor has it, else fp32."""

LanguageModelName = Annotated[str, "lm"]
"""A settings field of this type names a language model; the house resolves it and stamps its fingerprint."""

EncoderName = Annotated[str, "encoder"]
"""The same for a sentence encoder."""

Device = Annotated[str, Field(exclude=True)]
"""``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; never part of a stamp."""


# --- scores -----------------------------------------------------------------------------------------------------


class Rising(StrEnum):
    """What a rising value of a score means."""

    HARDER = "harder"
    BETTER = "better"
    RISKIER = "riskier"
    NEUTRAL = "neutral"


class Scope(StrEnum):
    """What a scorer must see before it can score a row."""

    ROW = "row"
    CORPUS = "corpus"


class Status(StrEnum):
    """How scoring one row ended."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    FAILED = "failed"


class ScoreField(Frozen):
    """One number that a scorer gives for each row.

    ``low`` and ``high`` bound the values (inclusive; None where there is no bound). At most one field of a
    scorer is its ``headline``: the one that difficulty and reports take by default. Another takes part in difficulty
    where it has ``weights``.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    rising: Rising
    unit: str
    low: float | None = None
    high: float | None = None
    about: str
    headline: bool = False
    weights: dict[str, float] = {}
    """Its weight in the default blend of difficulty by kind of domain (text, task, chat, code).

    A headline without any weighs 1; a kind that is not named 0, but tasks what chats do.
    """


@dataclass(frozen=True)
class Reason:
    """Why one row has no value: ``not_applicable`` is no failure, ``failed`` is."""

    status: Literal[Status.NOT_APPLICABLE, Status.FAILED]
    text: str


@dataclass(frozen=True)
class Scores:
    """What a scorer returns for one batch of n rows.

    ``values``: for each field a float32 array of shape (n,); NaN where the row has no value of this field.
    ``reasons``: for each position that has no value at all, why. A row without a reason has a finite value in at
    least one field.
    """

    values: Mapping[str, NDArray[np.float32]]
    reasons: Mapping[int, Reason] = field(default_factory=dict)


class NoSettings(Frozen):
    """A scorer that has nothing to set."""


class Scorer(ABC):
    """Scores batches of rows. It returns arrays and never ids, so it cannot lose, repeat or reorder rows.

    A subclass declares the class attributes and implements `score`; a scorer of scope ``corpus`` also implements
    `count` and `merge`. ``needs`` lists what the batch must hold: columns of the examples (``messages``,
    ``prompt``, ``completion``, ``text``, ``record``, ``language``, ``source``, ``tools``), the user's own
    (``user.NAME``), views (``prompt_view``, ``answer_view``, ``full_view``, ``kind``, ``label``), counts of tokens
    (``tokens``, ``prompt_tokens``, ``answer_tokens``), ``vector``, ``neighbour_similarity``, ``target_similarity``
    (cosines to the nearest rows of the target set), or ``signals`` (the visits of training, `core.schemas.VISITS`).
    """

    name: ClassVar[str]
    version: ClassVar[str]
    about: ClassVar[str]
    source: ClassVar[str]
    """The paper or book that the formula comes from."""
    cost: ClassVar[Literal["cheap", "encoder", "lm"]] = "cheap"
    scope: ClassVar[Scope] = Scope.ROW
    needs: ClassVar[tuple[str, ...]]
    gives: ClassVar[tuple[ScoreField, ...]]
    settings: ClassVar[type[Frozen]] = NoSettings
    default: ClassVar[bool] = False
    """Whether the house offers this scorer when the user names none."""
    freezes: ClassVar[bool] = False
    """Whether statistics of the rows that there were can score rows that come later, for scope ``corpus``: they then
    stay as they were first counted until `curate tier --refresh`, so that no earlier row's score moves."""

    def __init__(self, settings: Frozen | None = None) -> None:
        """Take checked settings; a scorer made without any takes its defaults. Nothing is loaded here."""
        self.options = self.settings() if settings is None else settings

    def open(self, statistics: pa.Table | None) -> None:  # noqa: B027 - most scorers have nothing to load
        """Load weights once per worker; *statistics* is what `merge` made, None for scope ``row``."""

    @abstractmethod
    def score(self, batch: pa.Table) -> Scores:
        """Score n rows: one float32 array of shape (n,) for each field that the class ``gives``."""

    def count(self, batch: pa.Table) -> pa.Table:
        """Statistics of one part, for scope ``corpus``."""
        raise NotImplementedError

    def merge(self, tables: Sequence[pa.Table]) -> pa.Table:
        """One table of statistics from those of all parts, given in part order, for scope ``corpus``."""
        raise NotImplementedError


# --- work -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chunk:
    """Consecutive raw rows of one source: a table, the name of the source and the number of its first row."""

    source: str
    first_row: int
    rows: pa.Table


@dataclass(frozen=True)
class Part:
    """One unit of work: a part file's number and how many rows it holds; raw input rows only where they are given."""

    index: int
    rows: int
    chunks: tuple[Chunk, ...] = ()


@dataclass(frozen=True)
class Done:
    """What a finished part reports: small numbers that the driver adds up, and messages it passes on."""

    index: int
    rows: int
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class PartJob(Protocol):
    """Work on one part at a time. It can be pickled; a worker opens it once and then gives it parts in any order.

    A job writes its own output under a name that the part's index decides, and writes it whole or not at all.
    """

    name: str

    def open(self) -> None:
        """Load what every part needs."""

    def run(self, part: Part) -> Done:
        """Read, work, write."""


class Progress(Protocol):
    """Hears how far a step has come; ``total`` is None where it is not known."""

    def __call__(self, step: str, done: int, total: int | None, unit: str) -> None:
        """*done* of *total* *unit* of *step* are finished."""


class Engine(Protocol):
    """Runs a job over parts. Results come in the order of the parts, however many workers there are."""

    def map(self, job: PartJob, parts: Iterator[Part]) -> Iterator[Done]:
        """Run the job on each part."""


def silent(step: str, done: int, total: int | None, unit: str) -> None:
    """Progress that nobody watches."""
