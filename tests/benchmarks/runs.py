"""Paired runs: each variant in a fresh process, in turn, so that all meet the same neighbours on the machine."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Run = dict[str, Any]
"""What one run reports: ``units`` (tokens or texts), ``seconds``, ``cpu_seconds``, ``peak_mib`` and what it likes."""


@dataclass
class Results:
    """All runs of each variant, in the order of the rounds."""

    runs: dict[str, list[Run]] = field(default_factory=dict)

    def rate(self, name: str, *, clock: str = "seconds") -> float:
        """Median units per second."""
        return float(median(run["units"] / run[clock] for run in self.runs[name]))

    def ratio(self, name: str, other: str, *, clock: str = "seconds") -> float:
        """Median over the rounds of how many times as fast *name* is; the last run stands in for rounds it skipped."""
        ones, others = self.runs[name], self.runs[other]
        rounds = max(len(ones), len(others))
        pairs = [(ones[min(i, len(ones) - 1)], others[min(i, len(others) - 1)]) for i in range(rounds)]
        return float(median((one["units"] / one[clock]) / (two["units"] / two[clock]) for one, two in pairs))

    def times(self, name: str, other: str) -> str:
        """The ratio by the wall clock, and in brackets by processor seconds."""
        return f"{self.ratio(name, other):.2f} ({self.ratio(name, other, clock='cpu_seconds'):.2f})"

    def last(self, name: str) -> Run:
        """The last run of a variant."""
        return self.runs[name][-1]

    def peak(self, name: str) -> float:
        """The largest peak memory in MiB."""
        return float(max(run["peak_mib"] for run in self.runs[name]))


def paired(
    script: str,
    variants: Mapping[str, int],
    arguments: Sequence[str],
    variables: Mapping[str, Mapping[str, str]] | None = None,
) -> Results:
    """Run each variant as often as *variants* says, one of each per round; *variables* are its environment's own."""
    results = Results({name: [] for name in variants})
    for number in range(max(variants.values())):
        for name, rounds in variants.items():
            if number < rounds:
                say(f"round {number + 1}: {name}", to=sys.stderr)
                command = [sys.executable, script, "--variant", name, *arguments]
                own = os.environ | (variables or {}).get(name, {})
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=own)
                results.runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    return results


def clocked(work: Callable[[], Run]) -> Run:
    """What *work* reports, with its seconds, processor seconds and the peak memory of this process."""
    import torch

    began, spent = time.perf_counter(), time.process_time()
    report = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        report["cuda_peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
    report["seconds"] = time.perf_counter() - began
    report["cpu_seconds"] = time.process_time() - spent
    report["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return report


def use_threads(count: int) -> None:
    """How many threads torch takes; 0 for as many as it likes."""
    import torch

    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    if count:
        torch.set_num_threads(count)


def say(line: str, to: Any = None) -> None:  # noqa: ANN401 - a text stream
    """One line on stdout, or where asked."""
    stream = to or sys.stdout
    stream.write(f"{line}\n")
    stream.flush()
