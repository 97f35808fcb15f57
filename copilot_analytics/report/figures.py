"""Draws the figures from their data, in the colours of Okabe and Ito, safe for the colour-blind."""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.wording import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from copilot_analytics.report.figure_data import (
        Band,
        Curve,
        LossFigure,
        Mark,
        MetricFigure,
        SeriesFigure,
    )

INK, MUTED, GRID = "#222222", "#6b6b6b", "#e4e4e4"
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
PHASE_COLOURS = {
    "INITIALIZING": "#BBBBBB",
    "WARMUP": "#F0E442",
    "LEARNING_FAST": "#009E73",
    "STABLE_CONVERGENCE": "#56B4E9",
    "PLATEAU": "#E69F00",
    "OVERFITTING_RISK": "#CC79A7",
    "DIVERGING": "#D55E00",
    "CONVERGED": "#0072B2",
}
_MARK_STYLES = {
    "lr": (MUTED, (0, (2, 2))),
    "resume": (PURPLE, "solid"),
    "nan": (ORANGE, "solid"),
    "crash": (ORANGE, "solid"),
}
_DPI = 140
_ROOM = 2.0
"""Ranges of what was seen and expected within which intervals are drawn beyond it."""
_EAST_ASIAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Yu Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
)


def draw_loss(data: LossFigure) -> Figure:
    """Draw training loss over the phases, with the learning rate below it."""
    figure = new_figure(4.9 if data.rate is not None else 4.1)
    if data.rate is not None and len(data.rate.x):
        ax, rate_ax = figure.subplots(2, 1, sharex=True, height_ratios=(3.6, 1))
        _draw_rate(rate_ax, data.rate)
        lowest = rate_ax
    else:
        ax = lowest = figure.subplots()
    if data.log_scale:
        ax.set_yscale("log")
    if data.y_limits is not None:
        ax.set_ylim(*data.y_limits)
    if data.loss is not None:
        _draw_curve(ax, data.loss, BLUE)
        _mark_overflow(ax, data.loss, data.y_limits)
    if data.validation is not None and len(data.validation.x):
        curve = data.validation
        ax.plot(
            curve.x, curve.mid, color=ORANGE, lw=1.4, marker="o" if len(curve.x) <= 60 else None,
            ms=3.5, label=curve.label,
        )  # fmt: skip
    if data.loss is None or not len(data.loss.x):
        ax.text(
            0.5, 0.5, "no finite training loss in the log", transform=ax.transAxes, ha="center",
            color=MUTED,
        )  # fmt: skip
    phases = _draw_bands(ax, data.bands)
    _draw_marks(ax, data.marks)
    if lowest is not ax:
        for mark in data.marks:
            colour, style = _MARK_STYLES[mark.kind]
            lowest.axvline(mark.x, color=colour, ls=style, lw=0.9, alpha=0.6)
    ax.set_ylabel("loss")
    lowest.set_xlabel(data.x_label)
    legend_above(figure, [*ax.get_legend_handles_labels()[0], *phases])
    return figure


def draw_metric(data: MetricFigure) -> Figure:
    """Draw the main metric, its best values and what is still to be expected."""
    figure = new_figure(4.3)
    ax = figure.subplots()
    many = len(data.x) > 80
    ax.plot(
        data.x, data.value, color=BLUE, lw=1.5, marker=None if many else "o", ms=4,
        label="evaluations", zorder=3,
    )  # fmt: skip
    if data.fan.size:
        start_x = np.concatenate([data.x[-1:], data.fan_x])
        paths = [np.concatenate([data.value[-1:], row]) for row in data.fan]
        ax.fill_between(
            start_x, paths[0], paths[4], color=SKY, alpha=0.22, lw=0, label="90 % interval"
        )
        ax.fill_between(
            start_x, paths[1], paths[3], color=SKY, alpha=0.38, lw=0, label="80 % interval"
        )
        ax.plot(start_x, paths[2], color=BLUE, lw=1.3, ls=(0, (4, 2)), label="forecast (median)")
    if data.past:
        made, least, middle, most = np.array(data.past).T
        ax.errorbar(
            made, middle, yerr=(middle - least, most - middle), fmt="D", ms=4, color=MUTED,
            mfc="white", elinewidth=1.1, capsize=3, label="forecast of the end, made here (80 %)",
            zorder=2,
        )  # fmt: skip
    if data.ties:
        ax.plot(
            [x for x, _ in data.ties], [y for _, y in data.ties], ls="none", marker="o", ms=9,
            mfc="none", mec=GREEN, mew=1.5, label="ties with it", zorder=4,
        )  # fmt: skip
    if data.best is not None:
        ax.plot(
            *data.best, ls="none", marker="*", ms=15, mfc=GREEN, mec="white", mew=0.8,
            label=f"best: {data.best[1]:.4g}", zorder=5,
        )  # fmt: skip
    low, high = _focused(data, *ax.get_ylim())
    ax.set_ylim(low - 0.04 * (high - low), high + 0.04 * (high - low))
    if data.end is not None:
        _vertical(ax, data.end, "planned end", MUTED)
    if data.drop is not None:
        _vertical(ax, data.drop, "LR drop", ORANGE)
    if len(data.x):
        right = max(
            float(data.x[-1]), data.end or 0.0, float(data.fan_x[-1]) if data.fan_x.size else 0.0
        )
        ax.set_xlim(min(0.0, float(data.x[0])), right * 1.02 or 1.0)
    ax.set_ylabel(_shortened(data.name))
    ax.set_xlabel(data.x_label)
    style(ax)
    legend_above(figure)
    return figure


