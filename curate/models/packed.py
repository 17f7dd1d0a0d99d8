"""Linear layers whose weights oneDNN has laid out for the processor, with what follows them done in the same go."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_USUAL_ROWS = 1024
"""Rows that the layout is chosen for; others work as well."""


_STEP = 64


def rounded(rows: int) -> int:
    """The number of rows to run instead of *rows*: the next multiple of 64.

    oneDNN makes machine code for each number of rows that it meets, which can cost more than the product itself.
    """
    return -(-rows // _STEP) * _STEP


def available(number_format: torch.dtype) -> bool:
    """Whether oneDNN packs linear layers of *number_format* here: fp32 always, bf16 where the processor has AVX-512."""
    import torch

    built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not built or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    if number_format == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return number_format == torch.float32


class PackedLinear:
    """y = x W^T + b for x of shape (n, in), in fp32 or bf16; W has shape (out, in)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        import torch

        self._bias = bias
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _USUAL_ROWS)  # noqa: SLF001
        self._run = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (n, out)."""
        return self._apply(x, "none")

    def swish(self, x: torch.Tensor) -> torch.Tensor:
        """silu(y)."""
        return self._apply(x, "swish")

    def gelu(self, x: torch.Tensor) -> torch.Tensor:
        """The Gaussian error linear unit of y, by the error function."""
        result: torch.Tensor = self._run(x, self._weight, self._bias, "gelu", [], "none")
        return result

    def times(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Other * y."""
        result: torch.Tensor = self._run.binary(x, other, self._weight, self._bias, "mul")
        return result

    def plus(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Other + y."""
        result: torch.Tensor = self._run.binary(x, other, self._weight, self._bias, "add")
        return result

    def _apply(self, x: torch.Tensor, after: str) -> torch.Tensor:
        result: torch.Tensor = self._run(x, self._weight, self._bias, after, [], "")
        return result
