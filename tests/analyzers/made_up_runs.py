"""Made-up runs with a known truth, as records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from copilot_analytics.records import Block, Item, Record
from copilot_analytics.schedule import Schedule, Stage

Curve = Callable[[float], float]
"""Value at a share of the run, in [0, 1]."""

PER_EPOCH = 10
STEP = 50


def made_up(
    loss: Curve,
    metric: Curve | None = None,
    *,
    epochs: int = 60,
    seed: int = 0,
    noise: float = 0.03,
    metric_noise: float = 0.004,
    val_loss: Curve | None = None,
    val_noise: float = 0.02,
    rate: Curve | None = None,
    schedule: Schedule | None = None,
    metric_name: str = "coco/bbox_mAP",
    scale: float = 1.0,
    keep_every: int = 1,
    until: float = 1.0,
    planned: bool = True,
    extra: Callable[[float, float], dict[str, float]] | None = None,
) -> Iterator[Record]:
    """Yield the records of a run of `epochs` epochs, ten lines each."""
    chance = np.random.default_rng(seed)
    line = 1
    facts: dict[str, object] = {"log_interval": STEP * keep_every}
    if planned:
        facts |= {
            "planned_epochs": epochs,
            "steps_per_epoch": PER_EPOCH * STEP,
            "val_interval": 1,
            "val_unit": "epoch",
        }
    if schedule is not None:
        facts["schedule"] = schedule
    yield Record("config", facts=facts, line=line)
    wander = 0.0
    for epoch in range(1, epochs + 1):
        for part in range(1, PER_EPOCH + 1):
            share = (epoch - 1 + part / PER_EPOCH) / epochs
            if share > until:
                return
            wander = 0.3 * wander + float(chance.normal())
            value = loss(share) * (1.0 + noise * wander) if noise else loss(share)
            line += 1
            if ((epoch - 1) * PER_EPOCH + part) % keep_every:
                continue
            now = (epoch - 1) * PER_EPOCH + part
            metrics = {"loss": value * scale}
            if rate is not None:
                metrics["lr"] = rate(share)
            if extra is not None:
                metrics |= extra(share, value)
            yield Record(
                "train",
                step=now * STEP,
                epoch=epoch - 1 + part / PER_EPOCH,
                time=1.6e9 + 20.0 * now,
                metrics=metrics,
                line=line,
            )
        share = epoch / epochs
        measured: dict[str, float] = {}
        if metric is not None:
            measured[metric_name] = metric(share) + metric_noise * float(chance.normal())
        if val_loss is not None:
            wobble = 1.0 + val_noise * float(chance.normal())
            measured["val_loss"] = val_loss(share) * wobble
        if measured:
            line += 1
            yield Record(
                "eval",
                step=epoch * PER_EPOCH * STEP,
                epoch=float(epoch),
                time=1.6e9 + 20.0 * epoch * PER_EPOCH + 5.0,
                metrics=measured,
                facts={"split": "val"},
                line=line,
            )


def falling(share: float) -> float:
    """Return a loss that keeps falling like a power law."""
    return 2.5 * (0.02 + share) ** -0.35 / (0.02**-0.35)


def levelling(share: float, speed: float = 8.0, floor: float = 0.6) -> float:
    """Return a loss that falls fast and then not at all."""
    return floor + 2.0 * math.exp(-speed * share)


def rising(share: float, speed: float = 8.0, top: float = 0.42) -> float:
    """Return a metric that rises fast and then not at all."""
    return top * (1.0 - math.exp(-speed * share))


def growing(share: float) -> float:
    """Return a metric that keeps rising."""
    return 0.1 + 0.3 * math.sqrt(share)


def dropping(share: float) -> float:
    """Return the rate of a schedule with drops at 60 % and 90 %."""
    return 0.1 if share <= 0.6 else 0.01 if share <= 0.9 else 0.001


def step_schedule(epochs: int = 60) -> Schedule:
    """Return the schedule of `dropping`."""
    at = (round(0.6 * epochs), round(0.9 * epochs))
    return Schedule((Stage("multistep", "epoch", milestones=at, gamma=0.1),))


def cosine(share: float) -> float:
    """Return a rate that falls to nothing."""
    return 0.05 * (1.0 + math.cos(math.pi * share))


def cosine_schedule(epochs: int = 60) -> Schedule:
    """Return the schedule of `cosine`."""
    return Schedule((Stage("cosine", "epoch", end=epochs, final_factor=0.0),))


def blocks(records: Sequence[Record], cuts: Sequence[int]) -> list[Item]:
    """Pack consecutive training records with the same metrics into blocks cut at `cuts`."""
    items: list[Item] = []
    rows: list[Record] = []

    def flush() -> None:
        if rows:
            names = list(rows[0].metrics)
            items.append(
                Block(
                    np.array([row.step for row in rows], dtype=np.int64),
                    np.array([np.nan if r.epoch is None else r.epoch for r in rows], dtype=float),
                    np.array([np.nan if r.time is None else r.time for r in rows], dtype=float),
                    np.array([row.line for row in rows], dtype=np.int64),
                    {n: np.array([r.metrics[n] for r in rows], dtype=float) for n in names},
                )
            )
            rows.clear()

    for number, record in enumerate(records):
        if record.kind != "train":
            flush()
            items.append(record)
            continue
        if number in cuts or (rows and set(rows[0].metrics) != set(record.metrics)):
            flush()
        rows.append(record)
    flush()
    return items
