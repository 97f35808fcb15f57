"""What rules for stopping save and cost, as means over sources, and their curves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from gain_traces import forgone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from forecast_curves import Curve

CLIP = 2.0
SAVINGS = (0.05, 0.10, 0.15, 0.20)
COLOURS = ("#8c8c8c", "#b07aa1", "#edc948", "#59a14f", "#9c755f", "#76b7b2", "#f28e2b", "#e15759")


@dataclass(frozen=True)
class Score:
    """One rule at one strictness.

    Attributes
    ----------
    saved : float
        Share of the steps, as all below a mean over sources.
    missed : float
        Share of the runs that lose more than δ.
    loss : float
        Mean of what is given up, over the range of the curve.
    wrong : float
        Share of the stops that lose more than δ; NaN without a stop.
    stops : int
        How many runs are stopped.
    missed_error : float
        Standard error of `missed` over the sources.
    """

    saved: float
    missed: float
    loss: float
    wrong: float
    stops: int
    missed_error: float = 0.0


def score(outcomes: Iterable[tuple[Curve, int | None]]) -> Score:
    """Score where a rule stops each curve."""
    rows: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    for curve, at in outcomes:
        if at is None:
            rows[curve.source].append((0.0, 0.0, 0.0, 0.0))
            continue
        lost = float(forgone(curve)[at])
        share = min(lost * curve.delta / curve.spread, CLIP)
        saved = 1.0 - float(curve.steps[at] / curve.steps[-1])
        rows[curve.source].append((saved, float(lost > 1.0), share, 1.0))
    means = np.array([np.mean(of, axis=0) for of in rows.values()])
    saved, missed, loss, stopped = means.mean(axis=0)
    error = float(means[:, 1].std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else 0.0
    count = sum(int(row[3]) for of in rows.values() for row in of)
    wrong = float(missed / stopped) if stopped else float("nan")
    return Score(float(saved), float(missed), float(loss), wrong, count, error)


def at_saving(scores: list[Score], saved: float) -> Score | None:
    """Interpolate a rule between its strictness values; None if it never saves so much.

    No stop at all is a rule too: below the strictest value, some runs are followed by it and
    some are not.
    """
    known = sorted([Score(0.0, 0.0, 0.0, float("nan"), 0), *scores], key=lambda s: s.saved)
    if known[-1].saved < saved:
        return None
    across = [s.saved for s in known]

    def between(values: list[float]) -> float:
        return float(np.interp(saved, across, values))

    wrongs = [s.wrong for s in known]
    wrongs[0] = wrongs[1] if len(wrongs) > 1 else wrongs[0]
    return Score(
        saved, between([s.missed for s in known]), between([s.loss for s in known]),
        between(wrongs), round(between([float(s.stops) for s in known])),
    )  # fmt: skip


def print_stops(
    by_rule: dict[str, list[tuple[float, Score]]], oracle: Score, shown: dict[str, slice]
) -> None:
    """Print every rule at its strictness values, then all of them at equal saving.

    `shown` thins the values of a rule.
    """
    print("\nstop rules       strictness   saved  missed    loss   wrong   stops")
    for name, rows in by_rule.items():
        for strictness, s in rows[shown.get(name, slice(None))]:
            print(
                f"{name:24}{strictness:7.3g}{s.saved:8.1%}{s.missed:8.1%}{s.loss:8.4f}"
                f"{s.wrong:8.0%}{s.stops:8d}"
            )
    print(f"{'oracle':31}{oracle.saved:8.1%}{oracle.missed:8.1%}{oracle.loss:8.4f}")
    print("\nat equal saving: runs that lose more than δ / mean loss / wrong stops")
    print(" " * 24 + "".join(f"{saved:>22.0%}" for saved in SAVINGS))
    for name, rows in by_rule.items():
        cells = []
        for saved in SAVINGS:
            s = at_saving([s for _, s in rows], saved)
            cells.append("-" if s is None else f"{s.missed:.1%} / {s.loss:.4f} / {s.wrong:.0%}")
        print(f"{name:24}" + "".join(f"{cell:>22}" for cell in cells))


def draw_scores(
    by_rule: dict[str, list[tuple[float, Score]]], oracle: Score, path: Path, ours: str
) -> None:
    """Draw what is lost over what is saved."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = (
        ("missed", "runs that lose more than δ", 0.4),
        ("loss", "mean loss, over the range of the curve", 0.15),
    )
    for ax, (name, label, top) in zip(figure.subplots(1, 2), panels, strict=True):
        for colour, (rule, rows) in zip(COLOURS, by_rule.items(), strict=False):
            points = sorted((s.saved, getattr(s, name)) for _, s in rows)
            x, y = zip((0.0, 0.0), *points, strict=True)
            mine = rule == ours
            ax.plot(
                x, y, marker="o", ms=3, color="#1f4e9c" if mine else colour,
                lw=2.6 if mine else 1.3, zorder=3 if mine else 2, label=rule,
            )  # fmt: skip
        ax.axvline(oracle.saved, color="black", lw=1, ls=":")
        ax.annotate("oracle", (oracle.saved, top), xytext=(3, -10), textcoords="offset points")
        ax.set(xlabel="steps saved", ylabel=label, xlim=(0, 0.45), ylim=(0, top))
        ax.xaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
        if name == "missed":
            ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
        ax.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
