"""The stage loop: one call of a trainer of transformers or TRL, fed step by step with the rows that come next.

One model and one optimiser go through all stages. The trainer asks for the rows of a step only when the step before
is over, so a gate decides on rows that nobody has fetched yet. Each step is a list of micro-batches that add up to one
update; no step holds rows of two stages.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from curate.models import signals
from curate.train.course import Seen
from curate.train.encode import IGNORED, pad
from curate.train.gates import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from curate.models.signals import Visit
    from curate.models.untyped import Network
    from curate.train.conduct import Conductor, Step
    from curate.train.encode import Encoded
    from curate.train.journal import Journal

Kind = Literal["transformers", "trl"]


@dataclass(frozen=True)
class Batches:
    """How rows become tensors: rows of a micro-batch, the id that fills up, and how places are encoded."""

    rows: int
    filler: int
    encode: Callable[[Step], list[Encoded | None]]


@dataclass(frozen=True)
class Hooks:
    """What the loop calls: the rate of a step, a reading of the model as it stands, saving, and who watches."""

    rate: Callable[[], float]
    read: Callable[[Network], Reading]
    save: Callable[[str], None]
    """Adds what is ours to a checkpoint folder that the trainer has just written."""
    watch: Callable[[int, float, float], None]
    """Step, mean loss, learning rate."""
    checkpoint_every: int | None


@dataclass
class _Work:
    """One step on its way through the trainer."""

    step: Step
    micros: list[dict[str, torch.Tensor]]
    tokens: int
    cut: list[bool]
    visits: list[Visit | None] = field(default_factory=list)


class Feed:
    """What the trainer iterates over: one step at a time, made when it is asked for."""

    def __init__(self, conductor: Conductor, journal: Journal, batches: Batches, hooks: Hooks) -> None:
        self.conductor = conductor
        self.journal = journal
        self.batches = batches
        self.hooks = hooks
        self.work: _Work | None = None

    def __iter__(self) -> Iterator[_Work]:
        while (step := self.conductor.next_step()) is not None:
            self.work = self._prepare(step)
            yield self.work

    def _prepare(self, step: Step) -> _Work:
        import torch

        encoded = self.batches.encode(step)
        held = [(place, one) for place, one in enumerate(encoded) if one is not None]
        cut = [one is not None and not one.whole for one in encoded]
        work = _Work(step, [], sum(len(one.ids) for _, one in held), cut, [None] * len(encoded))
        for start in range(0, len(held), self.batches.rows):
            part = held[start : start + self.batches.rows]
            arrays = pad([one for _, one in part], self.batches.filler)
            micro = {name: torch.from_numpy(array) for name, array in arrays.items()}
            work.micros.append({**micro, "curate_rows": torch.tensor([place for place, _ in part])})
        return work

    def saw(self, rows: Sequence[int], states: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Note what the model made of a micro-batch, from tensors of shapes (b, t, h), (b, t, v) and (b, t)."""
        import torch

        if self.work is None:
            raise RuntimeError("a row was seen outside a step")
        with torch.no_grad():
            for number, row in enumerate(rows):
                at = torch.nonzero(labels[number, 1:] != IGNORED)[:, 0]
                targets = labels[number, 1:][at]
                self.work.visits[row] = signals.of_row(states[number, :-1][at], logits[number, :-1][at], targets)

    def finish_step(self, network: Network) -> bool:
        """Take in how the step went and decide what is due; whether a stage has ended."""
        if self.work is None:
            raise RuntimeError("a step ended that was never begun")
        step, visits, conductor = self.work.step, self.work.visits, self.conductor
        times = visit_numbers(conductor.memory.visits, conductor.course.example[step.places])
        own = [
            (place, visit)
            for place, visit, kind in zip(step.places.tolist(), visits, step.kinds, strict=True)
            if visit is not None and kind is None
        ]
        losses = [visit.loss for visit in visits if visit is not None]
        mean = float(np.mean(losses)) if losses else float("nan")
        seen = Seen(
            np.array([place for place, _ in own], np.int64),
            np.array([visit.loss for _, visit in own]),
            np.array([visit.margin for _, visit in own]),
        )
        conductor.heard(seen, mean, self.work.tokens)
        self.journal.took(conductor.state.step, step, visits, times.tolist(), self.work.cut)
        self.hooks.watch(conductor.state.step, mean, self.hooks.rate())
        before = conductor.state.stage
        self.settle(network)
        return conductor.state.finished or conductor.state.stage != before

    def settle(self, network: Network) -> None:
        """Decide all that is due now."""
        conductor = self.conductor
        while conductor.at_milestone():
            reading = self.hooks.read(network) if conductor.needs_reading() else Reading()
            self.journal.decided(conductor.settle(reading))


