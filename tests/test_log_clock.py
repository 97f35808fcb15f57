"""The clock of a log that is set back: time goes on all the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.log_clock import LogClock

HOUR = 3600.0


def clock_of(*stamps: float) -> LogClock:
    clock = LogClock()
    for line, stamp in enumerate(stamps, 1):
        clock.see(stamp, line)
    return clock


def test_time_goes_on_where_a_clock_is_set_back_again_and_again() -> None:
    clock = clock_of(0, HOUR, 2 * HOUR, HOUR + 10, 2 * HOUR - 90, HOUR, HOUR + 60)
    assert clock.steady == 3 * HOUR - 100 + 60
    assert [clock.set_back_s(line) for line in (0, 3, 4, 5, 6)] == [0, 0, 3590, 3590, 7100]


@pytest.mark.parametrize(
    "stamps",
    [
        (0.0, 100.0, 70.0, 110.0),  # two writers
        (0.0, 5000.0, 1000.0, 5010.0),  # one line out of order
        (0.0, 1e6, 100.0, 200.0),  # lines of another day
    ],
)
def test_what_is_no_leap_of_a_clock_counts_as_none(stamps: tuple[float, ...]) -> None:
    clock = clock_of(*stamps)
    assert clock.steady == clock.last == stamps[-1]


def test_lines_of_other_files_and_lines_that_were_held_back_are_no_leap() -> None:
    clock = clock_of(0, 4000, 8000)
    clock.see(1000.0, 2)  # written before the last one
    clock.see(8010.0, 4)
    clock.see(3000.0, 5, "other.log")
    assert (clock.steady, clock.first, clock.last) == (3000.0, 0.0, 3000.0)


def test_evaluations_behind_all_training_are_no_leap() -> None:
    clock = clock_of(0, HOUR, 2 * HOUR)
    for line, stamp in enumerate([1000.0, 5000.0, 7300.0], 4):
        clock.see(stamp, line, kind="eval")
    assert (clock.steady, clock.set_back_s(9)) == (7300.0, 0.0)


def test_a_leap_that_training_showed_is_not_counted_again_by_evaluations() -> None:
    clock = clock_of(0, HOUR)
    clock.see(HOUR + 10, 3, kind="eval")
    clock.see(HOUR + 20, 4)
    clock.see(60.0, 5)
    clock.see(70.0, 6, kind="eval")
    clock.see(80.0, 7)
    assert (clock.steady, clock.set_back_s(7)) == (HOUR + 40, HOUR - 40)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 50.0, 4000.0, -70.0, -HOUR, -1e5, np.nan]),
                  st.integers(-1, 2)),
        max_size=30,
    ),
    st.lists(st.integers(0, 30), max_size=5),
)  # fmt: skip
def test_many_lines_are_taken_as_if_they_came_one_by_one(moves, cuts) -> None:
    times = 1e5 + np.cumsum([0.0 if np.isnan(move) else move for move, _ in moves])
    times[[i for i, (move, _) in enumerate(moves) if np.isnan(move)]] = np.nan
    lines = 5 + np.cumsum(np.array([step for _, step in moves], dtype=np.int64))
    one_by_one, at_once = LogClock(), LogClock()
    for time, line in zip(times.tolist(), lines.tolist(), strict=True):
        if not np.isnan(time):
            one_by_one.see(time, line)
    edges = sorted({0, len(times), *(cut for cut in cuts if cut < len(times))})
    for first, last in pairwise(edges):
        at_once.take(times[first:last], lines[first:last])
    assert at_once == one_by_one
