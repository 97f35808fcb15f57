"""Proves that a watch loses nothing and repeats nothing, whatever is done to it.

``python benchmarks/hostile_live.py [ROUNDS]`` plays rounds with fixed seeds, two at a time: a
hostile writer, a hostile webhook, and a supervisor that lives a hundred times as fast as time and
is killed with SIGKILL again and again. `hostile_round` says what is claimed. Exit code 1 if
anything was lost, doubled or wrong; ``--seed N`` repeats one round and ``--keep DIR`` keeps it.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["NO_PROXY"] = "*"
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "cli"), str(Path(__file__).parent)]

import requests  # noqa: E402, F401  # once, for all that is forked
from hostile_logs import lines_of  # noqa: E402
from hostile_round import Outcome, play  # noqa: E402

from copilot_analytics.alerts import wording  # noqa: E402, F401  # as above
from copilot_analytics.live.log_session import LogSession  # noqa: E402
from copilot_analytics.plugins import discover  # noqa: E402


def load() -> None:
    """Load what every supervisor needs: each is a copy of this process."""
    discover("copilot_analytics.alerts.channels", "CHANNEL")
    log = LogSession("train.log")
    log.feed(b"".join(lines_of("digits_plateau")[0]))
    _ = log.name
    gc.freeze()  # or each copy would soon own all of it


def main() -> int:
    """Play and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="play this one round only")
    parser.add_argument("--first", type=int, default=0, help="seed of the first round")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="copy the folders of the rounds here")
    asked = parser.parse_args()
    load()
    seeds = range(asked.first, asked.first + asked.rounds)
    seeds = [asked.seed] if asked.seed is not None else list(seeds)
    began = time.monotonic()
    context = multiprocessing.get_context("fork")
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(asked.jobs, mp_context=context) as pool:
        for outcome in pool.map(play, seeds, [asked.keep] * len(seeds)):
            outcomes.append(outcome)
            for failure in outcome.failures:
                print(f"seed {outcome.seed}: {failure}", flush=True)
    took_s = time.monotonic() - began

    def total(name: str) -> int:
        found = [getattr(outcome, name) for outcome in outcomes]
        return sum(one if isinstance(one, int) else len(one) for one in found)

    counted = ("kills", "requests", "faults", "messages", "events", "lost", "doubled", "wrong")
    print(f"{len(outcomes)} rounds in {took_s:.0f} s: ", end="")
    print(", ".join(f"{total(name):,} {name}" for name in counted))
    failed = [outcome.seed for outcome in outcomes if outcome.failures]
    if failed:
        print(f"failed: repeat with --seed {failed[0]}; all seeds: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
