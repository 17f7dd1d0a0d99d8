"""The conformance suite passes what keeps the contract, and names what breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from curate import plugins
from curate.core.contract import KNOWN_NEEDS
from curate.core.schemas import EXAMPLES
from curate.protocol import Frozen, Reason, Rising, Scope, ScoreField, Scores, Status
from curate.testing import (
    BrokenContractError,
    CountingScorer,
    CrashingScorer,
    FailingScorer,
    batch_for,
    check_scorer,
    make_examples,
)
from curate.testing.examples import default_examples
from curate.testing.fakes import LETTERS
from scorers import regression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.protocol import Scorer

CHEAP = sorted(name for name in plugins.available() if plugins.load(name).cost != "lm")
ORDERED = {"regression": regression.Settings(order=("easy", "hard"))}
"""The labels of the default examples are words, which only their order makes numbers."""


@pytest.mark.parametrize("name", CHEAP)
def test_our_scorers_keep_their_contract(name: str) -> None:
    check_scorer(plugins.load(name), settings=ORDERED.get(name))


@pytest.mark.parametrize("scorer", [CountingScorer, FailingScorer, CrashingScorer])
def test_the_fakes_keep_it_too(scorer: type[Scorer]) -> None:
    check_scorer(scorer)


class Bare(CountingScorer):
    """Declares no settings worth the name."""

    settings = dict  # type: ignore[assignment]


class Undescribed(Frozen):
    size: int = 3


class Vague(CountingScorer):
    """Has a setting that nobody describes."""

    settings = Undescribed


class Thirsty(CountingScorer):
    """Needs what there is not."""

    needs = ("full_veiw",)


class TwoHeads(CountingScorer):
    """Has two headlines."""

    gives = (LETTERS, LETTERS.model_copy(update={"name": "more"}))


class Reserved(CountingScorer):
    """Calls a field what we call ours."""

    gives = (LETTERS.model_copy(update={"name": "status"}),)


class Corpus(CountingScorer):
    """Says corpus and counts nothing."""

    scope = Scope.CORPUS


class Local(CountingScorer):
    """Holds what cannot travel."""

    def __init__(self, settings: Frozen | None = None) -> None:
        super().__init__(settings)
        self.load = lambda: 3


class Centred(CountingScorer):
    """Looks at the other rows of its batch."""

    gives = (LETTERS.model_copy(update={"low": None}),)

    def score(self, batch: pa.Table) -> Scores:
        values = super().score(batch).values["letters"]
        return Scores({"letters": values - values.mean() if len(values) else values})


class Forgetful(CountingScorer):
    """Gives other values each time."""

    calls: ClassVar[int] = 0

    def score(self, batch: pa.Table) -> Scores:
        type(self).calls += 1
        return Scores({"letters": super().score(batch).values["letters"] + np.float32(self.calls)})


class Silent(CountingScorer):
    """Has no value for an empty text, and does not say why."""

    def score(self, batch: pa.Table) -> Scores:
        values = super().score(batch).values["letters"]
        return Scores({"letters": np.where(values > 0, values, np.float32(np.nan))})


class Helpless(CountingScorer):
    """Cannot take an empty batch."""

    def score(self, batch: pa.Table) -> Scores:
        if not len(batch):
            raise IndexError("nothing to see")
        return super().score(batch)


class Lettered(CountingScorer):
    """The share of the corpus's letters in a row."""

    scope = Scope.CORPUS
    total = 0

    def count(self, batch: pa.Table) -> pa.Table:
        return pa.table({"letters": pc.utf8_length(batch.column("full_view"))})

    def merge(self, tables: Sequence[pa.Table]) -> pa.Table:
        return pa.table({"letters": [sum(pc.sum(table.column("letters")).as_py() or 0 for table in tables)]})

    def open(self, statistics: pa.Table | None) -> None:
        assert statistics is not None
        self.total = statistics.column("letters")[0].as_py()

    def score(self, batch: pa.Table) -> Scores:
        return Scores({"letters": super().score(batch).values["letters"] / np.float32(self.total)})


class FirstPart(Lettered):
    """Forgets all parts but the first."""

    def merge(self, tables: Sequence[pa.Table]) -> pa.Table:
        return super().merge(tables[:1])


