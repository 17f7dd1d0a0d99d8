"""Where a model runs and in which number format."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from curate.errors import SettingsError

if TYPE_CHECKING:
    import torch

    from curate.protocol import Precision

Settled = Literal["fp32", "bf16", "fp16"]
"""A precision that is no longer ``auto``: the one that belongs in a stamp."""

_CPU_INFO = Path("/proc/cpuinfo")
_DRIVERS = (Path("/proc/driver/nvidia"), Path("/dev/kfd"), Path("/dev/dxg"))
_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def pick_device(name: str) -> torch.device:
    """The device that *name* stands for: ``auto`` (CUDA, else MPS, else CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises `SettingsError` where the name is unknown or this machine has no such device.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    match = re.fullmatch(r"cpu|mps|cuda(:(?P<index>\d+))?", name)
    if match is None:
        raise SettingsError(f"there is no device {name!r}", fix="choose from auto, cpu, cuda, cuda:0, cuda:1 .., mps")
    if name == "mps" and not _has_mps():
        raise SettingsError("this machine has no MPS device", fix="use --device cpu")
    if name.startswith("cuda") and int(match["index"] or 0) >= torch.cuda.device_count():
        raise SettingsError(
            f"there is no device {name!r}: torch sees {torch.cuda.device_count()} CUDA devices",
            fix="use --device cpu, or install a CUDA build of torch",
        )
    return torch.device(name)


def cards(name: str) -> tuple[str, ...]:
    """The graphics cards that workers may share out among them, as CUDA_VISIBLE_DEVICES names them.

    All that this process sees where *name* is ``auto`` or ``cuda``; none where it names one card, or no CUDA device.
    On a Linux without a driver torch is not even imported.
    """
    if name not in {"auto", "cuda"} or (sys.platform == "linux" and not any(path.exists() for path in _DRIVERS)):
        return ()
    import torch

    count = torch.cuda.device_count()
    visible = [each.strip() for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    return tuple(visible[:count]) if visible else tuple(str(number) for number in range(count))


def settle(precision: Precision, device: torch.device) -> Settled:
    """The number format that *precision* means on *device*.

    ``auto`` is bf16 where the hardware multiplies it (AVX-512 BF16, AMX, Arm BF16, CUDA from Ampere), else fp32.
    """
    import torch

    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and _cpu_flags() & _BF16_FLAGS else "fp32"


def number_format(precision: Settled) -> torch.dtype:
    """The torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()


def _cpu_flags() -> set[str]:
    """What the processor can do, as Linux tells it; nothing elsewhere, where fp32 is the safe choice."""
    if not _CPU_INFO.is_file():
        return set()
    lines = _CPU_INFO.read_text(errors="replace").splitlines()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split(":", 1)[1].split()}
