from __future__ import annotations

import sys
import time

import pytest

from copilot_analytics.live.log_time import now_in_log_time

SUMMER, WINTER = 1_720_000_000.0, 1_704_000_000.0


@pytest.mark.skipif(sys.platform == "win32", reason="needs tzset")
@pytest.mark.parametrize(
    ("zone", "summer_h", "winter_h"),
    [("UTC0", 0, 0), ("IST-5:30", 5.5, 5.5), ("CET-1CEST,M3.5.0,M10.5.0/3", 2, 1)],
)
def test_local_time_is_read_as_if_it_were_utc(monkeypatch, zone, summer_h, winter_h):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert now_in_log_time(clock=lambda: SUMMER) == SUMMER + 3600 * summer_h
        assert now_in_log_time(clock=lambda: WINTER) == WINTER + 3600 * winter_h
        assert now_in_log_time(time_is_utc=True, clock=lambda: SUMMER) == SUMMER
    finally:
        monkeypatch.undo()
        time.tzset()
