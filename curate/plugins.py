"""Which scorers are installed, and their classes by name; nothing is imported before it is asked for."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from curate.core import problems
from curate.errors import SettingsError, did_you_mean
from curate.protocol import Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from curate.protocol import Frozen

GROUP = "curate.scorers"
"""The entry point group in which a distribution offers its scorers."""

DECLARED = ("name", "version", "about", "source", "needs", "gives")
"""What the class of a scorer must declare."""


@dataclass(frozen=True)
class Entry:
    """One scorer that an installed distribution offers: its name, ``module:Class``, and whose it is."""

    name: str
    target: str
    distribution: str


def available() -> dict[str, Entry]:
    """The scorers that installed distributions offer, by name, read from their metadata alone.

    `SettingsError` where two distributions offer one name.
    """
    found: dict[str, Entry] = {}
    for point in entry_points(group=GROUP):
        entry = Entry(point.name, point.value, "unknown" if point.dist is None else point.dist.name)
        other = found.setdefault(entry.name, entry)
        if other != entry:
            raise SettingsError(
                f"two distributions offer a scorer {entry.name!r}: {other.distribution} ({other.target}) "
                f"and {entry.distribution} ({entry.target})",
                fix="uninstall one of them, or name every scorer of this run as module:Class",
            )
    return dict(sorted(found.items()))


@cache
def _offered() -> dict[str, Entry]:
    """What is available, looked up once a process: that reads the metadata of every installed distribution."""
    return available()


def load(name: str) -> type[Scorer]:
    """The class of a scorer, by its entry point's name or as ``module:Class``.

    A module that is not installed is looked for in the folder that the program was started in. `SettingsError`
    where there is no such scorer, where it cannot be imported, or where it is none.
    """
    target = name if ":" in name else _target(name)
    module, _, path = target.partition(":")
    found: object = _module(name, module)
    for step in path.split("."):
        known = [each for each in dir(found) if not each.startswith("_")]
        found = getattr(found, step, None)
        if found is None:
            raise SettingsError(f"scorer {name!r}: {module} has no {path}", fix=did_you_mean(step, known))
    return _checked(name, found)


def check_settings(alias: str, scorer: type[Scorer], given: Mapping[str, object]) -> Frozen:
    """The settings of a scorer from plain values; `SettingsError` names the key that does not hold."""
    try:
        return scorer.settings.model_validate(dict(given))
    except ValidationError as error:
        where, first = problems.first(error)
        known = scorer.settings.model_fields
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"scorer {alias!r} ({scorer.name}) has no setting {where!r}", fix=did_you_mean(where, known)
            ) from error
        if first["type"] == "missing":
            raise SettingsError(
                f"scorer {alias!r} ({scorer.name}) lacks the setting {where!r}",
                fix=f"set {where} under [scorers.{alias}]: {known[where].description}",
            ) from error
        raise SettingsError(
            f"scorer {alias!r} ({scorer.name}): {where or 'settings'} is {first['input']!r}: {first['msg'].lower()}",
            fix="`curate scorers --json` shows what each setting may be",
        ) from error


def _target(name: str) -> str:
    offered = _offered()
    if name not in offered:
        raise SettingsError(
            f"no scorer is called {name!r}", fix=f"{did_you_mean(name, offered)} Or name a class as module:Class."
        )
    return offered[name].target


def _module(name: str, module: str) -> object:
    """Import a module; the folder that we were started in is searched last, and only for a name not found before."""
    try:
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            here = str(Path.cwd())
            if not _names(error, module) or here in sys.path:
                raise
            sys.path.append(here)  # stays: worker processes inherit it and must find the module too
            return import_module(module)
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"scorer {name!r}: {module or 'a nameless module'} cannot be imported: {error}",
            fix="install what it needs, or start in the folder that holds the module",
        ) from error


def _names(error: ModuleNotFoundError, module: str) -> bool:
    """Whether the missing module is *module* itself or a package above it, and not one that it imports."""
    return error.name is not None and f"{module}.".startswith(f"{error.name}.")


def _checked(name: str, found: object) -> type[Scorer]:
    if not (inspect.isclass(found) and issubclass(found, Scorer)):
        raise SettingsError(
            f"scorer {name!r} is no scorer: {found!r} does not inherit from curate.Scorer",
            fix="name a class that inherits from curate.Scorer",
        )
    if inspect.isabstract(found):
        raise SettingsError(f"scorer {name!r} has no method `score`", fix=f"write {found.__name__}.score(batch)")
    lacking = [each for each in DECLARED if not hasattr(found, each)]
    if lacking:
        raise SettingsError(
            f"scorer {name!r} does not declare {', '.join(lacking)}",
            fix=f"set them on {found.__name__}; curate.testing.check_scorer shows what else is missing",
        )
    return found
