"""Generates what is derived: the JSON Schemas in `schemas/`, `curate/options.py` and README's command reference.

`python -m curate.cli.reference` writes them; with ``--check`` it only says whether they are up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from curate.audit.step import Report as AuditReport
from curate.cli import typed
from curate.cli.main import COMMANDS, group
from curate.core.manifest import Manifest, Schedule
from curate.core.measured import Measured, Transfer
from curate.core.plan import Plan
from curate.errors import SettingsError
from curate.ingest.step import Report as IngestReport
from curate.recipe import Recipe
from curate.score.agree import Agreement
from curate.score.step import Report as ScoreReport
from curate.study.ablation import Ablation
from curate.study.diagnosis import Diagnosed
from curate.study.difference import Difference
from curate.study.revision import Revision
from curate.tag.catalogue import Catalogue
from curate.train.report import Report as TrainReport
from curate.verify.step import Report as VerifyReport

if TYPE_CHECKING:
    from curate.protocol import Frozen

MODELS: dict[str, type[Frozen]] = {
    "ablation": Ablation,
    "agreement": Agreement,
    "audit": AuditReport,
    "catalogue": Catalogue,
    "diagnosis": Diagnosed,
    "diff": Difference,
    "ingest": IngestReport,
    "manifest": Manifest,
    "plan": Plan,
    "probe": Measured,
    "recipe": Recipe,
    "revision": Revision,
    "schedule": Schedule,
    "score": ScoreReport,
    "training": TrainReport,
    "transfer": Transfer,
    "verify": VerifyReport,
}
"""What leaves the house as JSON or comes in as TOML, by the name of its schema."""

STAMPED = {"audit", "ingest", "manifest", "plan", "score"}
"""Those that are written with a stamp, under the key ``curate``."""

_BEGIN = "<!-- reference: begin (made by `make reference`) -->"
_END = "<!-- reference: end -->"


def schema(name: str) -> bytes:
    """One JSON Schema (2020-12) as it stands in `schemas/`."""
    value = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{name}.json",
        **MODELS[name].model_json_schema(mode="validation"),
    }
    if name in STAMPED:
        hexadecimal = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
        value["properties"]["curate"] = {
            "title": "Stamp",
            "description": "Digests of the settings and of the inputs that this was made from.",
            "type": "object",
            "properties": {"settings": hexadecimal, "inputs": hexadecimal},
            "required": ["settings", "inputs"],
            "additionalProperties": False,
        }
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def commands() -> str:
    """The help of every command, as Markdown."""
    pieces = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        if command is None:
            raise TypeError(f"there is no command {name}")
        context = click.Context(
            command,
            info_name=f"curate {name}",
            max_content_width=100,
            terminal_width=100,
            color=False,
            help_option_names=["-h", "--help"],
        )
        pieces.append(f"### `curate {name}`\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(pieces)


def files(root: Path) -> dict[Path, bytes]:
    """All generated files with the bytes that they should have."""
    made = {root / "schemas" / f"{name}.json": schema(name) for name in MODELS}
    made[root / "curate" / "options.py"] = typed.source()
    readme = root / "README.md"
    before, found, rest = readme.read_text(encoding="utf-8").partition(_BEGIN)
    if not found or _END not in rest:
        raise SettingsError(
            "README.md has lost the marks of its command reference", fix=f"put back {_BEGIN} and {_END}"
        )
    after = rest.partition(_END)[2]
    made[readme] = f"{before}{_BEGIN}\n\n{commands()}\n{_END}{after}".encode()
    return made


def main() -> None:
    """Write the generated files, or say which of them are behind."""
    made = files(Path.cwd())
    stale = [path for path, data in made.items() if not path.is_file() or path.read_bytes() != data]
    if "--check" in sys.argv:
        if stale:
            sys.exit(f"behind the code: {', '.join(path.name for path in stale)}; run `make reference`")
        return
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made[path])


if __name__ == "__main__":
    main()
