"""Alarms in real logs of trainings that ended well, each with what its log says about it."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.rules import opens
from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.errors import LogError
from copilot_analytics.findings import Severity
from copilot_analytics.live.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.events import Event
    from copilot_analytics.run import Run

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ("digits_step", "mmcv_digits", "mmcv_iter", "diabetes_iter")
_NAN = re.compile(rb"loss\w*\"?: +-?(nan|inf)", re.IGNORECASE)
_WAITS = 0.3
_FLAT = frozenset({"true_plateau", "stop"})


def chosen(corpus: Path) -> Iterator[Path]:
    """Yield the logs that hold no trouble.

    The rule: the manifest says that the training completed, no loss is printed as NaN or infinite,
    and of a text log and its JSON twin only the first counts.
    """
    with (corpus / "manifest.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    texts = {row["file"] for row in rows if row["family"].endswith("_text")}
    for row in rows:
        twin = row["notes"].removeprefix("twin: ")
        second = row["family"].endswith("_json") and twin in texts
        path = corpus / row["file"]
        if row["ending"] == "completed" and not second and not _NAN.search(path.read_bytes()):
            yield path


def alarms_of(path: Path) -> tuple[list[Event], Run]:
    """Replay a log; return what was told at warning or worse, and the run as it was at the end."""
    replay = Replay(path, journals=False)
    found = []
    for said in replay:
        message = said.message
        if message is None or message.kind not in {"news", "digest"}:
            continue
        for event in replay.events:
            told = event_id(message.run_key, replay.log.relative(event)) in message.event_ids
            if told and opens(event) and event.severity >= Severity.WARNING:
                found.append(event)
    return found, replay.log.run


def held(alarm: Event, run: Run) -> tuple[bool, str]:
    """Tell whether the whole log bears an alarm out, and what it says.

    Flat or not worth going on: the best value gained less than what is worth having afterwards.
    Waiting for data: so do the iterations of the whole log, and not only the newest. Anything else
    counts as false until a person has looked.
    """
    if alarm.key in _FLAT:
        main = MetricAnalyzer.of(run)
        if main.name is None or main.best is None or alarm.step is None:
            return False, "no metric to look back with"
        step, value, *_ = judged_series(run, main.name)
        then = value[step <= alarm.step]
        gain = abs(main.best - float(then.max() if main.direction == "max" else then.min()))
        return gain < main.delta, f"gained {gain:.4g} afterwards ({main.delta:.4g} is worth having)"
    if alarm.key == "data_loading_bound":
        log = run.train_log
        time_s, data_s = log.column("iter_time_s"), log.column("data_time_s")
        known = np.isfinite(time_s) & np.isfinite(data_s)
        share = float(data_s[known].sum() / time_s[known].sum())
        return share >= _WAITS, f"{100 * share:.0f} % of the time of the whole log"
    return False, "to be judged by a person"


def real_logs(corpus: Path) -> None:
    """Print the alarms in the healthy sample logs, and in those of the corpus."""
    print("Real logs of finished trainings")
    logs = [ROOT / "sample_logs" / name for name in SAMPLES]
    if (corpus / "manifest.csv").is_file():
        logs += chosen(corpus)
    else:
        print(f"  Only the sample logs: there is no folder of other real logs at {corpus}.")
    told = false = read = 0
    for path in logs:
        try:
            alarms, run = alarms_of(path)
        except LogError as error:
            print(f"  not read: {error}")
            continue
        read += 1
        earlier: set[str] = set()
        for alarm in alarms:
            true, why = held(alarm, run)
            if alarm.key in earlier:
                true, why = False, f"told before; {why}"
            earlier.add(alarm.key)
            told, false = told + 1, false + (not true)
            share = (alarm.step or 0) / run.planned_steps if run.planned_steps else None
            at = "" if share is None else f" at {100 * share:.0f} %"
            word = "true" if true else "FALSE"
            print(f"  {path.name}:{alarm.line}{at}: {alarm.text}")
            print(f"      {word}: {why}")
    print(f"  alarms: {told} in {read} runs, of which the log bears out {told - false}")
    print(f"  false alarms per real run: {false / read:.3f}")
