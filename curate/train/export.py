"""Configurations for other trainers, with the settings that keep the order: facts in, texts of files out.

Every export sets one epoch, since a second would start the curriculum again, and takes no validation rows out of the
training rows, since the last rows are the hardest. What each trainer would do otherwise is told in docs/training.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from curate.core.manifest import Schedule, ScheduledStage
    from curate.train.settings import Settings

Target = Literal["trl", "transformers", "axolotl", "llamafactory", "ms-swift", "lightning"]
TARGETS: tuple[Target, ...] = get_args(Target)

DATASET = "../../dataset"
"""The dataset as seen from the folder of an export, where its commands are given."""


@dataclass(frozen=True)
class Facts:
    """What an export is made from. *model* is a name that any trainer knows, *revision* its commit on the hub."""

    schedule: Schedule
    record: str
    holdout: Sequence[str]
    settings: Settings
    model: str
    revision: str | None

    @property
    def steps(self) -> int:
        """Optimiser steps of one ordered run on one device."""
        return -(-self.schedule.rows // self.settings.step_rows)


def written(target: Target, facts: Facts) -> dict[str, str]:
    """The files of one export by name: one ordered run, and the same stage by stage."""
    return _MAKERS[target](facts)


def _script(name: str, *, trl: bool = False) -> Callable[[Facts], dict[str, str]]:
    """A Python script that does both, made from a template."""

    def made(facts: Facts) -> dict[str, str]:
        from jinja2 import Environment, StrictUndefined

        # Python source, not HTML: every value goes through the filter `tojson` or is a number of ours.
        environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        environment.filters["literal"] = repr
        folder = files("curate.train")
        parts = {part: folder.joinpath(f"{part}.py.jinja").read_text(encoding="utf-8") for part in (name, "rows")}
        rows = environment.from_string(parts["rows"]).render(facts=facts, dataset=DATASET)
        text = environment.from_string(parts[name]).render(facts=facts, rows=rows, trl=trl)
        return {"train.py": text}

    return made


def _axolotl(facts: Facts) -> dict[str, str]:
    names = ["ordered", *(stage.config for stage in facts.schedule.stages)]
    made = {}
    for place, name in enumerate(names):
        paths = _paths(facts, name)
        config: dict[str, Any] = {
            "base_model": facts.model,
            **({"revision_of_model": facts.revision} if facts.revision else {}),
            "datasets": [_of_axolotl(facts, paths)],
            **({"test_datasets": [_of_axolotl(facts, _below(facts.holdout))]} if facts.holdout else {}),
            "val_set_size": 0.0,
            "curriculum_sampling": True,
            "shuffle_merged_datasets": False,
            "dataset_exact_deduplication": False,
            "sample_packing": False,
            "sequence_len": facts.settings.max_tokens,
            "excess_length_strategy": "truncate",
            "num_epochs": 1,
            "micro_batch_size": facts.settings.batch_rows,
            "gradient_accumulation_steps": facts.settings.accumulation,
            "learning_rate": facts.settings.learning_rate,
            **_schedule(facts),
            "optimizer": "adamw_torch",
            "weight_decay": 0.0,
            "gradient_checkpointing": facts.settings.gradient_checkpointing,
            "seed": facts.settings.seed,
            "output_dir": f"./out/{name}",
            "dataset_prepared_path": f"./prepared/{name}",
        }
        if facts.settings.adapter == "lora":
            rank = facts.settings.lora_rank
            config |= {"adapter": "lora", "lora_r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0}
            config |= {"lora_target_linear": True}
        if place > 1:
            last = f"./out/{names[place - 1]}"
            config |= {"lora_model_dir": last} if facts.settings.adapter == "lora" else {"base_model": last}
        made[f"{name}.yaml"] = _yaml(f"axolotl train {name}.yaml", config)
    return made


def _of_axolotl(facts: Facts, paths: Sequence[str]) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "messages": {
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        },
        "prompt-completion": {
            "type": {
                "system_prompt": "",
                "field_instruction": "prompt",
                "field_output": "completion",
                "format": "{instruction}\n",
                "no_input_format": "{instruction}\n",
            }
        },
        "text": {"type": "completion", "field": "text"},
    }
    return {"path": DATASET, "ds_type": "parquet", "data_files": list(paths), "split": "train", **kinds[facts.record]}


def _llamafactory(facts: Facts) -> dict[str, str]:
    """One entry of `dataset_info.json` for each shard, since the files of a folder come in no order."""
    named = {
        stage.config: [f"{stage.config}_part_{number:05d}".replace("-", "_") for number in range(len(stage.files))]
        for stage in facts.schedule.stages
    }
    info = {
        name: {"file_name": f"{DATASET}/{path}", **_of_llamafactory(facts.record)}
        for stage in facts.schedule.stages
        for name, path in zip(named[stage.config], stage.files, strict=True)
    }
    for number, path in enumerate(facts.holdout):
        info[f"held_part_{number:05d}"] = {"file_name": f"{DATASET}/{path}", **_of_llamafactory(facts.record)}
    held = [name for name in info if name.startswith("held_")]
    runs = {"ordered": [name for names in named.values() for name in names], **named}
    made = {"dataset_info.json": json.dumps(info, indent=2) + "\n"}
    for place, (name, sets) in enumerate(runs.items()):
        config: dict[str, Any] = {
            "model_name_or_path": facts.model,
            **({"model_revision": facts.revision} if facts.revision else {}),
            "stage": "pt" if facts.record == "text" else "sft",
            "do_train": True,
            "finetuning_type": "lora" if facts.settings.adapter == "lora" else "full",
            "dataset_dir": ".",
            "dataset": ",".join(sets),
            **({"eval_dataset": ",".join(held)} if held else {}),
            "template": "default",
            "disable_shuffling": True,
            "mix_strategy": "concat",
            "streaming": False,
            "packing": False,
            "val_size": 0.0,
            "cutoff_len": facts.settings.max_tokens,
            "num_train_epochs": 1.0,
            "per_device_train_batch_size": facts.settings.batch_rows,
            "gradient_accumulation_steps": facts.settings.accumulation,
            "learning_rate": facts.settings.learning_rate,
            **_of_transformers(facts),
            "seed": facts.settings.seed,
            "output_dir": f"out/{name}",
            "report_to": "none",
        }
        if facts.settings.adapter == "lora":
            config |= {"lora_rank": facts.settings.lora_rank, "lora_alpha": 2 * facts.settings.lora_rank}
            config |= {"lora_target": "all"}
        if place > 1:
            last = f"out/{list(runs)[place - 1]}"
            key = "adapter_name_or_path" if facts.settings.adapter == "lora" else "model_name_or_path"
            config[key] = last
        made[f"{name}.yaml"] = _yaml(
            f"llamafactory-cli train {name}.yaml\n# `template`: the name of your model's chat template",
            config,
        )
    return made


def _of_llamafactory(record: str) -> dict[str, Any]:
    if record == "messages":
        tags = {"role_tag": "role", "content_tag": "content"}
        tags |= {f"{role}_tag": role for role in ("user", "assistant", "system")}
        return {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    if record == "text":
        return {"columns": {"prompt": "text"}}
    return {"formatting": "alpaca", "columns": {"prompt": "prompt", "response": "completion"}}


def _swift(facts: Facts) -> dict[str, str]:
    names = ["ordered", *(stage.config for stage in facts.schedule.stages)]
    columns = {"prompt-completion": {"prompt": "query", "completion": "response"}, "text": {"text": "response"}}
    made = {}
    for place, name in enumerate(names):
        config: dict[str, Any] = {
            "model": facts.model,
            "use_hf": True,
            **({"model_revision": facts.revision} if facts.revision else {}),
            "dataset": _paths(facts, name),
            **({"val_dataset": _below(facts.holdout)} if facts.holdout else {}),
            **({"columns": json.dumps(columns[facts.record])} if facts.record in columns else {}),
            "dataset_shuffle": False,
            "train_dataloader_shuffle": False,
            "split_dataset_ratio": 0.0,
            "streaming": False,
            "packing": False,
            "max_length": facts.settings.max_tokens,
            "truncation_strategy": "right",
            "num_train_epochs": 1,
            "per_device_train_batch_size": facts.settings.batch_rows,
            "gradient_accumulation_steps": facts.settings.accumulation,
            "learning_rate": facts.settings.learning_rate,
            **_of_transformers(facts),
            "seed": facts.settings.seed,
            "output_dir": f"out/{name}",
            "add_version": False,
            "tuner_type": "lora" if facts.settings.adapter == "lora" else "full",
        }
        if facts.settings.adapter == "lora":
            config |= {"lora_rank": facts.settings.lora_rank, "lora_alpha": 2 * facts.settings.lora_rank}
            config |= {"target_modules": ["all-linear"]}
        if place > 1:
            last = f"out/{names[place - 1]}/last"
            config |= {"adapters": [last]} if facts.settings.adapter == "lora" else {"model": last}
        made[f"{name}.yaml"] = _yaml(f"swift {'pt' if facts.record == 'text' else 'sft'} {name}.yaml", config)
    return made


_MAKERS: dict[Target, Callable[[Facts], dict[str, str]]] = {
    "trl": _script("hugging_face", trl=True),
    "transformers": _script("hugging_face"),
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
    "ms-swift": _swift,
    "lightning": _script("lightning"),
}


def _paths(facts: Facts, config: str) -> list[str]:
    """The shards of a configuration, in order."""
    stages: Sequence[ScheduledStage] = facts.schedule.stages
    return _below([path for stage in stages if config in {"ordered", stage.config} for path in stage.files])


def _below(paths: Sequence[str]) -> list[str]:
    return [f"{DATASET}/{path}" for path in paths]


def _schedule(facts: Facts) -> dict[str, Any]:
    """Constant after a warm-up; or constant, and at last down to the share that the settings name."""
    given = facts.settings
    final = facts.schedule.stages[-1].learning.end if given.shape == "schedule" else given.final
    if given.shape == "constant" or final == 1.0:
        return {"lr_scheduler": "constant_with_warmup", "warmup_ratio": given.warm_up}
    from curate.train.rates import DECAY

    more = {"num_decay_steps": max(1, round(DECAY * facts.steps)), "min_lr_ratio": final, "decay_type": "linear"}
    return {"lr_scheduler": "warmup_stable_decay", "lr_scheduler_kwargs": more, "warmup_ratio": given.warm_up}


def _of_transformers(facts: Facts) -> dict[str, Any]:
    """The same, under the names of transformers' arguments."""
    made = _schedule(facts)
    kwargs = {"lr_scheduler_kwargs": made["lr_scheduler_kwargs"]} if "lr_scheduler_kwargs" in made else {}
    return {
        "lr_scheduler_type": made["lr_scheduler"],
        **kwargs,
        "warmup_steps": round(made["warmup_ratio"] * facts.steps),
    }


def _yaml(command: str, config: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    return f"# Written by curate; in this folder: {command}\n{text}"
