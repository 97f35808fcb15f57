"""A replay says at each moment what was known then."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.live.replay import Replay

if TYPE_CHECKING:
    from pathlib import Path


def flat_log(path: Path, epochs: int = 100) -> datetime:
    """Write a log that levels off early, a minute an epoch; return when it ends."""
    rng, now = np.random.default_rng(3), datetime(2026, 3, 1, 10)  # noqa: DTZ001
    lines = []
    for epoch in range(1, epochs + 1):
        loss, acc = 0.3 + 2 * math.exp(-epoch / 4), 0.8 - 0.5 * math.exp(-epoch / 4)
        for step in (10, 20, 30, 40, 50):
            value = loss + 0.01 * rng.normal()
            text = f"Epoch [{epoch}/{epochs}] Step [{step}/50] loss: {value:.4f} lr: 0.01000"
            lines.append(f"{now} INFO {text}")
            now += timedelta(seconds=10)
        value = acc + 0.003 * rng.normal()
        lines.append(f"{now} INFO Epoch [{epoch}/{epochs}] val_acc: {value:.4f}")
        now += timedelta(seconds=10)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return now


def test_a_message_that_waited_is_worded_by_what_was_known_when_it_is_told(tmp_path):
    log = tmp_path / "flat.log"
    end = flat_log(log)
    said = [one for one in Replay(log, journals=False) if one.message is not None]
    (stop,) = (one for one in said if "TIME TO STOP" in one.message.title)
    left = re.search(r"(\d+) min left", stop.message.body[0])
    assert left is not None
    told_at = datetime(1970, 1, 1) + timedelta(seconds=stop.time)  # noqa: DTZ001
    assert abs((end - told_at).total_seconds() / 60.0 - int(left[1])) < 2.5
    times = [one.time for one in said]
    assert times == sorted(times)
