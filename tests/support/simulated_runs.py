"""Runs simulated with a clock, so that times, evaluations and checkpoints have a known truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.engine import Session
from copilot_analytics.records import Record
from copilot_analytics.schedule import Schedule, Stage

if TYPE_CHECKING:
    from copilot_analytics.run import Run

Rows = Callable[[int, float, dict[str, float]], dict[str, float]]
START = 1.7e9


@dataclass
class Simulated:
    """A healthy run; whatever is not healthy is put in by `change_row` and `metric`."""

    epochs: int = 30
    rows: int = 10  # in an epoch
    every: int = 10  # steps between rows
    step_s: float = 0.5
    eval_s: float = 20.0
    save_s: float = 3.0
    eval_every: int = 1
    save_every: int = 1
    seed: int = 0
    noise: float = 0.05
    metric_noise: float = 0.004
    schedule: str = "multistep"
    warmup: bool = True
    times: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    change_row: Rows | None = None
    loss: Callable[[float], float] | None = None
    metric: Callable[[float], float] | None = None
    metric_name: str = "coco/bbox_mAP"
    val_loss: Callable[[float], float] | None = None
    evaluates: bool = True
    saves: bool = True

    @property
    def per_epoch(self) -> int:
        return self.rows * self.every

    @property
    def total_s(self) -> float:
        evals = self.epochs // self.eval_every if self.evaluates else 0
        saves = self.epochs // self.save_every if self.saves else 0
        apart_s = evals * self.eval_s + saves * self.save_s
        return self.epochs * self.per_epoch * self.step_s + apart_s

    def plan(self) -> Schedule:
        stages = [Stage("warmup", "step", 0, self.per_epoch)] if self.warmup else []
        if self.schedule == "multistep":
            at = (round(0.6 * self.epochs), round(0.85 * self.epochs))
            stages.append(Stage("multistep", "epoch", milestones=at))
        elif self.schedule == "cosine":
            stages.append(Stage("cosine", "epoch", end=self.epochs, final_factor=0.0))
        return Schedule(tuple(stages))

    def rate(self, share: float) -> float:
        rate = 0.02
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * share))
        elif self.schedule == "multistep":
            rate *= 0.1 ** sum(share > part for part in (0.6, 0.85))
        if self.warmup:
            rate *= min(1.0, share * self.epochs + 0.01)
        return rate

    def default_loss(self, share: float) -> float:
        level = 0.4 + 2.0 * (0.02 + share) ** -0.4 / 0.02**-0.4
        if self.schedule == "multistep":
            level -= 0.1 * sum(share > part for part in (0.6, 0.85))
        return level

    def default_metric(self, share: float) -> float:
        level = 0.4 * (1 - 0.9 * math.exp(-4 * share))
        if self.schedule == "multistep":
            level += 0.02 * sum(share >= part for part in (0.6, 0.85))
        return level

    def records(self) -> list[Record]:
        rng = np.random.default_rng(self.seed)
        facts: dict[str, Any] = {
            "planned_epochs": self.epochs,
            "steps_per_epoch": self.per_epoch,
            "log_interval": self.every,
            "val_interval": self.eval_every,
            "val_unit": "epoch",
            "checkpoint_interval": self.save_every,
            "checkpoint_unit": "epoch",
            "schedule": self.plan(),
        }
        found = [Record("config", facts={**facts, **self.facts}, line=1)]
        clock, wander, line = 0.0, 0.0, 1
        loss = self.loss or self.default_loss
        metric = self.metric or self.default_metric
        for epoch in range(1, self.epochs + 1):
            for row in range(1, self.rows + 1):
                step = (epoch - 1) * self.per_epoch + row * self.every
                share = step / (self.epochs * self.per_epoch)
                clock += self.every * self.step_s
                wander = 0.3 * wander + rng.normal()
                line += 1
                metrics = {
                    "lr": self.rate(share),
                    "data_time_s": 0.1 * self.step_s,
                    "iter_time_s": self.step_s,
                    "grad_norm": float(np.exp(0.2 * rng.normal())),
                    "memory_mib": 5000.0,
                    "loss": loss(share) * (1 + self.noise * wander),
                }
                if self.change_row is not None:
                    metrics = self.change_row(step, share, metrics)
                time = START + clock if self.times else None
                found.append(Record("train", step, step / self.per_epoch, time, metrics, line=line))
            share = epoch / self.epochs
            step = epoch * self.per_epoch
            if self.saves and epoch % self.save_every == 0:
                clock, line = clock + self.save_s, line + 1
                saved = {"path": f"epoch_{epoch}.pth", "epoch": epoch}
                found.append(Record("checkpoint", step, epoch, facts=saved, line=line))
            if self.evaluates and epoch % self.eval_every == 0:
                clock, line = clock + self.eval_s, line + 1
                metrics = {self.metric_name: metric(share) + self.metric_noise * rng.normal()}
                if self.val_loss is not None:
                    metrics["val_loss"] = self.val_loss(share) * (1 + 0.01 * rng.normal())
                time = START + clock if self.times else None
                found.append(Record("eval", step, epoch, time, metrics, {"split": "val"}, line))
        return found

    def session(self, share: float = 1.0, *, options: Options | None = None) -> Session:
        """Return a session that was fed the first part of the run."""
        session = Session(options)
        for record in self.first(share):
            session.update(record)
        return session

    def first(self, share: float) -> list[Record]:
        """Return the records up to a share of the steps."""
        last = share * self.epochs * self.per_epoch
        return [r for r in self.records() if r.step is None or r.step <= last]


class _Said(Analyzer[Any]):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Any]:
        return ()

    def result(self) -> Any:
        return self.answer


def answers(given: Mapping[type[Analyzer[Any]], Any]) -> Results:
    """Return results that say just what is given."""
    return Results({kind: _Said(answer) for kind, answer in given.items()})


def found(session: Session) -> dict[str, Any]:
    """Return the findings of a session by their ids."""
    return {finding.id: finding for finding in session.findings}
