"""Likelihood under a language model: how many nats its answers cost, in total, per token and per byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from curate.models.chat import COLUMNS
from curate.models.examples import ExampleScores, score_examples
from curate.models.load import load_lm
from curate.models.names import resolve
from curate.models.settings import LmSettings
from curate.protocol import Frozen, Rising, ScoreField, Scorer, Scores

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.models.load import LanguageModel
    from curate.protocol import Reason


class Perplexity(Scorer):
    """Negative log-likelihood of the answers under a causal language model.

    ``total_nll`` = -sum log p(token | all before it), over the answer tokens of every assistant turn, or over all
    tokens but the first of a plain text; ``perplexity`` = exp(total_nll / tokens) (Jelinek et al. 1977; as a score
    of training data: Ankner et al. 2024, "Perplexed by Perplexity", arXiv 2405.20541); ``bits_per_byte`` =
    total_nll / (ln 2 x bytes). Predictive entropy is that of the model's next-token distribution at the same places.

    The total is the headline and rises with difficulty. The mean does not (on worked answers and code it orders
    the wrong way round: long hard answers hold many predictable tokens), so it is neutral: a sign of quality or noise.
    """

    name = "perplexity"
    version = "1"
    about = "negative log-likelihood of the answers under a language model, in total, per token and per byte"
    source = "Jelinek et al. 1977; Ankner et al. 2024 (arXiv 2405.20541)"
    cost = "lm"
    needs = COLUMNS
    gives = (
        ScoreField(
            name="total_nll",
            rising=Rising.HARDER,
            unit="nats",
            low=0,
            about="negative log-likelihood of all scored tokens together",
            headline=True,
            weights={"text": 1.0, "task": 1.0, "chat": 2.0, "code": 1.0},
        ),
        ScoreField(name="mean_nll", rising=Rising.NEUTRAL, unit="nats per token", low=0, about="the same per token"),
        ScoreField(name="perplexity", rising=Rising.NEUTRAL, unit="", low=1, about="exp of the mean"),
        ScoreField(
            name="bits_per_byte", rising=Rising.NEUTRAL, unit="bits per byte", low=0, about="total per byte of UTF-8"
        ),
        ScoreField(name="tokens", rising=Rising.NEUTRAL, unit="tokens", low=1, about="how many tokens are scored"),
        ScoreField(
            name="total_entropy",
            rising=Rising.HARDER,
            unit="nats",
            low=0,
            about="the model's uncertainty, summed over the places of the scored tokens",
        ),
        ScoreField(
            name="mean_entropy", rising=Rising.NEUTRAL, unit="nats per token", low=0, about="the same per token"
        ),
    )
    settings: ClassVar[type[Frozen]] = LmSettings
    default = True
    options: LmSettings
    model: LanguageModel

    def open(self, statistics: pa.Table | None) -> None:  # noqa: ARG002 - of the contract
        """Load the language model."""
        self.model = load_lm(resolve(self.options.lm, "lm"), self.options.precision, self.options.device)

    def score(self, batch: pa.Table) -> Scores:
        """Score n rows; one without a scored token is not applicable."""
        found = score_examples(self.model, batch, self.options)
        columns = np.full((len(self.gives), len(found)), np.nan, np.float32)
        reasons: dict[int, Reason] = {}
        for row, one in enumerate(found):
            if isinstance(one, ExampleScores):
                columns[:, row] = _values(one)
            else:
                reasons[row] = one
        return Scores({field.name: columns[number] for number, field in enumerate(self.gives)}, reasons)


def _values(scores: ExampleScores) -> tuple[float, ...]:
    """One value for each field, in the order of the fields."""
    nll, entropy, tokens = float(scores.nll.sum()), float(scores.entropy.sum()), int(scores.tokens.sum())
    mean = nll / tokens
    bits_per_byte = nll / np.log(2) / scores.answer_bytes if scores.answer_bytes else np.nan
    return nll, mean, float(np.exp(mean)), float(bits_per_byte), tokens, entropy, entropy / tokens
