"""Pacing functions: which share of the ranked rows is open when a share of the training is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Pacing = Literal[
    "root",
    "linear",
    "quadratic",
    "square-root",
    "step",
    "exponential",
    "logarithmic",
    "fixed-linear",
    "fixed-root",
    "fixed-discrete",
]
"""``root`` is Platanios' competence, the last three are DeepSpeed's on percentiles of difficulty; the others are Wu,
Dyer and Neyshabur's six."""

STEEPNESS = 10.0
"""The constant of Wu's exponential and logarithmic functions."""


def competence(done: NDArray[np.float64], start: float = 0.01, power: float = 2.0) -> NDArray[np.float64]:
    """Platanios' root competence: c(t) = min(1, (t (1 - c0^p) / T + c0^p)^(1/p)).

    *done* is t / T, any shape; *start* is c0 and *power* p. With p = 1 it is the linear competence. Source: Platanios
    et al. 2019, "Competence-based Curriculum Learning for Neural Machine Translation", equations 6 and 8.
    """
    raised: NDArray[np.float64] = np.minimum(1.0, (done * (1.0 - start**power) + start**power) ** (1.0 / power))
    return raised


def linear(reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wu's linear function: x."""
    return reached


def quadratic(reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wu's quadratic function: x^2."""
    return reached**2


def square_root(reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wu's root function: x^(1/2)."""
    return np.sqrt(reached)


def step(reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wu's step function: floor(x), so that all opens at once."""
    return np.floor(reached)


def exponential(reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wu's exponential function: (e^(10 x) - 1) / (e^10 - 1)."""
    grown: NDArray[np.float64] = np.expm1(STEEPNESS * np.minimum(reached, 1.0)) / np.expm1(STEEPNESS)
    return grown


def logarithmic(reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wu's logarithmic function: 1 + log(x + e^-10) / 10."""
    grown: NDArray[np.float64] = 1.0 + np.log(reached + np.exp(-STEEPNESS)) / STEEPNESS
    return grown


WU: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "linear": linear,
    "quadratic": quadratic,
    "square-root": square_root,
    "step": step,
    "exponential": exponential,
    "logarithmic": logarithmic,
}


def pool(pacing: Pacing, done: NDArray[np.float64], start: float = 0.01, full_at: float = 1.0) -> NDArray[np.float64]:
    """The share of the ranked rows that is open, in [0, 1], when the share *done* of the training is over.

    *start* is the share at the beginning (c0 of Platanios, b of Wu), *full_at* the share of the training after which
    all is open (Platanios' T, Wu's a). Wu's form is g(t) / N = b + (1 - b) f(t / (a T)), capped at 1; for ``step``
    the paper's b + floor(t / (a T)) is the same once it is capped. DeepSpeed's schedules give whole percents from
    100 b on; its discrete one opens a fifth more at each fifth. Source: Wu, Dyer and Neyshabur 2021, "When Do
    Curricula Work?", table 2. Any shape in and out.
    """
    reached = done / full_at
    if pacing == "root":
        return competence(reached, start)
    if pacing in DEEPSPEED:
        step = np.floor(np.minimum(reached, 1.0) * STEPS + 1e-9).astype(np.int64)
        return DEEPSPEED[pacing](step, max(round(100 * start), 1)) / 100.0
    return np.clip(start + (1.0 - start) * WU[pacing](reached), 0.0, 1.0)


def fixed_root(
    step: NDArray[np.int64], total: int, lowest: int, highest: int, quantum: int, degree: float = 2.0
) -> NDArray[np.int64]:
    """DeepSpeed's ``fixed_root``: floor((t / T)^(1/r) (max - min) + min), down to a multiple of *quantum*.

    Never below the first multiple of *quantum* from *lowest* on and never above *highest*; releases of DeepSpeed
    before that floor was added give less than *lowest* at the start. Source: DeepSpeed, curriculum_scheduler.py;
    Li et al. 2022, "DeepSpeed Data Efficiency". Any shape in and out.
    """
    raised = np.floor((step / total) ** (1.0 / degree) * (highest - lowest) + lowest).astype(np.int64)
    floor = -(-lowest // quantum) * quantum
    whole: NDArray[np.int64] = np.minimum(np.maximum(raised - raised % quantum, floor), highest)
    return whole


def fixed_linear(step: NDArray[np.int64], total: int, lowest: int, highest: int, quantum: int) -> NDArray[np.int64]:
    """DeepSpeed's ``fixed_linear``: `fixed_root` of degree 1."""
    return fixed_root(step, total, lowest, highest, quantum, degree=1.0)


def fixed_discrete(
    step: NDArray[np.int64], difficulties: Sequence[int], last_steps: Sequence[int]
) -> NDArray[np.int64]:
    """DeepSpeed's ``fixed_discrete``: each difficulty up to and including its last step, the last one for ever.

    *last_steps* has one element less than *difficulties*.
    """
    return np.asarray(difficulties, np.int64)[np.searchsorted(np.asarray(last_steps), step, side="left")]


STEPS = 10_000
"""Into so many steps the training is divided for DeepSpeed's schedules, which count steps."""

DEEPSPEED: dict[str, Callable[[NDArray[np.int64], int], NDArray[np.int64]]] = {
    "fixed-linear": lambda step, lowest: fixed_linear(step, STEPS, lowest, 100, 1),
    "fixed-root": lambda step, lowest: fixed_root(step, STEPS, lowest, 100, 1),
    "fixed-discrete": lambda step, _: fixed_discrete(step, (20, 40, 60, 80, 100), (1999, 3999, 5999, 7999)),
}
