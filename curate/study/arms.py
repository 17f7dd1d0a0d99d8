"""The arms of an ablation, and how each is brought to the same tokens and the same number of updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from curate.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

BASE, PRIMARY = "random", "curriculum"
MERGED, LENGTH, WITHOUT = "merged", "length", "without:"

ABOUT = {
    "random": "all rows in random order",
    "random-paced": "random order from a pool that opens as the curriculum's does",
    "curriculum": "the order that the recipe describes",
    "no-review": "that order without review; each stage goes through its own rows again instead",
    "anti": "hardest first, paced as the policy `anti` does",
    "warm-up": "easy to hard at first, then random order",
    "length": "the recipe's order with the number of tokens as the difficulty",
    "merged": "one LoRA adapter trained on each stage apart, all added up by peft",
}
DEFAULT = ("random", "random-paced", "curriculum", "no-review", "anti", "warm-up", "length")
_POLICIES = {"random": "random", "random-paced": "random-paced", "anti": "anti", "warm-up": "warm-up"}


def chosen(asked: Sequence[str], modules: Sequence[str]) -> tuple[str, ...]:
    """The arms that are asked for, with the two of the primary contrast first; by default all that fit this run.

    Raises `SettingsError` for a name that is no arm.
    """
    known = (*ABOUT, *(f"{WITHOUT}{name}" for name in modules))
    for name in asked:
        if name not in known:
            raise SettingsError(f"no arm of this run is called {name!r}", fix=did_you_mean(name, known))
    wanted = tuple(asked) or (*DEFAULT, *(name for name in known if name.startswith(WITHOUT)))
    return tuple(dict.fromkeys((BASE, PRIMARY, *wanted)))


def about(name: str) -> str:
    """What an arm is, in words."""
    if name.startswith(WITHOUT):
        return f"the recipe's order without the stage of the module {name.removeprefix(WITHOUT)}"
    return ABOUT[name]


def pacing(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The table `[pace]` that makes an arm from that of the recipe (as plain values).

    Varied rows are left out of all arms, since they would be material that the others have not; so are further passes
    and token budgets, since every arm is brought to the same tokens later.
    """
    plain = {**settings, "vary": {}, "passes": 1, "module": [{**each, "vary": None} for each in settings["module"]]}
    if name in _POLICIES:
        review = settings["review"] if name == "anti" else 0.0
        off: dict[str, Any] = {
            "module": [],
            "modules": [],
            "reuse": None,
            "opening": 0.0,
            "first": "auto",
            "max_new_skills": None,
        }
        return {**plain, **off, "policy": _POLICIES[name], "review": review, "shares": [], "floor": {}}
    if name == "no-review":
        return {**plain, "review": 0.0, "module": [{**each, "review": 0.0} for each in plain["module"]]}
    return plain


def fill(stage: NDArray[np.int64], tokens: NDArray[np.int64], budget: int) -> NDArray[np.int64]:
    """Places in a sequence that bring it to *budget* tokens, to half a row for each stage.

    Every stage keeps its share of the tokens: one that is too long is cut off at its end, one that is too short begins
    again from its start, as often as needed. *stage* must rise; shapes (n,) in.
    """
    whole = int(tokens.sum())
    found: list[NDArray[np.int64]] = []
    owed = 0.0
    for number in np.unique(stage):
        inside = np.flatnonzero(stage == number)
        owed += budget * int(tokens[inside].sum()) / whole
        reached = np.cumsum(tokens[inside])
        held = sum(int(tokens[each].sum()) for each in found)
        rounds = max(int(np.ceil((owed - held) / reached[-1])), 1) + 1
        ends = np.concatenate([[0], np.cumsum(np.tile(tokens[inside], rounds))]) + held
        count = int(np.argmin(np.abs(ends - owed)))
        found.append(np.tile(inside, rounds)[:count])
    return np.concatenate(found)


def updates(tokens: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """A sequence cut into *count* updates of equal tokens, to a row: places, update by update; shape (n,) in.

    `SettingsError` where there are fewer rows than updates.
    """
    if len(tokens) < count:
        raise SettingsError(
            f"{len(tokens)} rows cannot make {count} updates",
            fix="give a larger --budget, or a smaller [train] batch_rows",
        )
    reached = np.concatenate([[0], np.cumsum(tokens)])
    goals = reached[-1] * np.arange(1, count) / count
    after = np.searchsorted(reached, goals)
    ends = np.where(goals - reached[after - 1] < reached[after] - goals, after - 1, after)
    nth = np.arange(count - 1)
    rising = np.maximum.accumulate(np.maximum(ends, 1) - nth) + nth  # every update holds a row
    return np.split(np.arange(len(tokens)), np.minimum(rising, len(tokens) - (count - 1) + nth))


def looks(count: int, times: int) -> list[int]:
    """After which updates the held-out rows are asked: *times* of them, evenly spread, the last one always."""
    return sorted({max(round(count * (each + 1) / times), 1) for each in range(times)})


def without(stage: NDArray[np.int64], row: NDArray[np.int64], left_out: int) -> NDArray[np.bool_]:
    """Which places stay where a stage is left out with all rows that are first met in it. Shapes (n,)."""
    first = np.full(int(row.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, row, stage)
    kept: NDArray[np.bool_] = (stage != left_out) & (first[row] != left_out)
    return kept


def check(names: Sequence[str], adapter: str, rows: int, looked_at: int) -> None:
    """Refuse what could not be compared: adapters merged beside models trained whole, or a hold-out of next to nothing.

    *looked_at* of the *rows* held-out ones are for the verdict, the others for tuning.
    """
    if MERGED in names and adapter != "lora":
        raise SettingsError(
            "the arm merged trains adapters, and the other arms would train all weights",
            fix="compare adapters with adapters: --adapter lora, or leave the arm merged out",
        )
    if looked_at < 4 or rows - looked_at < 4:
        raise SettingsError(
            f"{rows} held-out rows cannot be divided for tuning and for the verdict",
            fix="hold more rows out: curate tier RUN --holdout 0.1",
        )
