"""Adapters of peft: measured with what they add, in memory and from the folder that peft writes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from curate.errors import SettingsError
from curate.models import adapter, llama, names
from curate.models.forward import ThroughBase
from curate.models.load import load_network, load_tokenizer, wrap
from curate.probe.likelihood import look
from curate.train import build
from curate.train.settings import Settings
from tests.lm_fakes import tiny_network, tiny_tokenizer
from tests.probe_suites import QUIZ, plain_only, suite

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

pytest.importorskip("peft")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "base"
    tiny_network().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def adapted(base: Path) -> Any:  # noqa: ANN401 - peft's model
    """A network with low-rank matrices that change what it says."""
    import torch

    held = build.adapted(load_network(names.resolve(str(base), "lm")), Settings(lora_rank=2))
    luck = torch.Generator().manual_seed(3)
    for name, weight in held.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 0.2, generator=luck)
    return held.eval()


def asked(network: Any) -> NDArray[np.float64]:  # noqa: ANN401 - a model
    return look(
        plain_only(suite((QUIZ, "B"), ("Why is it so?", "It was like that."))), wrap(network, tiny_tokenizer())
    ).nll


def test_an_adapter_in_memory_is_measured_with_what_it_adds(base: Path) -> None:
    held = adapted(base)

    found = asked(held)

    assert llama.applies(held.get_base_model())
    with held.disable_adapter():
        assert abs(asked(held) - found).min() > 0.1
    assert found == pytest.approx(asked(held.merge_and_unload()), rel=1e-5)


def test_low_rank_matrices_are_added_to_the_weights_and_their_variants_are_not(base: Path) -> None:
    held = adapted(base)
    layer = held.get_base_model().model.layers[0].mlp.down_proj

    with held.disable_adapter():
        assert (adapter.weight_of(layer) == layer.base_layer.weight).all()
    assert adapter.is_linear(layer)
    assert (adapter.weight_of(layer) - layer.base_layer.weight - layer.get_delta_weight("default")).abs().max() < 1e-6
    layer.merge()
    assert not adapter.is_linear(layer)


@pytest.mark.parametrize("kind", [{"use_dora": True}, {"lora_bias": True}])
def test_a_variant_of_low_rank_matrices_is_measured_by_the_models_own_forward(
    base: Path, kind: dict[str, bool]
) -> None:
    from peft import LoraConfig, get_peft_model

    network = load_network(names.resolve(str(base), "lm"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held: Any = get_peft_model(network, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", **kind))

    assert isinstance(wrap(held.eval(), tiny_tokenizer()).forward, ThroughBase)


def test_a_folder_that_holds_an_adapter_is_the_model_with_it(base: Path, tmp_path: Path) -> None:
    held = adapted(base)
    held.save_pretrained(tmp_path / "adapter")

    found = names.resolve(str(tmp_path / "adapter"), "lm")

    assert found.fingerprint not in {names.resolve(str(base), "lm").fingerprint, ""}
    assert asked(load_network(found)) == pytest.approx(asked(held), rel=1e-5)
    assert load_tokenizer(found)("sum")["input_ids"] == tiny_tokenizer()("sum")["input_ids"]


def test_an_adapter_whose_model_is_gone_is_refused_with_its_name(base: Path, tmp_path: Path) -> None:
    adapted(base).save_pretrained(tmp_path)
    told = orjson.loads((tmp_path / "adapter_config.json").read_bytes())
    (tmp_path / "adapter_config.json").write_bytes(orjson.dumps({**told, "base_model_name_or_path": "/gone/base"}))

    with pytest.raises(SettingsError, match="stands beside the model '/gone/base', which cannot be had"):
        names.resolve(str(tmp_path), "lm")


def test_an_adapter_of_prompts_is_refused(base: Path, tmp_path: Path) -> None:
    from peft import PromptTuningConfig, get_peft_model

    network = load_network(names.resolve(str(base), "lm"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        held: Any = get_peft_model(network, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2))
    held.save_pretrained(tmp_path)

    with pytest.raises(SettingsError, match="adds tokens to the prompt"):
        load_network(names.resolve(str(tmp_path), "lm"))
    with pytest.raises(SettingsError, match="adds tokens to the prompt"):
        wrap(held, tiny_tokenizer())
