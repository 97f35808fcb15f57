"""Score the time left of logs without time stamps, timed by when a watch sees their lines come.

Takes the whole logs of ``../shared/corpus`` that came to their planned end, drops their time
stamps and printed durations, and lets a watch see each line up to 5 s late. Asks at 10, 20, 40, 60
and 80 % of the time; prints the mean and the median absolute error in per cent of what was truly
left, and how often the 80 % interval holds it. An error counts as at most 200 %.

Usage: python benchmarks/bench_arrivals.py
../shared (or COPILOT_SHARED) must be at hand; about two minutes.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from eta_runs import find_shared, log_runs

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.arrivals import is_worth_noting
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eta_runs import Timed

FRACTIONS = (0.1, 0.2, 0.4, 0.6, 0.8)
SHORTEST_S = 60.0
LATEST_S, LATE_SHARE = 5.0, 0.25  # how the tailer of a watch slows down while nothing comes
PRINTED = ("iter_time_s", "eta_s")
MOST = 2.0


def answers(timed: Timed, late: Random) -> Iterator[tuple[float, float | None, bool]]:
    """Yield fraction, relative error (None if nothing is told), and whether the interval holds."""
    fold, (began, end) = Fold([EtaAnalyzer]), timed.time_s[[0, -1]].tolist()
    due, before = list(FRACTIONS), began
    for record in records_of(timed.items):
        logged = record.kind in {"train", "eval"}
        if record.kind in {"end", "tick"}:
            continue
        if logged and record.time is not None:
            while due and record.time > began + due[0] * (end - began):
                said, truth_s = fold.results.of(EtaAnalyzer), end - before
                if said.remaining_s is None:
                    yield due.pop(0), None, False
                    continue
                holds = (said.low_s or 0.0) <= truth_s <= (said.high_s or 0.0)
                yield due.pop(0), min(abs(said.remaining_s / truth_s - 1.0), MOST), holds
        metrics = {name: told for name, told in record.metrics.items() if name not in PRINTED}
        fold.update(replace(record, time=None, metrics=metrics))
        if not logged or record.time is None:
            continue
        at = record.time + late.uniform(0.0, min(LATEST_S, LATE_SHARE * (record.time - before)))
        before = record.time
        if is_worth_noting(fold.run.arrivals, fold.run.arrival(at)):
            fold.update(Record("seen", time=at))


def main() -> None:
    """Measure and print."""
    shared = find_shared()
    if shared is None:
        return
    late = Random(1)  # it makes up delays
    runs = [run for run in log_runs(shared) if run.time_s[-1] - run.time_s[0] >= SHORTEST_S]
    found = [answer for run in runs for answer in answers(run, late)]
    print(f"{len(runs)} logs\n  of the time   told   mean   median   80 % holds")
    for fraction in FRACTIONS:
        asked = [answer for answer in found if answer[0] == fraction]
        errors = [error for _, error, _ in asked if error is not None]
        holds = np.mean([held for _, error, held in asked if error is not None])
        mean, median = 100 * np.mean(errors), 100 * np.median(errors)
        told = f"{len(errors)}/{len(asked)}"
        print(f"  {fraction:8.0%}   {told:>7}   {mean:4.1f} %   {median:4.1f} %   {holds:6.0%}")


if __name__ == "__main__":
    main()
