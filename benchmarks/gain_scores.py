"""How well P(gain) is calibrated: Brier score, skill, calibration error and their diagram."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from forecast_curves import Case, cut

from copilot_analytics.stats.forecast import forecast

if TYPE_CHECKING:
    from pathlib import Path

    from forecast_curves import Curve
    from numpy.typing import NDArray

    from copilot_analytics.stats._paths import Priors

EVERY = tuple(round(0.05 * i, 2) for i in range(1, 20))
TIMES = (1, 2, 4)
BINS = 12


def chances(curve: Curve, priors: Priors) -> list[dict[str, float]]:
    """Return P(gain) and whether it came, every 5 % of a run, for δ, 2δ and 4δ."""
    return [_row(case, priors) for case in cut(curve, EVERY)]


def _row(case: Case, priors: Priors) -> dict[str, float]:
    curve = case.curve
    ahead = forecast(
        case.steps, case.values, horizon=float(curve.steps[-1]), direction=curve.direction,
        bounds=curve.bounds, future_steps=curve.steps[case.n :], _priors=priors,
    )  # fmt: skip
    row = {"fraction": case.fraction}
    for times in TIMES:
        gain = aim = times * curve.delta
        if curve.is_log:
            aim = ahead.best_so_far * (1.0 - np.exp(-gain))
        row[f"p x{times}"] = ahead.p_gain(float(aim))
        row[f"hit x{times}"] = float(case.best_ahead - case.best_so_far > gain)
    return row


def calibration_error(
    p: NDArray[np.float64], hit: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Mean over the bins of the distance between what is said and what comes."""
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    total = 0.0
    for b in range(BINS):
        inside = which == b
        total += abs(float((weight[inside] * (p[inside] - hit[inside])).sum()))
    return total / float(weight.sum())


def _area(p: NDArray[np.float64], hit: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Area under the ROC curve; ties count half."""
    order = np.argsort(p, kind="stable")
    _, start = np.unique(p[order], return_index=True)
    gained = np.add.reduceat((weight * hit)[order], start)
    not_gained = np.add.reduceat((weight * (1.0 - hit))[order], start)
    before = np.cumsum(not_gained) - 0.5 * not_gained
    return float((gained * before).sum() / (gained.sum() * not_gained.sum()))


def print_chances(by_source: dict[str, list[dict[str, float]]]) -> None:
    """Print the scores; every source weighs the same."""
    flat = [(source, row) for source, of in by_source.items() for row in of]
    weight = np.array([1.0 / len(by_source[source]) for source, _ in flat])
    rates: dict[tuple[str, float, int], list[float]] = defaultdict(list)
    for source, row in flat:
        for times in TIMES:
            rates[source, row["fraction"], times].append(row[f"hit x{times}"])
    print(f"\n{len(flat)} chances; base: the rate of the other sources at that share of the run")
    print("P(gain)      Brier    base   skill     ECE     AUC")
    for times in TIMES:
        p, hit = _columns(flat, times)
        base = []
        for source, row in flat:
            others = [
                float(np.mean(rates[other, row["fraction"], times]))
                for other in by_source
                if other != source and (other, row["fraction"], times) in rates
            ]
            base.append(float(np.mean(others)) if others else 0.5)
        brier = float(np.average((p - hit) ** 2, weights=weight))
        by_rate = float(np.average((np.array(base) - hit) ** 2, weights=weight))
        print(
            f"delta x{times}   {brier:7.3f} {by_rate:7.3f} {1.0 - brier / by_rate:7.3f} "
            f"{calibration_error(p, hit, weight):7.3f} {_area(p, hit, weight):7.3f}"
        )
    print(f"\n{'by source':12}   Brier    rate   mean P     ECE")
    for source, of in sorted(by_source.items()):
        p, hit = _columns([(source, row) for row in of], 1)
        error = calibration_error(p, hit, np.ones_like(p))
        brier = float(((p - hit) ** 2).mean())
        print(f"{source:12} {brier:7.3f} {hit.mean():7.3f} {p.mean():8.3f} {error:7.3f}")


def _columns(
    flat: list[tuple[str, dict[str, float]]], times: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p = np.array([row[f"p x{times}"] for _, row in flat])
    return p, np.array([row[f"hit x{times}"] for _, row in flat])


def draw_chances(by_source: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw the reliability diagram, with how often each chance is said."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    flat = [(source, row) for source, of in by_source.items() for row in of]
    weight = np.array([1.0 / len(by_source[source]) for source, _ in flat])
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, sharex=True, height_ratios=(3.2, 1))
    for column, times in enumerate(TIMES):
        p, hit = _columns(flat, times)
        which = np.minimum((p * BINS).astype(int), BINS - 1)
        said, came, low, high, counts = [], [], [], [], []
        for b in range(BINS):
            inside = which == b
            counts.append(int(inside.sum()))
            if counts[-1] < 5:
                continue
            w = weight[inside] / weight[inside].sum()
            said.append(float(w @ p[inside]))
            came.append(min(float(w @ hit[inside]), 1.0))
            # Prefixes of one run tell much the same, so this is too narrow rather than too wide.
            error = 1.96 * float(np.sqrt((w**2).sum() * came[-1] * (1 - came[-1])))
            low.append(min(error, came[-1]))
            high.append(min(error, 1 - came[-1]))
        top, bottom = axes[0, column], axes[1, column]
        top.plot((0, 1), (0, 1), color="black", lw=0.8, ls=":")
        top.errorbar(said, came, yerr=(low, high), marker="o", color="#1f4e9c", capsize=2)
        top.set(title=f"gain of {times} δ" if times > 1 else "gain of δ", ylim=(-0.02, 1.02))
        top.grid(alpha=0.3)
        bars = bottom.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color="#8c8c8c")
        bottom.bar_label(bars, fontsize=7)
        bottom.set(xlabel="P said", ylim=(0, 1.25 * max(counts)))
    axes[0, 0].set_ylabel("share that came (macro)")
    axes[1, 0].set_ylabel("prefixes")
    figure.savefig(path, dpi=130)
