"""Analyses made by hand, so that renderings can be tested apart from what computes them."""

from __future__ import annotations

import numpy as np

from copilot_analytics.analysis import Analysis
from copilot_analytics.analyzers.eta import Eta
from copilot_analytics.analyzers.forecast import Fan, MetricForecast, Predicted
from copilot_analytics.analyzers.learning_rate import LearningRate, LrDrop
from copilot_analytics.analyzers.lifecycle import Lifecycle
from copilot_analytics.analyzers.memory import Memory
from copilot_analytics.analyzers.metric import MainMetric, Tie
from copilot_analytics.analyzers.phase import Phase, Phases, PhaseSpan
from copilot_analytics.analyzers.stopping import CheckpointChoice, StopAdvice
from copilot_analytics.analyzers.throughput import Throughput
from copilot_analytics.events import Event
from copilot_analytics.findings import Evidence, Finding, NotJudged, Severity
from copilot_analytics.records import Block, Record
from copilot_analytics.run import Run
from copilot_analytics.schedule import Drop, Schedule, Stage

STEPS_PER_EPOCH = 500


def make_run(rows: int = 640, *, epochs_done: float = 16, seed: int = 0) -> Run:
    """Return a run of `rows` training records over `epochs_done` of 24 epochs."""
    rng = np.random.default_rng(seed)
    schedule = Schedule((Stage("multistep", "epoch", milestones=(8.0, 22.0)),))
    facts = {
        "name": "config_dent_dcn",
        "log_format": "mmengine_text",
        "planned_epochs": 24,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "schedule": schedule,
        "val_interval": 1,
        "val_unit": "epoch",
    }
    run = Run("train.log")
    run.append(Record("config", facts=facts, line=1))
    step = np.linspace(10, epochs_done * STEPS_PER_EPOCH, rows).round().astype(np.int64)
    epoch = step / STEPS_PER_EPOCH
    loss = 0.4 + 2.2 * np.exp(-epoch / 3) - 0.12 * (epoch > 8) + rng.normal(0, 0.05, rows)
    metrics = {
        "loss": loss,
        "lr": np.where(epoch > 8, 1e-3, 1e-2) * np.minimum(1, step / 400),
        "iter_time_s": 0.5 + rng.exponential(0.03, rows),
        "data_time_s": 0.06 + rng.exponential(0.01, rows),
        "memory_mib": 9000.0 + 200 * (epoch > 2),
    }
    run.extend(Block(step, epoch, 1.7e9 + step * 0.6, np.arange(2, rows + 2), metrics))
    for done in range(1, int(epochs_done) + 1):
        value = 0.3 * (1 - np.exp(-done / 4)) + 0.02 * (done > 8) + rng.normal(0, 0.004)
        run.append(
            Record(
                "eval",
                step=done * STEPS_PER_EPOCH,
                epoch=float(done),
                time=1.7e9 + done * 310.0,
                metrics={"coco/bbox_mAP": float(value)},
                facts={"split": "val"},
                line=5000 + done,
            )
        )
    return run


def make_analysis(run: Run, *, status: str = "running") -> Analysis:
    """Return a plausible analysis of such a run."""
    series = run.eval_series("coco/bbox_mAP")
    best = int(series.value.argmax())
    fan_steps = np.arange(series.step[-1] + 500, 12001, 500).astype(float)
    middle = series.value[-1] + 0.01 * (1 - np.exp(-np.arange(len(fan_steps)) / 3))
    width = 0.006 + 0.001 * np.arange(len(fan_steps))
    spans = (
        PhaseSpan(Phase.INITIALIZING, 0, 60, 0.0, 2, "fewer than 20 training records"),
        PhaseSpan(Phase.WARMUP, 60, 400, 0.1, 8, "LR rises to 0.01"),
        PhaseSpan(Phase.LEARNING_FAST, 400, 3000, 0.8, 40, "loss falls 18 ± 2 % per epoch"),
        PhaseSpan(
            Phase.STABLE_CONVERGENCE, 3000, run.last_step, 6.0, 300, "loss falls 2 % per epoch"
        ),
    )
    finding = Finding(
        "data_loading_bound",
        Severity.WARNING,
        4000,
        "A third of each iteration waits for data",
        "The GPU idles while batches are made.",
        (Evidence("data_time / time", "0.35", "0.30", (812,)),),
        "Raise num_workers, or cache the decoded images.",
    )
    ties = (
        Tie(int(series.step[best]), float(best + 1), float(series.value[best]), 5001 + best),
        Tie(int(series.step[-1]), 16.0, float(series.value[-1]), 5016),
    )
    return Analysis(
        run=run,
        life=Lifecycle(status, "the log still grows", 1.7e9, 1.7e9 + 4960, 4960.0),  # type: ignore[arg-type]
        phases=Phases(Phase.STABLE_CONVERGENCE, awaiting_decay=False, history=spans),
        metric=MainMetric(
            "coco/bbox_mAP", "max", "the log saves its best checkpoint by it", len(series.value),
            float(series.value[0]), float(series.value[-1]), int(series.step[-1]),
            float(series.value[best]), int(series.step[best]), float(best + 1), 0.004, 0.005,
            "0.5 pt", "fraction", ties,
        ),
        learning_rate=LearningRate(
            1e-3, 1e-2, False, False, (LrDrop(4010, 8.02, 402, 1e-2, 1e-3),),
            Drop(11000, 22.0, 0.1), False, "drops ×0.1 at epochs 8, 22", "config",
        ),
        eta=Eta(2400.0, 2300.0, 2600.0, 0.8, 12000, 0.6, 10.0, None, 8, "time stamps", 2280.0),
        forecast=MetricForecast(
            "coco/bbox_mAP", 12000, True, Predicted(0.31, 0.30, 0.325),
            Predicted(0.315, 0.306, 0.33),
            0.23, 0.005, 0.003,
            Fan(fan_steps, *(middle + k * width for k in (-2, -1, 0, 1, 2))),
            8000, ("it does not know the LR drop at epoch 22",), (),
        ),
        stop=StopAdvice(
            "wait", "Flat, but the LR drops at epoch 22: decide at epoch 24.", 12000, 24.0, 2400.0,
            0.67, None, 0.003,
            (CheckpointChoice(int(series.step[best]), float(best + 1), float(series.value[best]),
                              "best_coco_bbox_mAP_epoch_15.pth", True),),
        ),
        throughput=Throughput(0.53, 0.13, 1.01),
        memory=Memory(9200.0, 9200.0, 15109.0),
        findings=(finding,),
        events=(Event("best", "coco/bbox_mAP", 500, 1.7e9, 5001, "best so far 0.07"),),
        not_judged=(NotJudged("GPU telemetry", "the log holds none"),),
        earlier_runs=0,
        others={},
    )  # fmt: skip
