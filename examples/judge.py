"""A language model as judge: complexity of the question and quality of the answer, from 1 to 6.

    cd examples && curate score data/lessons.jsonl -o runs/judged --scorers judge:Judge --limit 50

The judge is any callable: prompts in, log-probabilities of the scores 1 to 6 out (shape (n, 6)); name yours under
``[scorers.judge]`` as ``ask = "module:function"`` with ``use = "judge:Judge"``. `ask_local` asks the small offline
model, which shows how it works and judges poorly; DEITA trained its judges, and wrote the two questions for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from curate import Frozen, Reason, Rising, ScoreField, Scorer, Scores, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

COMPLEXITY = (
    "You are a helpful assistant. Please identify the complexity score of the following user query. \n"
    "##Query: {prompt}  \n##Complexity: "
)
QUALITY = (
    "You are a helpful assistant. Please identify the quality score of the Response corresponding to the Question. \n"
    "#Question#:\n{prompt}\n#Response#:\n{answer} \n##Quality: "
)
SCORES = np.arange(1, 7)


class Settings(Frozen):
    ask: str = Field(default="judge:ask_local", description="module:function that the prompts are given to")


class Judge(Scorer):
    """Expected score under the judge's own distribution (Liu et al. 2024, DEITA, arXiv 2312.15685, section 3).

    score = sum_k k p_k with p the softmax over the log-probabilities of the six score tokens, so that a judge that
    wavers between 4 and 5 says so. ``deita`` is complexity times quality.
    """

    name, version, about, source = "judge", "1", "an LLM's view of question and answer", "Liu et al. 2024 (2312.15685)"
    cost: ClassVar = "lm"
    needs = ("prompt_view", "answer_view")
    gives = (
        ScoreField(name="complexity", rising=Rising.HARDER, unit="1-6", low=1, high=6, about="of the question",
                   headline=True),
        ScoreField(name="quality", rising=Rising.BETTER, unit="1-6", low=1, high=6, about="of the answer"),
        ScoreField(name="deita", rising=Rising.BETTER, unit="1-36", low=1, high=36, about="one times the other"),
    )  # fmt: skip
    settings = Settings
    options: Settings

    def score(self, batch: pa.Table) -> Scores:
        module, _, name = self.options.ask.partition(":")
        ask = getattr(import_module(module), name)
        prompts, answers = batch.column("prompt_view").to_pylist(), batch.column("answer_view").to_pylist()
        asked = [row for row, prompt in enumerate(prompts) if prompt and answers[row].strip()]
        values = {field.name: np.full(len(prompts), np.nan, np.float32) for field in self.gives}
        for field, question in (("complexity", COMPLEXITY), ("quality", QUALITY)):
            texts = [question.format(prompt=prompts[row], answer=answers[row]) for row in asked]
            values[field][asked] = expectation(ask(texts))
        values["deita"] = values["complexity"] * values["quality"]
        nothing = Reason(Status.NOT_APPLICABLE, "there is no question, or no answer, to judge")
        return Scores(values, dict.fromkeys(set(range(len(prompts))) - set(asked), nothing))


def expectation(log_probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean score of each row of (n, 6) log-probabilities, which need not sum to one."""
    powers = np.exp(log_probabilities - log_probabilities.max(axis=1, keepdims=True, initial=-np.inf))
    mean: NDArray[np.float64] = np.clip(powers @ SCORES / powers.sum(axis=1), 1, 6)
    return mean


def ask_local(prompts: Sequence[str]) -> NDArray[np.float64]:
    """The offline model's log-probabilities of the digits 1 to 6 as the first token of its answer."""
    from curate.models.likelihood import TokenScores, score_tokens
    from curate.models.load import load_lm
    from curate.models.names import resolve
    from curate.models.passes import Pass

    model = load_lm(resolve("auto", "lm"))
    told = [
        model.tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True,
                                            tokenize=True, return_dict=False)[-2000:]
        for prompt in prompts
    ]  # fmt: skip
    digits = model.tokenizer.convert_tokens_to_ids([str(score) for score in SCORES])
    passes = [
        Pass(row, np.array([*tokens, digit], np.int32), np.array([len(tokens)], np.int32), np.zeros(1, np.int32))
        for row, tokens in enumerate(told)
        for digit in digits
    ]
    scores = score_tokens(model, passes, 1024)
    found = [-float(one.nll[0]) if isinstance(one, TokenScores) else -np.inf for one in scores]
    return np.array(found).reshape(-1, len(SCORES))