class Narrow(Lettered):
    """Freezes, and knows only rows that are no longer than those that were counted."""

    freezes = True

    def merge(self, tables: Sequence[pa.Table]) -> pa.Table:
        return pa.table({"letters": [max(pc.max(table.column("letters")).as_py() or 0 for table in tables)]})

    def score(self, batch: pa.Table) -> Scores:
        values = CountingScorer.score(self, batch).values["letters"]
        longer = np.flatnonzero(values > self.total).tolist()
        values[longer] = np.nan
        return Scores({"letters": values}, {row: Reason(Status.NOT_APPLICABLE, "longer") for row in longer})


class AnyColumn(CountingScorer):
    """Needs all that a batch can hold."""

    needs = (*dict.fromkeys(KNOWN_NEEDS), "user.label", "user.absent")


def test_statistics_of_a_corpus_may_be_cut_anyhow() -> None:
    check_scorer(Lettered)


def test_everything_that_a_scorer_may_need_is_there() -> None:
    check_scorer(AnyColumn)


@pytest.mark.parametrize(
    ("scorer", "complaint"),
    [
        (dict, "does not inherit from curate.Scorer"),
        (Bare, "settings that are not curate's Frozen"),
        (Vague, "does not describe its setting 'size'"),
        (Thirsty, "did you mean 'full_view'"),
        (TwoHeads, "more than one headline"),
        (Reserved, "a name that is ours"),
        (Corpus, "has the scope corpus and no method 'count'"),
        (Local, "cannot be sent to a worker"),
        (Centred, "for row 0 alone"),
        (Forgetful, "a second time"),
        (Silent, "neither a value nor a reason"),
        (FirstPart, "for statistics from"),
        (Narrow, "freezes, and does not score row"),
    ],
)
def test_what_breaks_the_contract_is_named(scorer: type[Scorer], complaint: str) -> None:
    with pytest.raises(BrokenContractError, match=complaint):
        check_scorer(scorer)


def test_an_error_of_the_scorer_passes_and_says_on_which_rows() -> None:
    with pytest.raises(IndexError, match="nothing to see") as caught:
        check_scorer(Helpless)

    assert caught.value.__notes__ == ["raised by scorer 'counting' for an empty batch"]


def test_examples_of_ones_own_are_used() -> None:
    CountingScorer.rows = 0

    check_scorer(CountingScorer, make_examples(["one"]))

    assert CountingScorer.rows == 5


def test_examples_have_the_columns_of_a_run() -> None:
    table = make_examples(
        ["one", ("two", "three"), [("user", "four"), ("assistant", "five")]], user={"mark": [1, 2, 3]}
    )

    assert table.schema.remove(len(table.schema) - 1) == EXAMPLES
    assert table.column("record").to_pylist() == ["text", "prompt-completion", "messages"]


def test_a_batch_holds_what_is_needed_and_no_more() -> None:
    table = make_examples(["one two", ("three", "four five six")], user={"mark": [1, 2]})

    batch = batch_for(("tokens", "answer_tokens", "answer_view", "user.mark"), table)

    assert batch.to_pydict() == {
        "tokens": [2, 4],
        "answer_tokens": [2, 3],
        "answer_view": ["one two", "four five six"],
        "user.mark": [1, 2],
    }


def test_the_usual_examples_hold_all_kinds() -> None:
    table = default_examples()

    assert set(table.column("record").to_pylist()) == {"text", "prompt-completion", "messages"}
    assert len(set(table.column("id").to_pylist())) > 25


def test_failing_rows_have_reasons() -> None:
    batch = batch_for(FailingScorer.needs, make_examples(["fine", "will fail", "skip me"]))

    scores = FailingScorer().score(batch)

    assert dict(scores.reasons) == {
        1: Reason(Status.FAILED, "the text holds 'fail'"),
        2: Reason(Status.NOT_APPLICABLE, "the text holds 'skip'"),
    }


def test_a_field_out_of_its_range_is_named() -> None:
    class Short(CountingScorer):
        """Promises short texts."""

        gives = (ScoreField(name="letters", rising=Rising.HARDER, unit="characters", high=5, about="length"),)

    with pytest.raises(BrokenContractError, match=r"cannot be sent|above its bound"):
        check_scorer(Short)
