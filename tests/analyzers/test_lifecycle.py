from __future__ import annotations

import pytest
from made_up_runs import cosine, falling, growing, made_up

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer, at_eval
from copilot_analytics.api import iter_items
from copilot_analytics.engine import Session
from copilot_analytics.formats._base import OUT_OF_PATIENCE
from copilot_analytics.records import Record
from copilot_analytics.run import Run


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


def test_where_epochs_have_no_known_length_the_end_is_named_by_its_step():
    # Rows of the third epoch, whose end no one knows: it may be over.
    rows = [Record("train", 5 * k, (5 * k - 1) // 20, metrics={"loss": 1.0}) for k in range(1, 13)]
    assert judge(rows)[0].reason.startswith("the log ends at step 60;")


def test_the_last_evaluation_at_the_planned_end_finishes():
    life, events = judge(some())
    assert life.status == "finished"
    assert "12 epochs" in life.reason
    assert [e.key for e in events] == ["running", "finished"]


def test_what_is_said_after_an_early_stop_does_not_hide_it():
    stop = Record("end", facts=OUT_OF_PATIENCE)
    done = Record("end", facts={"reason": "the log says that training is done"})
    assert judge([*some(until=0.5), stop, done])[0].stopped_early
    more = Record("train", step=10**6, metrics={"loss": 1.0})
    assert not judge([*some(until=0.5), stop, more, done])[0].stopped_early


def test_the_last_line_may_stand_some_steps_before_the_end():
    # Ten steps a line and 595 steps: the trainer's last line is step 590.
    records = [Record("config", facts={"planned_steps": 595, "log_interval": 10})]
    records += [Record("train", step=s, metrics={"loss": 1.0}) for s in range(10, 591, 10)]
    assert judge(records)[0].status == "finished"
    assert judge(records[:-1])[0].status == "interrupted"


def per_epoch(lines_at, length, epochs, *, until, evals=False, saves=False):
    """A run of `epochs` epochs of `length` steps with lines at some steps of each."""
    facts = {"planned_epochs": epochs, "steps_per_epoch": length, "log_interval": lines_at[0]}
    number = 1
    yield Record("config", facts=facts, line=number)
    for epoch in range(1, until + 1):
        for at in lines_at:
            number += 1
            step = (epoch - 1) * length + at
            yield Record("train", step, step / length, metrics={"loss": 1.0}, line=number)
        number += 1
        if saves:
            where = {"path": f"epoch_{epoch}.pth"}
            yield Record("checkpoint", None, float(epoch), facts=where, line=number)
        if evals:
            yield Record("eval", None, float(epoch), metrics={"acc": 0.5}, line=number)


def by_steps(until, *, evals_at=0):
    yield Record("config", facts={"planned_steps": 1000, "log_interval": 100}, line=1)
    for number, step in enumerate(range(100, until + 1, 100)):
        yield Record("train", step=step, metrics={"loss": 1.0}, line=2 * number + 2)
        if evals_at:
            yield Record("eval", step=step, metrics={"acc": 0.5}, line=2 * number + 3)


@pytest.mark.parametrize("extras", [{}, {"evals": True}, {"saves": True}])
@pytest.mark.parametrize(
    ("lines_at", "length"), [((25,), 25), ((20,), 25), ((10, 20, 30), 38), ((10, 20), 20)]
)
def test_the_line_of_the_last_epoch_is_due(lines_at, length, extras):
    done, _ = judge(per_epoch(lines_at, length, 10, until=10, **extras))
    assert done.status == "finished"
    life, events = judge(per_epoch(lines_at, length, 10, until=9, **extras))
    assert life.status == "interrupted"
    assert "finished" not in [e.key for e in events]


def test_a_killed_run_with_a_line_missing_in_its_last_epoch_is_interrupted():
    records = list(per_epoch((10, 20, 30), 38, 10, until=10))
    assert judge(records)[0].status == "finished"
    assert judge(records[:-1])[0].status == "interrupted"


def test_lines_that_ignore_epochs_end_on_their_own_interval():
    facts = {"planned_epochs": 10, "steps_per_epoch": 38, "log_interval": 50}
    records = [Record("config", facts=facts)]
    records += [Record("train", step=s, metrics={"loss": 1.0}) for s in range(50, 351, 50)]
    assert judge(records)[0].status == "finished"
    assert judge(records[:-1])[0].status == "interrupted"


@pytest.mark.parametrize("evals", [0, 1])
def test_one_interval_before_the_end_is_not_the_end(evals):
    life, events = judge(by_steps(900, evals_at=evals))
    assert life.status == "interrupted"
    assert [e.key for e in events] == ["running", "interrupted"]
    assert judge(by_steps(1000, evals_at=evals))[0].status == "finished"


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        (range(100), "finished"),
        (range(99), "interrupted"),
        (range(0, 100, 10), "finished"),
        (range(0, 90, 10), "interrupted"),
        (range(0, 101, 10), "finished"),
        (range(10, 100, 10), "interrupted"),
        (range(1, 100), "interrupted"),
    ],
)
def test_a_counter_that_begins_at_0_ends_one_before_the_plan(steps, status):
    plan = Record("config", facts={"planned_steps": 100})
    rows = [Record("train", step, metrics={"loss": 1.0}) for step in steps]
    assert judge([plan, *rows])[0].status == status


