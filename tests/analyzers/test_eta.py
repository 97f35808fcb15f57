from __future__ import annotations

import math
import pickle

import pytest
from simulated_runs import START, Simulated

from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.eta import Eta, EtaAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run

PLAN = Record("config", facts={"planned_steps": 1000})


def eta_of(records: list[Record]) -> Eta:
    fold = Fold([EtaAnalyzer])
    for record in records:
        fold.update(record)
    fold.update(Record("tick", facts={"silence_s": 0.0}))
    return fold.results.of(EtaAnalyzer)


def steps(first: int, last: int, *, each_s: float = 0.5, at: float = START) -> list[Record]:
    return [
        Record("train", s, time=at + each_s * (s - first), metrics={"loss": 1.0}, line=s)
        for s in range(first, last + 1, 10)
    ]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.81])
@pytest.mark.parametrize("eval_every", [1, 3])
def test_remaining_time_counts_evaluations_and_checkpoints(share: float, eval_every: int) -> None:
    made = Simulated(eval_every=eval_every)
    records = made.first(share)
    now = max(r.time for r in records if r.time is not None) - START
    eta = eta_of(records)
    assert eta.remaining_s == pytest.approx(made.total_s - now, rel=0.02)
    assert eta.low_s <= eta.remaining_s <= eta.high_s
    assert eta.step_s == pytest.approx(0.5)
    assert eta.source == "time stamps"


def test_evaluations_and_checkpoints_are_told_apart_where_they_can_be() -> None:
    eta = eta_of(Simulated(eval_every=3, save_every=1).first(0.5))
    assert eta.checkpoint_s == pytest.approx(3.0)
    assert eta.eval_s == pytest.approx(20.0)
    assert eta.evals_left == 5


def test_a_finished_run_has_no_eta() -> None:
    eta = eta_of(Simulated().records())
    assert eta.remaining_s is None
    assert eta.not_judged == ()


def test_an_interrupted_run_says_what_the_rest_would_take() -> None:
    fold = Fold([EtaAnalyzer])
    for record in [*Simulated().first(0.5), Record("tick", facts={"final": True})]:
        fold.update(record)
    eta = fold.results.of(EtaAnalyzer)
    assert eta.remaining_s > 0
    assert "if training went on" in eta.source


def test_an_unknown_plan_is_a_reason() -> None:
    eta = eta_of(steps(10, 200))
    assert eta.remaining_s is None
    assert "how long" in eta.not_judged[0].why
    assert eta.step_s == pytest.approx(0.5), "the pace is known where the end is not"
    assert eta.source == "time stamps" and eta.evals_left is None
    assert eta_of(steps(10, 10)).step_s is None


def test_a_plan_in_epochs_of_unknown_length_is_too_early_and_not_unknown() -> None:
    plan = Record("config", facts={"planned_epochs": 12})
    eta = eta_of([plan, Record("train", 10, 0.2, START, {"loss": 1.0}, line=2)])
    assert eta.not_judged[0].why == "too early: 1 training line so far"


def test_the_eta_that_the_log_prints_stands_in_for_a_plan() -> None:
    rows = [
        Record("train", s, time=START + s, metrics={"eta_s": 500.0 - s}, line=s)
        for s in range(10, 210, 10)
    ]
    eta = eta_of(rows)
    assert eta.remaining_s == pytest.approx(300)
    assert eta.low_s <= 300 <= eta.high_s
    assert eta.source == "the log's own eta, time stamps"
    assert eta.planned_steps is None


def test_one_interval_is_too_few() -> None:
    assert eta_of([PLAN, *steps(10, 20)]).remaining_s is None
    assert eta_of([PLAN, *steps(10, 30)]).remaining_s == pytest.approx(970 * 0.5)


def test_a_pause_is_no_rate() -> None:
    late = steps(260, 500, at=START + 125 + 36_000)
    eta = eta_of([PLAN, *steps(10, 250), *late])
    assert eta.remaining_s == pytest.approx(250, rel=0.02)


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0, -1e9, 1e9])
def test_a_clock_that_jumps_does_no_harm(jump_s: float) -> None:
    late = steps(260, 500, at=START + 125 + jump_s)
    eta = eta_of([PLAN, *steps(10, 250), *late])
    assert eta.remaining_s == pytest.approx(250, rel=0.02)
    assert eta.low_s >= 0