def _focused(data: MetricFigure, low: float, high: float) -> tuple[float, float]:
    """Cut limits off where intervals, wide as they may be early, would flatten the curve."""
    middles = [row[2] for row in data.past]
    seen = np.concatenate([data.value, data.fan[2] if data.fan.size else [], middles])
    seen = seen[np.isfinite(seen)]
    room = _ROOM * float(np.ptp(seen)) if seen.size else 0.0
    if not room:
        return low, high
    return max(low, float(seen.min()) - room), min(high, float(seen.max()) + room)


def draw_series(data: SeriesFigure) -> Figure:
    """Draw plain curves."""
    figure = new_figure(3.3)
    ax = figure.subplots()
    for curve, colour in zip(data.curves, (BLUE, ORANGE), strict=False):
        _draw_curve(ax, curve, colour)
    if data.y_limits is not None:
        ax.set_ylim(*data.y_limits)
        for curve in data.curves:
            _mark_overflow(ax, curve, data.y_limits)
    if data.limit is not None:
        ax.axhline(data.limit, color=ORANGE, lw=1.2, ls=(0, (4, 2)), label=data.limit_label)
    ax.set_ylabel(data.y_label)
    ax.set_xlabel(data.x_label)
    if len(data.curves) > 1 or data.limit is not None:
        legend_above(figure)
    else:
        ax.set_title(data.curves[0].label, loc="left", fontsize=10, color=INK)
    return figure


def to_png(figure: Figure, path: Any) -> None:
    """Write a figure to a file or stream; equal figures give equal bytes on one machine.

    Names in Chinese, Japanese or Korean are drawn if a font for them is installed.
    """
    from matplotlib.text import Text

    texts = [one for one in figure.findobj(Text) if _EAST_ASIAN.search(one.get_text())]
    for text in texts:
        text.set_fontfamily(["DejaVu Sans", *_east_asian_fonts()])
    with _without_glyph_warnings():
        figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})


@lru_cache(maxsize=1)
def _east_asian_fonts() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _FONTS if name in installed)


@contextmanager
def _without_glyph_warnings() -> Iterator[None]:
    """Say nothing of characters without a font: nobody who reads a log can mend that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(height: float) -> Figure:
    """Return an empty figure of the report's width and a height in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.family": "DejaVu Sans"}):
        return Figure(figsize=(9.2, height), layout="constrained", facecolor="white")


