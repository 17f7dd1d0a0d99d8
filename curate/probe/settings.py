"""How a run is probed, as the recipe says it."""

from __future__ import annotations

from pydantic import Field

from curate.protocol import Device, Frozen, Precision


class Settings(Frozen):
    """What counts as one piece of evidence, how the model runs, and which answers it writes itself."""

    unit: str | None = Field(
        default=None,
        description="Column whose equal values make held-out rows one piece of evidence: a document, a conversation.",
    )
    generate: int = Field(
        default=24,
        ge=0,
        description="Longest answer in tokens that the model also writes itself and that is then checked; 0 for none.",
    )
    precision: Precision = Field(default="auto", description="Number format of the model: auto, fp32, bf16 or fp16.")
    device: Device = Field(default="auto", description="Where the model runs: auto, cpu, cuda[:i] or mps.")