def test_the_clock_starts_anew_at_a_resume() -> None:
    resumed = Record("resume", line=251, facts={"step": 250})
    faster = steps(260, 500, each_s=0.25, at=START + 9e5)
    eta = eta_of([PLAN, *steps(10, 250), resumed, *faster])
    assert eta.remaining_s == pytest.approx(125, rel=0.02)


@pytest.mark.parametrize("slower", [25.0, 0.04])
def test_estimates_after_a_resume_rest_on_the_new_process_alone(slower: float) -> None:
    resumed = Record("resume", line=251, facts={"step": 250})
    for lines in range(1, 8):
        until = 250 + 10 * lines
        fresh = steps(260, until, each_s=0.5 * slower, at=START + 9e5)
        eta = eta_of([PLAN, *steps(10, 250), resumed, *fresh])
        truth = (1000 - until) * 0.5 * slower
        if lines < 3:
            assert eta.remaining_s is None
            assert "after the resume" in eta.not_judged[0].why
        else:
            assert eta.low_s <= truth <= eta.high_s


def test_a_slow_down_is_followed() -> None:
    slow = steps(260, 700, each_s=1.0, at=START + 125)
    eta = eta_of([PLAN, *steps(10, 250), *slow])
    assert eta.remaining_s == pytest.approx(300, rel=0.05)
    assert eta.drift == pytest.approx(2.0, rel=0.05)


def test_printed_iteration_times_stand_in_for_time_stamps() -> None:
    rows = [Record("train", s, metrics={"iter_time_s": 0.4}, line=s) for s in range(10, 510, 10)]
    eta = eta_of([PLAN, *rows])
    stamped = eta_of([PLAN, *steps(10, 500, each_s=0.4)])
    assert eta.remaining_s == pytest.approx(200)
    assert eta.source.startswith("printed iteration time")
    assert eta.high_s - eta.low_s > stamped.high_s - stamped.low_s


def test_evaluations_alone_give_an_eta() -> None:
    evals = [
        Record("eval", e, float(e), START + 60.0 * e, {"acc": 0.5}, line=e) for e in range(1, 11)
    ]
    plan = Record("config", facts={"planned_epochs": 30, "step_unit": "epoch"})
    assert eta_of([plan, *evals]).remaining_s == pytest.approx(1200)


def test_the_word_of_the_log_is_kept() -> None:
    row = Record("train", 10, metrics={"eta_s": 77.0})
    assert eta_of([PLAN, row]).log_eta_s == 77.0


def test_unmeasured_evaluations_are_named_and_widen() -> None:
    facts = {"planned_steps": 1000, "val_interval": 500, "val_unit": "step"}
    eta = eta_of([Record("config", facts=facts), *steps(10, 300)])
    bare = eta_of([PLAN, *steps(10, 300)])
    assert "not measured" in eta.source
    assert eta.high_s > bare.high_s


def test_stamps_that_never_advance_are_a_reason() -> None:
    eta = eta_of([PLAN, *steps(10, 300, each_s=0.0)])
    assert eta.remaining_s is None
    assert eta.not_judged


def test_long_logs_are_merged_and_stay_right() -> None:
    plan = Record("config", facts={"planned_steps": 100_000})
    eta = eta_of([plan, *steps(10, 60_000)])
    assert eta.remaining_s == pytest.approx(20_000, rel=1e-6)


def test_state_survives_pickling() -> None:
    made = Simulated().first(0.5)
    fold = Fold([EtaAnalyzer])
    for record in made[:120]:
        fold.update(record)
    other = pickle.loads(pickle.dumps(fold))  # noqa: S301  # our own bytes
    for record in made[120:]:
        fold.update(record)
        other.update(record)
    assert fold.results.of(EtaAnalyzer) == other.results.of(EtaAnalyzer)


