"""Recipes, catalogues, manifests and plans that somebody has tampered with: read, or refused with a fix."""

from __future__ import annotations

import copy
import json
import random
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import targets

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[1] / "examples"
RECIPE = tomllib.loads((EXAMPLES / "quickstart.toml").read_text())
SKILLS = tomllib.loads((EXAMPLES / "data" / "skills.toml").read_text())
SHARD = {"path": "data/a.parquet", "rows": 1, "size_bytes": 9, "sha256": "0" * 64, "stage": None, "first_order": None}
MANIFEST = {
    "record": "text", "columns": ["text"], "seed": 0, "input_rows": 1, "rejected": 0, "copies": 0, "examples": 1,
    "fates": {"train": 1}, "training_rows": 1, "holdout_rows": 0, "shards": [SHARD], "files": [], "run_files": [],
    "versions": {"pyarrow": "1"},
}  # fmt: skip

VALUE = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["../../etc/passwd", "/etc/passwd", "\x00", "auto", "(", "*"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside *value*."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from places(each, (*path, key))


def tampered(value: dict[str, Any], luck: int, new: object) -> dict[str, Any]:
    """*value* with one thing in it replaced, removed or named otherwise."""
    chance = random.Random(luck)
    changed = copy.deepcopy(value)
    *path, last = chance.choice(list(places(value)))
    holder: Any = changed
    for step in path:
        holder = holder[step]
    deed = chance.choice(["replace", "remove", "rename"])
    old = holder.pop(last)
    if deed == "replace":
        holder.insert(last, new) if isinstance(holder, list) else holder.__setitem__(last, new)
    elif deed == "rename" and isinstance(holder, dict):
        holder[f"{last}s"] = old
    return changed


@given(luck=st.integers(0, 2**32), new=VALUE)
@settings(max_examples=120, deadline=None)
def test_a_tampered_recipe_or_catalogue_is_read_or_refused_with_a_fix(luck: int, new: object) -> None:
    targets.recipe(tomli_w.dumps(tampered(RECIPE, luck, new)).encode("utf-8", "surrogatepass"))
    targets.skills(tomli_w.dumps(tampered(SKILLS, luck, new)).encode("utf-8", "surrogatepass"))


@given(luck=st.integers(0, 2**32), new=VALUE)
@settings(max_examples=120, deadline=None)
def test_a_tampered_manifest_is_read_or_refused_with_a_fix(luck: int, new: object) -> None:
    targets.manifest(json.dumps(tampered(MANIFEST, luck, new)).encode())


@given(data=st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("name", targets.TARGETS)
def test_any_bytes_are_taken_or_refused_with_a_fix(name: str, data: bytes) -> None:
    targets.TARGETS[name](data)


@pytest.mark.parametrize("name", ["recipe", "skills"])
@pytest.mark.parametrize("data", [b"a = " + b"[" * 5000, b"a." * 3000 + b"a = 1", b"a = " + b"{b = " * 3000])
def test_deeply_nested_toml_is_refused_with_a_fix(name: str, data: bytes) -> None:
    targets.TARGETS[name](data)


def test_a_long_line_of_prerequisites_is_no_recursion() -> None:
    skills = [{"name": str(n), "requires": [str(n + 1)] if n < 2999 else []} for n in range(3000)]

    targets.skills(tomli_w.dumps({"skill": skills}).encode())
