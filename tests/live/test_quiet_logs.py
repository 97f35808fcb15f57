"""A log at its planned end that nobody writes any more: its run is over, not silent."""

from __future__ import annotations

import math

import pytest
from followed_logs import follow, settle, write

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.analysis import Analysis
from copilot_analytics.events import Event
from copilot_analytics.findings import Severity
from copilot_analytics.live.log_session import LogSession
from copilot_analytics.live.processes import ProcessState
from copilot_analytics.live.quiet_logs import has_said_all, tick_after

EPOCHS, BATCHES = 30, 5
STOP = Event("advice", "stop", 9, None, 9, "stop: it is flat", Severity.WARNING)


def bars(epochs):
    """Return what `tqdm` leaves in a file whose last frame of an epoch tells its evaluation."""
    text = ""
    for epoch in range(1, epochs + 1):
        loss = f"loss={0.3 + 2.0 * math.exp(-epoch / 3.0):.4f}"
        judged = f"{loss}, val_loss={0.5 + math.exp(-epoch / 3.0):.4f}"
        judged += f", val_acc={0.9 - 0.6 * math.exp(-epoch / 2.0):.4f}"
        for done, said in (*((n, loss) for n in range(BATCHES + 1)), *[(BATCHES, judged)] * 2):
            bar = f"{100 * done // BATCHES:3d}%|{'█' * done:5}| {done}/{BATCHES}"
            rate = f"[00:0{done}<00:0{BATCHES - done},  1.00it/s, {said}]"
            text += f"\rEpoch {epoch}/{EPOCHS}: {bar} {rate}"
        text += "\n"
    return text.encode()


@pytest.mark.parametrize("age_s", [5.0, 46.0])
def test_a_bar_at_its_end_is_over_once_nobody_writes_it(age_s, tmp_path, clock):
    log = tmp_path / "train.log"
    write(log, bars(EPOCHS), clock)
    clock.now += age_s
    following = follow(log, clock)
    settle(following, clock, 0.5)
    assert (following.status == "finished") == (age_s > 15.0)
    settle(following, clock, 20.0)
    assert following.status == "finished"
    assert len(following.log.run.eval_log) == EPOCHS


def test_a_bar_before_its_end_is_not_over(tmp_path, clock):
    log = tmp_path / "train.log"
    write(log, bars(EPOCHS - 1), clock)
    clock.now += 46.0
    following = follow(log, clock)
    settle(following, clock, 20.0)
    assert following.status == "running"


@pytest.mark.parametrize("state", ["alive", "stopped"])
def test_a_process_that_lives_may_still_evaluate(state):
    log = LogSession("train.log")
    log.feed(bars(EPOCHS))
    assert has_said_all(log, 20.0, ProcessState("gone", 7), {})
    assert not has_said_all(log, 20.0, ProcessState(state, 7), {})


def test_advice_to_stop_that_waited_is_not_told_of_training_that_is_done():
    log, told = LogSession("train.log"), []
    for epoch in range(1, EPOCHS + 1):
        log.feed(b"Epoch %d/%d train loss %.4f\n" % (epoch, EPOCHS, 0.3 + math.exp(-epoch / 3)))
        if epoch >= EPOCHS - 1:
            policy, context = Policy(), Context("key", "my_run", lambda: Analysis.of(log.session))
            policy.step([STOP], 0.0, context)
            told.append([message.title for message in policy.step([], 60.0, context)])
        if epoch < EPOCHS:
            log.feed(b"Validation acc: %.4f\n" % (0.9 - 0.6 * math.exp(-epoch / 2)))
    analysis = Analysis.of(log.session)
    assert analysis.life.status == "running", "the last evaluation may still come"
    assert analysis.stop.advice == "none" and "planned end" in analysis.stop.reason
    assert told == [["🛑 TIME TO STOP   my_run"], []]


def game(epochs: int, rows: int = 2) -> bytes:
    """Return the log of a game of 12 epochs of 20 batches, each tenth of which says something."""
    lines = [
        f"[{e}/12][{i}/20]\tLoss_D: 0.{e}{i:02}\tLoss_G: 2.{e}{i:02}\n"
        for e in range(epochs)
        for i in (0, 10)
    ]
    return "".join(lines[: 2 * epochs - 2 + rows]).encode()


@pytest.mark.parametrize(
    ("epochs", "rows", "status"), [(12, 2, "finished"), (12, 1, "crashed"), (9, 2, "crashed")]
)
@pytest.mark.parametrize(
    "silence", [{"verdict": "crashed", "process": "gone"}, {"process": "unknown"}]
)
def test_a_run_is_over_where_no_further_line_is_due(epochs, rows, status, silence):
    log = LogSession("train.log")
    log.feed(game(epochs, rows))
    log.add(tick_after(log.run, {"silence_s": 3600.0, "verdict": "stalled", **silence}))
    if status == "crashed" and silence["process"] == "unknown":
        status = "stalled"
    assert Analysis.of(log.session).life.status == status


@pytest.mark.parametrize("silence_s", [30.0, 1200.0, None])
def test_a_log_whose_process_is_gone_has_ended_for_whoever_reads_it_later(silence_s, tmp_path):
    lines = [b"epoch,train_loss,val_loss\n"]
    lines += [b"%d,%.4f,%.4f\n" % (n, 2 / n, 3 / n) for n in range(1, 31)]
    told = "process 7 is gone and the log has no end"
    watched, again = (LogSession("metrics.csv", journals=tmp_path) for _ in range(2))
    watched.feed(b"".join(lines))
    gone = {"silence_s": 20.0, "verdict": "crashed", "process": "gone", "reason": told}
    watched.add(tick_after(watched.run, gone))
    again.feed(b"".join(lines))
    again.close(silence_s=silence_s)
    life = Analysis.of(again.session).life
    assert life == Analysis.of(watched.session).life
    assert life.status == "unknown" and told in life.reason
    assert "stalled" not in {event.key for event in again.session.events}
    watched.feed(b"31,0.0640,0.0960\n")  # somebody went on with it
    watched.close(silence_s=30.0)
    assert Analysis.of(watched.session).life.status == "running"
