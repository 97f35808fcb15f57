from __future__ import annotations

import pytest
from gpu_runs import training
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.live.liveness import gaps_of, judge_silence
from copilot_analytics.live.processes import ProcessState
from copilot_analytics.records import Record
from copilot_analytics.run import Run

ALIVE = ProcessState("alive", 7)
GONE = ProcessState("gone", 7)
NOBODY = ProcessState()
GAPS = {"train": [10.0] * 99 + [12.0], "eval": [300.0, 320.0], "after_eval": [15.0] * 3}


def verdict(age_s, process=ALIVE, gpu=None, last="train", *, gaps=GAPS, due=False, network=False):
    found = judge_silence(
        age_s, gaps, process, gpu, last, evaluation_due=due, network=network
    )  # fmt: skip
    assert found.reasons
    assert found.reason
    return found.verdict


@pytest.mark.parametrize(
    ("age_s", "wanted"), [(0, "running"), (179, "running"), (181, "stalled"), (10**6, "stalled")]
)
def test_three_minutes_are_the_least(age_s, wanted):
    assert verdict(age_s) == wanted


def test_a_long_silence_is_told_in_minutes():
    found = judge_silence(2404.0, GAPS, ALIVE, None, "train", evaluation_due=False)
    assert found.reason.startswith("silent for 40 min, over 3 min (5 × its p99 gap of 10 s")


def test_a_slow_run_is_judged_by_its_own_gaps():
    slow = {"train": [100.0] * 50}
    assert verdict(499, gaps=slow) == "running"
    assert verdict(501, gaps=slow) == "stalled"


def test_an_evaluation_is_judged_by_earlier_evaluations():
    assert verdict(1500, due=True) == "evaluating"
    assert verdict(1700, due=True) == "stalled"
    assert verdict(1500, due=False) == "stalled"
    assert verdict(1500, due=None) == "running"  # it may be an evaluation


def test_a_first_evaluation_gets_half_an_hour():
    unseen = {"train": [1.0] * 100}
    assert verdict(1700, gaps=unseen, due=True) == "evaluating"
    assert verdict(1900, gaps=unseen, due=True) == "stalled"
    assert verdict(1700, gaps=unseen, due=None) == "running"
    assert verdict(200, gaps=unseen, due=False) == "stalled"


@pytest.mark.parametrize("last", [None, "launch", "config", "resume"])
def test_a_start_gets_half_an_hour(last):
    assert verdict(1700, last=last, gaps={}) == "running"
    assert verdict(1900, last=last, gaps={}) == "stalled"
    assert verdict(1900, NOBODY, last=last, gaps={}) == "unknown"


def test_after_an_evaluation_training_goes_on_as_it_used_to():
    assert verdict(170, last="eval") == "running"
    assert verdict(200, last="eval") == "stalled"
    assert verdict(200, last="checkpoint") == "stalled"


def test_a_process_that_is_gone_has_crashed():
    assert verdict(20, GONE) == "crashed"
    assert verdict(20, ProcessState("zombie", 7)) == "crashed"
    assert verdict(5, GONE) == "running"  # its last lines may still come
    assert verdict(90, GONE, network=True) == "running"
    assert verdict(110, GONE, network=True) == "crashed"


def test_a_stopped_process_is_stalled_and_can_be_woken():
    found = judge_silence(60, GAPS, ProcessState("stopped", 7), 0.0, "train")
    assert found.verdict == "stalled"
    assert "kill -CONT 7" in found.reason


def test_a_network_file_system_gets_a_minute_and_a_half_more():
    assert verdict(260, network=True) == "running"
    assert verdict(280, network=True) == "stalled"


@pytest.mark.parametrize("process", [ALIVE, NOBODY])
def test_a_busy_device_speaks_for_a_buffered_log_for_a_while(process):
    assert verdict(400, process, 95.0) == "buffered"
    assert verdict(541, process, 95.0) == "stalled"
    assert "hangs" in judge_silence(541, GAPS, process, 95.0, "train", evaluation_due=False).reason
    assert verdict(400, process, 0.0) == "stalled"


def test_a_busy_process_speaks_for_a_buffered_log_where_no_device_can_be_asked():
    works, waits = ProcessState("alive", 7, cpu_pct=23.0), ProcessState("alive", 7, cpu_pct=3.0)
    assert verdict(400, works) == "buffered"
    assert verdict(541, works) == "stalled"
    assert verdict(400, works, 0.0) == verdict(400, waits) == "stalled"


def test_a_log_whose_lines_come_in_blocks_may_be_silent_for_longer():
    found = [
        judge_silence(age_s, GAPS, ALIVE, None, "train", evaluation_due=False, held_back_s=200.0)
        for age_s in (599, 601)
    ]
    assert [one.verdict for one in found] == ["running", "stalled"]
    assert "blocks, 3 min 20 s apart" in found[1].reason


def test_what_the_log_says_itself():
    assert verdict(10**5, last="end") == "unknown"
    assert verdict(1, last="crash") == "crashed"


def test_without_any_sign_it_is_unknown_only_if_nothing_was_seen():
    assert verdict(400, NOBODY) == "stalled"
    assert verdict(2000, NOBODY, gaps={}) == "unknown"
    assert verdict(2000, ALIVE, gaps={}) == "stalled"


@given(
    st.floats(0, 1e6),
    st.dictionaries(
        st.sampled_from(["train", "eval", "after_eval"]),
        st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=5),
    ),
    st.sampled_from([ALIVE, NOBODY]),
    st.one_of(st.none(), st.floats(0, 100)),
    st.sampled_from(["train", "eval", "checkpoint", "config", None]),
    st.sampled_from([True, False, None]),
    st.booleans(),
)
def test_a_longer_silence_is_never_a_better_sign(age_s, gaps, process, gpu, last, due, network):
    calm = ["running", "evaluating", "buffered", "stalled", "unknown"]
    both = [
        judge_silence(age, gaps, process, gpu, last, evaluation_due=due, network=network)
        for age in (age_s, age_s + 100.0)
    ]
    assert calm.index(both[0].verdict) <= calm.index(both[1].verdict)
    assert both[0].limit_s == both[1].limit_s >= 180.0


def test_gaps_are_sorted_by_phase():
    records = list(training(100, evals_every=50))
    gaps = gaps_of(Run.from_records(records))
    assert set(gaps["train"]) == {10.0}
    assert len(gaps["train"]) == 98
    assert gaps["eval"] == [5.0, 5.0]
    assert gaps["after_eval"] == [5.0]


def test_a_pause_between_segments_is_no_gap():
    records = [
        *(Record("train", step=i, time=10.0 * i) for i in range(1, 5)),
        Record("eval", step=4, time=50.0),
        Record("resume", step=4),
        *(Record("train", step=i, time=9000.0 + 10.0 * i) for i in range(5, 9)),
    ]
    gaps = gaps_of(Run.from_records(records))
    assert max(gaps["train"]) == 10.0
    assert gaps["after_eval"] == []


def test_a_log_without_times_has_no_gaps():
    run = Run.from_records(Record("train", step=i) for i in range(1, 50))
    assert gaps_of(run) == {"train": [], "eval": [], "after_eval": []}
