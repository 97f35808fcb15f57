"""The report says what the analysis says, and nothing that a log smuggles in."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import jsonschema
import pytest

from copilot_analytics import analyze
from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.records import Record
from copilot_analytics.report.document import document, json_schema
from copilot_analytics.report.figure_data import metric_figure
from copilot_analytics.report.markdown import render
from copilot_analytics.report.verdict import actions, verdict
from copilot_analytics.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    from copilot_analytics.analysis import Analysis


def test_verdict_names_state_best_and_ties(analysis: Analysis) -> None:
    text = verdict(analysis)
    assert text.startswith("The run is going after 16 of 24 epochs in 1 h 23 min")
    assert "best coco/bbox_mAP 0.3161 at epoch 15" in text
    assert "as good within noise at epoch 16" in text
    assert text.count(". ") == 1, "two sentences"


def test_critical_findings_make_the_verdict(analysis: Analysis) -> None:
    nan = Finding(
        "loss_nan", Severity.CRITICAL, 5, "Loss is NaN", "Nothing can be learned any more.",
        (Evidence("loss", "nan"),), "Restart from epoch_3.pth.",
    )  # fmt: skip
    worse = dataclasses.replace(analysis, findings=(nan, *analysis.findings))
    assert verdict(worse).endswith("Nothing can be learned any more.")


@pytest.mark.parametrize(
    ("current", "leaning", "reason", "meaning"),
    [
        (
            "OVERFITTING_RISK",
            None,
            "val_loss got worse",
            "is at risk of overfitting: val_loss got worse.",
        ),
        (
            "CONVERGED",
            "OVERFITTING_RISK",
            "val_loss got worse; too little evidence yet for OVERFITTING_RISK",
            "has converged; overfitting: val_loss got worse since epoch 9.",
        ),
        (
            "OVERFITTING_RISK",
            "CONVERGED",
            "flat; too little evidence yet for CONVERGED",
            "is at risk of overfitting: val_loss got worse since epoch 9.",
        ),
        (
            "CONVERGED",
            None,
            "flat",
            "has converged: flat; overfitting: val_loss got worse since epoch 9.",
        ),
    ],
)
def test_overfitting_is_named_once_in_the_verdict_and_once_in_what_to_do(
    analysis: Analysis, current: str, leaning: str | None, reason: str, meaning: str
) -> None:
    phases = dataclasses.replace(
        analysis.phases,
        current=Phase(current),
        leaning=None if leaning is None else Phase(leaning),
        reason=reason,
    )
    found = Finding(
        "overfitting", Severity.WARNING, 9, "overfitting: val_loss got worse since epoch 9", "why",
        (Evidence("loss", "2"),), "Shorten it.",
    )  # fmt: skip
    said = dataclasses.replace(analysis, phases=phases, findings=(found,))
    assert verdict(said).endswith(f" It {meaning}")
    assert "Overfitting: Shorten it." in actions(said)


def test_names_keep_their_letters_where_a_sentence_begins(analysis: Analysis) -> None:
    titles = ("val_loss is nan", "GPU 0 fell off the bus")
    seen = (Evidence("loss", "nan"),)
    found = [Finding("x", Severity.WARNING, None, title, "why", seen, "Look.") for title in titles]
    lines = actions(dataclasses.replace(analysis, findings=tuple(found)))
    assert "val_loss is nan: Look." in lines
    said = verdict(dataclasses.replace(analysis, findings=(found[1],)))
    assert said.endswith("; GPU 0 fell off the bus.")


def test_actions_put_the_advice_first(analysis: Analysis) -> None:
    lines = actions(analysis)
    assert lines[0].startswith("**Wait.**")
    assert "best_coco_bbox_mAP_epoch_15.pth" in lines[-1]


@pytest.mark.parametrize(
    ("status", "known"),
    [
        ("running", "Let it run"),
        ("stalled", "Resume it unless it still runs"),
        ("unknown", "Worth going on unless its end was planned"),
    ],
)
def test_what_may_run_no_more_is_not_to_be_let_run(analysis, status, known):
    life = dataclasses.replace(analysis.life, status=status)
    stop = dataclasses.replace(analysis.stop, advice="continue", reason="it still improves")
    first = actions(dataclasses.replace(analysis, life=life, stop=stop))[0]
    assert first == f"**{known}.** It still improves."
    over = dataclasses.replace(stop, advice="stop", reason="it is flat")
    first = actions(dataclasses.replace(analysis, life=life, stop=over))[0]
    assert first.startswith("**Stop now.**" if status == "running" else "**Not worth going on.**")


def test_the_fall_of_lost_weights_makes_no_ties() -> None:
    run = Run()
    for epoch in range(1, 21):
        lost, step = epoch > 11, 100 * epoch
        for at in range(step - 95, step + 1, 5):
            run.append(Record("train", at, at / 100, None, {"loss": math.nan if lost else 1 / at}))
        accuracy = 0.1 if lost else 0.9 - 0.6 * epoch**-0.8
        run.append(Record("eval", step, float(epoch), None, {"val_acc": accuracy}))
    spoilt = analyze(run)
    assert len(spoilt.metric.ties) > 1 and len(spoilt.stop.checkpoints) == 1
    assert [tie.step for tie in spoilt.ties] == [1100]
    assert "as good within noise" not in verdict(spoilt)
    drawn = metric_figure(spoilt)
    assert drawn is not None and not drawn.ties


def test_all_evaluations_as_good_as_the_best_are_counted() -> None:
    run = Run()
    for epoch in range(1, 81):
        value = 0.5 if epoch < 8 else 0.79
        run.append(Record("eval", 10 * epoch, float(epoch), None, {"val_acc": value}))
    level = analyze(run)
    assert len(level.ties) == 50 and level.metric.tied == 73
    assert "at epoch 8, as good within noise at epoch 9 and 71 other evaluations" in verdict(level)


def test_what_is_not_judged_is_explained_by_what_keeps_it_from_being_judged() -> None:
    run = Run()
    for step in range(1, 300):
        losses = {"D_A": 0.25 + 0.01 * (step % 7), "G_A": 0.5 + 0.01 * (step % 5)}
        run.append(Record("train", step, metrics=losses))
    table = render(analyze(run), {}).partition("## Phases")[2].partition("##")[0]
    assert "need not fall" in table and "1 training record" not in table


def test_an_interrupted_run_is_told_how_to_go_on(analysis):
    life = dataclasses.replace(analysis.life, status="interrupted")
    stop = dataclasses.replace(analysis.stop, advice="none", reason="the run was interrupted")
    told = actions(dataclasses.replace(analysis, life=life, stop=stop))
    assert told[0] == "To go on, resume from the last checkpoint."


def test_times_since_the_start_are_not_shown_as_dates(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    rows = (
        f"{{'loss': 0.{90 - n}, 'learning_rate': 0.001, 'epoch': {n / 10}}}\n"
        f" {n}%|#    | {n}0/1000 [00:{n:02}<08:00,  9.00it/s]\n"
        for n in range(1, 40)
    )
    log.write_text("".join(rows))
    text = render(analyze(log), {})
    assert "| started | 00:00:02, the log tells no date |" in text
    assert "| last line | 00:00:39, the log tells no date |" in text
    assert "Jan 01" not in text


def test_report_reads_top_down(analysis: Analysis) -> None:
    text = render(analysis, {"loss": "loss.png"})
    order = [
        "# config_dent_dcn: running",
        "> The run is going",
        "## What to do",
        "## Phases",
        "![Training loss, learning rate and phases](loss.png)",
        "## Metric and forecast",
        "P(best improves by ≥ 0.5 pt until epoch 24) = 23 %",
        "## Time",
        "40 min (80 %: 38 min – 43 min)",
        "## Findings",
        "line 812",
        "## Not judged",
        "## Plan and course",
    ]
    places = [text.find(piece) for piece in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "metric.png" not in text, "a figure that was not drawn is not linked"


def test_names_from_the_log_cannot_forge_markup(analysis: Analysis) -> None:
    meta = dataclasses.replace(
        analysis.run.meta, name="x](javascript:1) <b>|`\n# Forged", optimizer="a|b\nc"
    )
    analysis.run.meta = meta
    text = render(analysis, {})
    assert "\n# Forged" not in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "a\\|b c" in text


def test_a_hostile_failure_message_stays_text(analysis: Analysis) -> None:
    message = "<img src=x onerror=alert(1)> | **boom** [x](javascript:1)\n# Forged"
    life = dataclasses.replace(analysis.life, status="crashed", error=message)
    finding = dataclasses.replace(
        analysis.findings[0], title=message, explanation=message, recommendation=message
    )
    phases = dataclasses.replace(analysis.phases, reason=message)
    hostile = dataclasses.replace(analysis, life=life, findings=(finding,), phases=phases)
    text = render(hostile, {})
    assert "<img" not in text.replace("\\<img", "")
    assert "](javascript" not in text.replace("\\](javascript", "")
    assert "\n# Forged" not in text
    for line in text.splitlines():
        if line.startswith("| ") and "img" in line:
            assert line.replace("\\|", "").count("|") == 5


def _counting(examples: int | None) -> Analysis:
    shares = (0.5, 0.6, 0.625, 0.675, 0.65, 0.6625, 0.65, 0.6625)
    facts = {"planned_steps": 200, "eval_samples": examples}
    return analyze(
        Run.from_records(
            [
                Record("config", facts=facts),
                *(
                    Record("eval", step=10 * i, metrics={"accuracy": share}, line=i + 1)
                    for i, share in enumerate(shares, start=1)
                ),
            ]
        )
    )


def test_the_size_of_the_evaluation_set_is_a_clause_and_two_keys() -> None:
    found, silent = _counting(80), _counting(None)
    text = render(found, {})
    assert (
        "; all share the standard error of 80 examples, ± 0.052, more than the gain that counts."
    ) in text
    assert "as good within one standard error at" in verdict(found)
    assert "standard error" not in render(silent, {})
    told = document(found)["metric"]
    assert told["examples"] == 80
    assert told["standard_error"] == pytest.approx((0.675 * 0.325 / 80) ** 0.5)
    assert document(silent)["metric"]["examples"] is None
    jsonschema.validate(document(found), json_schema())


def test_a_gain_of_few_examples_is_counted_in_whole_ones() -> None:
    found, silent = _counting(80), _counting(None)
    assert found.forecast.delta == silent.forecast.delta == 0.005
    # Half a point is the 80th part at least, and that is reached from a half of it on.
    ahead = found.forecast.ahead
    assert found.forecast.p_gain == pytest.approx(ahead.p_gain(0.5 / 80))


def _priced(analysis: Analysis, each: float, money: float | None) -> Analysis:
    ahead = dataclasses.replace(analysis.forecast, expected_gain=0.006)
    stop = dataclasses.replace(
        analysis.stop, advice="stop", saves_s=7200.0, saves_gpu_h=4.0, may_lose=0.006,
        gain_per_gpu_h=each, gain_per_money=money,
    )  # fmt: skip
    return dataclasses.replace(analysis, forecast=ahead, stop=stop)


def test_what_each_gpu_hour_brings_is_said_where_it_is_known(analysis: Analysis) -> None:
    priced = _priced(analysis, 0.0015, 0.0005)
    said = "0.15 pt for each GPU-hour"
    assert f"expected gain 0.006, {said} of the 4 left (12.00 in money)." in render(priced, {})
    assert f"{said} of the 4 left." in render(_priced(analysis, 0.0015, None), {})
    assert any(f"gives up 0.6 pt of expected gain, {said}." in line for line in actions(priced))
    told = document(priced)["stop"]
    assert (told["gain_per_gpu_h"], told["gain_per_money"]) == (0.0015, 0.0005)
    jsonschema.validate(document(priced), json_schema())
    assert "for each GPU-hour" not in render(analysis, {})
    few_minutes = _priced(analysis, 0.12, None)
    assert "for each GPU-hour" not in render(few_minutes, {})
