"""Logs that say one line in minutes: they are taken once they show two rows of a training."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from followed_logs import follow, settle, write

from copilot_analytics.api import analyze
from copilot_analytics.live.choosing import shows_training
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.replay import Replay
from copilot_analytics.reading.parsing import LogReader

HEADER = ["building model", "start training, 10 epochs, lr 0.1"]


def epoch(number, stamp="2027-03-01 12:{:02d}:30 "):
    """Return a line of a loop that logs once an epoch."""
    losses = f"train_loss {2 / number:.4f} val_loss {2.3 / number:.4f}"
    text = f"Epoch {number}/10 {losses} val_acc {1 - 0.5 / number:.4f}\n"
    return stamp.format(3 * number) + text


@pytest.mark.parametrize("stamp", ["2027-03-01 12:{:02d}:30 ", ""], ids=["stamps", "no stamps"])
@pytest.mark.parametrize("header", [0, 2, 120])
def test_a_line_an_epoch_is_followed_from_the_second_on(header, stamp, tmp_path, clock):
    log = tmp_path / "train.log"
    opening = (HEADER * 60)[:header]
    write(log, "".join(f"{line}\n" for line in opening).encode(), clock)
    following = follow(log, clock)
    settle(following, clock)
    events = []
    for number in range(1, 11):
        write(log, epoch(number, stamp).encode(), clock)
        events += settle(following, clock, 180)
        assert len(following.log.run.eval_log) == (number if number > 1 else 0)
        assert following.is_unknown == (number == 1)
    told = [(event.kind, event.key, event.line) for event in events]
    events = analyze(log, now=4e9).events
    assert told[:2] == [(event.kind, event.key, event.line) for event in events[:2]]
    again = LogSession(str(log))
    again.feed(log.read_bytes())
    again.end()
    assert following.log.run_key == again.run_key
    following.close()


@pytest.mark.parametrize("beside", ["", "console.log"])
@pytest.mark.parametrize("stamp", ["2027-03-01 12:{:02d}:30 ", ""], ids=["stamps", "no stamps"])
def test_a_directory_whose_only_log_is_a_header_is_followed_from_the_second_row_on(
    stamp, beside, tmp_path
):
    header, rows = "\n".join(HEADER) + "\n", [epoch(number, stamp) for number in range(1, 4)]
    for name in filter(None, ("train.log", beside)):
        (tmp_path / name).write_text(header)
    for known in range(4):
        (tmp_path / "train.log").write_text(header + "".join(rows[:known]))
        # Of several logs it is not known yet which one will hold the training.
        assert shows_training(tmp_path) == (known > 1 and not beside), known


def test_a_short_log_at_rest_is_read_as_the_report_reads_it(tmp_path, clock):
    log = tmp_path / "train.log"
    write(log, "".join(map(epoch, range(1, 4))).encode(), clock)
    clock.now += 60.0
    following = follow(log, clock)
    settle(following, clock, 1.0)
    assert following.caught_up
    assert following.log.run.eval_log.step.tolist() == analyze(log).run.eval_log.step.tolist()
    following.close()


@pytest.mark.parametrize(
    "text",
    [
        "2027-03-01 12:03:30 request 1 took 0.31 s\n2027-03-01 12:06:30 request 2 took 0.29 s\n",
        "chapter 1 of 10: loss and grief\nchapter 2 of 10: 12 pages\n",
        epoch(1),
    ],
)
def test_what_shows_no_two_rows_stays_unknown(text, tmp_path, clock):
    log = tmp_path / "notes.log"
    write(log, text.encode(), clock)
    following = follow(log, clock)
    settle(following, clock, 600)
    assert following.is_unknown and following.log.run_key == ""
    following.close()


def test_a_crash_before_the_second_row_is_told(tmp_path, clock):
    log = tmp_path / "train.log"
    crash = 'Traceback (most recent call last):\n  File "t.py", line 9, in <module>\n    main()\n'
    write(log, (epoch(1) + crash + "RuntimeError: CUDA error\n").encode(), clock)
    following = follow(log, clock)
    settle(following, clock, 30)
    assert not following.is_unknown and following.status == "crashed"
    following.close()


def test_a_document_that_quotes_two_rows_is_not_taken():
    reader = LogReader("README.md")
    assert reader.feed((epoch(1) + epoch(2)).encode()) == []
    assert reader.presume() == [] and reader.detection is None


def test_a_log_that_turns_out_to_be_of_another_format_is_read_again(tmp_path, clock):
    log = tmp_path / "train.log"
    write(log, (epoch(1) + epoch(2)).encode(), clock)
    following = follow(log, clock)
    settle(following, clock)
    assert following.log.run.meta.log_format == "home_text"
    for step in range(0, 400, 10):
        row = f"Epoch: [0][{step:3d}/1000]\tTime 0.25 ( 0.26)\tData 0.01 ( 0.01)\t"
        row += f"Loss {7 - step / 100:.4e} (6.9e+00)\tAcc@1 1.00 ( 1.00)\tAcc@5 5.00 ( 5.00)\n"
        write(log, row.encode(), clock)
        settle(following, clock, 1.0)
    whole = LogSession(str(log))
    whole.feed(log.read_bytes())
    assert following.log.run.meta.log_format == whole.run.meta.log_format == "imagenet_text"
    assert following.log.run_key == whole.run_key
    steps = whole.run.train_log.step.tolist()
    assert following.log.run.train_log.step.tolist() == steps and len(steps) == 40
    following.close()


def test_presuming_changes_nothing_of_what_is_read():
    text = "".join(f"{line}\n" for line in HEADER) + "".join(map(epoch, range(1, 11)))
    whole, other = LogReader("train.log"), LogReader("train.log")
    records = whole.feed(text.encode())
    presumed = []
    for line in text.splitlines(keepends=True):
        presumed += other.feed(line.encode())
        presumed += other.presume()
    assert repr(presumed) == repr(records)
    assert other.is_settled and not other.misread


@pytest.mark.parametrize("header", [0, 120])
def test_a_replay_meets_the_run_where_a_watch_does(header, tmp_path):
    log = tmp_path / "train.log"
    opening = "".join(f"{line}\n" for line in (HEADER * 60)[:header])
    log.write_text(opening + "".join(map(epoch, range(1, 11))))
    said = [one for one in Replay(log, journals=False) if one.message is not None]
    assert "2 of 10 epochs" in said[0].message.body[0]
    assert datetime.fromtimestamp(said[0].time, UTC).strftime("%H:%M:%S") == "12:06:30"