def test_no_answer_is_negative_or_nan() -> None:
    fold = Fold([EtaAnalyzer])
    for record in Simulated(epochs=6).records():
        fold.update(record)
        eta = fold.results.of(EtaAnalyzer)
        for seconds in (eta.remaining_s, eta.low_s, eta.high_s):
            assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@pytest.mark.parametrize("eval_s", [0.35, 3.3])
def test_stamps_of_whole_seconds_do_not_lengthen_short_evaluations(eval_s: float) -> None:
    ratios = []
    for begin in (0.1, 0.3, 0.5, 0.7, 0.9):
        fold, now, at, said = Fold([EtaAnalyzer]), begin, 0.0, None
        plan = {"planned_epochs": 40, "steps_per_epoch": 160, "val_interval": 1}
        fold.update(Record("config", facts=plan | {"val_unit": "epoch"}))
        for epoch in range(1, 41):
            for part in range(1, 5):
                now += 0.44
                step = 160 * (epoch - 1) + 40 * part
                line = 5 * epoch + part
                metrics = {"loss": 1.0}
                stamp = float(math.floor(now))
                fold.update(Record("train", step, step / 160, stamp, metrics, line=line))
            now += eval_s
            stamp = float(math.floor(now))
            found = {"acc": 0.5}
            line = 5 * epoch + 5
            fold.update(Record("eval", 160 * epoch, float(epoch), stamp, found, line=line))
            if epoch == 20:
                at, said = now, fold.results.of(EtaAnalyzer).remaining_s
        assert said is not None
        ratios.append(said / (now - at))
    assert sum(ratios) / len(ratios) == pytest.approx(1.0, abs=0.05)
    assert max(ratios) < 1.1


@pytest.mark.parametrize("share", [0.94, 0.96, 0.98])
def test_a_switch_late_in_the_run_is_followed_with_its_evaluations(share: float) -> None:
    """Augmentation is switched off at 90 % of the run: a step takes a third, an evaluation not."""
    fold, now, said = Fold([EtaAnalyzer]), START, []
    plan = {"planned_epochs": 100, "steps_per_epoch": 80, "val_interval": 1, "val_unit": "epoch"}
    fold.update(Record("config", facts=plan))
    for epoch in range(1, 101):
        for part in range(1, 5):
            now += 20 * (1.8 if epoch <= 90 else 0.6)
            step, line = 80 * (epoch - 1) + 20 * part, 6 * epoch + part
            fold.update(Record("train", step, step / 80, now, {"loss": 1.0}, line=line))
        now += 10.0
        line = 6 * epoch + 5
        fold.update(Record("eval", 80 * epoch, float(epoch), now, {"acc": 0.5}, line=line))
        said.append((now, fold.results.of(EtaAnalyzer)))
    at, eta = said[round(100 * share) - 1]
    assert eta.remaining_s == pytest.approx(now - at, rel=0.05)
    assert eta.low_s <= now - at <= eta.high_s


@pytest.mark.parametrize("whole_seconds", [False, True])
def test_evaluations_between_all_training_lines_leave_the_time_left_to_be_told(
    whole_seconds: bool,
) -> None:
    fold, now = Fold([EtaAnalyzer]), 0.0
    fold.update(Record("config", facts={"planned_steps": 1000}))
    for part in range(1, 41):
        now += 0.9
        stamp = float(math.floor(now)) if whole_seconds else now
        fold.update(Record("train", 10 * part, time=stamp, metrics={"loss": 1.0}, line=2 * part))
        now += 0.4
        stamp = float(math.floor(now)) if whole_seconds else now
        fold.update(Record("eval", 10 * part, time=stamp, metrics={"a": 0.5}, line=2 * part + 1))
    eta = fold.results.of(EtaAnalyzer)
    assert eta.remaining_s == pytest.approx(60 * 1.3, rel=0.05)
    assert eta.low_s <= 60 * 1.3 <= eta.high_s
    assert "counted in" in eta.source