def test_a_checkpoint_shows_the_end_only_if_it_is_of_the_end():
    before = Record("checkpoint", facts={"step": 900, "path": "iter_900.pth"}, line=99)
    at_end = Record("checkpoint", facts={"step": 1000, "path": "iter_1000.pth"}, line=99)
    assert judge([*by_steps(900), before])[0].status == "interrupted"
    assert judge([*by_steps(900), at_end])[0].status == "finished"


def test_training_again_after_a_finished_evaluation_must_reach_the_end_again():
    first = list(by_steps(1000, evals_at=1))
    resume = Record("resume", facts={"step": 500}, line=100)
    again = [Record("train", step=600, metrics={"loss": 1.0}, line=101)]
    assert judge([*first, resume, *again])[0].status == "interrupted"


@pytest.mark.parametrize(
    ("log", "status"),
    [
        ("digits_step", "finished"),
        ("digits_plateau", "finished"),
        ("digits_overfit", "finished"),
        ("digits_nan", "finished"),
        ("diabetes_iter", "finished"),
        ("digits_crash/console.log", "crashed"),
        ("digits_resumed", "finished"),
        ("digits_resumed/20261124_024331", "interrupted"),
        ("mmcv_digits", "finished"),
        ("mmcv_iter", "finished"),
    ],
)
def test_sample_logs_end_as_they_did(sample_logs, log, status):
    assert judge(iter_items(sample_logs / log))[0].status == status


def test_training_without_its_last_evaluation_is_interrupted():
    life, _ = judge(some()[:-1])
    assert life.status == "interrupted"
    assert "last evaluation is missing" in life.reason


@pytest.mark.parametrize(
    ("until", "status"), [(640, "finished"), (600, "interrupted"), (699, "interrupted")]
)
def test_no_evaluation_is_due_at_an_end_that_lies_between_two(until, status):
    records = [Record("config", facts={"planned_steps": until})]
    for step in sorted({*range(10, until, 10), until}):
        records.append(Record("train", step=step, metrics={"loss": 1.0}, line=2 * step))
        if step % 100 == 0 and step < until:
            records.append(Record("eval", step=step, metrics={"f1": 0.5}, line=2 * step + 1))
    assert judge(records)[0].status == status


def test_half_way_is_interrupted_or_running_or_stalled_by_silence():
    half = some(until=0.5)
    assert judge(half)[0].status == "interrupted"
    assert judge(half, silence_s=30.0)[0].status in {"running", "evaluating"}
    life, events = judge(half, silence_s=90_000.0)
    assert life.status == "stalled"
    assert life.reason.startswith("silent for ") and " s," not in life.reason
    assert str(events[-1].severity) == "critical"


