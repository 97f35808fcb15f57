"""Values that a finding tells stand in the log at the places that it names beside them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from copilot_analytics import Record
from copilot_analytics.engine import Session

LOSS = [2.0 * 0.85**n + 0.2 for n in range(30)]
ACCURACY = [0.85 - 0.6 * 0.85**n for n in range(30)]


def session_of(losses, accuracies):
    """Return a session that read a line and an evaluation an epoch."""
    session = Session()
    line = 0
    for epoch, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True), 1):
        for kind, name, value in (("train", "loss", loss), ("eval", "val_acc", accuracy)):
            line += 1
            session.update(Record(kind, epoch, float(epoch), metrics={name: value}, line=line))
    return session


@pytest.mark.parametrize("pace", [0.3, 0.5])
def test_a_collapse_names_values_at_their_own_evaluations(pace):
    falls = [max(ACCURACY[-1] - pace * n, 0.1) for n in range(1, 16)]
    accuracies = [round(value, 4) for value in ACCURACY + falls]
    session = session_of([*LOSS, *[LOSS[-1]] * len(falls)], accuracies)
    title = next(f.title for f in session.findings if f.id == "metric_collapse")
    told = re.findall(r"([\d.]+) at step (\d+)", title)
    assert len(told) == 3
    assert [float(value) for value, _ in told] == [accuracies[int(n) - 1] for _, n in told]
    assert int(told[0][1]) == int(np.argmax(accuracies)) + 1
    assert int(told[2][1]) == len(accuracies)


def test_a_rise_says_of_how_many_values_its_levels_are_means():
    rise = [LOSS[-1] * 1.3**n for n in range(1, 16)]
    losses = [*LOSS, *rise]
    session = session_of(losses, [*ACCURACY, *(ACCURACY[-1] - 0.05 * n for n in range(1, 16))])
    title = next(f.title for f in session.findings if f.id == "slow_divergence")
    told = re.search(r"from ([\d.]+) to ([\d.]+) \(means of (\d+) values\) since step (\d+)", title)
    assert told is not None
    many = int(told[3])
    assert float(told[1]) == pytest.approx(np.mean(losses[len(LOSS) - many : len(LOSS)]), rel=0.05)
    assert float(told[2]) == pytest.approx(np.mean(losses[-many:]), rel=1e-3)
    assert losses[int(told[4]) - 1] == min(losses)
