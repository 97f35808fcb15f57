"""Runs with time stamps and a known end, and what was said on the way about the time left."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from forecast_curves import find_curves

import copilot_analytics as copilot
from copilot_analytics.analyzers import eta as eta_module
from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers._plan import planned_end
from copilot_analytics.stats import rates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.records import Item, Record
    from copilot_analytics.run import Run

FREE = {"Apache-2.0", "MIT"}
PER_SOURCE = 400
FRACTIONS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
FEWEST = 12
TQDM_SMOOTHING = 0.3
OPENMMLAB = {"mmcv_text", "mmengine_text"}


class Timed(NamedTuple):
    """A run whose end is known: what it logged, with the start of training at index 0."""

    source: str
    name: str
    free: bool
    step: NDArray[np.float64]
    time_s: NDArray[np.float64]
    items: list[Item]


@dataclass(frozen=True)
class Case:
    """One forecast of the time left, made at a fraction of a run.

    `asked` holds the arguments of `remaining_time`, so that it can be asked again with other
    widths. `said` is what the analyzer made of the answer: median, low, high.
    """

    source: str
    name: str
    free: bool
    fraction: float
    truth_s: float
    asked: dict[str, Any]
    said: tuple[float, float, float]
    rivals: dict[str, float]


def find_shared() -> Path | None:
    """Return the folder of curves and logs; None, said in a sentence, if it is not at hand."""
    curves = find_curves()
    if curves is not None and (curves.parent / "corpus" / "manifest.csv").is_file():
        return curves.parent
    print("skipped: ../shared/curves and ../shared/corpus are not at hand (COPILOT_SHARED)")
    return None


def find_runs(shared: Path) -> list[Timed]:
    """Return the runs of the curves and of the logs, at most PER_SOURCE a source and licence."""
    runs: dict[tuple[str, bool], list[Timed]] = defaultdict(list)
    for run in [*curve_runs(shared), *log_runs(shared)]:
        if run.step.size >= FEWEST:
            runs[run.source, run.free].append(run)
    picked = []
    for _, of_source in sorted(runs.items()):
        pick = np.unique(np.linspace(0, len(of_source) - 1, PER_SOURCE).astype(int))
        picked += [of_source[int(index)] for index in pick]
    return picked


def curve_runs(shared: Path) -> Iterator[Timed]:
    """Yield the runs of the curve folders; several metrics of one run count once."""
    with (shared / "curves/manifest.csv").open() as stream:
        licence = {row["repo"]: row["licence"] for row in csv.DictReader(stream)}
    for folder in sorted((shared / "curves").iterdir()):
        if not folder.is_dir():
            continue
        with (folder / "curves.csv").open() as stream:
            repo = {row["curve_id"]: row["repo"] for row in csv.DictReader(stream)}
        points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        with (folder / "points.csv").open() as stream:
            for row in csv.DictReader(stream):
                if row["time_s"]:
                    points[row["curve_id"]].append((float(row["step"]), float(row["time_s"])))
        seen = set()
        for curve, pairs in sorted(points.items()):
            key = (pairs[0], pairs[-1], len(pairs))
            if key not in seen:
                seen.add(key)
                step, time_s = np.array([(0.0, 0.0), *(pair for pair in pairs if pair[0] > 0)]).T
                if (np.diff(step) > 0).all():
                    free = licence.get(repo[curve]) in FREE
                    yield as_run(folder.name, curve, free, step, time_s)


def as_run(
    source: str, name: str, free: bool, step: NDArray[np.float64], time_s: NDArray[np.float64]
) -> Timed:
    """Make a run of evaluations alone; steps that are no whole numbers are scaled."""
    scale = 1.0 if (step == np.round(step)).all() else 1000.0
    items: list[Item] = [copilot.Record("config", facts={"planned_steps": round(scale * step[-1])})]
    items += [
        copilot.Record("eval", round(scale * s), time=float(t), metrics={"loss": 1.0}, line=line)
        for line, (s, t) in enumerate(zip(step[1:], time_s[1:], strict=True), 1)
    ]
    return Timed(source, name, free, scale * step, time_s, items)


def log_runs(shared: Path) -> Iterator[Timed]:
    """Yield the logs that have time stamps, no resume, and came to their planned end.

    Where a log states no plan, its last step is the end.
    """
    with (shared / "corpus/manifest.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    seen = set()
    for row in rows:
        try:
            run = copilot.read_run(shared / "corpus" / row["file"], journals=False)
        except copilot.LogError:
            continue
        log = run.train_log if len(run.train_log) else run.eval_log
        if len(log) < FEWEST or log.segment[-1] != log.segment[0]:
            continue
        stamped = np.isfinite(log.time)
        step, time_s = log.step[stamped].astype(np.float64), log.time[stamped]
        advances = len(step) >= FEWEST and (np.diff(step) > 0).all() and time_s[-1] > time_s[0]
        key = (float(time_s[0]), float(time_s[-1]), len(step)) if advances else None
        planned = planned_end(run)
        ended = planned is None or 0.98 * planned <= run.last_step <= planned
        if key is None or key in seen or not ended:
            continue
        seen.add(key)
        items = list(run.items())
        if planned is None:
            items.insert(0, copilot.Record("config", facts={"planned_steps": run.last_step}))
        evals = run.eval_log.time
        end = max(float(time_s[-1]), float(evals[-1]) if len(evals) else 0.0)
        start = time_s[0] if run.first_time is None else min(run.first_time, time_s[0])
        source = "logs of OpenMMLab" if row["family"] in OPENMMLAB else "logs of others"
        yield Timed(
            source,
            row["file"],
            row["licence"] in FREE,
            np.concatenate([[0.0], step, [step[-1]]]),
            np.concatenate([[start], time_s, [end]]),
            items,
        )


def cases(shared: Path) -> list[Case]:
    """Return what was said at every fraction of every run."""
    return [case for run in find_runs(shared) for case in said_of(run)]


def said_of(run: Timed) -> list[Case]:
    """Fold a run, and keep the last answer up to each fraction."""
    asked: list[dict[str, Any]] = []
    looks: list[tuple[int, float, dict[str, Any], eta_module.Eta]] = []

    def ask(
        time_s: Any, steps: Any, *, overhead: Sequence[rates.Overhead] = (), **more: Any
    ) -> rates.RemainingTime:
        # The analyzer goes on measuring into the same lists.
        kept = [rates.Overhead(tuple(kind.durations_s), kind.remaining) for kind in overhead]
        intervals = {"interval_s": time_s.copy(), "units": steps.copy()}
        asked.append({**intervals, "overhead": kept, **more})
        return rates.remaining_time(time_s, steps, overhead=kept, **more)

    def on_look(now: Run, results: Results, _record: Record, _news: list[Any]) -> None:
        eta = results.of(eta_module.EtaAnalyzer)
        if asked and eta.remaining_s is not None and now.last_time is not None:
            looks.append((now.last_step, now.last_time, asked[-1], eta))
        asked.clear()

    fold = Fold([eta_module.EtaAnalyzer], on_look=on_look)
    original = eta_module.remaining_time
    eta_module.remaining_time = ask
    try:
        for item in run.items:
            fold.update(item)
    finally:
        eta_module.remaining_time = original
    made = []
    for fraction in FRACTIONS:
        until = fraction * run.step[-1]
        before = [look for look in looks if 0.5 * until < look[0] <= until]
        if not before:
            continue
        step, now, arguments, eta = before[-1]
        truth = float(run.time_s[-1]) - now
        seen = run.step <= step
        if truth <= 0 or np.count_nonzero(seen) < 4 or eta.remaining_s is None:
            continue
        said = (eta.remaining_s, eta.low_s or 0.0, eta.high_s or 0.0)
        rest = run.step[-1] - step
        rivals = rival_answers(run.step[seen], run.time_s[seen], rest)
        rivals["the log's own"] = math.nan if eta.log_eta_s is None else eta.log_eta_s
        made.append(Case(run.source, run.name, run.free, fraction, truth, arguments, said, rivals))
    return made


def rival_answers(
    step: NDArray[np.float64], time_s: NDArray[np.float64], rest: float
) -> dict[str, float]:
    """Return what simpler rules say; `step` and `time_s` begin with the start of training."""
    elapsed, done = time_s[-1] - time_s[0], step[-1] - step[0]
    late, steps = time_s[-1] - time_s[1], step[-1] - step[1]
    return {
        "elapsed / done": float(elapsed / done * rest),
        "tqdm": tqdm_rate(np.diff(step), np.diff(time_s)) * rest,
        "mean interval": float(late / steps * rest) if steps > 0 else math.nan,
    }


def tqdm_rate(units: NDArray[np.float64], interval_s: NDArray[np.float64]) -> float:
    """Seconds a unit as tqdm 4 smooths them: two exponential means, corrected for their start."""
    mean_units = mean_s = 0.0
    for n, s in zip(units, interval_s, strict=True):
        if s > 0 and n > 0:
            mean_units = TQDM_SMOOTHING * n + (1 - TQDM_SMOOTHING) * mean_units
            mean_s = TQDM_SMOOTHING * s + (1 - TQDM_SMOOTHING) * mean_s
    return mean_s / mean_units if mean_units else math.nan