def test_an_end_record_finishes():
    assert judge([*some(until=0.5), Record("end")])[0].status == "finished"


def test_a_crash_names_its_error():
    life, _ = judge([*some(until=0.5), crash("RuntimeError", "CUDA error")])
    assert (life.status, life.error, life.line) == ("crashed", "RuntimeError: CUDA error", 999)


def test_out_of_memory_is_named():
    life, _ = judge([*some(until=0.5), crash("OutOfMemoryError", "", out_of_memory=True)])
    assert life.error is not None and life.error.startswith("out of memory")


def test_out_of_memory_is_said_once():
    """A launcher, or a bar after the traceback, leaves it as the name of the error."""
    what = "RuntimeError: CUDA out of memory"
    life, _ = judge([*some(until=0.5), crash("out of memory", what, out_of_memory=True)])
    assert life.error == f"out of memory: {what}"


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SIGTERM"])
def test_stopped_by_hand_is_interrupted(error):
    assert judge([*some(until=0.5), crash(error)])[0].status == "interrupted"


def test_training_after_a_crash_goes_on():
    records = some()
    life, _ = judge([*records[:50], crash("RuntimeError"), *records[50:]])
    assert life.status == "finished"


def test_an_unknown_plan_is_not_judged():
    life, _ = judge(some(planned=False))
    assert life.status == "unknown", "it has 10 lines for an evaluation"
    assert life.reason.endswith("it does not say whether that was planned")
    assert [gap.what for gap in life.not_judged] == ["planned end"]
    assert judge(unplanned(60, 20))[0].not_judged == life.not_judged
    at_floor = some(planned=False, rate=cosine)[:-1]
    life, _ = judge(at_floor)
    assert life.status == "unknown"
    assert life.reason.endswith(
        "it does not say whether that was planned, but the learning rate is at its floor"
    )


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


def test_without_a_plan_the_printed_time_left_tells_that_the_end_is_early():
    def ends(last_eta):
        run = [
            Record("train", step=10 * k, time=10.0 * k, line=k,
                   metrics={"loss": 1.0 / k, "lr": 0.1, "eta_s": last_eta + 10.0 * (40 - k)})
            for k in range(1, 41)
        ]  # fmt: skip
        run.append(Record("eval", step=400, time=405.0, metrics={"acc": 0.5}, line=41))
        session = Session()
        for record in run:
            session.update(record)
        session.close()
        return session.results.by_name()["lifecycle"]

    assert ends(0.0).status == "finished"
    early = ends(3600.0)
    assert early.status == "interrupted"
    assert "expected 1 h more" in early.reason


def unplanned(rows, rows_per_eval, **metrics):
    """Records of a log without a plan, an evaluation after each so many rows."""
    line = 0
    for row in range(1, rows + 1):
        line += 1
        more = {name: value(row) for name, value in metrics.items()}
        yield Record("train", step=row, metrics={"loss": 1.0 / row, **more}, line=line)
        if row % rows_per_eval == 0:
            line += 1
            yield Record("eval", step=row, metrics={"acc": 0.5}, line=line)


def test_an_end_after_an_evaluation_tells_something_only_where_evaluations_are_rare():
    assert judge(unplanned(60, 20))[0].status == "finished"
    assert judge(unplanned(60, 15))[0].status == "unknown"
    assert judge(unplanned(60, 1))[0].status == "unknown"
    assert judge(unplanned(61, 20))[0].status == "unknown"


def test_a_single_evaluation_may_be_the_first_of_many():
    assert judge(unplanned(40, 40))[0].status == "unknown"
    twice = Record("eval", step=40, metrics={"loss": 0.5}, line=42)
    assert judge([*unplanned(40, 40), twice])[0].status == "unknown"


