"""The words: complete, short, and with something to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_runs import make_analysis, make_run
from worded_messages import FLAT, diverging, told

from copilot_analytics.alerts import wording
from copilot_analytics.alerts.message import Tiding
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.so_far import so_far
from copilot_analytics.analyzers.eta import Eta
from copilot_analytics.analyzers.lifecycle import usual_pause_s
from copilot_analytics.events import Event
from copilot_analytics.findings import Evidence, Finding, NotJudged, Severity
from copilot_analytics.records import Record
from copilot_analytics.wording import NOBODY_WRITES


def test_a_crash_says_where_to_resume_and_not_when_it_ends(analysis):
    crashed = replace(analysis, life=replace(analysis.life, status="crashed"))
    event = Event("status", "crashed", 8000, None, 90, "crashed: CUDA error", Severity.CRITICAL)
    text = told(crashed, Tiding("opened", event))
    assert "🔴 CRASHED" in text and "CUDA error" in text
    assert "ended at" in text and "left (" not in text
    assert text.count("💡") == 1
    assert "Resume from the last checkpoint; for evaluation use best_coco" in text
    shown = replace(crashed, life=replace(crashed.life, line=90))
    assert "Mend the cause and resume from" in told(shown, Tiding("opened", event))


def test_a_run_that_is_silent_or_over_has_no_time_left(analysis):
    for status in ("stalled", "crashed", "interrupted", "unknown", "finished"):
        still = replace(analysis, life=replace(analysis.life, status=status))
        event = Event("status", status, 8000, None, 90, f"{status}: so", Severity.CRITICAL)
        _, change, *rest = told(still, Tiding("opened", event)).splitlines()
        assert change == "so"
        assert not any("left (" in line for line in rest)


def test_a_critical_finding_is_not_contradicted_by_the_forecast(analysis):
    worst = replace(analysis.findings[0], severity=Severity.CRITICAL)
    lost = replace(
        analysis, findings=(worst,), stop=replace(analysis.stop, advice="continue", reason="fine")
    )
    event = Event("finding", worst.id, 4000, None, 812, worst.title, worst.severity)
    text = told(lost, Tiding("opened", event))
    assert "Raise num_workers" in text and "Let it run" not in text


def test_a_finding_brings_its_evidence_and_recommendation(analysis):
    found = analysis.findings[0]
    event = Event("finding", found.id, 4000, None, 812, found.title, found.severity)
    text = told(analysis, Tiding("opened", event))
    assert "Seen: data_time / time 0.35 (threshold: 0.30; line 812)" in text
    assert "💡 Raise num_workers" in text


def test_evidence_that_the_title_holds_is_not_said_again(analysis):
    seen = (Evidence("GPU 0 (A100)", "Xid 79"),)
    title = "GPU 0 (A100) reports Xid 79: the device fell off the bus"
    lost = replace(analysis.findings[0], title=title, explanation="", evidence=seen)
    event = Event("finding", lost.id, 4000, None, 812, title, Severity.CRITICAL)
    text = told(replace(analysis, findings=(lost,)), Tiding("opened", event))
    assert "reports Xid 79" in text and "Seen:" not in text


def test_unknown_eta_gives_its_reason(analysis):
    dark = replace(analysis, eta=Eta(not_judged=(NotJudged("ETA", "no time stamps"),)))
    assert "time left unknown: no time stamps" in told(dark, Tiding("opened", FLAT))


def test_attached_is_short_and_says_what_is_watched(analysis):
    words = wording.attached(Context("key", "my_run", lambda: analysis))
    assert words.body == (
        "16 of 24 epochs, stable convergence · ⏱ 40 min left (80 %: 38 min – 43 min)",
        "🟠 A third of each iteration waits for data",
        "metric: coco/bbox_mAP, higher is better · schedule: drops ×0.1 at epochs 8, 22",
        "Silence means that nothing has changed.",
    )


def test_a_silent_log_is_met_with_its_silence_and_no_promise(analysis):
    words = wording.attached(Context("key", "my_run", lambda: analysis, silence_s=2404.0))
    assert words.body[0] == (
        "16 of 24 epochs, stable convergence · ⏱ silent for 40 min; 40 min would be left if it "
        "goes on"
    )
    assert "Silence" not in "".join(words.body)
    calm, silent = (so_far([], Context("key", "my_run", silence_s=s)).body for s in (3.0, 2404.0))
    assert calm == ("no trouble so far",) and silent == ()


def test_a_log_that_nobody_writes_is_doubted_after_five_of_its_pauses(analysis):
    usual_s = usual_pause_s(analysis.run)
    assert 3.0 < usual_s < 36.0
    long_s = 5.0 * usual_s + 1.0
    hidden = f"{NOBODY_WRITES}, or one that may not be looked at"
    for process, silence_s, doubted in (
        (NOBODY_WRITES, long_s, True),
        (NOBODY_WRITES, long_s - 2.0, False),
        (hidden, long_s, False),
        ("process 7 is alive", long_s, False),
        ("process 7 is alive", 200.0, False),
        (hidden, 200.0, True),
    ):
        context = Context("key", "my_run", lambda: analysis, silence_s=silence_s, process=process)
        last = wording.summary(context, supervised_on=True)
        for words in (wording.attached(context), last):
            text = "\n".join(words.body)
            assert (f"💡 Nobody seems to write on it ({process})" in text) is doubted
            assert (" left (80 %" in text) is (silence_s < 180.0 and not doubted)
            assert ("(process 7 is alive)" in text) is (silence_s >= 180.0 and not doubted)
        assert ("💡 Wait" in "\n".join(last.body)) is (silence_s < 180.0 and not doubted)
        assert "best coco/bbox_mAP" in "\n".join(last.body)


@pytest.mark.parametrize("status", ["finished", "crashed", "interrupted", "unknown"])
def test_a_run_that_is_over_is_met_with_its_verdict(analysis, status):
    over = replace(analysis, life=replace(analysis.life, status=status))
    words = wording.attached(Context("key", "my_run", lambda: over))
    assert words == wording.summary(Context("key", "my_run", lambda: over))
    assert "WATCHING" not in words.title and "Silence" not in "".join(words.body)
    assert "best_coco_bbox_mAP_epoch_15.pth" in words.body[2]


@pytest.mark.parametrize(
    "status", ["finished", "crashed", "interrupted", "unknown", "running", "stalled"]
)
def test_summary_tells_how_it_ended(analysis, status):
    over = replace(analysis, life=replace(analysis.life, status=status))
    words = wording.summary(Context("key", "my_run", lambda: over))
    text = "\n".join((words.title, *words.body))
    assert ("NO LONGER WATCHED" in text) is (status in {"running", "stalled"})
    assert "coco/bbox_mAP" in text
    assert len(words.body) <= 4 and all(len(line) <= 220 for line in words.body)
    assert words.figures == ("overview",)


def test_unwatched_run_ends_with_a_summary_too(analysis):
    policy = Policy()
    (told,) = policy.close(5.0, Context("key", "my_run", lambda: analysis))
    assert told.kind == "farewell"


def test_everything_fits_on_a_phone(analysis):
    hostile = Event("finding", "x" * 500, 1, None, 1, "y" * 100_000, Severity.WARNING)
    tidings = [Tiding("opened", hostile)] * 500
    for digest in (False, True):
        text = told(analysis, *tidings, digest=digest)
        assert len(text) < 20_000
        assert all(len(line) <= 700 for line in text.splitlines())


def test_text_of_the_log_cannot_forge_lines_or_steer(analysis):
    event = Event(
        "status", "crashed", 1, None, 1, "boom\n🟢 ALL WELL\x1b[2J\u202e", Severity.CRITICAL
    )
    text = told(analysis, Tiding("opened", event))
    assert not any(line.startswith("🟢") for line in text.splitlines())
    assert "\x1b" not in text and "\u202e" not in text


def test_the_analysis_is_asked_for_only_when_something_is_told(analysis):
    asked = []
    context = Context("key", "my_run", lambda: asked.append(1) or analysis)
    policy = Policy()
    policy.step([FLAT], 0.0, context)
    policy.step([], 5.0, context)
    assert asked == []
    policy.step([], 60.0, context)
    assert asked == [1]


def test_a_run_that_goes_on_was_silent_for_longer_than_the_stall_was_known(analysis):
    silent = Event("status", "stalled", 1, 3800.0, lines_of(analysis), "stalled: silent")
    after = 4000.0
    times = analysis.run.train_log.time, analysis.run.eval_log.time
    last = float(max(column.max() for column in times))
    for time, title in ((last + after, "after 1 h 07 min"), (None, "")):
        again = Event("status", "running", 2, time, 2, "running: at epoch 3")
        words = told(analysis, Tiding("resolved", again, silent, 11.0))
        assert words.splitlines()[0] == f"▶️ RUNNING AGAIN {title}".rstrip() + "   my_run"
    again = Event("status", "running", 2, last + after, 2, "running: at epoch 3")
    words = told(analysis, Tiding("resolved", again, silent, 7200.0))  # a clock was set
    assert words.startswith("▶️ RUNNING AGAIN after 2 h ")


def test_rows_logged_before_a_run_was_heard_again_do_not_shorten_its_silence():
    analysis = make_analysis(make_run())  # which is added to
    times = analysis.run.train_log.time, analysis.run.eval_log.time
    last = float(max(column.max() for column in times))
    lines = lines_of(analysis)
    silent = Event("status", "stalled", 1, last + 300.0, lines, "stalled: silent")
    for k in range(4):
        row = Record("train", 10**6 + k, None, last + 4000.0 + k, {"loss": 1.0}, line=10**6 + k)
        analysis.run.append(row)
    again = Event("status", "running", 2, last + 4003.0, 2, "running: at epoch 3")
    words = told(analysis, Tiding("resolved", again, silent, 3700.0))
    assert words.splitlines()[0] == "▶️ RUNNING AGAIN after 1 h 07 min   my_run"


def test_a_resume_that_began_before_its_crash_was_judged_ends_the_silence_before_it():
    analysis = make_analysis(make_run())  # which is added to
    logs, lines = (analysis.run.train_log, analysis.run.eval_log), lines_of(analysis)
    last = max(float(log.time.max()) for log in logs)
    crashed = Event("status", "crashed", 1, last + 19.0, lines, "crashed", Severity.CRITICAL)
    for k in range(4):
        row = Record("train", 10**6 + k, None, last + 11.0 + k, {"loss": 1.0}, line=10**7 + k)
        analysis.run.append(row)
    again = Event("status", "running", 2, last + 11.0, 2, "running: at epoch 3")
    for told_for_s in (0.0, 10.0):  # by a replay, and by a watch
        words = told(analysis, Tiding("resolved", again, crashed, told_for_s))
        assert words.splitlines()[0] == "▶️ RUNNING AGAIN after 11 s   my_run"


def lines_of(analysis):
    """Return how many lines lie from the first row to the last, as events count them."""
    lines = np.concatenate([analysis.run.train_log.line, analysis.run.eval_log.line])
    return int(lines.max() - lines.min()) + 1


def test_an_interval_that_rounds_to_its_middle_is_left_out(analysis):
    sure = replace(analysis, eta=replace(analysis.eta, low_s=2400.0, high_s=2410.0))
    assert "⏱ 40 min left · best" in told(sure, Tiding("opened", FLAT))


def test_the_end_names_each_trouble_once_and_stays_short(analysis):
    lost = replace(analysis.findings[0], id="loss_nan", severity=Severity.CRITICAL)
    over = diverging(analysis)
    over = replace(
        over,
        life=replace(over.life, status="finished"),
        findings=(lost, analysis.findings[0], replace(analysis.findings[0], id="slowdown")),
    )
    words = wording.summary(Context("key", "my_run", lambda: over))
    assert len(words.body) <= 4
    assert words.body[-1] == f"🟠 {analysis.findings[0].title} · 1 more in the report"


def test_what_a_plateau_rests_on_is_not_said_twice(analysis):
    found = Finding(
        FLAT.key, FLAT.severity, 5000, FLAT.text,
        "BBox_mAP gained 0.1 ± 0.3 pt, the last 4 evals against the 4 before.",
        (Evidence("mean of 4 evaluations against the 4 before", "+0.1 ± 0.3 pt", "0.5 pt", (9,)),),
        "Lower the learning rate, or stop with the best checkpoint.",
    )  # fmt: skip
    text = told(replace(analysis, findings=(found,)), Tiding("opened", FLAT))
    assert text.count("0.1 ± 0.3 pt") == 1 and len(text.splitlines()) == 4


def test_the_name_of_a_metric_keeps_its_letters(analysis):
    for text, title in (
        ("coco/bbox_mAP is nan in the newest 2 evaluations", "🟠 coco/bbox_mAP is nan in"),
        ("the gradient norm is 0", "🟠 The gradient norm is 0"),
        ("mIoU went from 0.7 to 0.1", "🟠 mIoU went from"),
    ):
        event = Event("finding", "new_here", 80, None, 9, text, Severity.WARNING)
        assert told(analysis, Tiding("opened", event)).startswith(title)
