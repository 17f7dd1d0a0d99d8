"""What a model's folder holds: the files that decide its outputs, their fingerprint, and what we refuse to read."""

from __future__ import annotations

from functools import cache
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING

from curate.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PATTERNS = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "adapter_config.json",
    "generation_config.json",
    "*/config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""Weights, configuration and tokenizer; nothing else is downloaded, and nothing else counts in a fingerprint."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


def check(folder: Path) -> Path:
    """The folder, if it is a model that we can read.

    Raises `SettingsError` where there is no ``config.json``, or no safetensors (pickles can run code when they are
    opened, so they are never read).
    """
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise SettingsError(
            f"{folder} is no model: it holds neither config.json nor modules.json",
            fix="name the folder that save_pretrained() wrote, or a .gguf file",
        )
    if any(folder.glob("**/*.safetensors")):
        return folder
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise SettingsError(
            f"{folder} holds its weights as pickles only ({', '.join(pickles[:3])}), which can run code when opened",
            fix="save it again as safetensors: model.save_pretrained(folder, safe_serialization=True)",
        )
    ggufs = sorted(path.name for path in folder.glob("*.gguf"))
    raise SettingsError(
        f"{folder} holds no .safetensors weights",
        fix=f"name the file itself: {folder / ggufs[0]}"
        if ggufs
        else "name a folder with safetensors, or a .gguf file",
    )


def fingerprint(folder: Path) -> str:
    """``sha256:`` over the names and contents of all files that decide what the model computes."""
    found = {path.relative_to(folder).as_posix(): path for pattern in PATTERNS for path in folder.glob(pattern)}
    return _digest((name, found[name]) for name in sorted(found))


def fingerprint_of_file(file: Path) -> str:
    """The same for a model in one file, whatever the file is called."""
    return _digest([("model.gguf", file)])


def joined(*fingerprints: str) -> str:
    """One fingerprint for what several models make together."""
    return f"sha256:{sha256(' '.join(fingerprints).encode()).hexdigest()}"


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    state = sha256()
    for name, path in files:
        now = path.stat()
        state.update(f"{name}\x00{_hash(path.resolve(), now.st_size, now.st_mtime_ns)}\n".encode())
    return f"sha256:{state.hexdigest()}"


@cache
def _hash(path: Path, size: int, changed_ns: int) -> str:
    """A file's hash, taken once a process while its size and time stay: weights are large and asked for often."""
    del size, changed_ns
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
