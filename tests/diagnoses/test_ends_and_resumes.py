from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from simulated_runs import Simulated, found

from copilot_analytics.engine import Session
from copilot_analytics.findings import Finding, Severity
from copilot_analytics.records import Record


def crashed(**facts: Any) -> dict[str, Finding]:
    session = Simulated().session(0.5)
    session.update(Record("crash", facts=facts, line=999))
    session.close()
    return found(session)


def test_out_of_memory() -> None:
    findings = crashed(error="OutOfMemoryError", message="CUDA out of memory", out_of_memory=True)
    finding = findings["out_of_memory"]
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence[0].lines == (999,)
    assert finding.evidence[1].observed == "5000 MiB"
    assert "crash" not in findings


def test_crash() -> None:
    findings = crashed(error="RuntimeError", message="shape mismatch")
    finding = findings["crash"]
    assert finding.severity is Severity.CRITICAL
    assert "RuntimeError: shape mismatch" in finding.title
    assert "epoch_15.pth" in finding.recommendation
    assert "out_of_memory" not in findings


def test_a_process_that_is_gone_without_a_word_left_no_failure_in_the_log() -> None:
    session = Simulated().session(0.5)
    session.update(Record("crash", facts={"message": "process 7 is gone and the log has no end"}))
    session.close()
    finding = found(session)["crash"]
    assert "process 7 is gone" in finding.title
    assert "ends with this failure" not in finding.explanation
    assert "dmesg" in finding.recommendation and "epoch_15.pth" in finding.recommendation


def test_a_user_who_stops_a_run_is_no_crash() -> None:
    findings = crashed(error="KeyboardInterrupt", message="")
    assert not {"crash", "out_of_memory"} & set(findings)


def test_training_that_goes_on_after_a_failure_is_no_crash() -> None:
    session = Session()
    records = Simulated().records()
    for record in [*records[:150], Record("crash", facts={"error": "E"}, line=5), *records[150:]]:
        session.update(record)
    session.close()
    assert "crash" not in found(session)


def resumed(change: Any, *, rate: float = 1.0, share: float = 0.95) -> dict[str, Finding]:
    def row(step: int, done: float, metrics: dict[str, float]) -> dict[str, float]:
        if done <= 0.5:
            return metrics
        return {**metrics, "loss": change(done, metrics["loss"]), "lr": rate * metrics["lr"]}

    made = Simulated(schedule="none", change_row=row)
    session = Session()
    for record in made.first(share):
        if record.kind == "train" and record.step == 1510:
            session.update(Record("resume", facts={"step": 1500}, line=record.line))
        session.update(record)
    return found(session)


def test_resume_damage() -> None:
    finding = resumed(lambda _, loss: 1.6 * loss)["resume_damage"]
    assert finding.severity is Severity.WARNING
    assert finding.step == 1510


@pytest.mark.parametrize(
    "change", [lambda _, loss: loss, lambda done, loss: loss * (2 if done < 0.51 else 1)]
)
def test_a_clean_resume_and_a_warm_up_of_meters_are_fine(change: Any) -> None:
    assert "resume_damage" not in resumed(change)


def test_a_restart_with_a_higher_rate_is_meant() -> None:
    assert "resume_damage" not in resumed(lambda _, loss: 1.6 * loss, rate=3.0)


def goes_back_to(share: float, *, rows: int, evaluates: bool = True, resumes: bool = True) -> Any:
    """Return a run that is resumed half-way, where loss and metric go on as they were at `share`.

    Yields the session after each record.
    """
    made = Simulated(rows=rows, schedule="", warmup=False, evaluates=evaluates, noise=0.02)
    half = made.epochs * made.per_epoch // 2
    lost = round((0.5 - share) * made.epochs * made.per_epoch)
    told = {(one.kind, one.step): one.metrics for one in made.records()}
    session = Session()
    for record in made.records():
        if resumes and record.kind == "train" and record.step == half + made.every:
            session.update(Record("resume", facts={"checkpoint": "15.pth"}, line=record.line))
        if record.step is not None and record.step > half and record.kind in {"train", "eval"}:
            metrics = told.get((record.kind, record.step - lost), record.metrics)
            record = replace(record, metrics=metrics)
        seen = len(session.events)
        session.update(record)
        yield session.events[seen:], session


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("evaluates", [True, False])
def test_a_resume_that_begins_at_the_beginning_did_not_load_the_weights(
    rows: int, evaluates: bool
) -> None:
    told = None
    for events, session in goes_back_to(0.0, rows=rows, evaluates=evaluates):
        if any(event.key == "resume_not_loaded" for event in events):
            told = session.run.last_epoch
    finding = found(session)["resume_not_loaded"]
    assert told is not None and told <= (16 if evaluates or rows > 1 else 20)
    assert finding.severity is Severity.WARNING
    assert "went back to" in finding.title
    assert "resume_damage" not in found(session)


@pytest.mark.parametrize("rows", [1, 20])
def test_a_resume_that_loses_little_or_a_fall_without_one_is_another_matter(rows: int) -> None:
    for settings in ({"share": 0.4}, {"share": 0.5}, {"share": 0.0, "resumes": False}):
        for _, session in goes_back_to(rows=rows, **settings):
            assert "resume_not_loaded" not in found(session)
