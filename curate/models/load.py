"""Tokenizers, language models and encoders, loaded once and shared by all who ask for the same one in this process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from curate.errors import SettingsError
from curate.models import adapter, gguf, pooling
from curate.models.bodies import body_of
from curate.models.choose import forward_of
from curate.models.device import Settled, number_format, pick_device, settle
from curate.models.encode import Encoder, LibraryEncoder, TransformerEncoder
from curate.models.quiet import quietly, said_plainly

if TYPE_CHECKING:
    import torch

    from curate.models.forward import Forward
    from curate.models.names import Resolved
    from curate.models.untyped import Network, Tokenizer
    from curate.protocol import Precision


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model in evaluation mode with its tokenizer.

    ``forward`` is how it is run (it may hold the weights in another layout, so the network itself is not kept);
    ``context`` is the model's own limit in tokens, None where it has none.
    """

    name: str
    tokenizer: Tokenizer
    forward: Forward
    precision: Settled
    device: torch.device
    context: int | None


def load_tokenizer(model: Resolved) -> Tokenizer:
    """The tokenizer of a model, without its weights.

    Raises `SettingsError` where it cannot be read, or cannot say which characters a token covers.
    """
    return _tokenizer(model)


def load_lm(model: Resolved, precision: Precision = "auto", device: str = "auto") -> LanguageModel:
    """A language model that is ready to score.

    Weights are converted to *precision* when they are loaded. Raises `SettingsError` where this version of
    transformers does not know the architecture, or the model wants to run code of its own.
    """
    place = pick_device(device)
    return _lm(model, settle(precision, place), place)


def load_encoder(model: Resolved, precision: Precision = "auto", device: str = "auto") -> Encoder:
    """A sentence encoder. sentence_transformers is imported only for one that is more than transformer and pooling."""
    place = pick_device(device)
    return _encoder(model, settle(precision, place), place)


def wrap(network: Network, tokenizer: Tokenizer, name: str = "model") -> LanguageModel:
    """A model that is in memory already, as it is: same weights, adapters, number format and device."""
    if hasattr(network, "get_base_model"):  # peft puts it into another
        adapter.check(network, name)
        network = network.get_base_model()
    weight = network.get_input_embeddings().weight
    formats: dict[str, Settled] = {"torch.float32": "fp32", "torch.bfloat16": "bf16", "torch.float16": "fp16"}
    limit = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    return LanguageModel(name, tokenizer, forward_of(network), formats[str(weight.dtype)], weight.device, limit)


@lru_cache(maxsize=4)
def _tokenizer(model: Resolved) -> Tokenizer:
    from transformers import AutoTokenizer

    if model.base is not None and model.folder is not None and not (model.folder / "tokenizer.json").is_file():
        return _tokenizer(model.base)
    folder = model.folder or gguf.tokenizer_folder(model)
    with said_plainly(model.name):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise SettingsError(
            f"the tokenizer of {model.name} has no tokenizer.json, so it cannot tell which characters a token covers",
            fix="convert it once: AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        )
    return tokenizer


def load_network(model: Resolved, precision: Settled = "fp32") -> Network:
    """The bare network of a language model on the CPU, its weights free to be trained; never shared with others."""
    from transformers import AutoModelForCausalLM

    if model.base is not None and model.folder is not None:
        base = load_network(model.base)
        with said_plainly(model.name), quietly():
            return adapter.merged(base, model.folder).to(number_format(precision))
    folder = model.folder or gguf.weights_folder(model)
    with said_plainly(model.name), quietly():
        return AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=number_format(precision),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )


@lru_cache(maxsize=2)
def _lm(model: Resolved, precision: Settled, device: torch.device) -> LanguageModel:
    network = load_network(model, precision).to(device).eval().requires_grad_(requires_grad=False)
    return wrap(network, load_tokenizer(model), model.name)


@lru_cache(maxsize=2)
def _encoder(model: Resolved, precision: Settled, device: torch.device) -> Encoder:
    if model.folder is None:
        raise TypeError(f"the encoder {model.name} has no folder")
    layers = pooling.read(model.folder)
    if layers is None:
        return _library_encoder(model, precision, device)
    from transformers import AutoModel, AutoTokenizer

    with said_plainly(model.name), quietly():
        tokenizer = AutoTokenizer.from_pretrained(layers.transformer, local_files_only=True, trust_remote_code=False)
        network = AutoModel.from_pretrained(
            layers.transformer,
            dtype=number_format(precision),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    network = network.to(device).eval().requires_grad_(requires_grad=False)
    longest = getattr(network.config, "max_position_embeddings", None) or tokenizer.model_max_length
    body = body_of(network, layers.mode, tokenizer.pad_token_id or 0)
    return TransformerEncoder(body, tokenizer, layers, network.config.hidden_size, longest)


def _library_encoder(model: Resolved, precision: Settled, device: torch.device) -> Encoder:
    from sentence_transformers import SentenceTransformer

    options = {"dtype": number_format(precision), "use_safetensors": True}
    with said_plainly(model.name), quietly():
        library = SentenceTransformer(
            str(model.folder),
            device=str(device),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs=options,
        )
    return LibraryEncoder(library, model.name)
