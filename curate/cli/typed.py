"""Generates `curate/options.py`: the options of every command as types, so that calls from Python can be checked."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click

from curate.audit.step import Settings as AuditSettings
from curate.cli.main import group
from curate.embed.step import Settings as EmbedSettings
from curate.ingest.step import Settings as IngestSettings
from curate.pace.step import Settings as PaceSettings
from curate.probe.settings import Settings as ProbeSettings
from curate.score.step import Settings as ScoreSettings
from curate.study.ablation import Settings as AblateSettings
from curate.study.revision import Settings as ReviseSettings
from curate.tier.step import Settings as TierSettings
from curate.train.settings import Settings as TrainSettings
from curate.write.step import Settings as WriteSettings

if TYPE_CHECKING:
    from curate.protocol import Frozen

TABLES: dict[str, tuple[type[Frozen], ...]] = {
    "score": (ScoreSettings, IngestSettings, EmbedSettings),
    "tier": (TierSettings, PaceSettings, WriteSettings),
    "audit": (AuditSettings,),
    "train": (TrainSettings,),
    "export": (TrainSettings,),
    "probe": (ProbeSettings,),
    "revise": (ReviseSettings,),
    "ablate": (AblateSettings, TrainSettings),
}
"""The settings that the options of a command set, by command."""

_HEAD = '''"""The options of every command that sets something, as types (made by `make reference`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

'''


def options(command: str) -> dict[str, type[Frozen]]:
    """The options of a command that are settings, each with the settings that it belongs to."""
    found = group.get_command(click.Context(group), command)
    made: dict[str, type[Frozen]] = {}
    for option in [] if found is None else found.params:
        owner = next((model for model in TABLES[command] if option.name in model.model_fields), None)
        if owner is not None and option.name is not None:
            made[option.name] = owner
    return made


def source() -> bytes:
    """The Python source of `curate/options.py`."""
    pieces = [_HEAD]
    for command in TABLES:
        pieces.append(f'class {command.title()}Options(TypedDict, total=False):\n    """Options of `{command}`."""\n')
        for name, model in options(command).items():
            info = model.model_fields[name]
            told = " ".join((info.description or "").split()).replace('"', "'")
            pieces.append(f'    {name}: {rendered(info.annotation)}\n    """{told}"""')
    made = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", "curate/options.py", "-"],
        input="\n".join(pieces).encode(),
        capture_output=True,
        check=True,
    )
    return made.stdout


def rendered(kind: Any) -> str:  # noqa: ANN401 - any annotation
    """An annotation as source: what may be not given is left out, and any sequence or mapping is taken."""
    inside = get_args(kind)
    if get_origin(kind) is Annotated:
        return rendered(inside[0])
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(rendered(each) for each in inside if each is not type(None))
    if get_origin(kind) is Literal:
        return f"Literal[{', '.join(map(repr, inside))}]"
    if get_origin(kind) is tuple:
        return f"Sequence[{rendered(inside[0])}]"
    if get_origin(kind) in (dict, Mapping):
        return f"Mapping[{rendered(inside[0])}, {rendered(inside[1])}]"
    return str(kind.__name__)
