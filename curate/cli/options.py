"""Options made from settings: a field's description is its help, its default is shown, its type is checked."""

from __future__ import annotations

import types
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

import click

from curate.engines.choice import Choice, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Command = TypeVar("Command", bound="Callable[..., Any]")


def setting(model: type[BaseModel], field: str, *flags: str) -> Callable[[Command], Command]:
    """An option for one field of a settings model; None reaches the command where it is not given."""
    info = model.model_fields[field]
    kind, many = _type(info)
    names = flags or (f"--{field.replace('_', '-')}",)
    help_text = f"{info.description}{_shown(info)}"
    if many:
        return click.option(*names, field, type=str, default=None, metavar="A,B", callback=_listed, help=help_text)
    return click.option(*names, field, type=kind, default=None, help=help_text)


def common(command: Command) -> Command:
    """The options that every command has."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Show no progress and no notes."),
        click.option("-v", "--verbose", is_flag=True, help="Say what is done and why."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ):
        command = option(command)
    return command


def engines(command: Command) -> Command:
    """The options that say who works; the command gets them as one `Choice`, named *engine*."""

    @wraps(command)
    def called(
        *given: object, kind: Kind, workers: int | None, address: str | None, gpus: float | None, **named: object
    ) -> object:
        return command(*given, engine=Choice(kind, workers, address, gpus), **named)

    wrapped: Any = called
    for option in (
        click.option(
            "--gpus", type=click.FloatRange(0), help="Share of a graphics card that each actor of the cluster takes."
        ),
        click.option("--address", metavar="HOST:PORT", help="Ray cluster. [default: one of this machine alone]"),
        click.option(
            "--engine",
            "kind",
            type=click.Choice(get_args(Kind)),
            default="local",
            help="Work on this machine or on a Ray cluster. [default: local]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="Processes that work. [default: one for each graphics card that a model may use, else one; on a "
            "cluster as many as leave a processor free]",
        ),
    ):
        wrapped = option(wrapped)
    done: Command = wrapped
    return done


def _type(info: FieldInfo) -> tuple[Any, bool]:
    """The click type of a field, and whether it holds many values."""
    kind = info.annotation
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is tuple:
        return str, True
    if get_origin(kind) is Literal:
        return click.Choice([str(each) for each in get_args(kind)]), False
    if kind in (int, float, bool):
        return kind, False
    return str, False


def _shown(info: FieldInfo) -> str:
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None or default in ((), {}, ""):
        return ""
    return f" [default: {','.join(map(str, default)) if isinstance(default, tuple) else default}]"


def _listed(_context: click.Context, _option: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [each.strip() for each in value.split(",") if each.strip()]
