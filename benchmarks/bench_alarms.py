"""False alarms per healthy run: what the policy would have told, at warning or worse.

Every run is followed record by record, so each of its prefixes had its chance to raise an alarm.
``python benchmarks/bench_alarms.py [RUNS]`` prints a figure for each family of made-up runs, one
for the healthy sample logs, and one for all. Advice to stop counts as an alarm too.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.engine import Session
from copilot_analytics.findings import Severity
from copilot_analytics.live.replay import Replay

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from simulated_runs import Simulated  # noqa: E402  # the tests' own runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.alerts.message import Message

HEALTHY_LOGS = ("digits_step", "mmcv_digits", "mmcv_iter", "diabetes_iter")
AIM = 0.1


def families(seed: int) -> dict[str, Simulated]:
    """Return one healthy run of each family."""
    chance = np.random.default_rng(7000 + seed)
    base = Simulated(
        seed=seed,
        epochs=int(chance.integers(12, 60)),
        rows=int(chance.integers(4, 20)),
        step_s=float(chance.uniform(0.05, 2.0)),
        noise=float(chance.uniform(0.02, 0.15)),
        metric_noise=float(chance.uniform(0.001, 0.01)),
        eval_s=float(chance.uniform(1.0, 120.0)),
        save_every=int(chance.integers(1, 4)),
    )

    def jittered(step: int, share: float, metrics: dict[str, float]) -> dict[str, float]:
        rate = base.step_s * float(np.exp(0.15 * chance.normal()))
        return {**metrics, "iter_time_s": rate, "data_time_s": 0.1 * rate}

    return {
        "step decay": base,
        "cosine": replace(base, schedule="cosine"),
        "cosine, jittered speed": replace(base, schedule="cosine", change_row=jittered),
        "constant rate": replace(base, schedule="", warmup=False),
        "rare evaluations": replace(base, schedule="cosine", eval_every=4),
        "no evaluation": replace(base, schedule="cosine", evaluates=False),
        "no time stamps": replace(base, schedule="cosine", times=False),
        "loss with heavy noise": replace(base, schedule="cosine", noise=0.3),
        "validation loss too": replace(
            base, schedule="cosine", val_loss=lambda share: 0.6 + 0.5 * (0.05 + share) ** -0.3
        ),
    }


def told_of(run: Simulated) -> list[Message]:
    """Follow a made-up run and return what was told."""
    session, policy, heard = Session(), Policy(), []
    context, now = Context("run", "run"), 0.0
    for record in run.records():
        seen = len(session.events)
        session.update(record)
        now = max(now + 1.0, record.time or 0.0)
        heard += policy.step(session.events[seen:], now, context)
    heard += policy.step([], now + 60.0, context)
    return heard


def alarms(messages: Iterable[Message]) -> list[Message]:
    """Return those at warning or worse; what is over or taken back is no further alarm."""
    return [
        message
        for message in messages
        if message.severity >= Severity.WARNING and message.kind in {"news", "digest"}
    ]


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=12, help="of each family")
    runs = parser.parse_args().runs
    counts: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    titles: Counter[str] = Counter()

    def count(family: str, messages: Iterable[Message]) -> None:
        found = alarms(messages)
        totals[family] += 1
        counts[family] += len(found)
        titles.update(f"{family}: {message.title}" for message in found)

    for seed in range(runs):
        for family, run in families(seed).items():
            count(family, told_of(run))
    for name in HEALTHY_LOGS:
        replay = Replay(ROOT / "sample_logs" / name, journals=ROOT / "none")
        count("healthy sample logs", [said.message for said in replay if said.message])
    for family, total in totals.items():
        print(f"{family:24} {counts[family]:3} alarms in {total:3} runs")
    for title, times in titles.most_common(12):
        print(f"    {times} × {title}")
    rate = sum(counts.values()) / max(sum(totals.values()), 1)
    print(f"false alarms per healthy run: {rate:.3f} (aim: at most {AIM})")


if __name__ == "__main__":
    main()
