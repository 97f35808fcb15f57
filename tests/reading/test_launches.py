from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_formats import comparable, expanded

from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.records import Block, Record


def train(step, epoch=None, line=0):
    return Record("train", step=step, epoch=epoch, metrics={"loss": 1.0}, line=line)


def header(**facts):
    return Record("config", facts={"framework": "toy 1", **facts})


def kinds(items):
    """Kinds of records, with steps for training."""
    return [r.step if r.kind == "train" else r.kind for r in items]


def told(items):
    return kinds(LaunchFilter().all(items))


RISE = [train(s) for s in (50, 100, 150, 200)]


def test_a_fall_to_the_beginning_is_a_launch():
    assert told([*RISE, *RISE]) == [50, 100, 150, 200, "launch", 50, 100, 150, 200]


def test_a_start_with_another_interval_is_a_launch_though_its_epoch_is_not_told():
    first = [train(10), train(20), *(train(10 * n, n / 2) for n in range(3, 9))]
    assert told([*first, train(20)])[-2:] == ["launch", 20]
    assert told([*first, train(30)])[-2:] == [80, 30]


def test_a_fall_to_the_middle_is_left_alone():
    assert told([*RISE, train(120), train(170)]) == [50, 100, 150, 200, 120, 170]


def test_a_resume_is_no_launch():
    assert "launch" not in told([*RISE, Record("resume"), *RISE])
    assert "launch" not in told([*RISE, header(), Record("resume"), *RISE])


def test_two_processes_at_the_same_step_are_one_run():
    assert "launch" not in told([train(s) for s in (50, 50, 100, 100)])


def test_a_log_that_begins_after_a_resume_may_fall_below_its_first_step():
    assert "launch" not in told([train(s, s / 1000) for s in (5000, 5050, 5100, 4050, 4100)])
    assert "launch" not in told([train(s) for s in (5000, 5050, 5100, 4050, 4100)])


def test_a_log_that_begins_after_a_resume_may_go_on_with_a_run_from_the_start():
    told_apart = told([train(s) for s in (5000, 5050, 5100, 50, 100)])
    assert told_apart == [5000, 5050, 5100, "launch", 50, 100]


def test_a_header_belongs_to_the_run_that_it_begins():
    items = [header(), *RISE, Record("eval"), header(seed=2), Record("eval"), *RISE]
    result = list(LaunchFilter().all(items))
    assert kinds(result) == [
        "config", 50, 100, 150, 200, "eval", "launch", "config", "eval", 50, 100, 150, 200,
    ]  # fmt: skip
    assert "header is printed again" in result[6].facts["reason"]


def test_what_stands_above_a_header_belongs_to_the_run_that_it_begins_as_well():
    plan = Record("config", facts={"planned_steps": 400})
    of_the_last = Record("config", facts={"planned_epochs": 9})
    items = list(LaunchFilter().all([of_the_last, *RISE, plan, header(), *RISE]))
    launch = next(place for place, item in enumerate(items) if item.kind == "launch")
    assert items[launch + 1].facts == {"planned_steps": 400}


def test_a_header_before_a_resumed_middle_stays_where_it_is():
    assert told([*RISE, header(), train(120)]) == [50, 100, 150, 200, "config", 120]
    assert told([*RISE, header()]) == [50, 100, 150, 200, "config"]
    assert told([*RISE, header(), Record("crash")])[-2:] == ["config", "crash"]


def test_another_interval_after_a_header_is_still_the_beginning():
    items = [*RISE, header(log_interval=100), train(100)]
    assert told(items)[4:] == ["launch", "config", 100]


def test_what_the_log_said_once_holds_for_the_next_run_too():
    log = Record("config", facts={"log_format": "toy"})
    plan = Record("config", facts={"planned_steps": 900, "framework": "toy 1"})
    silent = list(LaunchFilter().all([log, plan, *RISE, *RISE]))
    assert silent[7].facts == {"log_format": "toy", "planned_steps": 900, "framework": "toy 1"}
    again = list(LaunchFilter().all([log, plan, *RISE, header(), *RISE]))
    assert [dict(r.facts) for r in again[7:9]] == [{"log_format": "toy"}, {"framework": "toy 1"}]


def test_epochs_tell_where_no_steps_are():
    epochs = [Record("train", epoch=float(e), metrics={"loss": 1.0}) for e in (1, 2, 3, 1, 2)]
    assert [r.kind for r in LaunchFilter().all(epochs)].index("launch") == 3


EVENTS = st.sampled_from(["resume", "eval", "header", "crash", "checkpoint"])


