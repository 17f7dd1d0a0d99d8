"""The recipe: one frozen model for all that a run depends on, read from and written to TOML."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any, get_args

import tomli_w
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from curate.audit.settings import Matching
from curate.audit.step import Settings as AuditSettings
from curate.core import problems, toml
from curate.embed.step import Settings as EmbedSettings
from curate.errors import SettingsError, did_you_mean
from curate.ingest.step import Settings as IngestSettings
from curate.ingest.step import Source
from curate.mine.step import Settings as MineSettings
from curate.models.names import Resolved
from curate.pace.step import Settings as PaceSettings
from curate.probe.settings import Settings as ProbeSettings
from curate.protocol import Frozen
from curate.score.step import Settings as ScoreSettings
from curate.study.ablation import Settings as AblateSettings
from curate.study.causes import Settings as DiagnoseSettings
from curate.study.revision import Settings as ReviseSettings
from curate.tier.step import Settings as TierSettings
from curate.train.settings import Settings as TrainSettings
from curate.write.step import Settings as WriteSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from curate.store.workspace import Workspace


class Pairs(Source, Matching):
    """One entry of ``pairs``: a source, and how its texts belong together."""

    def readings(self) -> list[tuple[str | None, Source]]:
        """The sources to read: itself, or once for each column that holds a text, which is named beside it."""
        plain = {"path": self.path, "map": self.map}
        if not self.texts:
            return [(None, Source.model_validate(plain))]
        return [(column, Source(path=self.path, map={**self.map, "text": column})) for column in self.texts]

    @model_validator(mode="after")
    def _one_text(self) -> Pairs:
        taken = sorted({"messages", "prompt", "text"} & set(self.map))
        if self.texts and taken:
            raise ValueError(f"texts says which columns hold the texts: leave {taken[0]} out of its map")
        return self


class Recipe(Frozen):
    """What `recipe.toml` holds: one table per room, defaults for all that is left out."""

    sources: tuple[Source, ...] = Field(default=(), description="Files, folders, globs, URLs or hf: names, in order.")
    seed: int = Field(default=0, ge=0, description="Decides everything that is left to chance.")
    edition: int = Field(
        default=1,
        ge=1,
        description="Ranks and borders stay as this edition first measured them; a higher number measures anew.",
    )
    part_rows: int = Field(default=2048, ge=1, description="Input rows of one part file.")
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    embed: EmbedSettings = Field(default_factory=EmbedSettings)
    score: ScoreSettings = Field(default_factory=ScoreSettings)
    scorers: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Settings of scorers by alias; `use` names the scorer where the alias does not.",
    )
    mine: MineSettings = Field(default_factory=MineSettings)
    against: tuple[Source, ...] = Field(
        default=(), description="Benchmarks whose rows must not be trained on, as sources."
    )
    target: tuple[Source, ...] = Field(
        default=(), description="Rows that the model is to be good at, as sources: how near is each example to them?"
    )
    reference: tuple[Source, ...] = Field(
        default=(), description="Texts that the curriculum should cover, as sources, for the audit."
    )
    pairs: tuple[Pairs, ...] = Field(
        default=(), description="Texts of one meaning, as sources that say how they go together: is one ranked harder?"
    )
    tier: TierSettings = Field(default_factory=TierSettings)
    pace: PaceSettings = Field(default_factory=PaceSettings)
    write: WriteSettings = Field(default_factory=WriteSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    probe: ProbeSettings = Field(default_factory=ProbeSettings)
    ablate: AblateSettings = Field(default_factory=AblateSettings)
    diagnose: DiagnoseSettings = Field(default_factory=DiagnoseSettings)
    revise: ReviseSettings = Field(default_factory=ReviseSettings)
    resolved: dict[str, Resolved] = Field(
        default_factory=dict, description="Written by us: what each model name stood for."
    )

    @field_validator("sources", "against", "target", "reference", "pairs", mode="before")
    @classmethod
    def _plain_paths(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        return [{"path": each} if isinstance(each, str) else each for each in value]


def read_recipe(path: Path) -> Recipe:
    """The recipe of a TOML file; `SettingsError` names the key that does not hold and what was probably meant."""
    return check(toml.read(path, "recipe"), str(path))


def held_recipe(space: Workspace) -> Recipe:
    """The recipe of a run folder; `SettingsError` where it holds none."""
    if not space.disk.exists("recipe.toml"):
        raise SettingsError(
            f"{space.name} is no run folder: it holds no recipe.toml",
            fix=f"make one with `curate score FILE -o {quote(space.name)}`",
        )
    name = f"{space.name}/recipe.toml"
    return check(toml.parse(space.read_bytes("recipe.toml"), name, "recipe"), name)


def check(value: Mapping[str, object], name: str) -> Recipe:
    """A checked recipe from plain values."""
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        where, first = problems.first(error)
        if first["type"] == "extra_forbidden":
            *table, key = (str(step) for step in first["loc"])
            raise SettingsError(
                f"{name} has a key that nothing reads: {where}", fix=did_you_mean(key, _keys(Recipe, table))
            ) from error
        raise SettingsError(
            f"{name}: {where} is {first['input']!r}: {first['msg'].lower()}", fix="see schemas/recipe.json"
        ) from error


def dump(recipe: Recipe) -> bytes:
    """The recipe as TOML, what is not known left out."""
    return tomli_w.dumps(_known(recipe.model_dump(mode="json"))).encode()


def changed(recipe: Recipe, options: Mapping[str, Mapping[str, object]]) -> Recipe:
    """The recipe with the options that were given: ``{table: {key: value}}``, None meaning not given.

    The table ``""`` holds keys of the top level.
    """
    value: dict[str, Any] = recipe.model_dump(mode="json")
    for table, keys in options.items():
        target = value if not table else value[table]
        target.update({key: given for key, given in keys.items() if given is not None})
    return check(value, "the command line")


def _known(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value without what is not known, for TOML has no null."""
    if isinstance(value, dict):
        return {key: _known(each) for key, each in value.items() if each is not None}
    return [_known(each) for each in value] if isinstance(value, list) else value


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the table at *path*, as far as the models tell."""
    for step in path:
        if step.isdigit():  # a place in a list of the model that was found last
            continue
        field = model.model_fields.get(step)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)
