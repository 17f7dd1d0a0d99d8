"""How often `curate diagnose` names the fault that was planted, and how often it raises a false alarm.

    python -m tests.benchmarks.bench_diagnose FIRST LAST

Prints the confusion matrix over the seeds FIRST to LAST: planted faults down, named causes across. Thresholds were set
on seeds 0 to 9; seeds 100 to 129 were looked at once, for docs/study.md.
"""

from __future__ import annotations

import sys
from collections import Counter

from curate.study.causes import Settings, diagnose
from tests.planted_faults import FAULTS, evidence


def confusion(first: int, last: int) -> dict[str, Counter[str]]:
    """How often each cause was named for each planted fault."""
    seeds = range(first, last + 1)
    return {
        fault: Counter(diagnose(evidence(fault, seed), Settings()).cause or "none" for seed in seeds)
        for fault in FAULTS
    }


def figures(found: dict[str, Counter[str]]) -> tuple[float, float]:
    """Macro recall over the planted faults, and the share of healthy stages that were called ill."""
    recalls = [named[fault] / named.total() for fault, named in found.items() if fault != "none"]
    healthy = found["none"]
    return sum(recalls) / len(recalls), 1 - healthy["none"] / healthy.total()


def main(first: int, last: int) -> None:
    """Print the matrix and the two figures."""
    found = confusion(first, last)
    lines = [f"{'planted':22}" + "".join(f"{name[:9]:>10}" for name in FAULTS)]
    lines += [f"{fault:22}" + "".join(f"{named[name]:>10}" for name in FAULTS) for fault, named in found.items()]
    recall, alarms = figures(found)
    lines.append(f"macro recall {recall:.3f}, false alarms {alarms:.3f}, seeds {first} to {last}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