@given(
    st.lists(st.one_of(EVENTS, st.lists(st.integers(0, 12), min_size=1, max_size=9)), max_size=9),
    st.lists(st.integers(1, 4), max_size=30),
    st.booleans(),
)
@pytest.mark.parametrize("with_epochs", [True, False])
def test_blocks_change_nothing(with_epochs, plan, cuts, rising):
    whole, cut, line, sizes = [], [], 0, iter(cuts)
    for part in plan:
        if isinstance(part, str):
            record = header(line=line) if part == "header" else Record(part, line=line)
            whole.append(record)
            cut.append(record)
            line += 1
            continue
        steps = np.array(sorted(part) if rising else part) * 10
        epoch = steps / 40 if with_epochs else np.full(len(steps), np.nan)
        lines = np.arange(line, line + len(steps))
        block = Block(steps, epoch, np.full(len(steps), np.nan), lines, {"loss": steps * 1.0})
        whole.append(block)
        line += len(steps)
        start = 0
        while start < len(block):
            stop = start + next(sizes, 1)
            cut.append(block[start:stop])
            start = stop
    single = expanded(whole)
    expected = comparable(expanded(LaunchFilter().all(single)))
    assert comparable(expanded(LaunchFilter().all(whole))) == expected
    assert comparable(expanded(LaunchFilter().all(cut))) == expected
    pickled, result = LaunchFilter(), []
    for item in cut:
        pickled = pickle.loads(pickle.dumps(pickled))  # noqa: S301  # our own bytes
        result += pickled.see(item)
    assert comparable(expanded([*result, *pickled.close()])) == expected
    passed = [r for r in expanded(LaunchFilter().all(whole)) if r.kind != "launch"]
    kept = [r for r in passed if not (r.kind == "config" and r.facts and "line" not in r.facts)]
    assert sorted(r.line for r in kept if r.kind == "train") == sorted(
        r.line for r in single if r.kind == "train"
    )


def test_a_name_that_comes_late_holds_nothing_back():
    named = Record("config", facts={"name": "toy"})
    told_at_once = list(LaunchFilter().see(named))
    filtered = LaunchFilter()
    items = [item for train_line in RISE for item in filtered.see(train_line)]
    assert len(items) == len(RISE)
    assert list(filtered.see(named)) == told_at_once == [named]
    assert [item.kind for item in filtered.see(Record("eval"))] == ["eval"]
    assert list(filtered.see(named)) == [], "named again, it may belong to another run"


def test_back_in_the_first_epoch_is_another_run():
    items = [train(50 * n, epoch=n / 4) for n in range(1, 13)]
    again = [train(100, epoch=0.5), train(200, epoch=1.0)]
    assert "launch" in kinds(LaunchFilter().all([*items, *again]))


def test_a_torn_traceback_that_is_told_late_leaves_the_header_to_the_next_run():
    rows = [Record("train", step=step, line=line) for line, step in enumerate((10, 20, 30), 1)]
    header = Record("config", facts={"seed": 1}, line=10)
    late = Record("crash", facts={"error": "traceback"}, line=4)
    again = Record("train", step=10, line=50)
    passed = list(LaunchFilter().all([*rows, header, late, again]))
    assert [(one.kind, one.line) for one in passed[3:6]] == [
        ("crash", 4),
        ("launch", 10),
        ("config", 10),
    ]


def test_the_header_of_a_start_that_came_to_nothing_says_nothing_of_the_next_run():
    rows = [train(step, line=step) for step in (10, 20, 30)]
    vain = [header(schedule="cosine"), Record("config", facts={"planned_epochs": 20}, line=40)]
    passed = list(LaunchFilter().all([*rows, *vain, header(seed=1), train(10, line=90)]))
    at = kinds(passed).index("launch")
    assert [record.facts for record in passed[3:at]] == [record.facts for record in vain]
    assert passed[at + 1].facts == {"framework": "toy 1", "seed": 1}


def test_a_result_whose_next_row_was_torn_off_stays_with_the_run_that_told_it():
    named = Record("config", facts={"name": "first"}, line=1)
    rows = [train(step, line=step) for step in (10, 20, 30)]
    again = Record("config", facts={"name": "second"}, line=40)
    result = Record("eval", step=34, time=9.0, metrics={"acc": 0.5}, line=41)
    passed = list(LaunchFilter().all([named, *rows, again, result, header(seed=1), train(10)]))
    assert kinds(passed)[-4:] == ["eval", "launch", "config", 10]


def result(epoch, line=0, **facts):
    return Record("eval", epoch=epoch, metrics={"acc": 0.5}, facts=facts, line=line)


def test_results_alone_begin_again_where_their_epochs_fall_back():
    run = [result(e, line=int(e)) for e in (1.0, 2.0, 3.0)]
    again = [*run, Record("end", line=4), *run, result(3.0)]
    assert told(again) == ["eval"] * 3 + ["end", "launch"] + ["eval"] * 4


def test_results_of_several_sets_at_the_same_epochs_are_one_run():
    items = [result(e) for e in (1.0, 1.0, 2.0, 1.5, 2.0, 2.0)]
    assert "launch" not in told(items)


def test_results_alone_may_fall_back_after_a_resume():
    run = [result(e) for e in (2.0, 3.0, 4.0)]
    assert told([*run, Record("resume"), result(2.0)]) == ["eval"] * 3 + ["resume", "eval"]


def test_results_alone_that_fall_back_into_the_middle_begin_nothing():
    assert told([result(e) for e in (1.0, 2.0, 3.0, 2.0)]) == ["eval"] * 4


def test_a_run_of_one_epoch_that_was_over_is_run_again():
    end = Record("end")
    once = [train(1, 1.0), end]
    assert told([*once, *once]) == [1, "end", "launch", 1, "end"]
    assert told([train(1, 1.0), train(1, 1.0), end]) == [1, 1, "end"]
    assert told([train(1, 1.0), train(2, 2.0), end, train(2, 2.0)]) == [1, 2, "end", 2]


def test_a_run_of_one_step_that_was_over_is_run_again():
    end = Record("end")
    once = [train(1), end]
    assert told([*once, *once, train(1), train(2)]) == [
        *(1, "end", "launch", 1, "end"),
        *("launch", 1, 2),
    ]
    assert told([train(1), train(1), end]) == [1, 1, "end"]
    assert told([train(1), train(2), end, train(2)]) == [1, 2, "end", 2]
