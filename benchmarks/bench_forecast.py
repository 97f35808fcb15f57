"""Score forecasts, chances of a gain and advice to stop on real curves, each source held out.

Three parts, each with numbers fitted on the other sources alone: the final value beside the last
value with a random walk, a line in log step, pow3 and an ensemble of ten families; P(gain) for δ,
2δ and 4δ every 5 % of a run; the stop rule beside patience, GL, PQ, UP, P(gain) by a log line, a
plain limit on P(gain) and the oracle. Losses are scored as -log, errors over the range of the curve
and clipped at 2. Everything is the mean over sources of source means. Figures: benchmarks/out.

It takes one core some ten minutes; half of that goes into fitting the priors six times.

Usage: python benchmarks/bench_forecast.py [curves per source, 60] [forecast] [gain] [stop]
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from fit_stop_rule import LIMITS, RISKS, held_out, limit_for, score_at
from forecast_curves import cut, find_curves, load
from forecast_prefixes import PER_SOURCE, training
from forecast_scores import Rows, print_scores, score
from gain_scores import chances, draw_chances, print_chances
from gain_traces import Trace, priors_by_source, traces
from stop_rivals import oracle, rivals, schedule, training_losses
from stop_scores import Score, draw_scores, print_stops
from stop_scores import score as score_stops

from copilot_analytics.stats.stopping import FEWEST_EVALS, LATEST

if TYPE_CHECKING:
    from forecast_curves import Curve

    from copilot_analytics.stats._paths import Priors

PARTS = ("forecast", "gain", "stop")
OUT = Path(__file__).with_name("out")
OURS = "stop rule"
PLAIN = "P(gain) below a limit"
SHOWN = slice(0, None, 6)


def main() -> int:
    """Print the tables and draw the figures."""
    folder = find_curves()
    if folder is None:
        print("no folder shared/curves beside the repository; COPILOT_SHARED names another place")
        return 0
    sizes = [int(word) for word in sys.argv[1:] if word.isdigit()]
    named = [word for word in sys.argv[1:] if not word.isdigit()]
    unknown = set(named) - set(PARTS)
    if unknown:
        print(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    parts = named or list(PARTS)
    started = time.perf_counter()
    OUT.mkdir(exist_ok=True)
    curves = load(folder, sizes[0] if sizes else 60)
    priors = priors_by_source(curves, training(load(folder, PER_SOURCE)))
    if "forecast" in parts:
        final_values(curves, priors)
    if "gain" in parts:
        gains(curves, priors)
    if "stop" in parts:
        stops(folder, curves, priors)
    print(f"\n{time.perf_counter() - started:.0f} s; figures in {OUT}")
    return 0


def final_values(curves: list[Curve], priors: dict[str, Priors]) -> None:
    """Score the final value."""
    rows: Rows = defaultdict(list)
    for curve in curves:
        for case in cut(curve):
            rows[curve.source, case.fraction].append(score(case, priors[curve.source]))
    print_scores(rows)


def gains(curves: list[Curve], priors: dict[str, Priors]) -> None:
    """Score P(gain)."""
    by_source: dict[str, list[dict[str, float]]] = defaultdict(list)
    for curve in curves:
        by_source[curve.source] += chances(curve, priors[curve.source])
    print_chances(by_source)
    draw_chances(by_source, OUT / "gain_reliability.png")


def stops(folder: Path, curves: list[Curve], priors: dict[str, Priors]) -> None:
    """Score the rules for stopping."""
    compare(folder, curves, traces(curves, priors))


def compare(folder: Path, curves: list[Curve], known: list[Trace]) -> None:
    """Score all rules on curves and the forecasts along them."""
    prices = held_out(known, [t for t in known if t.curve.free])
    by_rule: dict[str, list[tuple[float, Score]]] = {}
    for rival in rivals(training_losses(folder, curves)):
        by_rule[rival.name] = [
            (value, score_stops((curve, rival.stops(curve, value)) for curve in curves))
            for value in rival.strictness
        ]
    by_rule[PLAIN] = [
        (value, score_stops((t.curve, below(t, value)) for t in known))
        for value in (0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
    ]
    by_rule[OURS] = [(float(x), score_at(known, prices, float(x))) for x in LIMITS]
    best = score_stops((curve, oracle(curve)) for curve in curves)
    print_stops(by_rule, best, {OURS: SHOWN})
    print_risks(known, prices)
    draw_scores(by_rule, best, OUT / "stop_rules.png", OURS)


def below(t: Trace, limit: float) -> int | None:
    """Stop where P(gain) was below a limit in two forecasts running; stricter early in a run."""
    low = t.p_gain < limit * schedule(t.progress)
    hit = low[1:] & low[:-1] & (t.at[1:] >= FEWEST_EVALS - 1) & (t.progress[1:] < LATEST)
    return int(t.at[1 + np.argmax(hit)]) if hit.any() else None


def print_risks(known: list[Trace], prices: list[np.ndarray]) -> None:
    """Print what each risk gives in a source when its limit was chosen on the others."""
    sources = sorted({t.curve.source for t in known})
    of = {s: [i for i, t in enumerate(known) if t.curve.source == s] for s in sources}
    scored: dict[str, list[Score]] = {}
    for source in sources:
        others = [i for s in sources if s != source for i in of[s] if known[i].curve.free]
        scored[source] = [
            score_at([known[i] for i in others], [prices[i] for i in others], float(limit))
            for limit in LIMITS
        ]
    print("\nruns that lost more than δ where limits were chosen on the other sources")
    print("".join(f"{name:>10}" for name in ("asked", "mean", *sources, "saved")))
    for risk in RISKS:
        missed, saved = [], []
        for source in sources:
            at = limit_for(scored[source], risk)
            got = score_at(
                [known[i] for i in of[source]], [prices[i] for i in of[source]],
                0.0 if at is None else float(LIMITS[at]),
            )  # fmt: skip
            missed.append(got.missed)
            saved.append(got.saved)
        cells = "".join(f"{value:10.1%}" for value in (float(np.mean(missed)), *missed))
        print(f"{risk:10.1%}{cells}{float(np.mean(saved)):10.1%}")


if __name__ == "__main__":
    sys.exit(main())
