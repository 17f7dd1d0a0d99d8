"""Prints the lowest versions that `pyproject.toml` allows, as constraints; torch alone as `constraints.txt` has it.

A build of torch weighs up to three gigabytes with its CUDA libraries, and that one is here already.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def lowest(requirements: list[str], pins: list[str]) -> list[str]:
    """Each ``name[extra]>=version`` as ``name==version``, but torch as *pins* has it."""
    bounds = [re.sub(r"\[.*\]", "", each).replace(">=", "==") for each in requirements if ">=" in each]
    torch = [each for each in pins if each.startswith("torch==")]
    return [each for each in bounds if not each.startswith("torch==")] + torch


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = Path("constraints.txt").read_text(encoding="utf-8").splitlines()
    every = [each for group in [project["dependencies"], *project["optional-dependencies"].values()] for each in group]
    sys.stdout.write("\n".join(lowest(every, pins)) + "\n")
