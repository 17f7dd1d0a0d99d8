"""The network, its adapter and the trainer, as the settings ask for them; all that needs transformers, TRL and peft."""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.errors import SettingsError
from curate.models import load
from curate.models.device import pick_device
from curate.models.likelihood import score_tokens
from curate.models.passes import Pass
from curate.models.settings import LmSettings, budget
from curate.train.encode import IGNORED, pad
from curate.train.loop import Feed, follower, staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import torch

    from curate.models.untyped import Network, Tokenizer
    from curate.train.encode import Encoded
    from curate.train.settings import Settings

_NEVER = 2**31
"""More steps than any training has: the feed says when it is over."""


def require(package: str) -> None:
    """Raise `SettingsError` where a package of the extra `train` is missing."""
    if find_spec(package) is None:
        raise SettingsError(
            f"{package} is not installed", fix='install what training needs: pip install "curate-curriculum[train]"'
        )


def adapted(network: Network, settings: Settings) -> Network:
    """The network, with low-rank matrices beside its linear layers where the settings ask for them."""
    from transformers import set_seed

    set_seed(settings.seed)
    if settings.adapter == "none":
        return network.requires_grad_(requires_grad=True)
    require("peft")
    from peft import LoraConfig, get_peft_model

    how = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():  # peft 0.21 reads names that transformers 5 has renamed
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(network, how)


@contextmanager
def quietly() -> Iterator[None]:
    """No bars and remarks of transformers while it trains; ours tell how far it is."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def filler(tokenizer: Tokenizer) -> int:
    """The token that fills up a batch: masked, so it is never attended to nor trained on."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0


def trainer(network: Network, tokenizer: Tokenizer, settings: Settings, feed: Feed, folder: Path) -> Any:  # noqa: ANN401
    """A trainer of the settings' kind that takes its steps from *feed* and keeps its checkpoints in *folder*."""
    from transformers import PrinterCallback, ProgressCallback, Trainer

    common = {"model": network, "processing_class": tokenizer, "callbacks": [follower(feed)]}
    if settings.trainer == "trl":
        made = _of_trl(common, settings, feed, folder)
    else:
        made = staged(Trainer, feed)(args=_arguments(settings, folder), **common)
    for noisy in (PrinterCallback, ProgressCallback):
        made.remove_callback(noisy)
    return made


def seconds_per_token(network: Network, rows: Sequence[Encoded], filling: int, settings: Settings) -> float:
    """How long one token takes forward and backward, from a micro-batch that is computed twice; the second counts."""
    import torch

    if not rows:
        return 0.0
    place = pick_device(settings.device)
    network = network.to(place).train()
    batch = {name: torch.from_numpy(array).to(place) for name, array in pad(rows, filling).items()}
    for _ in range(2):
        began = time.perf_counter()
        network(**batch).loss.backward()
        if place.type == "cuda":
            torch.cuda.synchronize(place)
        seconds = time.perf_counter() - began
        network.zero_grad()
    return seconds / sum(len(one.ids) for one in rows)


def probe_seconds(network: Network, tokenizer: Tokenizer, rows: Sequence[Encoded], tokens: int) -> float:
    """How long a probe of so many tokens takes: rows go through the model twice, and the second time counts."""
    if not rows:
        return 0.0
    began = time.perf_counter()
    model = load.wrap(network.eval(), tokenizer)
    made = time.perf_counter() - began
    passes = [_pass(one) for one in rows]
    for _ in range(2):
        began = time.perf_counter()
        score_tokens(model, passes, budget(model, LmSettings()))
        seconds = time.perf_counter() - began
    return made + seconds / sum(len(one.ids) for one in rows) * tokens


def _pass(one: Encoded) -> Pass:
    targets = np.flatnonzero(one.labels[1:] != IGNORED).astype(np.int32) + np.int32(1)
    return Pass(0, one.ids.astype(np.int32), targets, np.zeros_like(targets))


def average(network: Network, folders: Sequence[Path]) -> None:
    """Put the mean of the weights of several checkpoints into the network (all in fp32, key by key).

    Averaging the last checkpoints takes the place of a decayed learning rate: Luo et al. 2026 (arXiv 2511.18903).
    """
    from safetensors.torch import load_file

    mean: dict[str, torch.Tensor] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.safetensors")):
            for name, weight in load_file(file).items():
                share = weight.float() / len(folders)
                mean[name] = mean[name] + share if name in mean else share
    _put(network, mean)


def _put(network: Network, weights: Mapping[str, torch.Tensor]) -> None:
    if hasattr(network, "peft_config"):
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(network, dict(weights))
        return
    unknown = network.load_state_dict(weights, strict=False).unexpected_keys
    if unknown:
        raise TypeError(f"a checkpoint holds weights that the model has not: {unknown[:3]}")


def _of_trl(common: Mapping[str, Any], settings: Settings, feed: Feed, folder: Path) -> Any:  # noqa: ANN401
    """TRL's trainer looks at a data set when it is made; rows still come from the feed alone."""
    require("trl")
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    looked_at = Dataset.from_dict({"input_ids": [[0, 0]], "labels": [[0, 0]]})
    more = {"dataset_kwargs": {"skip_prepare_dataset": True}, "max_length": None, "packing": False, "loss_type": "nll"}
    return staged(SFTTrainer, feed)(
        args=_arguments(settings, folder, SFTConfig, more), train_dataset=looked_at, **common
    )


def _arguments(
    settings: Settings, folder: Path, kind: type[Any] | None = None, more: Mapping[str, object] | None = None
) -> Any:  # noqa: ANN401
    import torch
    from transformers import TrainingArguments

    kind = kind or TrainingArguments
    place = pick_device(settings.device)
    return kind(
        output_dir=str(folder),
        per_device_train_batch_size=settings.batch_rows,
        gradient_accumulation_steps=1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_grad_norm=1.0,
        max_steps=_NEVER,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        ignore_data_skip=True,
        seed=settings.seed,
        use_cpu=place.type == "cpu",
        bf16=place.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False),
        **checkpointing(kind, wanted=settings.gradient_checkpointing),
        **(more or {}),
    )


def checkpointing(kind: type[Any], *, wanted: bool) -> dict[str, bool]:
    """The arguments of TRL's or transformers' *kind* that say whether activations are computed twice to save memory.

    Newer transformers say `activation_checkpointing`; TRL still has the older name too, and sets it where nobody does.
    """
    from transformers import TrainingArguments

    if "activation_checkpointing" not in kind.__dataclass_fields__:
        return {"gradient_checkpointing": wanted}
    older = {} if kind is TrainingArguments else {"gradient_checkpointing": False}
    return {"activation_checkpointing": wanted} | older