def style(ax: Axes) -> None:
    """Give axes the report's grid, lines and sizes."""
    ax.grid(visible=True, color=GRID, lw=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(colors=INK, labelsize=9.5)
    ax.yaxis.label.set_fontsize(10.5)
    ax.xaxis.label.set_fontsize(10.5)


def legend_above(figure: Figure, handles: list[Artist] | None = None) -> None:
    """Put the legend above the axes, where it hides nothing, in as many columns as fit."""
    handles = figure.axes[0].get_legend_handles_labels()[0] if handles is None else handles
    if not handles:
        return
    for columns in range(min(len(handles), 6), 0, -1):
        legend = figure.legend(
            handles=handles, loc="outside upper left", ncols=columns, fontsize=9, frameon=False,
            columnspacing=1.2,
        )  # fmt: skip
        with _without_glyph_warnings():
            fits = legend.get_window_extent().width <= figure.bbox.width
        if columns == 1 or fits:
            return
        legend.remove()


def _draw_curve(ax: Axes, curve: Curve, colour: str) -> None:
    style(ax)
    if len(curve.mid) < 50:
        marker = "o" if len(curve.x) <= 30 else None
        ax.plot(curve.x, curve.mid, color=colour, lw=1.5, marker=marker, ms=3.5, label=curve.label)
        return
    if curve.thinned:
        ax.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
    ax.plot(curve.x, curve.mid, color=colour, lw=0.8, alpha=0.35)
    smooth = _running_mean(curve.mid, len(curve.mid) // 40)
    ax.plot(curve.x, smooth, color=colour, lw=1.6, label=f"{curve.label} (line: running mean)")


def _running_mean(y: np.ndarray[Any, Any], width: int) -> np.ndarray[Any, Any]:
    """Average over a centred window that shrinks at the ends."""
    if width < 2:
        return y
    half = width // 2
    scale = float(np.abs(y).max()) or 1.0
    sums = np.concatenate([[0.0], np.cumsum(y / scale)])
    index = np.arange(len(y))
    left, right = np.maximum(index - half, 0), np.minimum(index + half + 1, len(y))
    mean: np.ndarray[Any, Any] = (sums[right] - sums[left]) / (right - left) * scale
    return mean


def _draw_rate(ax: Axes, rate: Curve) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    style(ax)
    ax.plot(rate.x, rate.mid, color=MUTED, lw=1.4)
    positive = rate.mid[rate.mid > 0]
    if len(positive) and positive.max() / positive.min() > 20:
        ax.set_yscale("log")
        # From decade to decade: with one in view, the marks between it would be labelled.
        ax.set_ylim(
            10.0 ** np.floor(np.log10(positive.min())), 10.0 ** np.ceil(np.log10(positive.max()))
        )
        ax.yaxis.set_major_locator(LogLocator(numticks=4))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        ax.set_ylim(bottom=0)
    ax.yaxis.get_offset_text().set_fontsize(8.5)
    ax.set_ylabel("learning\nrate", fontsize=9.5)


def _draw_bands(ax: Axes, bands: Sequence[Band]) -> list[Artist]:
    """Shade the phases and name each above the axes; return legend entries where none fits."""
    if not bands:
        return []
    from matplotlib.patches import Patch

    left, right = min(b.start for b in bands), max(b.stop for b in bands)
    right = right if right > left else left + 1
    ax.set_xlim(left - 0.01 * (right - left), right + 0.01 * (right - left))
    named: set[str] = set()
    unnamed: dict[str, Patch] = {}
    for band in bands:
        colour = PHASE_COLOURS.get(band.phase, GRID)
        stop = max(band.stop, band.start + 0.002 * (right - left))
        ax.axvspan(band.start, stop, color=colour, alpha=0.13, lw=0)
        ax.axvspan(band.start, stop, ymin=0.985, ymax=1.0, color=colour, lw=0)
        name = in_words(band.phase)
        # A letter at this size takes about 0.0085 of the width of the axes.
        if (stop - band.start) / (right - left) > 0.0088 * len(name) + 0.01:
            ax.text(
                (band.start + stop) / 2, 1.01, name, transform=ax.get_xaxis_transform(),
                ha="center", va="bottom", fontsize=8.5, color=INK,
            )  # fmt: skip
            named.add(name)
        else:
            unnamed[name] = Patch(color=colour, alpha=0.6, label=name)
    return [patch for name, patch in unnamed.items() if name not in named]


def _draw_marks(ax: Axes, marks: Sequence[Mark]) -> None:
    """Draw events as vertical lines, named where the name does not run into another."""
    low, high = ax.get_xlim()
    taken: list[float] = []
    inside = [mark for mark in marks if low <= mark.x <= high]
    for mark in sorted(inside, key=lambda m: (m.kind == "lr", m.x)):
        colour, style = _MARK_STYLES[mark.kind]
        ax.axvline(mark.x, color=colour, ls=style, lw=1.1)
        if all(abs(mark.x - other) > 0.03 * (high - low) for other in taken):
            near_left = (mark.x - low) / (high - low) < 0.02
            ax.annotate(
                mark.text, (mark.x, 0.95),
                xycoords=("data", "axes fraction"),
                xytext=(4 if near_left else -4, 0), textcoords="offset points", rotation=90,
                ha="left" if near_left else "right", va="top", fontsize=8.5, color=colour,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5},
            )  # fmt: skip
            taken.append(mark.x)


def _mark_overflow(ax: Axes, curve: Curve, limits: tuple[float, float] | None) -> None:
    """Show by triangles at the upper edge where the curve leaves the axes."""
    if limits is None:
        return
    over = curve.x[curve.high > limits[1]]
    if len(over):
        over = over[:: max(1, len(over) // 60)]
        ax.plot(
            over, np.full(len(over), 0.975), transform=ax.get_xaxis_transform(), ls="none",
            marker="^", ms=4.5, color=ORANGE, alpha=0.8, label="out of range",
        )  # fmt: skip


def _shortened(name: str, longest: int = 36) -> str:
    """Leave out the middle of a long name, so that it fits beside the axes."""
    return name if len(name) <= longest else f"{name[: longest // 2]}…{name[-longest // 2 :]}"


def _vertical(ax: Axes, x: float, text: str, colour: str) -> None:
    ax.axvline(x, color=colour, ls=(0, (3, 2)), lw=1.1, zorder=1)
    ax.annotate(
        text, (x, 0.03), xycoords=("data", "axes fraction"), xytext=(-4, 0),
        textcoords="offset points", rotation=90, ha="right", va="bottom", fontsize=8.5,
        color=colour,
    )  # fmt: skip
