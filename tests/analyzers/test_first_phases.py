"""The first phases of a run do not come and go on the same evidence."""

from __future__ import annotations

import math

import pytest
from followed_phases import follow, names
from made_up_runs import made_up

from copilot_analytics.analyzers.phase import Phase

pytestmark = pytest.mark.usefixtures("no_forecast")


def first_phases(keep_every, seed, until=0.14):
    """Return the spans of a run that climbs fast, its loss drowned in noise at first."""
    run = made_up(
        lambda s: 0.3 + 2.0 * math.exp(-3.0 * s),
        lambda s: 0.9 - 0.7 * math.exp(-3.0 * s),
        epochs=40,
        noise=0.12,
        keep_every=keep_every,
        seed=seed,
        until=until,
    )
    return follow(run, final=False)[0]


@pytest.mark.parametrize("seed", range(4))
def test_what_climbs_fast_stays_fast_while_nothing_else_is_known(seed):
    phases = first_phases(1, seed)
    assert Phase.LEARNING_FAST in names(phases)
    began = names(phases).index(Phase.LEARNING_FAST)
    assert names(phases)[began:] == [Phase.LEARNING_FAST]


def test_no_phase_is_left_for_what_it_was_entered_for():
    for keep_every in (1, 2, 5):
        for seed in range(4):
            reasons = [s.reason for s in first_phases(keep_every, seed).history]
            assert len(set(reasons)) == len(reasons)


def test_a_climb_that_slows_down_is_no_longer_fast():
    phases = first_phases(1, 0, until=1.0)
    assert phases.current is not Phase.LEARNING_FAST
