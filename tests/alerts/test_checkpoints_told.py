"""The checkpoint that a message names is one that is on disk, where that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import make_analysis, make_run

from copilot_analytics.alerts import wording
from copilot_analytics.alerts.message import Tiding
from copilot_analytics.alerts.policy import Context
from copilot_analytics.analysis import Analysis
from copilot_analytics.analyzers.stopping import CheckpointChoice
from copilot_analytics.engine import Session
from copilot_analytics.events import Event
from copilot_analytics.findings import LAST, UNNAMED, Severity
from copilot_analytics.records import Record
from copilot_analytics.report.checkpoint_folders import NO_FOLDER, CheckpointFolder
from copilot_analytics.report.which_checkpoint import Look, recommendation

ADVISED = Event("advice", "stop", 8000, None, 90, "stop: P(gain) = 4 %", Severity.WARNING)
CRASHED = Event("status", "crashed", 8000, None, 90, "crashed: CUDA error", Severity.CRITICAL)
CHOICES = (
    CheckpointChoice(5000, 10.0, 0.275, "epoch_10.pth", True),
    CheckpointChoice(6000, 12.0, 0.274, "epoch_12.pth", False),
)


@pytest.fixture(scope="module")
def analysis():
    run = make_run()
    for step in (1000, 2000, 3000):
        run.append(Record("checkpoint", step, facts={"path": f"iter_{step}.pth"}))
    made = make_analysis(run)
    return replace(made, stop=replace(made.stop, advice="stop", reason="", checkpoints=CHOICES))


def advice(analysis, event, gone=None):
    def on_disk(_, names):
        return {name: name not in gone for name in names}

    look = None if gone is None else Look(on_disk, lambda _: NO_FOLDER)
    context = Context("key", "my_run", lambda: analysis, look=look)
    (line,) = (
        line for line in wording.news([Tiding("opened", event)], context).body if "💡" in line
    )
    return line


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (None, "Use epoch_10.pth (epochs 10, 12 tie)."),
        ((), "Use epoch_10.pth (epochs 10, 12 tie)."),
        (("epoch_12.pth",), "Use epoch_10.pth (epochs 10, 12 tie; epoch_12.pth is gone)."),
        (("epoch_10.pth",), "Use epoch_12.pth (epochs 10, 12 tie; epoch_10.pth is gone)."),
        (
            ("epoch_10.pth", "epoch_12.pth"),
            "gone from the disk; the best there is iter_3000.pth (0.2313).",
        ),
    ],
)
def test_the_checkpoint_to_use_is_one_that_is_there(analysis, gone, told):
    assert advice(analysis, ADVISED, gone).endswith(told)


def test_a_broken_run_is_resumed_from_the_newest_checkpoint_that_is_there(analysis):
    crashed = replace(analysis, life=replace(analysis.life, status="crashed"))
    best = "Resume from iter_3000.pth; for evaluation use epoch_10.pth."
    assert advice(crashed, CRASHED).endswith(best)
    assert advice(crashed, CRASHED, ("iter_3000.pth", "epoch_10.pth")).endswith(
        "Resume from iter_2000.pth; for evaluation use epoch_12.pth."
    )
    gone = ("iter_3000.pth", "epoch_10.pth", "epoch_12.pth")
    assert advice(crashed, CRASHED, gone).endswith(
        "Resume from iter_2000.pth; epoch_10.pth, the best, is gone from the disk."
    )
    assert advice(crashed, CRASHED, (*gone[1:], "iter_2000.pth")).endswith(
        "epoch_10.pth, the best, is gone from the disk."  # the next best is the one to resume from
    )


OUT_OF_MEMORY = {"error": "RuntimeError", "message": "CUDA out of memory", "out_of_memory": True}


@pytest.mark.parametrize(
    "facts", [OUT_OF_MEMORY, {"error": "KeyError", "message": "7"}, {"error": "KeyboardInterrupt"}]
)
def test_a_broken_run_whose_log_names_none_is_resumed_from_the_newest_on_disk(facts):
    session = Session()
    for epoch in range(1, 6):
        for kind, name, value in (("train", "loss", 1 / epoch), ("eval", "val_acc", epoch / 9)):
            line = 2 * epoch + (kind == "eval")
            session.update(Record(kind, 40 * epoch, float(epoch), None, {name: value}, line=line))
    session.update(Record("crash", facts=facts, line=20))
    broken = Analysis.of(session)
    folder = CheckpointFolder({}, frozenset(), "out/checkpoint-160")
    for look in (None, Look(lambda *_: {}, lambda _: NO_FOLDER), Look(folder=lambda _: folder)):
        context = Context("key", "my_run", lambda: broken, look=look)
        name = folder.newest if look is not None and look.folder(broken) is folder else LAST
        event = replace(CRASHED, key=broken.life.status)
        lines = wording.news([Tiding("opened", event)], context).body
        assert sum(line.startswith("💡") and f"resume from {name}." in line for line in lines) == 1
        for finding in broken.findings:
            told = recommendation(broken, finding, look)
            assert f"resume from {name}" in told
            assert (UNNAMED in told) == (name == LAST and finding.id == "crash")
