"""What the figures show, as arrays: computed here, drawn elsewhere, tested without pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers.overfitting import validation_loss
from copilot_analytics.formats._splits import split_of
from copilot_analytics.report.looking_back import compared
from copilot_analytics.report.lr_restarts import restarts_seen

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run

_MOST_MARKS = 12
_APART = 0.018  # of the width: two rings side by side
_DECADES = 30.0
MAX_POINTS = 600
"""Most points of a drawn curve: about one for two pixels."""


@dataclass(frozen=True)
class Curve:
    """A curve thinned to at most :data:`MAX_POINTS` bins.

    Parameters
    ----------
    x, mid, low, high
        Shape ``(n,)``: middle of the bin, its mean, least and greatest value; without points that
        are not finite.
    label
        Its name.
    thinned
        Whether a bin holds more than one point.
    """

    x: Floats
    mid: Floats
    low: Floats
    high: Floats
    label: str
    thinned: bool


@dataclass(frozen=True)
class Band:
    """A phase as a stretch of the x-axis."""

    phase: str
    start: float
    stop: float


@dataclass(frozen=True)
class Mark:
    """An event at a place on the x-axis: ``lr``, ``resume``, ``nan`` or ``crash``."""

    x: float
    kind: str
    text: str


@dataclass(frozen=True)
class LossFigure:
    """Training loss over the phases, the learning rate below.

    Parameters
    ----------
    x_label
        Unit of all x values.
    loss
        The training loss; None if none was logged.
    validation
        Validation loss; None if there is none.
    rate
        The learning rate; None if none was logged.
    bands
        Phases.
    marks
        Events.
    y_limits
        Range that shows the course; spikes may reach out of it.
    log_scale
        Whether the loss spans so much that a logarithmic axis reads better.
    """

    x_label: str
    loss: Curve | None
    validation: Curve | None
    rate: Curve | None
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]
    y_limits: tuple[float, float] | None
    log_scale: bool


@dataclass(frozen=True)
class MetricFigure:
    """The main metric, its best values, and the forecast.

    Parameters
    ----------
    x_label, name
        For the axes.
    x, value
        The evaluations, shape ``(n,)``.
    best, ties
        Points ``(x, value)``.
    fan_x, fan
        Future x, and the quantiles 0.05, 0.1, 0.5, 0.9, 0.95 there, shape ``(5, m)``; empty
        without a forecast.
    end
        The planned end on the x-axis, None if unknown.
    drop
        The next scheduled drop of the learning rate on the x-axis, None if there is none.
    past
        Earlier forecasts of values that were measured since: x where each was made, then low,
        median and high of what it said.
    """

    x_label: str
    name: str
    x: Floats
    value: Floats
    best: tuple[float, float] | None
    ties: tuple[tuple[float, float], ...]
    fan_x: Floats
    fan: Floats
    end: float | None
    drop: float | None
    past: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class SeriesFigure:
    """Plain curves over one x-axis, e.g. step and data time, or memory."""

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    y_limits: tuple[float, float] | None
    limit: float | None = None
    limit_label: str = ""


def thin_curve(x: Floats, y: Floats, label: str, max_points: int = MAX_POINTS) -> Curve:
    """Thin a curve to bins of equal count that keep its envelope.

    Parameters
    ----------
    x, y
        Shape ``(n,)``; points whose y is not finite are left out.
    label
        Its name.
    max_points
        Most bins.

    Examples
    --------
    >>> curve = thin_curve(np.arange(1000.0), np.arange(1000.0) % 2, "zigzag", max_points=10)
    >>> curve.x.size, curve.low.tolist() == [0] * 10, curve.high.tolist() == [1] * 10
    (10, True, True)
    """
    finite = np.isfinite(y) & np.isfinite(x)
    x, y = np.asarray(x, dtype=np.float64)[finite], np.asarray(y, dtype=np.float64)[finite]
    if len(x) <= max_points:
        return Curve(x, y, y, y, label, thinned=False)
    edges = np.linspace(0, len(x), max_points + 1).astype(np.int64)
    starts, counts = edges[:-1], np.diff(edges)
    # Scaled before adding up, so that losses near the largest float do not overflow.
    scale = float(np.abs(y).max()) or 1.0
    mid = np.add.reduceat(y / scale, starts) / counts * scale
    return Curve(
        np.add.reduceat(x, starts) / counts,
        mid,
        np.minimum.reduceat(y, starts),
        np.maximum.reduceat(y, starts),
        label,
        thinned=True,
    )


def _per_unit(run: Run) -> float:
    per_epoch = run.steps_per_epoch
    long_enough = per_epoch is not None and run.last_step >= 2 * per_epoch
    return float(per_epoch) if long_enough and per_epoch else 1.0


def x_label(run: Run) -> str:
    """Name the unit of the x-axis."""
    return "epoch" if run.counts_epochs or _per_unit(run) != 1.0 else "step"


def loss_figure(analysis: Analysis) -> LossFigure:
    """Gather what the loss figure shows."""
    run = analysis.run
    per = _per_unit(run)
    name = run.loss_names[0] if run.loss_names else None
    loss = None
    if name is not None:
        series = run.train_series(name)
        loss = thin_curve(series.step / per, series.value, _of("training", name))
    validation = _validation_loss(run, per)
    rates = run.train_series("lr")
    rate = thin_curve(rates.step / per, rates.value, "learning rate") if len(rates.step) else None
    drawn = [curve for curve in (loss, validation) if curve is not None and len(curve.x)]
    limits, log_scale = _loss_limits(drawn)
    bands = tuple(
        Band(span.phase.value, span.from_step / per, max(span.to_step, span.from_step) / per)
        for span in analysis.phases.history
    )
    return LossFigure(
        x_label(run), loss, validation, rate, bands, _marks(analysis, per), limits, log_scale
    )


def metric_figure(analysis: Analysis) -> MetricFigure | None:
    """Gather what the metric figure shows; None without a main metric."""
    run, metric, forecast = analysis.run, analysis.metric, analysis.forecast
    if metric.name is None:
        return None
    per = _per_unit(run)
    series = run.eval_series(metric.name)
    keep = np.isfinite(series.value)
    fan_x, fan = np.empty(0), np.empty((5, 0))
    if forecast.fan is not None and forecast.metric == metric.name:
        f = forecast.fan
        fan_x, fan = f.steps / per, np.stack([f.q05, f.q10, f.q50, f.q90, f.q95])
    best = None
    if metric.best is not None and metric.best_step is not None:
        best = (metric.best_step / per, metric.best)
    drop = analysis.learning_rate.next_drop
    end = run.planned_steps
    return MetricFigure(
        x_label(run),
        metric.name,
        series.step[keep] / per,
        series.value[keep],
        best,
        _ties_apart(analysis, per),
        fan_x,
        fan,
        None if end is None else end / per,
        None if drop is None or analysis.life.status == "finished" else drop.step / per,
        tuple(
            (one.step / per, one.value.low, one.value.median, one.value.high)
            for one in compared(analysis)
            if one.value is not None
        ),
    )


def _ties_apart(analysis: Analysis, per: float) -> tuple[tuple[float, float], ...]:
    """Return the evaluations that tie with the best, those left out that would lie on another."""
    best, run = analysis.metric.best_step, analysis.run
    reach = _APART * max(run.last_step, run.planned_steps or 0)
    drawn = [best] if best is not None else []
    shown = []
    for tie in analysis.ties:
        if all(abs(tie.step - other) > reach for other in drawn):
            drawn.append(tie.step)
            shown.append((tie.step / per, tie.value))
    return tuple(shown)


def speed_figure(run: Run) -> SeriesFigure | None:
    """Gather step and data-loading time; None if neither was logged."""
    per = _per_unit(run)
    curves = []
    for name, label in (("iter_time_s", "one iteration"), ("data_time_s", "waiting for data")):
        series = run.train_series(name)
        if len(series.step):
            curves.append(thin_curve(series.step / per, series.value, label))
    if not curves:
        return None
    top = _robust_top(np.concatenate([curve.high for curve in curves]))
    limits = None if top is None else (0.0, top)
    return SeriesFigure(x_label(run), "seconds", tuple(curves), limits)


def memory_figure(analysis: Analysis) -> SeriesFigure | None:
    """Gather logged memory; None if none was logged."""
    run, limit = analysis.run, analysis.memory.limit_mib
    series = run.train_series("memory_mib")
    if not len(series.step):
        return None
    per = _per_unit(run)
    curve = thin_curve(series.step / per, series.value / 1024, "allocator's peak")
    if not len(curve.x):
        return None
    top = max(float(curve.high.max()), (limit or 0) / 1024)
    return SeriesFigure(
        x_label(run),
        "GiB",
        (curve,),
        (0.0, 1.12 * top if top > 0 else 1.0),
        None if limit is None else limit / 1024,
        "memory of the device",
    )


def _of(split: str, name: str) -> str:
    """Call a curve by its metric, and by the part of the data unless its name tells that.

    Examples
    --------
    >>> _of("training", "loss"), _of("training", "train_loss"), _of("validation", "val")
    ('training loss', 'train_loss', 'val')
    """
    return f"{split} {name}" if split_of(name) is None else name


def _validation_loss(run: Run, per: float) -> Curve | None:
    name = validation_loss(run)
    if name is None:
        return None
    series = run.eval_series(name)
    return thin_curve(series.step / per, series.value, _of("validation", name))


def _loss_limits(curves: list[Curve]) -> tuple[tuple[float, float] | None, bool]:
    """Choose limits that show the course although a few points may lie far above it."""
    if not curves:
        return None, False
    mids = np.concatenate([curve.mid for curve in curves])
    least, median, top = float(mids.min()), float(np.median(mids)), _robust_top(mids)
    most = float(mids.max()) if top is None else top
    # A loss that is printed with few digits ends as 0.0000.
    positive = float(np.quantile(mids[mids > 0], 0.02)) if (mids > 0).any() else 0.0
    if least >= 0 and positive > 0 and most / max(positive, 1e-300) > _DECADES:
        return (positive / 1.6, most * 1.3), True
    room = most - least or abs(median) or 1.0
    low = 0.0 if 0 <= least < 0.5 * room else least - 0.06 * room
    return (low, most + 0.06 * room), False


def _robust_top(y: Floats) -> float | None:
    """Return an upper limit that leaves out rare spikes; None for no points."""
    y = y[np.isfinite(y)]
    if not len(y):
        return None
    most, usual = float(y.max()), float(np.quantile(y, 0.98))
    spread = usual - float(np.quantile(y, 0.02))
    top = most if most <= usual + 1.0 * spread else usual + 0.35 * spread
    return top * 1.08 if top > 0 else (top or 1.0)


def _marks(analysis: Analysis, per: float) -> tuple[Mark, ...]:
    marks = [
        Mark(drop.step / per, "lr", f"LR {drop.before:.2g} → {drop.after:.2g}")
        for drop in analysis.learning_rate.drops[:_MOST_MARKS]
    ]
    marks += [
        Mark(step / per, "lr", "LR restarts") for step in restarts_seen(analysis.run)[:_MOST_MARKS]
    ]
    log = analysis.run.train_log
    resumed = np.flatnonzero(np.diff(log.segment)) + 1
    marks += [Mark(float(log.step[row]) / per, "resume", "resumed") for row in resumed]
    losses = analysis.run.loss_names
    if losses:
        series = analysis.run.train_series(losses[0])
        bad = ~np.isfinite(series.value)
        if bad.any():
            first = int(bad.argmax())
            marks.append(Mark(float(series.step[first]) / per, "nan", "loss not finite"))
    if analysis.life.status == "crashed" and analysis.run.last_step:
        marks.append(Mark(analysis.run.last_step / per, "crash", "crashed"))
    return tuple(mark for mark in marks if math.isfinite(mark.x))
