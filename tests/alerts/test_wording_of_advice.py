"""What a message advises: one voice, each figure once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worded_messages import FLAT, diverging, stopping, told

from copilot_analytics.alerts import wording
from copilot_analytics.alerts.message import Tiding
from copilot_analytics.alerts.policy import Context
from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.events import Event
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.live.answers import advised
from copilot_analytics.report.verdict import actions
from copilot_analytics.stats.stopping import strictness


def test_plateau_says_change_reason_eta_recommendation_savings_and_checkpoint(analysis):
    found = Finding(
        FLAT.key, FLAT.severity, 5000, FLAT.text,
        "BBox_mAP gained 0.1 ± 0.3 pt, the last 4 evals against the 4 before.",
        (Evidence("P(gain of 0.5 pt or more)", "4 %", "50 %", (90,)),),
        "Lower the learning rate, or stop with the best checkpoint.",
    )  # fmt: skip
    flat = replace(stopping(analysis), findings=(found,))
    title, change, state, advice, seen = told(flat, Tiding("opened", FLAT)).splitlines()
    assert title == "🟠 PLATEAU DETECTED   my_run"
    assert change == "BBox_mAP gained 0.1 ± 0.3 pt, the last 4 evals against the 4 before."
    assert seen == "Seen: P(gain of 0.5 pt or more) 4 % (threshold: 50 %; line 90)"
    assert "⏱ 40 min left (80 %: 38 min – 43 min)" in state
    assert "best coco/bbox_mAP" in state and "at epoch 15" in state
    assert advice == (
        "💡 Stop now: P(≥ 0.5 pt more by epoch 24) = 4 %. Saves ≈ 4 GPU-hours."
        " Use epoch_10.pth (epochs 10, 12 tie)."
    )


def test_advice_to_stop_says_what_each_gpu_hour_would_bring(analysis):
    now = stopping(analysis)
    ahead = replace(now.forecast, expected_gain=0.002)
    priced = replace(now, forecast=ahead, stop=replace(now.stop, gain_per_gpu_h=0.0005))
    assert "Saves ≈ 4 GPU-hours; the rest would bring 0.05 pt for each GPU-hour. Use" in told(
        priced, Tiding("opened", FLAT)
    )


def test_advice_to_stop_is_three_lines_below_a_title_and_says_how_often_it_is_right(analysis):
    stopped = stopping(analysis)
    record = strictness(0.02)
    measured = replace(stopped, stop=replace(stopped.stop, record=record))
    event = Event("advice", "stop", 5000, None, 90, "stop: so", Severity.WARNING)
    lines = told(measured, Tiding("opened", event)).splitlines()
    assert len(lines) <= 4 and "TIME TO STOP" in lines[0]
    share = round(100 * record.right / record.stops)
    assert f"Right in {share} % of {record.stops} public runs so advised." in lines[-1]
    assert "public runs" not in told(stopped, Tiding("opened", event))


@pytest.mark.parametrize("digest", [False, True])
def test_of_two_advices_with_numbers_only_the_newest_is_told(analysis, digest):
    event = Event("advice", "stop", 5000, None, 90, "stop: P(gain) = 14 %", Severity.WARNING)
    text = told(stopping(analysis), Tiding("opened", FLAT), Tiding("opened", event), digest=digest)
    assert "• 🟠 advice to stop\n" in text and "14 %" not in text
    assert "💡 Stop now: P(≥ 0.5 pt more by epoch 24) = 4 %." in text
    back = replace(event, key="continue", text="continue: P(gain) = 52 %")
    taken_back = Tiding("withdrawn", back, event, 60.0)
    goes_on = stopping(analysis, "continue")
    text = told(goes_on, Tiding("opened", FLAT), taken_back, digest=digest)
    assert "• ↩️ taken back: advice to stop\n" in text and "52 %" not in text
    assert "💡 Let it run: " in text
    # Where the advice is another one by now, what the event said is all that is known of it.
    text = told(goes_on, Tiding("opened", FLAT), Tiding("opened", event), digest=digest)
    assert "• 🟠 stop: P(gain) = 14 %" in text


def test_what_is_taken_back_among_others_is_named_once(analysis):
    over = replace(FLAT, kind="resolved", key="slow", text="No longer so: it is slow")
    began = replace(FLAT, key="slow", text="it is slow")
    text = told(analysis, Tiding("opened", FLAT), Tiding("withdrawn", over, began, 60.0))
    assert "• ↩️ taken back: it is slow\n" in text and text.count("it is slow") == 1


def test_overfitting_is_told_with_the_checkpoint_to_use_while_it_goes_on(analysis):
    event = Event("phase", "OVERFITTING_RISK", 5000, None, 90, "val_loss rises", Severity.WARNING)
    run = stopping(analysis, "continue")
    phases = replace(run.phases, current=Phase.OVERFITTING_RISK)
    for p_gain, known in ((0.32, "Unless it turns, stop"), (0.67, "Let it run")):
        over = replace(run, phases=phases, forecast=replace(run.forecast, p_gain=p_gain))
        last = told(over, Tiding("opened", event)).splitlines()[-1]
        assert last.startswith(f"💡 {known}: P(≥ 0.5 pt more by epoch 24) = 4 %.")
        assert last.endswith("Use epoch_10.pth (epochs 10, 12 tie).")
        assert actions(over)[0].startswith(f"**{known}.**")
        assert advised(over) == ("continue" if p_gain > 0.5 else known.lower())


def test_a_divergence_is_never_told_with_let_it_run(analysis):
    event = Event("phase", "DIVERGING", 4000, None, 812, "loss rises", Severity.CRITICAL)
    run = diverging(analysis, advice="continue", reason="P(gain) = 30 %")
    text = told(run, Tiding("opened", event))
    assert "Let it run" not in text and "with a lower learning rate" in text
    worst = replace(run.findings[0], id="loss_explosion", recommendation="Go back to 7.pth.")
    assert "💡 Go back to 7.pth." in told(replace(run, findings=(worst,)), Tiding("opened", event))
    lines = actions(run)
    assert lines[0].startswith("**Decide soon.**") and "Let it run" not in "".join(lines)


def test_a_process_that_is_stopped_is_to_be_woken_and_nothing_else(analysis):
    reason = "process 7 is stopped; `kill -CONT 7` wakes it"
    stalled = replace(analysis, life=replace(analysis.life, status="stalled", reason=reason))
    event = Event("status", "stalled", 1, None, 1, f"stalled: {reason}", Severity.CRITICAL)
    text = told(stalled, Tiding("opened", event))
    assert "kill -CONT 7" in text and "restart" not in text


@pytest.mark.parametrize(
    ("process", "advised"),
    [
        ("process 7 is alive", "Process 7 is alive: `py-spy dump --pid 7` shows"),
        ("no process holds the log open for writing", "No process has the log open: look whether"),
        ("this system does not tell who writes", "Look whether the process lives"),
        ("", "Look whether the process lives"),
    ],
)
def test_the_advice_on_a_stall_does_not_ask_what_is_known(analysis, process, advised):
    stalled = replace(analysis, life=replace(analysis.life, status="stalled", reason="silent"))
    event = Event("status", "stalled", 1, None, 1, "stalled: silent", Severity.CRITICAL)
    context = Context("key", "my_run", lambda: stalled, process=process)
    body = wording.news([Tiding("opened", event)], context).body
    assert [line for line in body if line.startswith(f"💡 {advised}")]
    resumed = replace(context, successor="train2.log")
    body = wording.news([Tiding("opened", event)], resumed).body
    assert [line for line in body if line.startswith("💡 train2.log has begun beside it")]


def test_overfitting_is_told_with_one_figure_of_now(analysis):
    was = Event(
        "phase", Phase.OVERFITTING_RISK.value, 8000, 16.0, 90,
        "PLATEAU → OVERFITTING_RISK: coco/bbox_mAP got worse by 1 pt since epoch 8",
        Severity.WARNING,
    )  # fmt: skip
    now = replace(
        analysis.phases,
        current=Phase.OVERFITTING_RISK,
        leaning=None,
        reason="coco/bbox_mAP got worse by 1.5 pt since epoch 8 (noise 0.3 pt)",
    )
    core = "P(≥ 0.5 pt more) = 4 %"
    reason = f"coco/bbox_mAP got worse by 1.5 pt since epoch 8; {core}"
    stop = replace(stopping(analysis).stop, reason=reason, core=core)
    risky = replace(analysis, phases=now, stop=stop)
    for tidings in ([Tiding("opened", was)], [Tiding("opened", FLAT), Tiding("opened", was)]):
        text = told(risky, *tidings)
        assert "got worse by 1 pt" not in text
        assert text.count("PLATEAU → OVERFITTING_RISK: coco/bbox_mAP got worse by 1.5 pt") == 1
        assert text.count("got worse by") == 1
        assert "💡 Stop now: P(≥ 0.5 pt more) = 4 %." in text
    # Of a phase that is over its own words are left.
    over = replace(risky, phases=replace(now, current=Phase.PLATEAU))
    assert "got worse by 1 pt since" in told(over, Tiding("opened", was))


def test_a_way_back_is_told_once(analysis):
    core = "loss is not finite since epoch 9, 5 records in a row"
    way_back = "go back to a checkpoint of epoch 8 or earlier"
    killed = stopping(analysis, "kill")
    stop = replace(killed.stop, reason=f"{core}; {way_back}", core=core)
    event = Event("advice", "kill", 5000, None, 90, f"kill: {stop.reason}", Severity.CRITICAL)
    named, unnamed = (
        told(replace(killed, stop=replace(stop, checkpoints=kept)), Tiding("opened", event))
        for kept in (stop.checkpoints, ())
    )
    assert f"Kill it: {core}. " in named and "Use epoch_10.pth" in named
    assert "go back" not in named and f"Kill it: {core}; {way_back}." in unnamed
