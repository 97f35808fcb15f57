"""What home-made logs state of their plan, and where they stand by it."""

from __future__ import annotations

import pytest

from copilot_analytics import analyze
from copilot_analytics.formats.home_text import FORMAT
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Record, records_of
from copilot_analytics.run import Run


def read(text: str, *, size: int | None = None) -> list[Record]:
    reader = LogReader("run.log", "home_text", formats={"home_text": FORMAT})
    data = text.encode()
    cuts = range(0, len(data), size or len(data))
    items = [item for at in cuts for item in reader.feed(data[at : at + (size or len(data))])]
    return [record for item in (*items, *reader.close()) for record in records_of((item,))]


def facts_of(records: list[Record]) -> dict[str, object]:
    return {name: value for record in records for name, value in record.facts.items()}


COUNTING_ON = "".join(
    f"Epoch[{e}] Iteration[{(e - 1) * 44 + i}/44] Loss: {2 / e + 1 / i:.2f}\n"
    for e in (1, 2, 3)
    for i in (10, 20, 30, 40)
)


@pytest.mark.parametrize("size", [None, 7, 60])
def test_a_total_below_the_counter_is_the_length_of_an_epoch(size: int | None) -> None:
    """Engines of ignite count on and on, and print the length of one epoch behind it."""
    records = read(COUNTING_ON, size=size)
    facts = facts_of(records)
    assert facts["steps_per_epoch"] == 44 and "planned_steps" not in facts
    steps = [record.step for record in records if record.kind == "train"]
    assert steps == [44 * e + i for e in range(3) for i in (10, 20, 30, 40)]


def test_an_engine_that_evaluates_plans_nothing() -> None:
    said = "2026-03-01 05:24:17,056 {} INFO: Engine run starting with max_epochs={}.\n"
    text = said.format("trainer", 8) + said.format("evaluator", 1) + COUNTING_ON
    assert facts_of(read(text))["planned_epochs"] == 8


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("valid_metric = MRR@10", "MRR@10"),
        ("Namespace(lr=0.1, metric_for_best_model='f1', epochs=9)", "f1"),
        ("  early_stopping_metric: val_acc", "val_acc"),
        ("save_best: True", None),
        ("monitor_gpu: 0.5", None),
    ],
)
def test_a_setting_may_name_the_metric_that_chooses(line: str, name: str | None) -> None:
    text = line + "\n" + "".join(f"epoch {e} loss {1 / e:.3f} f1 0.{e}5\n" for e in range(1, 8))
    assert facts_of(read(text)).get("save_best") == name


@pytest.mark.parametrize("line", ["nb_epoches =10", "num_epoches: 10", "Epoches: 10"])
def test_a_plan_may_be_misspelt(line: str) -> None:
    text = line + "\n" + "".join(f"epoch {e} loss {1 / e:.3f}\n" for e in range(1, 8))
    assert facts_of(read(text))["planned_epochs"] == 10


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("EarlyStopping: no improvement for 3 epochs, stop.", 1),
        ("Validation loss did not improve for 5 epochs. Stopping.", 1),
        ("Patience exceeded, stopping.", 1),
        ("Reached 95% accuracy so cancelling training!", 1),
        ("Experiment finished.", 1),
        ("End of training, total time 12 min", 1),
        ("Validation loss did not improve from 0.25", 0),
        ("Patience reached, reducing the learning rate", 0),
        ("Patience: 3/5", 0),
        ("EarlyStopping counter: 3 out of 5", 0),
        ("Experiment 3", 0),
        ("End of training epoch 3", 0),
    ],
)
def test_what_is_said_of_the_end(line: str, ends: int) -> None:
    rows = "".join(f"epoch {e} loss {1 / e:.3f}\n" for e in range(1, 8))
    assert [record.kind for record in read(rows + line + "\n")].count("end") == ends


