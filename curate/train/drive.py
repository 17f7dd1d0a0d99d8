"""Drive the real loaders of transformers, TRL and Lightning with marked rows, and see in which order they come.

Nothing is trained: the trainers are made as for a training, asked for their loader, and it is read to its end.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.train.build import checkpointing, quietly, require
from curate.train.delivered import Delivered, Lengths, compare, marked, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch
    from numpy.typing import NDArray

KEEPING: dict[str, dict[str, object]] = {
    "transformers": {"train_sampling_strategy": "sequential"},
    "trl": {"train_sampling_strategy": "sequential", "packing": False, "shuffle_dataset": False},
    "lightning": {"shuffle": False},
}
"""The settings that keep the order, as the exports use them."""


_SPLIT_WORD = re.compile(
    r"(?:^|[^a-zA-Z0-9])(?:train|training|test|testing|eval|evaluation|dev|valid|validation)(?:[^a-zA-Z]|$)"
)


def of_transformers(lengths: Lengths, options: Mapping[str, object], *, ranks: int = 1) -> Delivered:
    """What transformers' `Trainer` delivers under some of its arguments, dealt to *ranks* processes by accelerate."""
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder, quietly():
        made = Trainer(
            model=_network(),
            args=TrainingArguments(output_dir=folder, use_cpu=True, report_to=[], **options),
            train_dataset=Dataset.from_dict(marked(lengths)),
            data_collator=_collate,
        )
        return compare(lengths, pieces(_read(made, ranks)))


def of_trl(lengths: Lengths, options: Mapping[str, object], *, ranks: int = 1) -> Delivered:
    """The same of TRL's `SFTTrainer`, which cuts, filters, packs and shuffles before."""
    require("trl")
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    more = {"bf16": False, "report_to": [], "use_cpu": True, **checkpointing(SFTConfig, wanted=False), **options}
    with tempfile.TemporaryDirectory() as folder, quietly():
        made = SFTTrainer(
            model=_network(),
            args=SFTConfig(output_dir=folder, **more),
            train_dataset=Dataset.from_dict(marked(lengths)),
            processing_class=_tokenizer(),
        )
        return compare(lengths, pieces(_read(made, ranks)))


def of_lightning(lengths: Lengths, options: Mapping[str, object]) -> Delivered:
    """What Lightning's `Trainer` hands to a model from a loader of torch that is made with some options."""
    require("lightning")
    import lightning
    from torch.utils.data import DataLoader

    columns = marked(lengths)
    rows = [{"input_ids": ids, "labels": labels} for ids, labels in zip(*columns.values(), strict=True)]
    seen: list[NDArray[np.int64]] = []

    class Witness(lightning.LightningModule):  # type: ignore[misc]
        """Notes what it is shown."""

        def training_step(self, batch: Mapping[str, torch.Tensor], number: int) -> None:
            """Note one batch."""
            del number
            seen.append(batch["input_ids"].numpy())

        def configure_optimizers(self) -> None:
            """Nothing is optimised."""

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning remarks that nothing is learnt
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        trainer.fit(Witness(), DataLoader(rows, collate_fn=_collate, **{"batch_size": 8, **options}))  # type: ignore[arg-type]
    return compare(lengths, pieces(seen))


def of_workers(lengths: Lengths, *, shards: int, workers: int) -> Delivered:
    """What a streamed set of `datasets` in *shards* delivers to a loader of torch with *workers*."""
    from datasets import Dataset
    from torch.utils.data import DataLoader

    stream = Dataset.from_dict(marked(lengths)).to_iterable_dataset(num_shards=shards)
    loader = DataLoader(stream, batch_size=8, num_workers=workers, collate_fn=_collate)
    return compare(lengths, pieces(batch["input_ids"].numpy() for batch in loader))


def split_words(paths: Sequence[str]) -> list[str]:
    """The files that `datasets` takes for another split by a word in their path, where no configuration is written.

    One such file hides all that have none. Source: the keywords of `datasets.data_files`.
    """
    return [path for path in paths if _SPLIT_WORD.search(path)]


def clashes(columns: Sequence[str]) -> list[str]:
    """The columns of which TRL takes any one to tell chats from plain text, where they are of several kinds.

    It pops from a set, so that the answer hangs on the hash seed of the process.
    """
    present = [name for name in ("messages", "prompt", "completion", "chosen", "rejected") if name in columns]
    return present if "messages" in present and len(present) > 1 else []


def _read(trainer: Any, ranks: int) -> Iterator[NDArray[np.int64]]:  # noqa: ANN401 - of an untyped library
    """The batches of all ranks in the order in which one step after the other takes them."""
    if ranks == 1:
        for batch in trainer.get_train_dataloader():
            yield batch["input_ids"].numpy()
        return
    from accelerate.data_loader import prepare_data_loader

    config = trainer.accelerator.dataloader_config
    trainer.accelerator.prepare = lambda loader: loader
    loaders = [
        prepare_data_loader(
            trainer.get_train_dataloader(),
            num_processes=ranks,
            process_index=rank,
            split_batches=config.split_batches,
            even_batches=config.even_batches,
            put_on_device=False,
        )
        for rank in range(ranks)
    ]
    for step in zip(*loaders, strict=False):
        for batch in step:
            yield batch["input_ids"].numpy()


def _collate(rows: Sequence[Mapping[str, Sequence[int]]]) -> Mapping[str, Any]:
    """Rows filled up with 0."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    ids = np.zeros((len(rows), longest), np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row["input_ids"])] = row["input_ids"]
    return {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(ids)}


def _network() -> Any:  # noqa: ANN401 - of an untyped library
    """A network that is there because a trainer wants one; it is never run."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=4,
            hidden_size=4,
            intermediate_size=4,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
        )
    )


def _tokenizer() -> Any:  # noqa: ANN401 - of an untyped library
    """A tokenizer of four words, whose filler is token 0."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
