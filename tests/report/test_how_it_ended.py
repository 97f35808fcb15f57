"""Whether a run ended while it still improved is judged by its metric, if there is one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from simulated_runs import Simulated

from copilot_analytics.alerts.policy import Context
from copilot_analytics.alerts.wording import summary
from copilot_analytics.analysis import Analysis
from copilot_analytics.analyzers.phase import Phase
from copilot_analytics.engine import Session
from copilot_analytics.events import ENDED
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Record, records_of
from copilot_analytics.report.verdict import headline, verdict


def level(share):
    return 0.4 * (1 - math.exp(-30 * share))


def growing(share):
    return 0.1 + 0.3 * math.sqrt(share)


def ended(metric, phase=Phase.STABLE_CONVERGENCE):
    """Return the analysis of a finished run in a phase, with a loss that falls to the end."""
    made = Simulated(epochs=40, schedule="", warmup=False, loss=lambda share: 2.0 * 0.05**share)
    made = replace(made, evaluates=False) if metric is None else replace(made, metric=metric)
    session = Session()
    for record in made.records():
        session.update(record)
    session.close()
    analysis = Analysis.of(session)
    assert analysis.life.status == "finished"
    reason = "the training loss falls by 2.1 % an epoch"
    if metric is not None:
        reason += f"; {analysis.metric.name} gained 0.1 ± 0.3 pt"
    return replace(analysis, phases=replace(analysis.phases, current=phase, reason=reason))


def going(loss, metric):
    """Return the analysis of a run at six tenths of its plan that is held to improve steadily."""
    made = Simulated(epochs=40, schedule="", warmup=False, noise=0.002, loss=loss, metric=metric)
    records, session = list(made.records()), Session()
    for record in records[: int(0.6 * len(records))]:
        session.update(record)
    analysis = Analysis.of(session)
    assert analysis.life.status not in ENDED
    return replace(
        analysis, phases=replace(analysis.phases, current=Phase.STABLE_CONVERGENCE, reason="why")
    )


def told(analysis):
    return verdict(analysis), summary(Context("key", "my_run", lambda: analysis)).body[0]


def test_a_run_is_said_to_improve_only_by_what_improves():
    def flat(share):
        return 0.5 + 2.0 * math.exp(-40.0 * share)

    def falling(share):
        return 2.0 * 0.05**share

    assert "It shows no gain worth having of late: why" in verdict(going(flat, level))
    assert "It improves in its training loss alone: why" in verdict(going(falling, level))
    assert "It improves steadily: why" in verdict(going(flat, growing))


@pytest.mark.parametrize("phase", [Phase.STABLE_CONVERGENCE, Phase.LEARNING_FAST])
def test_a_level_metric_did_not_improve_though_the_loss_fell(phase):
    for text in told(ended(level, phase)):
        assert "ended with no gain in coco/bbox_mAP worth having" in text
        assert "still" not in text
    message = told(ended(level, phase))[1]
    assert message.endswith("worth having: coco/bbox_mAP gained 0.1 ± 0.3 pt")


@pytest.mark.parametrize("metric", [growing, None])
def test_a_metric_that_grows_or_is_not_there_leaves_it_at_that(metric):
    for text in told(ended(metric)):
        assert "ended while it still improved: the training loss falls by 2.1 %" in text


def test_a_metric_that_gets_worse_beside_a_falling_loss_is_no_steady_improvement():
    def sinks(share):
        return growing(min(share, 0.5)) - 0.2 * max(share - 0.5, 0.0)

    for metric, said in ((sinks, "is past its best"), (growing, "improves steadily")):
        analysis = ended(metric)
        runs = replace(analysis, life=replace(analysis.life, status="running"))
        assert said in verdict(runs)


def test_other_phases_are_named_as_they_are():
    analysis = ended(level, Phase.PLATEAU)
    assert all("ended on a plateau" in text for text in told(analysis))


def boosted(last_words):
    """Return the analysis of a boosting that ends with its loss rising."""
    rows = []
    for tree in range(1, 131):
        worse = 0.0006 * max(tree - 100, 0)
        rows.append(f"[{tree}]\tvalid_0's multi_logloss: {0.37 + 2 * 0.92**tree + worse:.6f}\n")
    return read("lgb.log", "".join(rows) + last_words)


def read(name, text):
    reader, session = LogReader(name), Session()
    for record in records_of(reader.feed(text.encode()) + reader.close()):
        session.update(record)
    session.close()
    return Analysis.of(session)


def test_who_was_stopped_by_its_own_patience_has_not_converged():
    best = "[100]\tvalid_0's multi_logloss: 0.375799\n"
    analysis = boosted(f"Early stopping, best iteration is:\n{best}")
    assert analysis.life.stopped_early and analysis.phases.current is Phase.CONVERGED
    for text in told(analysis):
        assert "was stopped early by its own patience: valid_0's multi_logloss got worse by" in text
        assert "converged" not in text and " lost " not in text
    assert headline(analysis) == "finished, stopped early"
    other = boosted(f"Did not meet early stopping. Best iteration is:\n{best}")
    assert not other.life.stopped_early and "ended past its best" in told(other)[0]


@pytest.mark.parametrize(
    "line", ["Stopping. Best iteration:", "Early stopping, best iteration is:"]
)
def test_the_words_of_boosting_for_its_patience(line):
    assert boosted(f"{line}\n[100]\tvalid_0's multi_logloss: 0.375799\n").life.stopped_early


def test_the_words_of_home_made_logs_for_patience():
    rows = [f"epoch {n}: loss {2 * 0.8**n:.4f}, val_acc {1 - 0.8**n:.4f}\n" for n in range(1, 30)]
    for words, early in (("Early stopping triggered", True), ("Training finished", False)):
        life = read("train.log", "".join(rows) + words + "\n").life
        assert (life.status, life.stopped_early) == ("finished", early)


def test_what_improves_does_not_improve_by_a_loss():
    """Returns fall back for a while in a run that goes on."""
    session, said = Session(), set()
    noise = np.random.default_rng(2)
    for at in range(1, 81):
        level = 900 * (1 - math.exp(-at / 12)) - 1200 + 40 * math.sin(at / 3)
        value = {"mean_return": level + 12 * noise.normal()}
        session.update(Record("eval", 100 * at, time=60.0 * at, metrics=value, line=at))
        if at < 10:
            continue
        text = summary(Context("key", "my_run", lambda: Analysis.of(session)), supervised_on=True)
        phase, _, reason = text.body[0].partition(": ")
        said.add((phase, " lost " in reason.partition("; ")[0]))
    improving = {phase: lost for phase, lost in said if "improve" in phase or "learn" in phase}
    assert improving == {"It improves steadily": False, "It improved until lately": True}
    assert len([phase for phase, _ in said if phase in improving]) == len(improving)


@pytest.mark.parametrize(
    ("last", "early"),
    [
        (
            "Valid score did not improve more than tol=0.00100 for 5 consecutive epochs. Stopping.",
            True,
        ),
        ("Training loss did not improve more than tol=0.00100 for 5 epochs. Stopping.", True),
        ("The loss didn't improve for 5 epochs, early stopping", True),
        ("Valid score did not improve for 2 epochs. Setting learning rate to 0.00020", False),
        ("Valid score did not improve. EarlyStopping counter: 2 out of 5", False),
    ],
)
def test_who_says_what_did_not_improve_when_stopping_was_stopped_by_patience(last, early):
    rows = [
        f"Iteration {n}, loss = {2 / n:.6f}\nValid score: {1 - 0.8 / n:.6f}\n" for n in range(1, 31)
    ]
    analysis = read("fit.log", "".join(rows) + last + "\n")
    assert analysis.life.stopped_early == early
    if early:  # also where all still improves
        assert analysis.phases.current is Phase.STABLE_CONVERGENCE
        assert "It was stopped early by its own patience" in told(analysis)[0]
        assert headline(analysis) == "finished, stopped early"
