"""Gates decide by stated thresholds, the same each time, and steer a learner that forgets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from curate.core.manifest import ScheduledStage
from curate.core.plan import Gate
from curate.train.conduct import Conductor, Rules, Step
from curate.train.course import Course, Seen
from curate.train.gates import Reading, Record, Stand, decide

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curate.train.gates import Decision

SKILLS = ("sums", "words")
FIRST = Stand(stage=0, last=False, skills=SKILLS, tiers=(0,), earlier_tiers=(), rows_left=True)
THIRD = Stand(stage=2, last=True, skills=SKILLS, tiers=(2,), earlier_tiers=(0, 1), rows_left=True)
USED_UP = Stand(stage=0, last=False, skills=SKILLS, tiers=(0,), earlier_tiers=(), rows_left=False)


def reading(
    sums: float = 0.5,
    words: float = 0.5,
    tiers: tuple[float, ...] = (),
    loss: float = 1.0,
    gain: float | None = None,
) -> Reading:
    accuracy: dict[tuple[str | None, int | None], float] = {
        ("sums", None): sums,
        ("words", None): words,
        (None, None): (sums + words) / 2,
    }
    accuracy |= {(None, tier): value for tier, value in enumerate(tiers)}
    return Reading(accuracy, {(None, None): loss}, gain)


@pytest.mark.parametrize(
    ("gate", "stand", "read", "action", "reason"),
    [
        (Gate(score=0.8), FIRST, reading(0.8, 0.9), "advance", "accuracy 0.850 meets the score of 0.800"),
        (Gate(score=0.8), FIRST, reading(0.8, 0.7), "go-on", "rows left"),
        (Gate(gain=0.01), FIRST, reading(gain=0.009), "advance", "come to rest"),
        (Gate(gain=0.01), FIRST, reading(gain=0.011), "go-on", "rows left"),
        (Gate(gain=0.01), FIRST, reading(gain=None), "go-on", "rows left"),
        (Gate(score=0.8, gain=0.01), FIRST, reading(0.6, 0.5, gain=0.0), "reframe", "below 0.800"),
        (Gate(score=0.8), USED_UP, reading(0.6, 0.5), "reframe", "used up"),
        (Gate(), USED_UP, reading(), "advance", "used up"),
        (Gate(score=0.8), THIRD, reading(0.9, 0.9), "stop", "in the last stage"),
    ],
)
def test_each_threshold_has_its_verdict(gate: Gate, stand: Stand, read: Reading, action: str, reason: str) -> None:
    verdict = decide(gate, read, stand, Record(), patience=None)

    assert verdict.action == action
    assert reason in verdict.reason


def test_an_earlier_tier_that_slips_by_more_than_the_tolerance_is_reviewed_once() -> None:
    gate, record = Gate(drop=0.05, score=0.99), Record()
    decide(gate, reading(tiers=(0.9, 0.8, 0.3)), THIRD, record, None)

    within = decide(gate, reading(tiers=(0.86, 0.8, 0.4)), THIRD, record, None)
    beyond = decide(gate, reading(tiers=(0.84, 0.8, 0.5)), THIRD, record, None)
    again = decide(gate, reading(tiers=(0.84, 0.8, 0.5)), THIRD, record, None)

    assert (within.action, beyond.action, beyond.tier, again.action) == ("go-on", "review", 0, "go-on")
    assert beyond.reason == "accuracy on tier 0 fell by 0.060, more than 0.050"


def test_the_weakest_skill_is_reframed_and_then_the_other_and_then_it_goes_on() -> None:
    gate, record, rest = Gate(score=0.9, gain=0.01), Record(), reading(0.6, 0.5, gain=0.0)

    verdicts = [decide(gate, rest, FIRST, record, None) for _ in range(3)]

    assert [(each.action, each.skill) for each in verdicts] == [
        ("reframe", "words"),
        ("reframe", "sums"),
        ("advance", None),
    ]


def test_training_stops_when_nothing_gets_better() -> None:
    record = Record()
    actions = [decide(Gate(score=0.9), reading(loss=1.0), FIRST, record, patience=3).action for _ in range(4)]

    assert actions == ["go-on", "go-on", "go-on", "stop"]


def course(stages: int = 3, rows: int = 40) -> Course:
    """Stages of one tier each, two skills in turn, every row new."""
    count = stages * rows
    scheduled = tuple(
        ScheduledStage(
            stage=number,
            config=f"stage-{number:02d}",
            rows=rows,
            tokens=rows * 10,
            roles={"new": rows},
            tiers=(number,),
            skills=dict.fromkeys(SKILLS, rows // 2),
            first_order=number * rows,
            files=(),
        )
        for number in range(stages)
    )
    stage = np.repeat(np.arange(stages), rows)
    return Course(
        stage=stage,
        tier=stage.copy(),
        skill=np.arange(count) % 2,
        example=np.arange(count),
        role=np.array(["new"] * count),
        parent=[None] * count,
        ids=[f"{number:032x}" for number in range(count)],
        skills=SKILLS,
        stages=scheduled,
    )


@dataclass
class Forgetful:
    """Knows each tier from 0 to 1: a row of it teaches, and every row of another tier makes it fade."""

    course: Course
    known: NDArray[np.float64]
    teach: float = 0.02
    fade: float = 0.004
    log: list[Decision] = field(default_factory=list)

    def learn(self, step: Step) -> Seen:
        for place in step.places:
            tier = self.course.tier[place]
            self.known *= 1 - self.fade
            self.known[tier] = min(1.0, self.known[tier] / (1 - self.fade) + self.teach)
        loss = 1.0 - self.known[self.course.tier[step.places]]
        return Seen(step.places, loss, 0.5 - loss)

    def read(self, gain: float | None) -> Reading:
        accuracy: dict[tuple[str | None, int | None], float] = {
            (None, tier): float(value) for tier, value in enumerate(self.known)
        }
        accuracy[None, None] = float(self.known.mean())
        return Reading(accuracy, {(None, None): 1.0 - float(self.known.mean())}, gain)


def train(learner: Forgetful, rules: Rules) -> tuple[list[int], list[Decision]]:
    conductor = Conductor(learner.course, rules)
    places: list[int] = []
    decisions: list[Decision] = []
    for _ in range(10_000):
        while conductor.at_milestone():
            read = learner.read(conductor.gain()) if conductor.needs_reading() else Reading()
            decisions.append(conductor.settle(read))
        step = conductor.next_step()
        if step is None:
            return places, decisions
        places += step.places.tolist()
        seen = learner.learn(step)
        conductor.heard(seen, float(seen.loss.mean()), 10 * len(step.places))
    raise AssertionError("training has no end")


def hear(conductor: Conductor, step: Step, loss: NDArray[np.float64]) -> None:
    conductor.heard(Seen(step.places, loss, np.zeros(len(loss))), 1.0, 10 * len(loss))


def learner() -> Forgetful:
    return Forgetful(course(), np.zeros(3))


def test_without_gates_the_plan_is_followed_to_the_row() -> None:
    places, decisions = train(learner(), Rules(step_rows=8))

    assert places == list(range(120))
    assert [(each.action, each.step) for each in decisions] == [("advance", 5), ("advance", 10), ("stop", 15)]


def test_a_learner_that_forgets_is_given_review_and_knows_more_at_the_end() -> None:
    plain, steered = learner(), learner()
    train(plain, Rules(step_rows=8))
    gates = (Gate(drop=0.05),) * 3
    places, decisions = train(steered, Rules(step_rows=8, gates=gates, gate_every=2, block_rows=24))

    assert {each.action for each in decisions} >= {"review", "advance", "stop"}
    assert steered.known[0] > plain.known[0] + 0.1
    assert len(places) > 120
    assert sorted(set(places)) == list(range(120))


def test_gates_decide_the_same_each_time() -> None:
    rules = Rules(step_rows=8, gates=(Gate(drop=0.05),) * 3, gate_every=2, block_rows=24)

    assert train(learner(), rules) == train(learner(), rules)


def test_a_met_score_opens_the_next_stage_before_its_rows_are_used_up() -> None:
    quick = Forgetful(course(), np.zeros(3), teach=0.05)
    places, decisions = train(quick, Rules(step_rows=8, gates=(Gate(score=0.15),) * 3, gate_every=1))

    assert [each.action for each in decisions if each.action != "go-on"][-1] == "stop"
    assert len(places) < 120


def test_the_most_steps_are_never_passed() -> None:
    places, decisions = train(learner(), Rules(step_rows=8, most_steps=7))

    assert places == list(range(56))
    assert decisions[-1].reason == "the most steps are done: 7"


def test_a_stage_ends_with_its_tokens() -> None:
    places, _ = train(learner(), Rules(step_rows=8, stage_tokens=(160, 400, 80)))

    assert places == [*range(16), *range(40, 80), *range(80, 88)]


def test_a_conductor_that_is_saved_anywhere_goes_on_as_if_it_was_not() -> None:
    import json

    rules = Rules(step_rows=8, gates=(Gate(drop=0.05),) * 3, gate_every=2, block_rows=24)
    whole, _ = train(learner(), rules)
    for cut in range(1, 22, 3):
        one = learner()
        before = Conductor(one.course, rules)
        places: list[int] = []
        for number in range(1000):
            while before.at_milestone():
                before.settle(one.read(before.gain()))
            if number == cut:
                values, arrays = before.saved()
                values = json.loads(json.dumps(values))
                before = Conductor(one.course, rules)
                before.load(values, {name: array.copy() for name, array in arrays.items()})
            step = before.next_step()
            if step is None:
                break
            places += step.places.tolist()
            seen = one.learn(step)
            before.heard(seen, float(seen.loss.mean()), 10 * len(step.places))
        assert places == whole


def test_a_failing_skill_is_reframed_with_easier_rows_of_it() -> None:
    held = course()
    rules = Rules(step_rows=10, gates=(Gate(), Gate(score=0.9), Gate()), block_rows=6)
    conductor = Conductor(held, rules)
    for _ in range(8):
        while conductor.at_milestone():
            conductor.settle(reading(0.5, 0.4))
        step = conductor.next_step()
        assert step is not None
        hear(conductor, step, np.arange(len(step.places)).astype(np.float64))
    decision = conductor.settle(reading(0.5, 0.4))
    block = conductor.next_step()

    assert decision.action == "reframe"
    assert block is not None
    assert set(held.skill[block.places]) == {SKILLS.index("words")}
    assert set(held.tier[block.places]) == {0}
    assert set(block.roles) == {"review"}


def test_where_no_easier_row_is_there_variations_are_given() -> None:
    rules = Rules(step_rows=10, gates=(Gate(score=0.9), Gate(), Gate()), block_rows=6)
    conductor = Conductor(course(), rules, vary=lambda places: [(place, "template") for place in places])
    for _ in range(4):
        step = conductor.next_step()
        assert step is not None
        hear(conductor, step, np.ones(len(step.places)))
    decision = conductor.settle(reading(0.5, 0.4))
    block = conductor.next_step()

    assert "variations of words" in decision.reason
    assert block is not None
    assert (set(block.roles), set(block.kinds)) == ({"augmented"}, {"template"})
