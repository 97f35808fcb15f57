"""Logs that are one document, rewritten whole, while they are followed."""

from __future__ import annotations

import json

from copilot_analytics.live.following import Following


class Clock:
    def __init__(self) -> None:
        self.now = 1.7e9

    def __call__(self) -> float:
        return self.now


def follow(following: Following, clock: Clock) -> None:
    for _ in range(12):
        clock.now += 1.0
        following.step(clock.now)


def entries(count: int) -> list[dict]:
    return [
        {"main/loss": 2.0 / n, "iteration": 50 * n, "elapsed_time": 5.0 * n, "epoch": 0}
        for n in range(1, count + 1)
    ]


def test_entries_of_a_rewritten_array_are_told_once(tmp_path):
    path, clock = tmp_path / "log", Clock()
    path.write_text(json.dumps(entries(3), indent=4))
    following = Following(path, wall=clock, clock=clock)
    follow(following, clock)
    assert following.log.run.train_series("loss").step.tolist() == [50, 100, 150]
    for count in (4, 6):
        path.write_text(json.dumps(entries(count), indent=4))
        follow(following, clock)
    new = path.with_suffix(".tmp")  # as a trainer that replaces the file
    new.write_text(json.dumps(entries(8), indent=4))
    new.replace(path)
    follow(following, clock)
    run = following.log.run
    assert run.train_series("loss").step.tolist() == [50 * n for n in range(1, 9)]
    assert len(run.train_log) == 8
    following.close()