def test_the_time_at_which_a_training_finished_ends_it() -> None:
    rows = "".join(f"epoch {e} loss {1 / e:.3f}\n" for e in range(1, 8))
    ends = [
        [record.kind for record in read(rows + line + "\n")].count("end")
        for line in (
            "Train finish time: Fri Jul 27 11:38:30 2018",
            "training end time: 2018-07-27 11:38",
            "train finish time: 12.5 s",
        )
    ]
    assert ends == [1, 1, 0]


PLANNED_ROUNDS = [
    ("Total Episodes: 300", "Episode {e} - Reward {e}.5 - Mean Loss 0.{e}1", 300),
    ("Namespace(lr=0.1, comm_round=50)", "Round {e}, global loss: 0.{e}1", 50),
    ("Training the agent for 40 episodes", "Episode: {e} reward: 1.{e}", 40),
    ("num_episodes: 300", "Step: {e}00, episode: {e}, loss: 0.{e}1", None),
    ("Total Episodes: 300", "Epoch {e} loss: 0.{e}1", None),
    ("Total Episodes: 300", "Episode {e}/20 loss: 0.{e}1", 20),
]


@pytest.mark.parametrize(("setting", "row", "planned"), PLANNED_ROUNDS)
@pytest.mark.parametrize("size", [None, 13])
def test_planned_episodes_are_steps_where_rows_count_them(
    setting: str, row: str, planned: int | None, size: int | None
) -> None:
    text = setting + "\n" + "".join(row.format(e=e) + "\n" for e in range(1, 9))
    assert facts_of(read(text, size=size)).get("planned_steps") == planned


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        ("Starting training: 60 epochs, batch size 32", {"planned_epochs": 60}),
        (
            "2031-05-01 10:00:00,000 - me - INFO - Training ResNet-18 for 60 epochs on cuda:0",
            {"planned_epochs": 60},
        ),
        ("Beginning training (60 epochs)", {"planned_epochs": 60}),
        ("Training model: 60 epochs, 37 batches/epoch", {"planned_epochs": 60}),
        ("Total epochs: 60", {"planned_epochs": 60}),
        ("num_epochs = 60", {"planned_epochs": 60}),
        ("number of parameters: 12.44M, max_steps=2000", {"planned_steps": 2000}),
        ("Train for 10000 iterations", {"planned_steps": 10_000}),
        ("Start training: 2,000 steps", {"planned_steps": 2000}),
        ("Training data: 600 steps per epoch", {}),
        ("Training set: 500 steps", {}),
        ("Training checkpoint every 10 epochs", {}),
        ("Training warmup: 5 epochs", {}),
        ("Training took 5 epochs", {}),
    ],
)
def test_the_words_with_which_training_begins_state_its_length(said: str, plan: dict) -> None:
    rows = "".join(
        f"epoch {e} | batch {b}/37 | loss 0.{9 - e}{b}\n" for e in range(1, 5) for b in (10, 20, 30)
    )
    told = facts_of(read(f"{said}\n{rows}"))
    assert {name: told[name] for name in told if name.startswith("planned")} == plan


def test_a_plan_in_epochs_is_what_progress_is_told_in(tmp_path) -> None:
    rows = "".join(
        f"epoch {e} | batch {b}/37 | loss 0.{900 - 10 * e - b}\n"
        + (f"epoch {e} done | val_loss 0.9{60 - e}\n" if b == 30 else "")
        for e in range(1, 15)
        for b in (10, 20, 30)
    )
    log = tmp_path / "train.log"
    log.write_text(f"Starting training: 60 epochs, batch size 32\n{rows}")
    life = analyze(log, now=9e9).life
    assert (life.status, life.reason) == ("interrupted", "the log ends at epoch 14 of 60 epochs")


def test_a_plan_in_updates_is_none_of_epochs() -> None:
    text = "total_steps=1000\n" + "".join(f"Epoch {e}: mean loss=0.{9 - e}5\n" for e in range(1, 6))
    run = Run.from_records(read(text))
    assert (run.counts_epochs, run.planned_steps) == (True, None)
