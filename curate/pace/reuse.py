"""The modules of a curriculum: those of the recipe, or those of another recipe, run or file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from curate.core import problems
from curate.errors import IntegrityError, SettingsError, did_you_mean
from curate.pace.module import Module, Modules
from curate.store.url import is_url
from curate.store.workspace import Workspace

if TYPE_CHECKING:
    from curate.pace.settings import Settings


def modules(settings: Settings) -> tuple[Module, ...]:
    """The modules that are on, in their order; none where the curriculum is described as a whole.

    `SettingsError` where two share a name, where one that is asked for is not there, or where the file that they are
    reused from cannot be read.
    """
    listed = tuple(module.model_copy(update={"verdict": ""}) for module in settings.module)
    if settings.reuse is not None:
        if listed:
            raise SettingsError(
                f"the recipe lists {len(listed)} modules and reuses those of {settings.reuse}",
                fix="take one of the two away; --modules puts those of a file into another order",
            )
        listed = tuple(_with_verdict(module) for module in _read(settings.reuse))
    by_name = {module.name: module for module in listed}
    if len(by_name) < len(listed):
        twice = next(module.name for module in listed if by_name[module.name] is not module)
        raise SettingsError(f"two modules are called {twice!r}", fix="rename one of them")
    for name in settings.modules:
        if name not in by_name:
            raise SettingsError(f"no module is called {name!r}", fix=did_you_mean(name, by_name))
    if settings.modules:
        return tuple(by_name[name] for name in dict.fromkeys(settings.modules))
    on = tuple(module for module in listed if not module.off)
    if listed and not on:
        raise SettingsError(f"all {len(listed)} modules are off", fix="take off = true away from one of them")
    return on


def _with_verdict(module: Module) -> Module:
    """A module of another curriculum, whose reason then says what was measured of it there."""
    if not module.verdict:
        return module
    return module.model_copy(update={"why": f"{module.why} (measured: {module.verdict})".strip()})


def _read(name: str) -> tuple[Module, ...]:
    """The modules of a run folder, of a recipe, or of a file that holds nothing but them."""
    is_run = is_url(name) or Path(name).is_dir()
    file = f"{name}/recipe.toml" if is_run else name
    try:
        data = Workspace(name).read_bytes("recipe.toml") if is_url(name) else Path(file).read_bytes()
        value = tomllib.loads(data.decode())
        listed = value.get("pace", value)
        found = Modules.model_validate({"module": listed.get("module", ())} if "pace" in value else value)
    except (FileNotFoundError, IntegrityError) as error:
        raise SettingsError(
            f"there are no modules to reuse at {name}", fix="name a recipe, a run folder or a file of [[module]] tables"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"the modules of {file} cannot be read: {error}", fix="mend the file") from error
    except ValidationError as error:
        where, first = problems.first(error)
        raise SettingsError(
            f"the modules of {file} do not hold: {where}: {first['msg'].lower()}",
            fix="see [[pace.module]] in schemas/recipe.json for what a module may hold",
        ) from error
    if not found.module:
        raise SettingsError(
            f"{file} has no modules to reuse", fix="list them there as [[pace.module]], or name another file"
        )
    return found.module