def test_the_eta_that_the_log_prints_tells_whether_it_ended_in_time():
    counting = {"eta_s": lambda row: 10.0 * (41 - row)}
    done, _ = judge(unplanned(40, 4, **counting))
    assert (done.status, done.reason) == ("finished", "the log's own eta reached 0")
    cut, _ = judge(unplanned(30, 4, **counting))
    assert cut.status == "interrupted"
    assert cut.reason.endswith("expected 1 min 50 s more")


def test_an_eta_that_still_gets_better_says_nothing_of_the_end():
    etas = [54_000.0, 31_000.0, 23_000.0, 15_500.0]  # while ten seconds a row pass
    rows = [
        Record("train", step=row, time=10.0 * row, metrics={"eta_s": eta}, line=row)
        for row, eta in enumerate(etas, start=1)
    ]
    life, _ = judge(rows)
    assert life.status == "interrupted"
    assert life.reason.endswith("expected 4 h 18 min more")


def test_an_eta_of_two_rows_more_is_no_end():
    cut, _ = judge(unplanned(18, 1, eta_s=lambda row: float(round(1.75 * (20 - row)))))
    assert cut.status == "interrupted"
    done, _ = judge(unplanned(20, 1, eta_s=lambda row: float(round(1.75 * (20 - row)))))
    assert done.status == "finished"


def test_an_eta_that_starts_again_with_each_epoch_says_nothing_of_the_end():
    life, _ = judge(unplanned(38, 4, eta_s=lambda row: 10.0 * (10 - row % 10)))
    assert life.status == "unknown"


def test_what_fails_after_a_stop_by_hand_is_no_crash():
    rows = list(unplanned(12, 4))
    stopped = Record("crash", facts={"error": "KeyboardInterrupt", "message": "", "signal": 2})
    failed = Record("crash", facts={"error": "torch.distributed", "message": "exitcode: 1"})
    life, _ = judge([*rows, stopped, failed])
    assert (life.status, life.reason) == ("interrupted", "it was stopped by hand (Ctrl-C)")
    assert judge([*rows, failed])[0].status == "crashed"


def test_a_row_that_holds_its_evaluation_waits_for_none():
    run = Run()
    for epoch in range(1, 11):
        for kind in ("train", "eval"):
            run.append(Record(kind, epoch, epoch, metrics={"loss": 1.0 / epoch}, line=epoch + 1))
    assert not at_eval(run)


def test_a_process_that_went_without_a_word_left_no_line_to_mend():
    gone = Record("crash", line=40, facts={"message": "process 7 is gone", "unsaid": True})
    session = Session()
    for record in [*some(0.5), gone]:
        session.update(record)
    life = session.results.of(LifecycleAnalyzer)
    assert (life.status, life.line) == ("crashed", 0)
    finding = next(f for f in session.findings if f.id == "crash")
    assert "dmesg" in finding.recommendation and "Mend the cause" not in finding.recommendation


def test_a_row_of_an_earlier_line_that_is_told_late_takes_no_crash_back():
    records = [Record("train", step=s, metrics={"loss": 1.0}, line=s) for s in (1, 2)]
    held = Record("train", step=3, metrics={"loss": 1.0}, line=3)
    failure = Record("crash", line=4, facts={"error": "ValueError", "message": "no"})
    assert judge([*records, failure, held])[0].status == "crashed"
    later = Record("train", step=4, metrics={"loss": 1.0}, line=5)
    assert judge([*records, failure, held, later])[0].status != "crashed"


def test_one_line_may_tell_the_last_row_and_its_evaluation_one_step_short():
    records = [Record("config", facts={"planned_steps": 1000})]
    for step in (0, 500, 999):
        records += [
            Record("train", step=step, metrics={"loss": 1.0}, line=step + 2),
            Record("eval", step=step, metrics={"val_loss": 1.5}, line=step + 2),
        ]
    assert judge(records)[0].status == "finished"
