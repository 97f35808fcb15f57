"""Made-up runs whose truth is known: families of healthy ones, and of sick ones."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.records import Record

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from simulated_runs import Simulated  # noqa: E402  # the tests' own runs

if TYPE_CHECKING:
    from collections.abc import Callable

_STALL_S = 7200.0
_TOP = 0.4
_PLATEAU = frozenset({"PLATEAU", "true_plateau", "stop", "CONVERGED"})
_OVERFITTING = frozenset({"OVERFITTING_RISK", "overfitting", "stop"})
_DIVERGENCE = frozenset(
    {"DIVERGING", "slow_divergence", "loss_explosion", "loss_spike", "loss_nan", "kill"}
)
_LOST = _DIVERGENCE | {"metric_collapse"}  # where the metric is lost with the loss


@dataclass(frozen=True)
class Sick:
    """A run with a known trouble.

    Parameters
    ----------
    records
        The run.
    onset
        Share of the planned steps at which the trouble begins.
    told_by
        Keys of the events that name it.
    per_eval
        Steps between evaluations.
    planned
        Planned steps.
    """

    records: list[Record]
    onset: float
    told_by: frozenset[str]
    per_eval: int
    planned: int


def drawn(seed: int) -> tuple[Simulated, np.random.Generator]:
    """Return a run of random length, speed and noise, and the generator that drew it."""
    chance = np.random.default_rng(7000 + seed)
    run = Simulated(
        seed=seed,
        epochs=int(chance.integers(12, 60)),
        rows=int(chance.integers(4, 20)),
        step_s=float(chance.uniform(0.05, 2.0)),
        noise=float(chance.uniform(0.02, 0.15)),
        metric_noise=float(chance.uniform(0.001, 0.01)),
        eval_s=float(chance.uniform(1.0, 120.0)),
        save_every=int(chance.integers(1, 4)),
    )
    return run, chance


def healthy(seed: int) -> dict[str, Simulated]:
    """Return one healthy run of each family."""
    base, chance = drawn(seed)

    def jittered(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        rate = base.step_s * float(np.exp(0.15 * chance.normal()))
        return {**metrics, "iter_time_s": rate, "data_time_s": 0.1 * rate}

    cosine = replace(base, schedule="cosine")
    return {
        "step decay": base,
        "cosine": cosine,
        "cosine, jittered speed": replace(cosine, change_row=jittered),
        "constant rate": replace(base, schedule="", warmup=False),
        "rare evaluations": replace(cosine, eval_every=4),
        "no evaluation": replace(cosine, evaluates=False),
        "no time stamps": replace(cosine, times=False),
        "loss with heavy noise": replace(cosine, noise=0.3),
        "validation loss too": replace(
            cosine, val_loss=lambda share: 0.6 + 0.5 * (0.05 + share) ** -0.3
        ),
    }


def sick(seed: int) -> dict[str, Sick]:
    """Return one sick run of each family."""
    base, chance = drawn(seed)
    base = replace(base, epochs=max(base.epochs, 24))
    constant = replace(base, schedule="", warmup=False)
    at = float(chance.uniform(0.4, 0.6))
    half = base.default_metric(at)
    early = 0.3

    def saturating(share: float) -> float:
        return _TOP * (1 - math.exp(-share / 0.07))

    def level_loss(share: float) -> float:
        return 0.4 + 1.6 * math.exp(-share / 0.07)

    def overfits(share: float, pace: float) -> float:
        return saturating(share) - pace * max(share - early, 0.0)

    def changed(name: str, change: Callable[[float, float], float]) -> Simulated:
        def row(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
            return {**metrics, name: change(share, metrics[name])} if share > at else metrics

        return replace(base, schedule="cosine", change_row=row)

    def lost(share: float) -> float:
        return base.default_metric(share) if share <= at else 0.3 * half

    def made(run: Simulated, onset: float, told_by: frozenset[str] | set[str]) -> Sick:
        planned = run.epochs * run.per_epoch
        return Sick(
            run.records(), onset, frozenset(told_by), run.eval_every * run.per_epoch, planned
        )

    leaking = replace(
        base,
        schedule="cosine",
        facts={"gpu_name": "Tesla T4"},
        change_row=lambda step, share, row: {**row, "memory_mib": 5000.0 + 13000.0 * share},
    )
    dead = replace(
        base,
        schedule="cosine",
        noise=0.003,
        facts={"num_classes": 10},
        loss=lambda share: math.log(10),
        metric=lambda share: 0.1,
    )
    # From here on the rest of the curve is worth less than half a point.
    level = -0.07 * math.log(0.005 / _TOP)
    return {
        "plateau, constant rate": made(
            replace(constant, metric=saturating, loss=level_loss), level, _PLATEAU
        ),
        "overfitting, strong": made(
            replace(
                constant,
                metric=lambda share: overfits(share, 0.3),
                val_loss=lambda share: 0.6 + math.exp(-share / 0.07) + max(share - early, 0.0),
            ),
            early,
            _OVERFITTING,
        ),
        "overfitting, mild": made(
            replace(constant, metric=lambda share: overfits(share, 0.1)), early, _OVERFITTING
        ),
        "slow divergence": made(
            replace(
                base,
                loss=lambda s: base.default_loss(min(s, at)) + 2 * max(s - at, 0.0),
                metric=lambda s: base.default_metric(min(s, at)) - 0.4 * max(s - at, 0.0),
            ),
            at,
            _DIVERGENCE | {"OVERFITTING_RISK"},
        ),
        "explosion": made(
            replace(changed("loss", lambda share, loss: 50 * loss), metric=lost), at, _LOST
        ),
        "spike, unrecovered": made(
            replace(changed("loss", lambda share, loss: 2.0 + 0.5 * loss), metric=lost),
            at,
            _LOST,
        ),
        "NaN": made(changed("loss", lambda share, loss: math.nan), at, {"DIVERGING", "loss_nan"}),
        "dead from the start": made(dead, 0.0, {"dead_run", "kill"}),
        "memory leak": made(leaking, 0.0, {"memory_leak"}),
        "slowdown": made(
            changed("iter_time_s", lambda share, iter_s: 2.0 * iter_s), at, {"slowdown"}
        ),
        "waiting for data": made(
            changed("data_time_s", lambda share, data_s: 7.0 * data_s), at, {"data_loading_bound"}
        ),
        "crash": _ended(made(base, at, {"crashed", "crash"}), "crash"),
        "stall": _ended(made(base, at, {"stalled"}), "tick"),
    }


def _ended(run: Sick, how: str) -> Sick:
    """Cut a run at its onset, where it crashes or goes silent."""
    kept = [r for r in run.records if r.step is None or r.step <= run.onset * run.planned]
    last = next(r for r in reversed(kept) if r.kind == "train")
    time = (last.time or 0.0) + _STALL_S
    end = Record("tick", last.step, time=time, facts={"silence_s": _STALL_S}, line=last.line)
    if how == "crash":
        end = Record("crash", time=last.time, facts={"error": "RuntimeError"}, line=last.line + 1)
    return replace(run, records=[*kept, end], onset=(last.step or 0) / run.planned)
