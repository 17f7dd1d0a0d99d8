"""Instruction-following difficulty: how little the instruction helps the model to say the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from curate.models.alone import Answers, apart
from curate.models.chat import COLUMNS, Rendered, render
from curate.models.examples import ExampleScores, score_rendered
from curate.models.load import load_lm
from curate.models.names import resolve
from curate.models.settings import LmSettings
from curate.protocol import Frozen, Reason, Rising, ScoreField, Scorer, Scores, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from curate.models.load import LanguageModel


class IfdSettings(LmSettings):
    """How to measure instruction-following difficulty."""

    least_tokens: int = Field(
        3, ge=1, description="answers of fewer scored tokens (all turns together) are not applicable: ratios are wild"
    )


class Ifd(Scorer):
    """Instruction-following difficulty (IFD), both ratios, over all assistant turns of an example.

    With s(A|Q) the mean negative log-likelihood of the answers' tokens given all before them, and s(A) that of the
    same tokens given the template's assistant header alone: ``ifd`` = s(A|Q) / s(A) (Li et al. 2023, "From Quantity
    to Quality", arXiv 2308.12032, as their code has it: a ratio of losses), ``ifd_perplexity`` =
    exp(s(A|Q) - s(A)) (Li et al. 2024, "Superfiltering", arXiv 2402.00530: a ratio of perplexities). Near or above
    1 the instruction does not help. In both passes the same token ids are scored.
    """

    name = "ifd"
    version = "1"
    about = "how little the instruction helps the model to say the answer"
    source = "Li et al. 2023 (arXiv 2308.12032); Li et al. 2024 (arXiv 2402.00530)"
    cost = "lm"
    needs = COLUMNS
    gives = (
        ScoreField(
            name="ifd",
            rising=Rising.HARDER,
            unit="",
            low=0,
            about="loss of the answers given the instruction over their loss without",
            headline=True,
            # It says what a model can learn from, not what is hard: .21 on the steps of GSM8K, where total NLL has .60.
            weights={"text": 0.0, "chat": 0.0, "code": 0.0},
        ),
        ScoreField(
            name="ifd_perplexity", rising=Rising.HARDER, unit="", low=0, about="the same as a ratio of perplexities"
        ),
        ScoreField(
            name="given_nll", rising=Rising.NEUTRAL, unit="nats per token", low=0, about="s(A|Q), with the instruction"
        ),
        ScoreField(
            name="alone_nll", rising=Rising.NEUTRAL, unit="nats per token", low=0, about="s(A), without the instruction"
        ),
        ScoreField(name="tokens", rising=Rising.NEUTRAL, unit="tokens", low=1, about="how many tokens are scored"),
    )
    settings: ClassVar[type[Frozen]] = IfdSettings
    options: IfdSettings
    model: LanguageModel

    def open(self, statistics: pa.Table | None) -> None:  # noqa: ARG002 - of the contract
        """Load the language model; one that another scorer of this process uses as well is shared."""
        self.model = load_lm(resolve(self.options.lm, "lm"), self.options.precision, self.options.device)

    def score(self, batch: pa.Table) -> Scores:
        """Score n rows; plain text and answers that nothing precedes are not applicable."""
        found = self._ratios(render(self.model.tokenizer, batch.select(list(COLUMNS))))
        columns = np.full((len(self.gives), len(found)), np.nan, np.float32)
        reasons: dict[int, Reason] = {}
        for row, values in enumerate(found):
            if isinstance(values, Reason):
                reasons[row] = values
            else:
                columns[:, row] = values
        return Scores({field.name: columns[number] for number, field in enumerate(self.gives)}, reasons)

    def _ratios(self, rendered: Sequence[Rendered | Reason]) -> list[tuple[float, ...] | Reason]:
        """The values of each row, in the order of the fields.

        All rows go through with their instruction, also those without a ratio: so these passes are the very ones of
        `scorers.perplexity`, and are done once where both are asked for.
        """
        examples = [apart(self.model.tokenizer, one) if isinstance(one, Rendered) else one for one in rendered]
        fit = [self._fit(one) for one in examples]
        if not any(isinstance(one, Answers) for one in fit):
            return [one for one in fit if isinstance(one, Reason)]
        shown = [one.given if isinstance(one, Answers) else one for one in examples]
        given = score_rendered(self.model, shown, self.options)
        answers = [answer for one in fit if isinstance(one, Answers) for answer in one.alone]
        alone = iter(score_rendered(self.model, answers, self.options))
        return [
            one if isinstance(one, Reason) else _values(one, scores, [next(alone) for _ in one.alone])
            for one, scores in zip(fit, given, strict=True)
        ]

    def _fit(self, one: Answers | Reason) -> Answers | Reason:
        if isinstance(one, Reason):
            return one
        if not one.kept:
            return Reason(Status.NOT_APPLICABLE, "no answer stands after an instruction")
        if one.tokens() < self.options.least_tokens:
            return Reason(
                Status.NOT_APPLICABLE,
                f"the answers have {one.tokens()} tokens, fewer than {self.options.least_tokens}",
            )
        return one


def _values(
    one: Answers, given: ExampleScores | Reason, alone: Sequence[ExampleScores | Reason]
) -> tuple[float, ...] | Reason:
    sums = [scores for scores in alone if isinstance(scores, ExampleScores)]
    if isinstance(given, Reason):
        return given
    if len(sums) < len(alone):
        return next(scores for scores in alone if isinstance(scores, Reason))
    tokens = one.tokens()
    with_instruction = float(given.nll[list(one.kept)].sum()) / tokens
    without = sum(float(scores.nll.sum()) for scores in sums) / tokens
    if without == 0:
        return Reason(Status.NOT_APPLICABLE, "the model is certain of the answer without its instruction")
    ratio = with_instruction / without
    return ratio, float(np.exp(with_instruction - without)), with_instruction, without, tokens
