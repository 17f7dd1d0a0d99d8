"""Adapters of peft: low-rank matrices beside linear layers, and the name of the model that they stand beside."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

import orjson

from curate.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from curate.models.untyped import Network

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, and not a whole model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def base_of(folder: Path) -> str:
    """The name of the model that an adapter was trained beside.

    Raises `SettingsError` where it is not told, and where the adapter's weights are no safetensors.
    """
    if not (folder / WEIGHTS).is_file():
        raise SettingsError(
            f"the adapter {folder} holds no {WEIGHTS}", fix="save it again with save_pretrained(folder)"
        )
    try:
        told = orjson.loads((folder / CONFIG).read_bytes())
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"{folder / CONFIG} is no JSON: {error}", fix="save the adapter again") from error
    name = told.get("base_model_name_or_path") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name:
        raise SettingsError(
            f"the adapter {folder} does not say which model it stands beside",
            fix=f"write base_model_name_or_path into its {CONFIG}",
        )
    return name


def merged(network: Network, folder: Path) -> Network:
    """The network with the adapter's matrices added to its own weights, in the number format that these have.

    Raises `SettingsError` where peft is missing, and for adapters that are no change of weights (prompt tuning).
    """
    if find_spec("peft") is None:
        raise SettingsError(
            f"{folder} is an adapter, and peft is not installed", fix='pip install "curate-curriculum[train]"'
        )
    from peft import PeftModel

    with warnings.catch_warnings():  # peft 0.21 reads names that transformers 5 has renamed
        warnings.simplefilter("ignore", FutureWarning)
        held: Network = PeftModel.from_pretrained(network, folder, local_files_only=True)
    check(held, str(folder))
    return held.merge_and_unload()


def check(network: Network, name: str) -> None:
    """Raise `SettingsError` where the adapter of peft in a network is no change of its weights."""
    if network.active_peft_config.is_prompt_learning:
        raise SettingsError(
            f"the adapter {name} adds tokens to the prompt and changes no weights",
            fix="measure an adapter of weights, such as LoRA, or a whole model",
        )


def is_linear(layer: Network) -> bool:
    """Whether a layer does what `weight_of` says: x W^T + b, with plain low-rank matrices (Hu et al. 2022) or without.

    Not so where an adapter scales, drops out, has a bias, or is a variant such as DoRA.
    """
    from torch.nn import Linear

    if type(layer) is Linear:
        return True
    if (type(layer).__module__, type(layer).__qualname__) != ("peft.tuners.lora.layer", "Linear"):
        return False
    return (
        type(layer.base_layer) is Linear
        and not layer.merged
        and not layer.fan_in_fan_out
        and not layer.lora_variant
        and all(type(each) is Linear and each.bias is None for each in layer.lora_B.values())
    )


def weight_of(layer: Network) -> torch.Tensor:
    """The weight of a linear layer, what its active low-rank matrices add included. Shape (out, in)."""
    weight: torch.Tensor = layer.weight.detach()
    if not hasattr(layer, "base_layer") or layer.disable_adapters:
        return weight
    for name in layer.active_adapters:
        if name in layer.lora_A:
            weight = weight + layer.get_delta_weight(name).detach()
    return weight
