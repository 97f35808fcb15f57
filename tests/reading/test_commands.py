"""The command that started a training, shown above it in a log of any format."""

from __future__ import annotations

import pytest

from copilot_analytics.reading.commands import commanded_plan
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import records_of
from copilot_analytics.run import Run

ROWS = "".join(
    f"Epoch: [{e}][ 0/40]\tTime 0.25 (0.25)\tLoss {2 - e / 9:.4f} (1.0)\tAcc@1 50.00 (50.00)\n"
    for e in range(8)
)


def run_of(text: str) -> Run:
    reader = LogReader("train.log")
    items = [*reader.feed(text.encode()), *reader.close()]
    return Run.from_records(records_of(items))


@pytest.mark.parametrize(
    ("line", "plan"),
    [
        ("+ python train.py --epochs 90 --lr 0.1", {"planned_epochs": 90}),
        ("cmd = python3.11 -u -m pkg.main --num-epochs=12", {"planned_epochs": 12}),
        ("$ python train.py trainer.max_epochs=40 model=big", {"planned_epochs": 40}),
        ("torchrun run.py --max_steps 5000 --num_train_epochs 3", {"planned_steps": 5000}),
        ("python a.py --train-iters 300", {"planned_steps": 300}),
        ("python ppo.py --num_steps 128 --total_steps 100000", {"planned_steps": 100000}),
        ("python a.py --warmup_epochs 5 --save_steps 500 --eval-epochs 2", {}),
        ("python a.py --max_steps -1", {}),
        ("python a.py --epochs 1e2", {}),
        ("usage: a.py [--epochs EPOCHS]", {}),
        ("we ran it with --epochs 90 last time", {}),
    ],
)
def test_options_of_a_command(line: str, plan: dict[str, int]) -> None:
    assert commanded_plan(line) == plan


def test_a_trainer_that_states_no_plan_has_that_of_its_command() -> None:
    run = run_of("+ python main.py -a resnet18 --epochs 90 data\n" + ROWS)
    assert run.meta.planned_epochs == 90
    assert run_of(ROWS).meta.planned_epochs is None


def test_what_is_run_after_the_training_began_plans_nothing() -> None:
    run = run_of(ROWS + "+ python distill.py --epochs 5\n")
    assert run.meta.planned_epochs is None


def test_what_the_trainer_says_counts_for_more() -> None:
    rows = "".join(f"Epoch {e}/20 - loss: {1 / e:.3f}\n" for e in range(1, 9))
    assert run_of("+ python train.py --epochs 90\n" + rows).meta.planned_epochs == 20