def test_the_slow_first_iteration_that_is_printed_once_an_epoch_is_not_the_pace():
    """Time stamps tell it, although an evaluation falls into every interval."""
    records = [Record("config", facts={"planned_epochs": 50, "steps_per_epoch": 13})]
    for epoch in range(20):
        step, now = 13 * epoch + 1, 1e9 + 27.0 * epoch
        metrics = {"loss": 1.0, "iter_time_s": 4.3}
        records.append(Record("train", step, epoch + 0.1, now, metrics, line=2 * epoch + 1))
        seen = {"acc": 0.5}
        records.append(Record("eval", step + 12, epoch + 1.0, now + 23.0, seen, line=2 * epoch + 2))
    found = EtaAnalyzer.of(Run.from_records(records))
    truth_s = (13 * 50 - records[-1].step) / 13 * 27.0
    assert found.remaining_s == pytest.approx(truth_s, rel=0.06)


EPOCHS = Record("config", facts={"planned_epochs": 7, "steps_per_epoch": 40})


def epochs_of_steps(last: int, *, eval_s: float | None) -> list[Record]:
    """Return steps of a second each, with an evaluation after every 40 of them unless None."""
    records, now = [EPOCHS], START
    for step in range(1, last + 1):
        now += 1.0
        metrics = {"loss": 2.0 / step}
        records.append(Record("train", step, step / 40, time=now, metrics=metrics, line=2 * step))
        if eval_s is not None and step % 40 == 0 and step < last:
            now += eval_s
            result = {"acc": 1 - 1 / step}
            records.append(
                Record("eval", step, step / 40, time=now, metrics=result, line=2 * step + 1)
            )
    return records


@pytest.mark.parametrize("last", [10, 39, 40])
def test_what_leaves_unseen_evaluations_out_says_so(last: int) -> None:
    eta = eta_of(epochs_of_steps(last, eval_s=200.0))
    assert eta.remaining_s == pytest.approx(280 - last, rel=0.02)
    assert eta.evals_left_out and "without evaluation, none was timed yet" in eta.bounds


def test_seen_evaluations_are_counted_in_and_none_are_missed_where_there_are_none() -> None:
    seen = eta_of(epochs_of_steps(60, eval_s=200.0))
    assert not seen.evals_left_out and seen.eval_s == pytest.approx(200.0)
    # One says how far apart they are if they go on so: 220 steps and 6 further ones.
    assert seen.remaining_s == pytest.approx(220 + 6 * 200, rel=0.02)
    assert seen.evals_left == 6 and seen.low_s < 1000 < 1800 < seen.high_s
    once = [r for r in epochs_of_steps(120, eval_s=200.0) if r.kind != "eval" or r.step == 40]
    assert eta_of(once).evals_left is None
    never = eta_of(epochs_of_steps(60, eval_s=None))
    assert not never.evals_left_out and "evaluation" not in never.bounds
    planned = [Record("config", facts={"val_interval": 2, "val_unit": "epoch"})]
    assert eta_of(planned + epochs_of_steps(60, eval_s=None)).evals_left_out


@pytest.mark.parametrize("epochs", [1, None])
def test_where_no_epoch_is_to_follow_no_evaluation_is_missed(epochs: int | None) -> None:
    plan = Record(
        "config", facts={"planned_steps": 1000} | ({"planned_epochs": 1} if epochs else {})
    )
    records = epochs_of_steps(30, eval_s=None)[1:]
    assert not eta_of([plan, *records]).evals_left_out


def test_time_left_passes_between_lines_but_not_what_follows_the_next() -> None:
    due = eta_of(epochs_of_steps(120, eval_s=200.0))
    assert due.remaining_s is not None and due.low_s is not None and due.high_s is not None
    # 160 steps and 5 evaluations are left, of which the first is on now.
    assert due.remaining_s == pytest.approx(160 + 5 * 200, rel=0.02)
    later = due.after(90.0)
    assert later.remaining_s == pytest.approx(due.remaining_s - 90.0)
    assert later.low_s == pytest.approx(due.low_s - 90.0)
    assert later.high_s == pytest.approx(due.high_s - 90.0)
    assert due.after(5000.0).remaining_s == pytest.approx(159 + 4 * 200, rel=0.02)
    training = eta_of(epochs_of_steps(130, eval_s=200.0))
    assert training.remaining_s is not None
    assert training.after(90.0).remaining_s == pytest.approx(training.remaining_s - 1.0)
    assert Eta().after(90.0) == Eta()
