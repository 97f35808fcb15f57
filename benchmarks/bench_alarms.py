"""False alarms per healthy run, and what is told of sick ones: messages at warning or worse.

Every run is followed record by record, so each of its prefixes had its chance to raise an alarm.
``python benchmarks/bench_alarms.py [RUNS] [--corpus DIR]`` prints

1. made-up healthy runs: alarms of each family, every one of them false;
2. made-up sick runs: share told of, and delay in evaluations after the trouble began;
3. real logs of finished trainings (the sample logs; those of a folder of other people's logs, if
   there is one): every alarm with log and line, and what the rest of the log says about it.

Advice to stop counts as an alarm too.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from alarm_families import ROOT, healthy, sick
from alarms_in_real_logs import real_logs

from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.rules import opens
from copilot_analytics.engine import Session
from copilot_analytics.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.alerts.message import Message
    from copilot_analytics.events import Event
    from copilot_analytics.records import Record

AIM = 0.1
RUN_KEY = "run"


@dataclass(frozen=True)
class Told:
    """A message, the step at which it came, and the events that it tells of."""

    message: Message
    step: int
    events: tuple[Event, ...]

    @property
    def alarms(self) -> bool:
        """Whether it is an alarm; what is over or taken back is no further one."""
        if self.message.kind not in {"news", "digest"}:
            return False
        return any(opens(event) and event.severity >= Severity.WARNING for event in self.events)


def told_of(records: Iterable[Record]) -> list[Told]:
    """Follow a run and return what was told."""
    session, policy, heard = Session(), Policy(), []
    context, now = Context(RUN_KEY, "run"), 0.0
    known: dict[str, Event] = {}

    def step(news: list[Event]) -> None:
        known.update((event_id(RUN_KEY, event), event) for event in news)
        for message in policy.step(news, now, context):
            events = tuple(known[name] for name in message.event_ids if name in known)
            heard.append(Told(message, session.run.last_step, events))

    for record in records:
        seen = len(session.events)
        session.update(record)
        now = max(now + 1.0, record.time or 0.0)
        step(session.events[seen:])
    now += 60.0
    step([])
    return heard


def healthy_half(runs: int) -> None:
    """Print the false alarms in made-up healthy runs."""
    alarms: Counter[str] = Counter()
    others: Counter[str] = Counter()
    titles: Counter[str] = Counter()
    families = list(healthy(0))
    for seed in range(runs):
        for family, run in healthy(seed).items():
            for told in told_of(run.records()):
                if told.alarms:
                    alarms[family] += 1
                    titles[f"{family}: {told.message.title}"] += 1
                elif told.message.kind != "summary":
                    others[family] += 1
    print("Made-up healthy runs")
    for family in families:
        print(f"  {family:24} {alarms[family]:3} alarms, {others[family]:3} other messages")
    for title, times in titles.most_common(12):
        print(f"    {times} × {title}")
    total = runs * len(families)
    rate = alarms.total() / total
    print(f"  false alarms per healthy run: {rate:.3f} in {total} runs (aim: at most {AIM})")
    print(f"  other messages per healthy run: {others.total() / total:.2f}")


def sick_half(runs: int) -> None:
    """Print what is told of made-up sick runs, and how late."""
    delays: defaultdict[str, list[float]] = defaultdict(list)
    early: Counter[str] = Counter()
    for seed in range(runs):
        for family, run in sick(seed).items():
            delays[family] += []
            onset = run.onset * run.planned
            for told in told_of(run.records):
                if not told.alarms:
                    continue
                right = any(event.key in run.told_by for event in told.events)
                if told.step < onset:
                    early[family] += 1
                elif right:
                    delays[family].append((told.step - onset) / run.per_eval)
                    break
    print("Made-up sick runs")
    for family, late in delays.items():
        quantiles = ""
        if late:
            middle, most = np.quantile(late, (0.5, 0.9))
            quantiles = f"after {middle:.1f} evaluations (median), {most:.1f} (nine of ten)"
        before = f"; {early[family]} alarms before the trouble" if early[family] else ""
        print(f"  {family:24} {len(late):3} of {runs} told {quantiles}{before}")
    share = sum(len(late) for late in delays.values()) / (runs * len(delays))
    print(f"  told: {100 * share:.0f} % of {runs * len(delays)} runs")


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=12, help="of each family")
    parser.add_argument(
        "--corpus",
        type=Path,
        default=ROOT.parent / "shared" / "corpus",
        help="folder of real logs with a manifest.csv (default: ../shared/corpus)",
    )
    asked = parser.parse_args()
    healthy_half(asked.runs)
    sick_half(asked.runs)
    real_logs(asked.corpus)


if __name__ == "__main__":
    main()
