"""Drops of the learning rate that the settings of a home-made log state."""

from __future__ import annotations

import pytest

from copilot_analytics.analyzers.phase import PhaseAnalyzer
from copilot_analytics.analyzers.stopping import StoppingAnalyzer
from copilot_analytics.engine import Session
from copilot_analytics.formats._home_schedule import ScheduleSettings, stated_schedule
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.run import Run
from copilot_analytics.schedule import Schedule


@pytest.mark.parametrize(
    ("line", "drops"),
    [
        (
            "Namespace(arch='toy', epochs=60, milestones=[30, 45], gamma=0.2)",
            "×0.2 at epochs 30, 45",
        ),
        ("  lr_decay_epochs: [100, 150]", "×0.1 at epochs 100, 150"),
        (
            "{'lr': 0.1, 'lr_steps': (60000, 80000), 'lr_decay_factor': 0.5}",
            "×0.5 at steps 60000, 80000",
        ),
        ("args: schedule=[120, 160], cos=False", "×0.1 at epochs 120, 160"),
        ("lr_milestones: 30,60,90", "×0.1 at epochs 30, 60, 90"),
        ("scheduler = MultiStepLR(optimizer, milestones=[8, 11])", "×0.1 at epochs 8, 11"),
        ("MODEL.lr_drop = (40,)", "×0.1 at epochs 40"),
        ("lr_decay=0.1, lr_decay_epoch='90,120', lr_mode='step'", "×0.1 at epochs 90, 120"),
        ("    MILESTONES: 20, 40, 80", "×0.1 at epochs 20, 40, 80"),
        (
            "Namespace(epochs=70, lr_gamma=0.2, lr_scheduler='steplr', lr_step_size=30, seed=0)",
            "×0.2 at epochs 30, 60",
        ),
        ("Namespace(lr=0.0001, epochs=300, lr_drop=200, clip=0.1)", "×0.1 at epochs 200"),
        (
            "{'epochs': 9, 'lr_scheduler': {'type': 'StepLR', 'args': {'step_size': 4}}}",
            "×0.1 at epochs 4, 8",
        ),
        ("Namespace(lr=0.0001, epochs=10, lr_drop=200)", None),
        ("epochs=90, lr_scheduler='cosineannealinglr', lr_step_size=30", None),
        ("epochs=90, cos=True, schedule=[60, 80]", None),
        ("scheduler_type: cosine, decay_epochs: [60, 80]", None),
        ("epochs: 300, sched: cosine, decay_epochs: 30", None),
        ("epochs: 300, step_size: 30", None),
        ("steps: [10, 20]", None),
        ("weight_decay=[1, 2]", None),
        ("milestones=[45, 30]", None),
        ("decay_epochs=[0, 5]", None),
        ("lr_decay=0.1, schedule=None", None),
    ],
)
def test_a_schedule_is_read_where_settings_state_its_drops(line: str, drops: str | None) -> None:
    found = stated_schedule(line)
    assert (str(found) if found else None) == (drops and f"drops {drops}")


YAML = """\
SOLVER:
  GAMMA: 0.5
  LR_SCHEDULER_NAME: WarmupMultiStepLR
  MAX_ITER: 1800
  STEPS:
  - 1200
  - 1600
  WARMUP_ITERS: 100
"""
JSON = """\
{
    "epochs": 60,
    "lr_scheduler": {
        "type": "MultiStepLR",
        "args": {
            "milestones": [
                20,
                40
            ],
            "gamma": 0.2
        }
    }
}
"""


@pytest.mark.parametrize(
    ("text", "drops"),
    [
        (YAML, "×0.5 at steps 1200, 1600"),
        (YAML.replace("WarmupMultiStepLR", "WarmupCosineLR"), None),
        (YAML.replace("MAX_ITER", "MAX_EPOCHS"), "×0.5 at epochs 1200, 1600"),
        (YAML.replace("  LR_SCHEDULER_NAME: WarmupMultiStepLR\n", ""), "×0.5 at steps 1200, 1600"),
        (JSON, "×0.2 at epochs 20, 40"),
        (JSON.replace("MultiStepLR", "CosineAnnealingLR"), None),
        ("LR_SCHEDULER:\n  MILESTONES: 30, 60\n  NAME: warmupcosine\nEPOCHS: 90\n", None),
        ("LR_SCHEDULER:\n  MILESTONES: 30, 60\n  NAME: step\n", "×0.1 at epochs 30, 60"),
        ("lr_steps: [30, 60]\nMODEL:\n  NAME: resnet\n", "×0.1 at epochs 30, 60"),
        ("lr: 0.1\nlr_steps:\n  - 30\n  - 60\nlr_gamma: 0.2\n", "×0.2 at epochs 30, 60"),
    ],
)
def test_settings_on_many_lines_state_a_schedule_together(text: str, drops: str | None) -> None:
    settings, schedule = ScheduleSettings(), Schedule()
    for line in text.splitlines():
        changed = settings.see(line)
        schedule = schedule if changed is None else changed
    assert str(schedule) == (f"drops {drops}" if drops else str(Schedule()))


@pytest.mark.parametrize("size", [1 << 20, 7])
@pytest.mark.parametrize(
    "rows",
    [
        "epoch 1 - iter 5/50 - loss 0.75 - samples/sec: 9.50 - lr: 0.1\n",  # a format of its own
        "Epoch 1/60 train loss: 0.75 val acc: 50.5%\n",
    ],
)
def test_any_text_log_takes_drops_from_the_settings_above_its_rows(rows: str, size: int) -> None:
    content = (YAML + rows + "lr_stepped: [3, 5]\n").encode()
    reader, items = LogReader("train.log"), []
    for start in range(0, len(content), size):
        items += reader.feed(content[start : start + size])
    run = Run.from_records([*items, *reader.close()])
    assert len(run.train_log)
    assert str(run.meta.schedule) == "drops ×0.5 at steps 1200, 1600"


@pytest.mark.parametrize(
    ("name", "drops"), [("multistep", "drops ×0.1 at epochs 5, 7"), ("cosine", "")]
)
def test_settings_of_a_further_launch_replace_those_before(name: str, drops: str) -> None:
    row = "epoch 1 - iter 5/50 - loss 0.75 - samples/sec: 9.50 - lr: 0.1\n"
    text = f"lr_steps: [2, 4]\ngamma: 0.5\n{row}lr_scheduler: {name}\nlr_steps: [5, 7]\n{row}"
    reader = LogReader("train.log")
    items = [*reader.feed(text.encode()), *reader.close()]
    said = [item.facts["schedule"] for item in items if "schedule" in getattr(item, "facts", {})]
    assert str(said[0]) == "drops ×0.1 at epochs 2, 4"
    assert str(said[-1]) == (drops or str(Schedule()))


def test_what_is_flat_before_a_stated_drop_waits_for_it() -> None:
    head = "Namespace(epochs=60, lr=0.1, milestones=[40, 50], seed=1)\n"
    rows = "".join(
        f"Epoch {e}/60 train loss: {0.5 + 2 / (1 + e):.4f} val acc: {min(70.0, 40 + 3 * e):.2f}%\n"
        for e in range(1, 37)
    )
    session = Session()
    reader = LogReader("train.log")
    for item in (*reader.feed((head + rows).encode()), *reader.close()):
        session.update(item)
    phases = session.results.of(PhaseAnalyzer)
    assert phases.awaiting_decay and "drops at epoch 40" in phases.reason
    assert session.results.of(StoppingAnalyzer).advice == "wait"
