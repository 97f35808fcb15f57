"""The figure of the devices: data first, then the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.report.figure_data import Curve, Mark, thin_curve
from copilot_analytics.report.figures import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    legend_above,
    new_figure,
    style,
)
from copilot_analytics.report.gpu import gpu_use, sampled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.records import Floats, Ints
    from copilot_analytics.report.gpu import GpuUse
    from copilot_analytics.run import Run

_COLOURS = (BLUE, GREEN, PURPLE, SKY, "#E69F00", INK)
_MOST_POINTS = 240
_LEAST_GAP_S = 120.0
_GAP = 5.0
_PANELS = (
    ("gpu_memory_used_mib", "memory, GiB", 1 / 1024),
    ("gpu_utilization_pct", "busy, %", 1.0),
    ("gpu_temperature_c", "temperature, °C", 1.0),
    ("gpu_power_w", "power, W", 1.0),
)
_LIMITS = {
    "gpu_memory_used_mib": "gpu_memory_total_mib",
    "gpu_power_w": "gpu_power_limit_w",
}


@dataclass(frozen=True)
class GpuPanel:
    """One quantity of all devices.

    Parameters
    ----------
    label
        Quantity with its unit.
    curves
        One for each drawn device in their order; empty arrays where it was not told. Between
        stretches of sampling stands a NaN.
    limit
        Memory there is, or the power limit, if it is the same for all devices drawn; else None.
    hot
        Times at which heat held the clocks of any device down; in the panel of temperature only.
    """

    label: str
    curves: tuple[Curve, ...]
    limit: float | None
    hot: Floats


@dataclass(frozen=True)
class GpuFigure:
    """Panels over one axis of time.

    Parameters
    ----------
    x_label
        Unit of the time, which counts from the first line of the log.
    devices
        Names of those drawn.
    left_out
        How many are not drawn.
    panels
        Those quantities that any of them told.
    marks
        Where a device was lost.
    end
        The last line of the log or sample: what was not sampled is to be seen.
    """

    x_label: str
    devices: tuple[str, ...]
    left_out: int
    panels: tuple[GpuPanel, ...]
    marks: tuple[Mark, ...]
    end: float


def gpu_figure(analysis: Analysis) -> GpuFigure | None:
    """Gather what the figure of the devices shows; None where nothing was sampled."""
    run, uses = analysis.run, gpu_use(analysis)
    time = run.gpu_log.time
    time = time[np.isfinite(time)]
    if not uses or not len(time):
        return None
    drawn, rows = uses[: len(_COLOURS)], run.gpu_log.rows_of_devices()
    begin = min(float(time.min()), np.inf if run.first_time is None else run.first_time)
    end = max(float(time.max()), -np.inf if run.last_time is None else run.last_time)
    unit_s, unit = (3600.0, "hours") if end - begin >= 7200 else (60.0, "minutes")
    panels = []
    for name, label, factor in _PANELS:
        curves = tuple(
            _curve(run, rows[use.uuid], name, factor, use.name, begin, unit_s) for use in drawn
        )
        if any(len(curve.x) for curve in curves):
            limits = {
                float(sampled(run, rows[use.uuid], _LIMITS[name])[1][-1:].max(initial=-1.0))
                for use in drawn
                if name in _LIMITS
            }
            limit = limits.pop() if len(limits) == 1 else -1.0
            hot = np.empty(0)
            if name == "gpu_temperature_c":
                hot = _hot(run, [rows[use.uuid] for use in drawn])
            panels.append(
                GpuPanel(
                    label, curves, limit * factor if limit > 0 else None, (hot - begin) / unit_s
                )
            )
    if not panels:
        return None
    marks = tuple(
        Mark((use.device.last_time - begin) / unit_s, "crash", _end_of(use))
        for use in drawn
        if (use.device.lost or use.device.telemetry_lost) and use.device.last_time is not None
    )
    names = tuple(use.name for use in drawn)
    left_out, end = len(uses) - len(drawn), (end - begin) / unit_s
    return GpuFigure(f"{unit} of the run", names, left_out, tuple(panels), marks, end)


def _end_of(use: GpuUse) -> str:
    return f"{use.name} {'lost' if use.device.lost else 'does not answer'}"


def _hot(run: Run, rows: list[Ints]) -> Floats:
    found = [sampled(run, one, "gpu_throttle_thermal") for one in rows]
    return np.concatenate([time[slowed > 0] for time, slowed in found])


def _curve(
    run: Run, rows: Ints, name: str, factor: float, label: str, begin: float, unit_s: float
) -> Curve:
    """Thin each stretch of sampling for itself, so that no line crosses a gap."""
    time, value = sampled(run, rows, name)
    edges = [0, *gaps(time).tolist(), len(time)]
    parts = []
    for start, stop in pairwise(edges):
        most = max(2, round(_MOST_POINTS * (stop - start) / max(len(time), 1)))
        part = slice(start, stop)
        parts.append(thin_curve((time[part] - begin) / unit_s, factor * value[part], label, most))

    def joined(field: str) -> Floats:
        columns = [column for part in parts for column in (getattr(part, field), [np.nan])]
        return np.concatenate(columns[:-1])

    thinned = any(part.thinned for part in parts)
    return Curve(joined("x"), joined("mid"), joined("low"), joined("high"), label, thinned)


def gaps(time: Floats) -> Ints:
    """Return where sampling began again after a pause.

    A journal that was thinned is sparser in its older part, so a pause is measured by what lies
    beside it: longer than two minutes and than five times the longer of its two neighbours.

    Examples
    --------
    >>> gaps(np.array([0.0, 10.0, 20.0, 500.0, 510.0])).tolist()
    [3]
    >>> gaps(np.array([0.0, 200.0, 400.0, 440.0, 480.0])).tolist()
    []
    """
    between = np.diff(time)
    if not len(between):
        return np.empty(0, dtype=np.int64)
    beside = np.maximum(np.concatenate([[0.0], between[:-1]]), np.concatenate([between[1:], [0.0]]))
    pause = (between > _LEAST_GAP_S) & (between > _GAP * beside)
    return np.flatnonzero(pause) + 1


def draw_gpu(data: GpuFigure) -> Figure:
    """Draw a panel for each quantity, the devices in their colours."""
    figure = new_figure(0.9 + 1.35 * len(data.panels))
    axes = np.atleast_1d(figure.subplots(len(data.panels), 1, sharex=True))
    for ax, panel in zip(axes, data.panels, strict=True):
        _draw_panel(ax, panel)
        for mark in data.marks:
            ax.axvline(mark.x, color=ORANGE, lw=1.1)
    for mark in data.marks[:1]:
        axes[0].annotate(
            mark.text, (mark.x, 0.95), xycoords=("data", "axes fraction"), xytext=(-4, 0),
            textcoords="offset points", rotation=90, ha="right", va="top", fontsize=8.5,
            color=ORANGE,
        )  # fmt: skip
    axes[-1].set_xlabel(data.x_label)
    axes[-1].set_xlim(-0.01 * data.end, 1.01 * data.end or 1.0)
    figure.align_ylabels()
    if data.left_out:
        axes[0].set_title(
            f"{len(data.devices)} devices of {len(data.devices) + data.left_out}", loc="right",
            fontsize=9, color=MUTED,
        )  # fmt: skip
    handles = [handle for ax in axes for handle in ax.get_legend_handles_labels()[0]]
    legend_above(figure, list({handle.get_label(): handle for handle in handles}.values()))
    return figure


def _draw_panel(ax: Axes, panel: GpuPanel) -> None:
    style(ax)
    for curve, colour in zip(panel.curves, _COLOURS, strict=False):
        if curve.thinned:
            ax.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.16, lw=0)
        ax.plot(curve.x, curve.mid, color=colour, lw=1.3, label=curve.label)
    if panel.limit is not None:
        ax.axhline(panel.limit, color=ORANGE, lw=1.2, ls=(0, (4, 2)), label="limit")
    if panel.label.startswith("temperature"):
        if len(panel.hot):
            hot = panel.hot[:: max(1, len(panel.hot) // 120)]
            ax.plot(
                hot, np.full(len(hot), 0.95), transform=ax.get_xaxis_transform(), ls="none",
                marker="v", ms=4, color=ORANGE, label="slowed by heat",
            )  # fmt: skip
    elif panel.label.startswith("busy"):
        ax.set_ylim(0, 104)
    else:
        ax.set_ylim(bottom=0)
    ax.set_ylabel(panel.label)
