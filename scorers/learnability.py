"""Learnability: what a model has yet to learn of an example that another model shows can be learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from curate.errors import SettingsError
from curate.models.chat import COLUMNS, render
from curate.models.examples import ExampleScores, score_rendered
from curate.models.load import load_lm
from curate.models.names import resolve
from curate.models.settings import LmSettings
from curate.protocol import Frozen, LanguageModelName, Rising, ScoreField, Scorer, Scores

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.models.load import LanguageModel
    from curate.protocol import Reason


class LearnabilitySettings(LmSettings):
    """Which two models are compared, and how they are run."""

    reference: LanguageModelName = Field(
        description="model that has learnt what can be learnt: a later checkpoint of the language model, one that was "
        "trained on held-out data of the kind, or a larger one of the same family; it shares the tokenizer"
    )


class Learnability(Scorer):
    """Reducible loss: the negative log-likelihood of the answers under one model less that under a reference.

    ``learnability`` = (NLL(answers; lm) - NLL(answers; reference)) / tokens (Mindermann et al. 2022, "Prioritized
    Training on Points that are Learnable, Worth Learning, and not yet Learnt", arXiv 2206.07137, equation 3; with two
    language models Lin et al. 2024, "Rho-1", arXiv 2404.07965). High: worth learning and not yet learnt. Near nought:
    known already, or noise, which neither model predicts. The same token ids, rendered with the first model's
    template, are scored by both.
    """

    name = "learnability"
    version = "1"
    about = "what the language model has yet to learn that a reference model knows"
    source = "Mindermann et al. 2022 (arXiv 2206.07137); Lin et al. 2024 (arXiv 2404.07965)"
    cost = "lm"
    needs = COLUMNS
    gives = (
        ScoreField(
            name="learnability",
            rising=Rising.BETTER,
            unit="nats per token",
            about="loss that the reference model has not",
            headline=True,
        ),
        ScoreField(
            name="total_learnability", rising=Rising.BETTER, unit="nats", about="the same of all tokens together"
        ),
        ScoreField(
            name="reference_nll", rising=Rising.NEUTRAL, unit="nats per token", low=0, about="loss of the reference"
        ),
        ScoreField(name="tokens", rising=Rising.NEUTRAL, unit="tokens", low=1, about="how many tokens are scored"),
    )
    settings: ClassVar[type[Frozen]] = LearnabilitySettings
    options: LearnabilitySettings
    model: LanguageModel
    reference: LanguageModel

    def open(self, statistics: pa.Table | None) -> None:  # noqa: ARG002 - of the contract
        """Load both models; one that another scorer of this process uses as well is shared."""
        options = self.options
        self.model, self.reference = (
            load_lm(resolve(name, "lm"), options.precision, options.device) for name in (options.lm, options.reference)
        )
        hold_same_tokens(self.model, self.reference)

    def score(self, batch: pa.Table) -> Scores:
        """Score n rows; one without a scored token is not applicable, one that either model cannot score is failed."""
        rendered = render(self.model.tokenizer, batch.select(list(COLUMNS)))
        limits = [model.context for model in (self.model, self.reference) if model.context is not None]
        options = self.options.model_copy(update={"context": min([self.options.context, *limits])})
        found = score_rendered(self.model, rendered, options)
        known = score_rendered(self.reference, rendered, options)
        columns = np.full((len(self.gives), len(found)), np.nan, np.float32)
        reasons: dict[int, Reason] = {}
        for row, (one, other) in enumerate(zip(found, known, strict=True)):
            if not isinstance(one, ExampleScores):
                reasons[row] = one
            elif not isinstance(other, ExampleScores):
                reasons[row] = other
            else:
                columns[:, row] = _values(one, other)
        return Scores({field.name: columns[number] for number, field in enumerate(self.gives)}, reasons)


def hold_same_tokens(model: LanguageModel, reference: LanguageModel) -> None:
    """Raise `SettingsError` where two models do not mean the same by a token id."""
    ours, theirs = (one.tokenizer.get_vocab() for one in (model, reference))
    if ours == theirs:
        return
    differ = len(ours.items() ^ theirs.items())
    raise SettingsError(
        f"{model.name} and {reference.name} do not share a tokenizer: {differ} entries of their vocabularies differ",
        fix="compare two checkpoints of one model, or two sizes of one family",
    )


def _values(one: ExampleScores, other: ExampleScores) -> tuple[float, ...]:
    """One value for each field, in the order of the fields."""
    tokens, nll, reference = int(one.tokens.sum()), float(one.nll.sum()), float(other.nll.sum())
    return (nll - reference) / tokens, nll - reference, reference / tokens, tokens
