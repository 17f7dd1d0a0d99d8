"""How a scorer runs its language model: the settings that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from curate.protocol import Device, Frozen, LanguageModelName, Precision

if TYPE_CHECKING:
    from curate.models.load import LanguageModel


class LmSettings(Frozen):
    """How a scorer runs its language model."""

    lm: LanguageModelName = Field(
        "auto", description="language model: auto, ORG/NAME[@REVISION], a folder, a .gguf file or an offline package"
    )
    precision: Precision = Field("auto", description="number format of weights and activations; auto: bf16 if fast")
    device: Device = Field("auto", description="auto, cpu, cuda, cuda:1 .., mps")
    token_budget: int | None = Field(
        None,
        ge=1,
        description="tokens in one batch (a longer row is its own); by default 32,768, on a CPU 1,024 (2,048 in bf16)",
    )
    context: int = Field(4096, ge=2, description="longest sequence in tokens, or the model's own limit if shorter")
    long_rows: Literal["window", "skip"] = Field(
        "window", description="rows longer than the context: score in sliding windows, or leave out with a reason"
    )
    stride: int | None = Field(None, ge=1, description="tokens by which a window advances; by default half the context")


def window(model: LanguageModel, options: LmSettings) -> tuple[int, int]:
    """Context and stride in tokens."""
    context = options.context if model.context is None else min(options.context, model.context)
    return context, min(options.stride or context // 2, context - 1)


def budget(model: LanguageModel, options: LmSettings) -> int:
    """Tokens in one batch."""
    if options.token_budget:
        return options.token_budget
    if model.device.type == "cpu":
        return 2048 if model.precision == "bf16" else 1024
    return 32_768
