"""Which engine was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from curate.errors import SettingsError

Kind = Literal["local", "ray"]


@dataclass(frozen=True)
class Choice:
    """An engine as people ask for it; what is not known is for the engine to find out.

    *workers* are processes of this machine, or actors of the cluster at *address*, which is one of this machine alone
    where none is named; *gpus* is the share of a graphics card that each actor takes.
    """

    kind: Kind = "local"
    workers: int | None = 1
    address: str | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        if self.kind == "local" and (self.address is not None or self.gpus is not None):
            raise SettingsError("--address and --gpus say how to use a cluster", fix="give --engine ray with them")

    def without_models(self) -> Choice:
        """The same for a command that runs no models: one process of this machine where no number is given."""
        return replace(self, workers=1) if self.kind == "local" and self.workers is None else self

    @property
    def shares_memory(self) -> bool:
        """Whether all work is done in this process."""
        return self.kind == "local" and self.workers in (1, None)
