"""The conformance suite of the scorer contract, for a stranger's scorers and ours."""

from __future__ import annotations

import inspect
import io
import pickle
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.core.contract import check, check_needs
from curate.core.views import KINDS
from curate.errors import CurateError, ScorerError
from curate.protocol import Frozen, Scope, ScoreField, Scorer, Scores
from curate.testing.examples import batch_for, default_examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOLERANCE = 1e-5
"""How far a value may move when the same row stands in another batch, relative to max(1, |value|)."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"[A-Za-z0-9._-]+")
_RESERVED = {"id", "status", "reason"}
_COSTS = get_args(Literal["cheap", "encoder", "lm"])


class BrokenContractError(AssertionError):
    """A scorer does not do what the contract of scorers asks."""


def check_scorer(
    scorer_class: type[Scorer],
    examples: pa.Table | None = None,
    settings: Frozen | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> None:
    """Raise `BrokenContractError` where a scorer breaks its contract.

    Its declarations are complete; it can be sent to a worker before it is opened; it gives each row of a batch its
    own value or reason, in the declared range; it gives the same again, for any split of the batch and any order
    of its rows, to *tolerance*; it leaves its batch alone; it takes an empty batch, and rows without text, very long
    ones, and ones in any script; the statistics of a corpus scorer do not depend on how the corpus is cut into parts,
    and where it ``freezes`` they score rows that they were not counted on.

    *examples* (by default small ones of all kinds) has the columns of `RUN/examples`; see `make_examples`.
    *settings* are those to check with, by default the scorer's own defaults.
    """
    check_declarations(scorer_class)
    rows = default_examples() if examples is None else examples
    batch = batch_for(scorer_class.needs, rows)
    fresh = batch_for(scorer_class.needs, rows)
    scorer = _travelled(scorer_class, settings)
    statistics = _statistics(scorer, [batch])
    scorer.open(statistics)
    whole = _score(scorer, batch, "all rows at once")
    _demand(batch.equals(fresh), scorer_class, "changes the batch that it is given")
    _same(scorer, whole, _score(scorer, batch, "all rows, a second time"), "a second time", 0.0)
    _score(scorer, batch.slice(0, 0), "an empty batch")
    _check_splits(scorer, batch, whole, tolerance)
    _check_order(scorer, batch, whole, tolerance)
    if scorer_class.scope is Scope.CORPUS:
        _check_statistics(scorer_class, settings, batch, whole, tolerance)


def check_declarations(scorer: type[Scorer]) -> None:
    """Raise `BrokenContractError` where what a scorer declares is incomplete or does not fit together."""
    _demand(_is_kind(scorer, Scorer), scorer, "does not inherit from curate.Scorer")
    for name in ("name", "version", "about", "source"):
        value = getattr(scorer, name, None)
        _demand(isinstance(value, str) and bool(value.strip()), scorer, f"declares no {name}")
    _demand(_NAME.fullmatch(scorer.name), scorer, f"is called {scorer.name!r}; use a-z, 0-9 and _")
    _demand(_VERSION.fullmatch(scorer.version), scorer, f"has the version {scorer.version!r}; it becomes a file name")
    _demand(bool(inspect.getdoc(scorer)), scorer, "has no docstring: the formula and its source belong there")
    _demand(scorer.cost in _COSTS, scorer, f"has the cost {scorer.cost!r}; use one of {', '.join(_COSTS)}")
    _demand(isinstance(scorer.scope, Scope), scorer, f"has the scope {scorer.scope!r}; use curate.protocol.Scope")
    _check_needs(scorer)
    _check_fields(scorer)
    _check_settings(scorer)
    for name in ("count", "merge"):
        own = getattr(scorer, name) is not getattr(Scorer, name)
        is_corpus = scorer.scope is Scope.CORPUS
        _demand(own == is_corpus, scorer, f"has the scope {scorer.scope} and {'a' if own else 'no'} method {name!r}")


def _check_needs(scorer: type[Scorer]) -> None:
    needs = getattr(scorer, "needs", None)
    _demand(isinstance(needs, tuple), scorer, "declares no needs (a tuple of names of columns and views)")
    _demand(len(set(scorer.needs)) == len(scorer.needs), scorer, f"needs the same thing twice: {scorer.needs}")
    try:
        check_needs(scorer.name, scorer.needs)
    except ScorerError as error:
        raise BrokenContractError(str(error)) from error


def _check_fields(scorer: type[Scorer]) -> None:
    fields = getattr(scorer, "gives", None)
    _demand(isinstance(fields, tuple) and bool(fields), scorer, "gives nothing (a tuple of ScoreField)")
    _demand(all(isinstance(each, ScoreField) for each in scorer.gives), scorer, "gives what is no ScoreField")
    names = [each.name for each in scorer.gives]
    _demand(len(set(names)) == len(names), scorer, f"gives the same field twice: {names}")
    _demand(not _RESERVED & set(names), scorer, f"gives a field with a name that is ours: {_RESERVED & set(names)}")
    headlines = [each.name for each in scorer.gives if each.headline]
    _demand(len(headlines) <= 1, scorer, f"has more than one headline: {headlines}")
    for each in scorer.gives:
        _demand(each.about.strip(), scorer, f"does not say what {each.name} is about")
        bounded = each.low is not None and each.high is not None
        _demand(not bounded or (each.low or 0) <= (each.high or 0), scorer, f"bounds {each.name} from above its top")
        _demand(set(each.weights) <= set(KINDS), scorer, f"weighs {each.name} for unknown kinds")


def _check_settings(scorer: type[Scorer]) -> None:
    model = scorer.settings
    _demand(_is_kind(model, Frozen), scorer, "has settings that are not curate's Frozen")
    for name, info in model.model_fields.items():
        _demand(bool(info.description), scorer, f"does not describe its setting {name!r}")


def _travelled(scorer_class: type[Scorer], settings: Frozen | None) -> Scorer:
    """A scorer that went through pickle, as it does on its way to a worker."""
    scorer = scorer_class(settings)
    try:
        travelled = pickle.loads(pickle.dumps(scorer))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BrokenContractError(
            f"scorer {scorer_class.name!r} cannot be sent to a worker before it is opened: {error}. "
            "Define the class at the top of a module, and load in open()"
        ) from error
    _demand(isinstance(travelled, Scorer), scorer_class, "comes out of pickle as something else")
    _demand(travelled.options == scorer.options, scorer_class, "loses its settings on the way to a worker")
    result: Scorer = travelled
    return result


def _score(scorer: Scorer, batch: pa.Table, what: str) -> Scores:
    with _naming(scorer, what):
        scores = scorer.score(batch)
    _demand(isinstance(scores, Scores), type(scorer), f"returns {type(scores).__name__}, not Scores, for {what}")
    try:
        check(scorer.name, scorer.gives, scores, len(batch))
    except ScorerError as error:
        raise BrokenContractError(f"{error.problem}, for {what}") from error
    return scores


def _check_splits(scorer: Scorer, batch: pa.Table, whole: Scores, tolerance: float) -> None:
    rows = len(batch)
    for size in (1, max(rows // 2, 1)):
        for start in range(0, rows, size):
            piece = batch.slice(start, size)
            told = f"row {start} alone: {piece.to_pylist()[0]!r:.200}" if size == 1 else "one half of the rows"
            expected = _take(whole, range(start, start + len(piece)))
            _same(scorer, expected, _score(scorer, piece, told), told, tolerance)


def _check_order(scorer: Scorer, batch: pa.Table, whole: Scores, tolerance: float) -> None:
    order = np.random.default_rng(0).permutation(len(batch))
    told = "the rows in another order"
    _same(scorer, _take(whole, order.tolist()), _score(scorer, batch.take(pa.array(order)), told), told, tolerance)


def _check_statistics(
    scorer_class: type[Scorer], settings: Frozen | None, batch: pa.Table, whole: Scores, tolerance: float
) -> None:
    """Scores must not depend on how the corpus was cut into parts; statistics that freeze must score later rows."""
    rows = len(batch)
    for size in (1, max(rows // 3, 1)):
        parts = [batch.slice(start, size) for start in range(0, rows, size)]
        scorer = _travelled(scorer_class, settings)
        scorer.open(_statistics(scorer, [*parts, batch.slice(0, 0)]))
        told = f"statistics from {len(parts)} parts and an empty one"
        _same(scorer, whole, _score(scorer, batch, told), told, tolerance)
    if scorer_class.freezes:
        scorer = _travelled(scorer_class, settings)
        scorer.open(_statistics(scorer, [batch.slice(0, max(rows // 3, 1))]))
        found = _score(scorer, batch, "rows that the statistics were not counted on")
        unscored = sorted(set(found.reasons) - set(whole.reasons))
        _demand(not unscored, scorer_class, f"freezes, and does not score row {unscored[:1]}, which came later")


def _statistics(scorer: Scorer, parts: Sequence[pa.Table]) -> pa.Table | None:
    """What `merge` makes of the counts of all parts, each of them through Parquet as in a run; None for scope row."""
    if scorer.scope is Scope.ROW:
        return None
    counted = []
    for part in parts:
        with _naming(scorer, f"count() of {len(part)} rows"):
            counted.append(_through_parquet(scorer, scorer.count(part), "count()"))
    with _naming(scorer, f"merge() of {len(counted)} tables"):
        return _through_parquet(scorer, scorer.merge(counted), "merge()")


def _through_parquet(scorer: Scorer, table: pa.Table, what: str) -> pa.Table:
    _demand(isinstance(table, pa.Table), type(scorer), f"returns {type(table).__name__}, not a table, from {what}")
    file = io.BytesIO()
    pq.write_table(table, file)
    return pq.read_table(file)


def _take(scores: Scores, rows: Sequence[int]) -> Scores:
    places = {row: place for place, row in enumerate(rows)}
    values = {name: array[list(rows)] for name, array in scores.values.items()}
    return Scores(values, {places[row]: reason for row, reason in scores.reasons.items() if row in places})


def _same(scorer: Scorer, expected: Scores, found: Scores, told: str, tolerance: float) -> None:
    _demand(dict(expected.reasons) == dict(found.reasons), type(scorer), f"gives other reasons than before for {told}")
    for field in scorer.gives:
        before = expected.values[field.name].astype(np.float64)
        after = found.values[field.name].astype(np.float64)
        _demand(
            np.array_equal(np.isnan(before), np.isnan(after)),
            type(scorer),
            f"has other gaps in {field.name} for {told}",
        )
        moved = np.nan_to_num(np.abs(after - before)) / np.maximum(1.0, np.nan_to_num(np.abs(before)))
        worst = int(np.argmax(moved)) if len(moved) else 0
        _demand(
            not len(moved) or moved[worst] <= tolerance,
            type(scorer),
            f"gives {field.name} {after[worst] if len(moved) else None} instead of "
            f"{before[worst] if len(moved) else None} for {told}",
        )


def _is_kind(value: object, kind: type) -> bool:
    return inspect.isclass(value) and issubclass(value, kind)


def _demand(holds: object, scorer: type[Scorer], what: str) -> None:
    if not holds:
        raise BrokenContractError(f"scorer {getattr(scorer, 'name', scorer.__name__)!r} {what}")


@contextmanager
def _naming(scorer: Scorer, what: str) -> Iterator[None]:
    """Tell on which rows a scorer raised; the error itself passes."""
    try:
        yield
    except CurateError:
        raise
    except Exception as error:
        error.add_note(f"raised by scorer {scorer.name!r} for {what}")
        raise
