"""A figure of a forecast, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from copilot_analytics.stats._predictive import Forecast

SEEN, AHEAD, BEST = "#1f3b57", "#2a7fba", "#c0561f"
FAN_POINTS = 60


def drawn(ahead: Forecast, name: str) -> Figure:
    """Draw the evaluations so far, the fan of the level, and the intervals of the last one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.add_subplot()
    fan = ahead.path(np.linspace(ahead.last_step, ahead.horizon, FAN_POINTS))
    axes.fill_between(fan.steps, fan.q05, fan.q95, color=AHEAD, alpha=0.15, lw=0, label="90 %")
    axes.fill_between(fan.steps, fan.q10, fan.q90, color=AHEAD, alpha=0.25, lw=0, label="80 %")
    axes.plot(fan.steps, fan.q50, color=AHEAD, lw=1.8, label="level, median")
    axes.plot(ahead.seen_steps, ahead.seen_values, ".", ms=5, color=SEEN, label="evaluations")
    axes.axhline(ahead.best_so_far, color=BEST, lw=1.0, ls="--", label="best so far")
    if ahead.n_ahead:
        low, high = ahead.final.interval(0.8)
        axes.plot([ahead.horizon] * 2, [low, high], color=SEEN, lw=2.5, solid_capstyle="butt")
        axes.plot([ahead.horizon], [ahead.final.median], "o", ms=5, color=SEEN)
        axes.annotate(
            f"final {ahead.final.median:.4g}\n[{low:.4g}, {high:.4g}]",
            (ahead.horizon, ahead.final.median),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        )
    chance = ahead.p_gain(0.0)
    axes.set_title(f"P(a new best) {chance:.0%}", loc="left", fontsize=10)
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    # A steep start or a wild tail must not flatten what is looked at.
    late = ahead.seen_values[ahead.seen_values.size // 10 :]
    shown = np.concatenate((late, fan.q05, fan.q95, ahead.final.interval(0.8)))
    low, high = float(shown.min()), float(shown.max())
    size = max(abs(low), abs(high), 1e-9)
    # A curve that does not move is no reason to show its rounding.
    margin = 0.05 * (high - low if high - low > 1e-5 * size else size)
    axes.set_ylim(low - margin, high + margin)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="best")
    return figure
