"""From trainings to a verdict: losses by tier and skill, rates, steps to target, forgetting, contrasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.study import arms, statistics
from curate.study.ablation import ArmResult, Contrast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from curate.study.ablation import Trial


@dataclass(frozen=True, eq=False)
class Held:
    """The held-out rows, each array of shape (n,): tier, skill, answer tokens, and whether a row is for tuning."""

    ids: Sequence[str]
    tier: NDArray[np.int64]
    skill: NDArray[np.str_]
    tokens: NDArray[np.int64]
    tunes: NDArray[np.bool_]

    def groups(self, name: str) -> dict[str, NDArray[np.bool_]]:
        """The rows of the verdict by ``tier`` or ``skill``."""
        values = self.tier if name == "tier" else self.skill
        return {str(each): (values == each) & ~self.tunes for each in np.unique(values[~self.tunes]).tolist()}


def loss(trial: Trial, held: Held, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Nats an answer token over some rows, at every look. Shape (looks,)."""
    nll = np.asarray(trial.nll, np.float64)
    return np.asarray(nll[:, rows].sum(axis=1) / held.tokens[rows].sum(), np.float64)


def best_rate(trials: Sequence[Trial], held: Held) -> tuple[float, dict[str, float]]:
    """The rate with the lowest mean final loss on the tuning rows, and all of them; of equals the lowest rate."""
    rates = sorted({trial.rate for trial in trials})
    means = {
        rate: float(np.mean([loss(each, held, held.tunes)[-1] for each in trials if each.rate == rate]))
        for rate in rates
    }
    finite = {rate: mean for rate, mean in means.items() if np.isfinite(mean)} or means
    return min(finite, key=lambda rate: (finite[rate], rate)), {f"{rate:.3g}": mean for rate, mean in finite.items()}


def arm(
    name: str, finals: Sequence[Trial], tuned: tuple[float, dict[str, float]], held: Held, target: float
) -> ArmResult:
    """One arm over its seeds. *target* is the loss that steps are counted to."""
    every = np.array([loss(each, held, ~held.tunes) for each in finals])
    reached = [
        float(trial.steps[int(np.argmax(line <= target))])
        for trial, line in zip(finals, every, strict=True)
        if (line <= target).any()
    ]
    by_tier = {each: _mean(finals, held, rows) for each, rows in held.groups("tier").items()}
    rates = [float(each) for each in tuned[1]]
    return ArmResult(
        name=name,
        about=arms.about(name),
        rate=tuned[0],
        at_edge=len(rates) > 1 and f"{tuned[0]:.3g}" in {f"{min(rates):.3g}", f"{max(rates):.3g}"},
        tuning=tuned[1],
        losses=tuple(every[:, -1].tolist()),
        mean=float(every[:, -1].mean()),
        tiers={each: float(line[-1]) for each, line in by_tier.items()},
        skills={each: float(_mean(finals, held, rows)[-1]) for each, rows in held.groups("skill").items()},
        steps_to_target=float(np.median(reached)) if 2 * len(reached) > len(finals) else None,
        forgetting={each: _forgotten(finals, held, rows) for each, rows in held.groups("tier").items()},
    )


def contrasts(finals: Mapping[str, Sequence[Trial]], held: Held, margin: float) -> tuple[Contrast, ...]:
    """Every arm against random order, paired by seed; one that leaves a module out against the whole curriculum.

    The curriculum's is the primary contrast, fixed beforehand; the others share Holm's correction.
    """
    others = [name for name in finals if name != arms.BASE]
    against = {name: arms.PRIMARY if name.startswith(arms.WITHOUT) else arms.BASE for name in others}
    everywhere = ~held.tunes
    found = {name: _difference(finals[name], finals[against[name]], held, everywhere) for name in others}
    corrected = [name for name in others if name != arms.PRIMARY]
    adjusted = dict(zip(corrected, statistics.holm([found[name].p for name in corrected]), strict=True))
    made = []
    for name in others:
        base = finals[against[name]]
        mean = float(_mean(base, held, everywhere)[-1])
        p = adjusted.get(name, found[name].p)
        verdict = statistics.word(found[name], p, margin * mean)
        made.append(
            Contrast(
                arm=name,
                against=against[name],
                primary=name == arms.PRIMARY,
                loss=found[name],
                relative=found[name].mean / mean,
                p=p,
                verdict=verdict,
                says=statistics.says(name, verdict, found[name], mean, against[name]),
                tiers={at: _difference(finals[name], base, held, rows) for at, rows in held.groups("tier").items()},
                skills={at: _difference(finals[name], base, held, rows) for at, rows in held.groups("skill").items()},
            )
        )
    return tuple(made)


def _difference(
    trials: Sequence[Trial], base: Sequence[Trial], held: Held, rows: NDArray[np.bool_]
) -> statistics.Interval:
    by_seed = {each.seed: loss(each, held, rows)[-1] for each in base}
    return statistics.paired(np.array([loss(each, held, rows)[-1] - by_seed[each.seed] for each in trials]))


def _mean(trials: Sequence[Trial], held: Held, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(np.mean([loss(each, held, rows) for each in trials], axis=0), np.float64)


def _forgotten(trials: Sequence[Trial], held: Held, rows: NDArray[np.bool_]) -> float:
    lines = [loss(each, held, rows) for each in trials]
    return float(np.mean([line[-1] - line.min() for line in lines]))