def visit_numbers(visits: NDArray[np.int32], example: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each example was visited before, those that come twice in this step counted on. Shape (k,)."""
    order = np.argsort(example, kind="stable")
    rank = np.empty(len(example), np.int64)
    rank[order] = np.arange(len(example)) - np.searchsorted(example[order], example[order])
    numbers: NDArray[np.int64] = visits[example] + rank
    return numbers


def staged(base: type[Any], feed: Feed) -> type[Any]:
    """A trainer class that takes its steps from *feed*; *base* is transformers' `Trainer` or a subclass of it."""
    from transformers import Trainer

    class StagedTrainer(base):  # type: ignore[misc]
        """Asks for one step at a time, and adds up its micro-batches itself."""

        def get_train_dataloader(self) -> Feed:
            """The feed instead of a loader."""
            return feed

        def get_batch_samples(
            self, epoch_iterator: Iterator[_Work], num_batches: int, device: torch.device
        ) -> tuple[list[_Work], Any]:
            """One step, and how many of its tokens are trained on."""
            del num_batches
            work = next(epoch_iterator, None)
            if work is None:
                return [], None
            return [work], self._get_num_items_in_batch(work.micros, device)

        def training_step(self, model: Network, inputs: _Work, num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ANN401
            """Forward and backward of all micro-batches of a step."""
            import torch

            self.current_gradient_accumulation_steps = len(inputs.micros)
            total = torch.zeros((), device=self.args.device)
            for micro in inputs.micros:
                total = total + super().training_step(model, micro, num_items_in_batch)
            return total

        def compute_loss(
            self,
            model: Network,
            inputs: dict[str, torch.Tensor],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            """The model's own loss, its logits looked at on the way.

            TRL's fused head makes no logits, so its trainer computes the loss as transformers' does; the number is
            the same.
            """
            rows = inputs.pop("curate_rows").tolist()
            labels = inputs["labels"]
            with _captured(self.model) as states:
                loss, outputs = Trainer.compute_loss(
                    self, model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
                )
            feed.saw(rows, states[-1], outputs["logits"], labels)
            return (loss, outputs) if return_outputs else loss

        def floating_point_ops(self, inputs: _Work) -> int:
            """Those of all micro-batches."""
            return sum(int(super(StagedTrainer, self).floating_point_ops(micro)) for micro in inputs.micros)

    return StagedTrainer


@contextmanager
def _captured(network: Network) -> Iterator[list[torch.Tensor]]:
    """What goes into the output layer while the block runs."""
    found: list[torch.Tensor] = []
    hook = network.get_output_embeddings().register_forward_pre_hook(lambda _, given: found.append(given[0].detach()))
    try:
        yield found
    finally:
        hook.remove()


def follower(feed: Feed) -> Any:  # noqa: ANN401 - a callback of an untyped library
    """The callback that sets the rate before each step and lets the feed decide after it."""
    from transformers import TrainerCallback

    class Follower(TrainerCallback):  # type: ignore[misc]
        """Ties the trainer's events to the feed."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            """A plan may begin with an empty stage."""
            del args, state
            feed.settle(kwargs["model"])
            control.should_training_stop = feed.conductor.state.finished
            return control

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
            """Set the learning rate of the step."""
            del args, state, control
            for group in kwargs["optimizer"].param_groups:
                group["lr"] = feed.hooks.rate()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            """Hear how it went, decide, and save where a stage has ended or it is time."""
            del args
            ended = feed.finish_step(kwargs["model"])
            every = feed.hooks.checkpoint_every
            control.should_save = ended or bool(every and state.global_step % every == 0)
            control.should_training_stop = feed.conductor.state.finished
            return control

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
            """Add our own state to the checkpoint, which makes it whole."""
            del control, kwargs
            feed.journal.flush()
            feed.hooks.save(f"{args.output_dir}/checkpoint-{state.global_step}")

    return Follower()
