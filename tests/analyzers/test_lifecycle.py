from __future__ import annotations

import pytest
from made_up_runs import cosine, falling, growing, made_up

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.records import Record


def judge(records, **facts):
    events = []
    fold = Fold([LifecycleAnalyzer], on_look=lambda _r, _s, _c, news: events.extend(news))
    for record in records:
        fold.update(record)
    fold.update(Record("tick", time=fold.run.last_time, facts={"final": True, **facts}))
    return fold.results.of(LifecycleAnalyzer), events


def some(until=1.0, **more):
    return list(made_up(falling, growing, epochs=12, until=until, **more))


def crash(error, message="", **more):
    return Record("crash", line=999, facts={"error": error, "message": message, **more})


def test_nothing_logged_is_waiting():
    assert judge([])[0].status == "waiting"
    assert judge([Record("config", facts={"planned_epochs": 3})])[0].status == "waiting"


def test_the_last_evaluation_at_the_planned_end_finishes():
    life, events = judge(some())
    assert life.status == "finished"
    assert "12 epochs" in life.reason
    assert [e.key for e in events] == ["running", "finished"]


def test_the_last_line_may_stand_some_steps_before_the_end():
    # Ten steps a line and 595 steps: the trainer's last line is step 590.
    records = [Record("config", facts={"planned_steps": 595, "log_interval": 10})]
    records += [Record("train", step=s, metrics={"loss": 1.0}) for s in range(10, 591, 10)]
    assert judge(records)[0].status == "finished"
    assert judge(records[:-1])[0].status == "interrupted"


def test_training_without_its_last_evaluation_is_interrupted():
    life, _ = judge(some()[:-1])
    assert life.status == "interrupted"
    assert "last evaluation is missing" in life.reason


def test_half_way_is_interrupted_or_running_or_stalled_by_silence():
    half = some(until=0.5)
    assert judge(half)[0].status == "interrupted"
    assert judge(half, silence_s=30.0)[0].status in {"running", "evaluating"}
    life, events = judge(half, silence_s=90_000.0)
    assert life.status == "stalled"
    assert str(events[-1].severity) == "critical"


def test_an_end_record_finishes():
    assert judge([*some(until=0.5), Record("end")])[0].status == "finished"


def test_a_crash_names_its_error():
    life, _ = judge([*some(until=0.5), crash("RuntimeError", "CUDA error")])
    assert (life.status, life.error, life.line) == ("crashed", "RuntimeError: CUDA error", 999)


def test_out_of_memory_is_named():
    life, _ = judge([*some(until=0.5), crash("OutOfMemoryError", "", out_of_memory=True)])
    assert life.error is not None and life.error.startswith("out of memory")


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SIGTERM"])
def test_stopped_by_hand_is_interrupted(error):
    assert judge([*some(until=0.5), crash(error)])[0].status == "interrupted"


def test_training_after_a_crash_goes_on():
    records = some()
    life, _ = judge([*records[:50], crash("RuntimeError"), *records[50:]])
    assert life.status == "finished"


def test_an_unknown_plan_is_not_judged():
    unplanned = some(planned=False)
    life, _ = judge(unplanned)
    assert life.status == "finished"
    assert life.not_judged
    assert judge(unplanned[:-3])[0].status == "interrupted"
    at_floor = some(planned=False, rate=cosine)[:-1]
    assert judge(at_floor)[0].status == "finished"


def test_active_time_leaves_out_the_pause():
    first = [Record("train", step=s, time=10.0 * s, metrics={"loss": 1.0}) for s in range(11)]
    resume = Record("resume", facts={"step": 5, "checkpoint": "a.pth"})
    second = [
        Record("train", step=s, time=5000 + 10.0 * s, metrics={"loss": 1.0}) for s in range(6, 11)
    ]
    life, events = judge([*first, resume, *second])
    assert life.active_s == 100.0 + 40.0
    assert life.segments == 2
    assert any(e.kind == "resume" and "a.pth" in e.text for e in events)
