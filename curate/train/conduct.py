"""Which rows come next: the plan, blocks that gates put in, and rows that an adaptive policy moves. No torch here.

All of its state is plain values and arrays, so a checkpoint that holds them goes on at the same row.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from curate.train import adapt, gates
from curate.train.course import Memory, Seen, note
from curate.train.gates import Decision, Reading, Record, Stand, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from curate.core.plan import Gate
    from curate.train.adapt import Adaptive
    from curate.train.course import Course

Block = Literal["review", "reframe"]
Variation = tuple[int, str]
"""A place, and the kind of variation of its row."""


@dataclass(frozen=True)
class Rules:
    """What the settings say of rows and gates."""

    step_rows: int
    adaptive: Adaptive = "plan"
    window_steps: int = 16
    gate_every: int | None = None
    block_rows: int = 64
    patience: int | None = None
    most_steps: int | None = None
    stage_tokens: tuple[int, ...] = ()
    gates: tuple[Gate, ...] = ()
    """One for each stage; none means that the plan is followed as it is."""


@dataclass(frozen=True, eq=False)
class Step:
    """The rows of one optimiser step: places, roles, and the kind of variation where a row is varied."""

    stage: int
    places: NDArray[np.int64]
    roles: tuple[str, ...]
    kinds: tuple[str | None, ...]
    put_in: bool = False
    """Whether a gate put these rows in, so that they are no part of the plan."""


@dataclass
class State:
    """Where training is. ``done`` is the place in the plan up to which its rows are over."""

    stage: int = 0
    step: int = 0
    stage_steps: int = 0
    done: int = 0
    tokens: int = 0
    """Tokens of the running stage so far."""
    block: Block | None = None
    finished: bool = False
    threshold: float | None = None
    looked: int = -1
    """The step at which the last decision fell."""
    losses: list[float] = field(default_factory=list)
    """Mean loss of each step of the running stage."""
    record: Record = field(default_factory=Record)


class Conductor:
    """Hands out the rows of each step, hears how they went, and decides at milestones."""

    def __init__(
        self,
        course: Course,
        rules: Rules,
        graph: NDArray[np.float64] | None = None,
        vary: Callable[[Sequence[int]], list[Variation]] = lambda _: [],
    ) -> None:
        self.course = course
        self._rules = rules
        self._graph = graph
        self._vary = vary
        self._first = course.first_place
        self.memory = Memory.empty(len(course.ids))
        self.state = State()
        self._remaining = np.zeros(0, np.int64)
        self._block: list[tuple[int, str | None]] = []
        self._enter(0)

    # --- rows ---

    def next_step(self) -> Step | None:
        """The rows of the next step; None at the end of training, or where a milestone must be decided first."""
        state, most = self.state, self._rules.step_rows
        if state.finished or (not self._block and not len(self._remaining)):
            return None
        if self._block:
            taken, self._block = self._block[:most], self._block[most:]
            roles = tuple("augmented" if kind else "review" for _, kind in taken)
            places = np.array([place for place, _ in taken], np.int64)
            return Step(state.stage, places, roles, tuple(kind for _, kind in taken), put_in=True)
        places, self._remaining = self._remaining[:most], self._remaining[most:]
        roles = tuple(self._role(int(place)) for place in places)
        state.done += len(places)
        return Step(state.stage, places, roles, (None,) * len(places))

    def progress(self) -> tuple[float, float]:
        """How much of the plan, and of the running stage, is over when the step that was handed out last is."""
        stage = self.course.stages[self.state.stage]
        total = max(len(self.course), 1)
        return self.state.done / total, (self.state.done - stage.first_order) / max(stage.rows, 1)

    def heard(self, seen: Seen, loss: float, tokens: int) -> None:
        """Take in how the rows of a step went, their mean loss and their tokens; varied rows are not in *seen*."""
        state = self.state
        state.step += 1
        state.stage_steps += 1
        state.tokens += tokens
        state.losses.append(loss)
        note(self.memory, self.course, seen, state.step)
        if self._rules.adaptive != "plan" and state.stage_steps % self._rules.window_steps == 0:
            self._rearrange()

    # --- milestones ---

    @property
    def gate(self) -> Gate | None:
        """The gate of the running stage."""
        return self._rules.gates[self.state.stage] if self._rules.gates else None

    def at_milestone(self) -> bool:
        """Whether a decision is due: rows or budget are used up, a block is over, or it is time to look."""
        state, every = self.state, self._rules.gate_every
        if state.finished:
            return False
        if self._at_most() or (not self._block and (state.block or self._used_up())):
            return True
        if self.gate is None or self._block or not every or not state.stage_steps:
            return False
        return state.stage_steps % every == 0 and state.looked != state.step

    def needs_reading(self) -> bool:
        """Whether the decision that is due depends on what the model can do."""
        return self.gate is not None and not self._at_most()

    def settle(self, reading: Reading) -> Decision:
        """Decide, and act on it."""
        state = self.state
        stage = state.stage
        verdict = self._verdict(reading)
        state.block, state.looked = None, state.step
        if verdict.action == "advance":
            self._enter(stage + 1)
        elif verdict.action == "stop":
            state.finished = True
        elif verdict.action in {"review", "reframe"}:
            verdict = self._put_in(verdict)
        return Decision(
            step=state.step,
            stage=stage,
            action=verdict.action,
            reason=verdict.reason,
            figures=_figures(reading),
        )

    def gain(self) -> float | None:
        """The relative fall of the mean loss from the first to the second half of the gate's window."""
        window = self.gate.window_steps if self.gate else 0
        losses = np.array(self.state.losses[-window:]) if window else np.zeros(0)
        if window < 2 or len(losses) < window or np.isnan(losses).any():
            return None
        before, after = losses[: window // 2].mean(), losses[window // 2 :].mean()
        return float((before - after) / before) if before else 0.0

    # --- saving ---

    def saved(self) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
        """All state, as plain values and as arrays."""
        values = {**asdict(self.state), "block_rows": self._block}
        return values, {**self.memory.arrays(), "remaining": self._remaining}

    def load(self, values: Mapping[str, Any], arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what was saved."""
        plain = dict(values)
        self._block = [(int(place), kind) for place, kind in plain.pop("block_rows")]
        self.state = State(**{**plain, "record": Record(**plain["record"])})
        self._remaining = arrays["remaining"].astype(np.int64)
        self.memory = Memory.of(arrays)

    # --- inside ---

    def _enter(self, stage: int) -> None:
        """Open a stage: its rows are those of the plan, but for what an adaptive policy decides at once."""
        course, state = self.course, self.state
        state.stage, state.stage_steps, state.tokens, state.losses = stage, 0, 0, []
        state.record.reviewed, state.record.reframed = [], []
        state.done = course.stages[stage].first_order
        self._remaining = course.places(stage)
        if self._rules.adaptive == "leitner" and stage:
            self._review_by_box()
        elif self._rules.adaptive != "plan" and stage:
            self._rearrange()

    def _verdict(self, reading: Reading) -> Verdict:
        state, course = self.state, self.course
        last = state.stage == len(course.stages) - 1
        if self._at_most():
            return Verdict("stop", f"the most steps are done: {self._rules.most_steps}")
        stand = Stand(
            stage=state.stage,
            last=last,
            skills=tuple(name for name in course.stages[state.stage].skills),
            tiers=course.stages[state.stage].tiers,
            earlier_tiers=course.earlier_tiers(state.stage),
            rows_left=not self._used_up(),
        )
        if self.gate is None:
            why = "its tokens are used up" if len(self._remaining) else "its rows are used up"
            return Verdict("stop", f"{why}, in the last stage") if last else Verdict("advance", why)
        return gates.decide(self.gate, reading, stand, state.record, self._rules.patience)

    def _at_most(self) -> bool:
        return self._rules.most_steps is not None and self.state.step >= self._rules.most_steps

    def _used_up(self) -> bool:
        budgets = self._rules.stage_tokens
        spent = bool(budgets) and self.state.tokens >= budgets[self.state.stage]
        return spent or not len(self._remaining)

    def _role(self, place: int) -> str:
        """The role of a row as it comes: `new` once, whatever a policy moved."""
        planned = str(self.course.role[place])
        if planned != "new":
            return planned
        return "new" if self.memory.visits[self.course.example[place]] == 0 else "review"

    def _put_in(self, verdict: Verdict) -> Verdict:
        """Lay the rows of a review or a reframing; where there are none, the plan goes on."""
        course, memory = self.course, self.memory
        met = self._first[memory.visits > 0]
        if verdict.action == "review":
            self._block = [(int(place), None) for place in self._hardest(met[course.tier[met] == verdict.tier])]
        else:
            lowest = min(course.stages[self.state.stage].tiers, default=0)
            skill = list(course.skills).index(verdict.skill or "")
            of_skill = met[course.skill[met] == skill]
            easier = of_skill[course.tier[of_skill] < lowest]
            self._block = [(int(place), None) for place in self._hardest(easier)]
            how = f"rows of lower tiers of {verdict.skill}"
            if not self._block:
                self._block = [*self._vary(self._hardest(of_skill).tolist())]
                how = f"variations of {verdict.skill}"
            verdict = Verdict("reframe", f"{verdict.reason}: {len(self._block)} {how}", None, verdict.skill)
        if not self._block:
            return Verdict("go-on", f"{verdict.reason}, but no row is there to put in")
        self.state.block = "review" if verdict.action == "review" else "reframe"
        return verdict

    def _hardest(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """At most a block of *places*, those with the highest last loss, in the order of the plan."""
        loss = self.memory.loss[self.course.example[places]]
        worst = places[np.lexsort((places, -loss))][: self._rules.block_rows]
        return np.sort(worst)

    def _review_by_box(self) -> None:
        """Fill the stage's review rows by Leitner's boxes instead of by the plan."""
        course, memory = self.course, self.memory
        slots = np.flatnonzero(course.role[self._remaining] == "review")
        fresh = np.zeros(len(memory.visits), bool)
        fresh[course.example[self._remaining[course.role[self._remaining] == "new"]]] = True
        chosen = adapt.leitner(len(slots), memory.box, (memory.visits > 0) & ~fresh, memory.last, self.state.stage)
        self._remaining[slots[: len(chosen)]] = self._first[chosen]

    def _rearrange(self) -> None:
        course, memory, rules = self.course, self.memory, self._rules
        if not len(self._remaining) or rules.adaptive == "leitner":
            return
        means = self._group_means(course.skill, len(course.skills))
        if rules.adaptive == "skill-it" and self._graph is not None and not np.isnan(means).all():
            filled = np.where(np.isnan(means), np.nanmean(means), means)
            weights = adapt.skill_weights(self._graph, filled)
            window = rules.window_steps * rules.step_rows
            skill = course.skill[self._remaining]
            self._remaining = adapt.by_weights(self._remaining, skill, weights, window)
        if rules.adaptive == "self-paced" and not np.isnan(memory.loss).all():
            known = memory.loss[~np.isnan(memory.loss)]
            state = self.state
            state.threshold = float(np.median(known)) if state.threshold is None else state.threshold * adapt.GROWTH
            expected = adapt.expected_loss(
                course.example[self._remaining], course.skill[self._remaining], memory.loss, means
            )
            self._remaining = adapt.self_paced(self._remaining, expected, state.threshold)

    def _group_means(self, group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
        """The mean last loss of each group's examples that were met; NaN where none was. Shape (groups,)."""
        of_example = group[self._first]
        known = ~np.isnan(self.memory.loss)
        sums = np.bincount(of_example[known], self.memory.loss[known], groups)
        counts = np.bincount(of_example[known], minlength=groups)
        means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return means


def _figures(reading: Reading) -> dict[str, float]:
    """A reading by name, for the log."""
    named = {"gain": reading.gain, "calibration_error": reading.ece}
    for kind, cells in (("accuracy", reading.accuracy), ("loss", reading.loss)):
        for (skill, tier), value in cells.items():
            if skill is None or tier is None:
                where = " ".join([f"tier {tier}"] * (tier is not None) + [str(skill)] * (skill is not None)) or "all"
                named[f"{kind} {where}"] = value
    return {name: round(value, 6) for name, value in named.items() if value is not None}
