"""A small model from scratch, through the stages of a curriculum whose levels are known.

Sums of one to three digits and two to four terms from `reasoning-gym`: five levels, the difficulty of a row is its
level. The model is a Llama of 0.4 million weights over bytes that has seen nothing before. Run it with

    python examples/train_from_scratch.py RUN_FOLDER [OPTIONS OF curate train]

It makes the run, trains through the stage loop with gates, and prints the decisions and the loss by stage and skill.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from curate.cli.main import call

LEVELS = ((2, 1), (3, 1), (2, 2), (3, 2), (4, 3))
"""Terms and digits of each level, easiest first."""
ROWS_PER_LEVEL = 160


def tasks() -> list[dict[str, object]]:
    """Questions, answers and levels, each question once."""
    import reasoning_gym

    rows: dict[str, dict[str, object]] = {}
    for level, (terms, digits) in enumerate(LEVELS):
        made = reasoning_gym.create_dataset(
            "chain_sum",
            size=ROWS_PER_LEVEL,
            seed=level,
            min_terms=terms,
            max_terms=terms,
            min_digits=digits,
            max_digits=digits,
        )
        for row in made:
            question = row["metadata"]["expression"]
            skill = "subtraction" if "-" in question else "addition"
            rows.setdefault(
                question, {"prompt": question + " =", "completion": row["answer"], "level": level, "skill": skill}
            )
    return list(rows.values())


def new_model(folder: Path, width: int = 128) -> None:
    """A Llama with random weights and *width* numbers for each token, and a tokenizer whose tokens are bytes."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken("<end>", special=True)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", pad_token="<end>")
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['content'] }}"
        "{% if message['role'] == 'assistant' %}{{ '<end>' }}{% else %}{{ ' ' }}{% endif %}{% endfor %}"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


RECIPE = """
sources = [{source}]
[score]
scorers = ["length"]
tokenizer = {model}
[tier]
stages = 6            # five levels, one stage each, and a mixed last stage
label = "level"       # the level is the tier
skills = "column:skill"
remove = []           # sums differ in a digit, which is no copy
[pace]
passes = 3
review = 0.15
"""


def main(run: Path, *more: str) -> int:
    """Make the run and the model, and train; *more* are options of `curate train`."""
    beside = run.parent
    beside.mkdir(parents=True, exist_ok=True)
    source, model, recipe = (beside / f"{run.name}{end}" for end in (".jsonl", "-model", ".toml"))
    source.write_text("".join(json.dumps(row) + "\n" for row in tasks()), encoding="utf-8")
    new_model(model)
    recipe.write_text(RECIPE.format(source=json.dumps(str(source)), model=json.dumps(str(model))), encoding="utf-8")
    training = ["--adapter", "none", "--learning-rate", "0.003", "--batch-rows", "8", "--max-tokens", "64"]
    gates = ["--score", "0.6", "--drop", "0.03", "--gain", "0.01", "--gain-steps", "20", "--gate-every", "10"]
    for command in (
        ["run", str(recipe), "-o", str(run), "-q"],
        ["train", str(run), "--model", str(model), *training, *gates, *more],
    ):
        code = call(command)
        if code:
            return code
    for line in (run / "training" / "decisions.jsonl").read_text(encoding="utf-8").splitlines():
        made = json.loads(line)
        if made["action"] != "go-on":
            sys.stdout.write(f"step {made['step']}, stage {made['stage']}: {made['action']}: {made['reason']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
