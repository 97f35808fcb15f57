"""Checkpoints of a run whose log names none are told by what lies on disk, where that is sure."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest

from copilot_analytics import analyze
from copilot_analytics.alerts.advice import advice, checkpoint
from copilot_analytics.alerts.policy import Context
from copilot_analytics.records import Record
from copilot_analytics.report.checkpoint_folders import NO_FOLDER, checkpoint_folder
from copilot_analytics.report.document import document
from copilot_analytics.report.verdict import actions
from copilot_analytics.report.which_checkpoint import DISK, Look, newest
from copilot_analytics.run import Run

# The best is of epoch 10; of epochs 11 and 12 each is as good within noise.
VALUES = (0.2, 0.31, 0.43, 0.5, 0.53, 0.57, 0.56, 0.6, 0.585, 0.635, 0.63, 0.625)
LIGHTNING = "lightning_logs/version_0/checkpoints"


def trained(log, *, first=0, each=40, done=12, status="finished"):
    """Return the analysis of a log with an evaluation an epoch; steps count from `first`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if not log.exists():
        log.write_text("the log\n")
    run = Run(str(log))
    run.append(Record("config", facts={"planned_epochs": 12, "steps_per_epoch": each}))
    for epoch in range(1, done + 1):
        step = epoch * each - 1 + first
        run.append(Record("train", step, epoch, metrics={"loss": 1 / epoch}, line=2 * epoch))
        metrics = {"eval_accuracy": VALUES[epoch - 1]}
        run.append(Record("eval", step, epoch, metrics=metrics, line=2 * epoch + 1))
    made = analyze(run, journals=False)
    return replace(made, life=replace(made.life, status=status))


def put(*paths):
    """Write checkpoints, each a second after the one before it."""
    for late, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
        os.utime(path, (1e9 + late, 1e9 + late))


def put_hf(folder, *steps, values=VALUES):
    """Write checkpoints of the Trainer, with the state that it keeps in each."""
    for late, step in enumerate(steps):
        kept = folder / f"checkpoint-{step}"
        kept.mkdir(parents=True)
        rows = [{"step": 40 * at, "eval_accuracy": v} for at, v in enumerate(values, 1)]
        state = {"log_history": [row for row in rows if row["step"] <= step]}
        (kept / "trainer_state.json").write_text(json.dumps(state))
        os.utime(kept, (1e9 + late, 1e9 + late))


def told(analysis):
    (line,) = (one for one in actions(analysis) if "heckpoint" in one and "eval_accuracy" in one)
    return line


def message(analysis):
    return checkpoint(analysis, Context("key", "run", look=DISK))


@pytest.mark.parametrize(
    ("log", "folder", "name"),
    [
        ("console.log", "out", "out/checkpoint-440"),
        ("console.log", ".", "checkpoint-440"),
        ("out/runs/Nov26_box/events.log", "out", "checkpoint-440"),
        ("out/checkpoint-480/trainer_state.json", "out", "checkpoint-440"),
    ],
)
def test_one_as_good_that_is_on_disk_is_named_where_the_best_is_not(tmp_path, log, folder, name):
    put_hf(tmp_path / folder, 80, 440, 480)
    analysis = trained(tmp_path / log, first=1)
    kept = checkpoint_folder(analysis)
    other = name.replace("440", "480")
    assert kept.by_step == {440: name, 480: other} and kept.missing == {400}
    assert told(analysis).startswith(f"Use `{name}` (on disk): eval_accuracy 0.63 at epoch 11;")
    assert "epoch 10 (not on disk)" in told(analysis)
    assert message(analysis) == (
        f"Use {name} (epochs 10, 11, 12 tie; that of epoch 10 is not on disk)."
    )
    known = {one["step"]: one for one in document(analysis)["stop"]["checkpoints"]}
    assert (known[440]["path"], known[440]["on_disk"]) == (name, True)
    assert (known[400]["path"], known[400]["on_disk"]) == (None, False)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("log", ["console.log", "lightning_logs/version_0/metrics.csv"])
def test_the_one_that_lightning_kept_is_named_from_the_folder_of_the_run(tmp_path, log, first):
    put(tmp_path / LIGHTNING / "epoch=11-step=480.ckpt")
    analysis = trained(tmp_path / log, first=first)
    name = f"{LIGHTNING}/epoch=11-step=480.ckpt"
    assert checkpoint_folder(analysis).by_step == {479 + first: name}
    assert told(analysis).startswith(f"Use `{name}` (on disk)")


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (
            ("epoch=09-val_acc=0.64.ckpt", "epoch=11-val_acc=0.62.ckpt"),
            "epoch=09-val_acc=0.64.ckpt",
        ),
        (("model-epoch=9.ckpt", "last.ckpt"), "model-epoch=9.ckpt"),
        (("step_400.pt", "step_480.pt"), "step_400.pt"),
        (("rl_model_400_steps.zip", "rl_model_480_steps.zip"), "rl_model_400_steps.zip"),
        (("ckpt_iter_000400.pth", "ckpt_iter_000480.pth"), "ckpt_iter_000400.pth"),
        (
            ("epoch=9-step=800.ckpt", "epoch=10-step=880.ckpt"),
            None,
        ),  # two optimizers: beyond the run
    ],
)
def test_names_of_steps_and_of_epochs_from_zero_are_understood(tmp_path, names, named):
    put(*(tmp_path / "checkpoints" / name for name in names))
    found = checkpoint_folder(trained(tmp_path / "train.log", first=1)).by_step.get(400)
    assert found == (named and f"checkpoints/{named}")


def test_where_none_of_the_best_is_there_the_best_that_is_left_is_told(tmp_path):
    put_hf(tmp_path / "out", 80, 160)
    analysis = trained(tmp_path / "console.log", first=1)
    assert told(analysis).startswith(
        "The checkpoint of epoch 10 is the one to use, but it is not on disk "
        "(the best there is `out/checkpoint-160`, 0.5): eval_accuracy 0.635"
    )
    assert message(analysis) == (
        "The best is the checkpoint of epoch 10, but it is not on disk; the best there is "
        "out/checkpoint-160 (0.5)."
    )


def test_what_may_be_written_just_now_is_not_called_missing(tmp_path):
    put_hf(tmp_path / "out", 80, 360)
    analysis = trained(tmp_path / "console.log", first=1, done=10, status="running")
    assert 400 not in checkpoint_folder(analysis).missing
    assert "not on disk" not in message(analysis)
    put_hf(tmp_path / "out", 440)
    later = trained(tmp_path / "console.log", first=1, done=11, status="running")
    assert 400 in checkpoint_folder(later).missing


def test_the_values_in_the_state_tell_whose_the_checkpoints_are(tmp_path):
    put_hf(tmp_path / "out", 440, 480, values=[one - 0.1 for one in VALUES])
    analysis = trained(tmp_path / "console.log", first=1)
    assert checkpoint_folder(analysis) == NO_FOLDER
    assert told(analysis).startswith("Use the checkpoint of epoch 10 (the log names no file)")
    put_hf(tmp_path / "mine", 440)
    assert checkpoint_folder(analysis).by_step == {440: "mine/checkpoint-440"}


def test_what_an_earlier_run_left_is_not_of_this_one(tmp_path):
    put_hf(tmp_path / "out", 440, 480, 80)  # 80 is the newest of them
    analysis = trained(tmp_path / "console.log", first=1, done=4, status="running")
    kept = checkpoint_folder(analysis)
    assert kept.newest == "out/checkpoint-80" and not set(kept.by_step) & {440, 480}
    put(*(tmp_path / "b" / name for name in ("step_400.pt", "step_480.pt", "step_80.pt")))
    kept = checkpoint_folder(trained(tmp_path / "b" / "train.log", first=1))
    assert not kept.by_step and 400 not in kept.missing


def test_of_several_folders_the_one_beside_the_log_counts_or_none(tmp_path):
    for version in (0, 1):
        put(tmp_path / f"lightning_logs/version_{version}/checkpoints/epoch=11-step=480.ckpt")
    assert checkpoint_folder(trained(tmp_path / "console.log")) == NO_FOLDER
    kept = checkpoint_folder(trained(tmp_path / "lightning_logs/version_1/metrics.csv"))
    assert kept.newest == "lightning_logs/version_1/checkpoints/epoch=11-step=480.ckpt"


def test_folders_beside_several_logs_are_believed_by_their_state_alone(tmp_path):
    put(tmp_path / LIGHTNING / "epoch=11-step=480.ckpt")
    analysis = trained(tmp_path / "b.log")
    (tmp_path / "a.log").write_text("another log\n")
    assert checkpoint_folder(analysis) == NO_FOLDER
    shutil.rmtree(tmp_path / "lightning_logs")
    put_hf(tmp_path / "out", 440)
    assert checkpoint_folder(trained(tmp_path / "b.log", first=1)).newest == "out/checkpoint-440"


def test_a_run_that_broke_is_resumed_from_the_newest_on_disk(tmp_path):
    put_hf(tmp_path / "out", 80, 440)
    analysis = trained(tmp_path / "console.log", first=1, done=11, status="interrupted")
    (line,) = advice(analysis, (), Context("key", "run", look=DISK))
    assert line == "💡 To go on, resume from out/checkpoint-440."


def test_the_disk_is_looked_through_once_for_a_message(tmp_path):
    put_hf(tmp_path / "out", 80, 440)
    analysis = trained(tmp_path / "console.log", first=1, done=11, status="interrupted")
    asked = []
    look = Look(folder=lambda of: asked.append(of) or checkpoint_folder(of)).once()
    (line,) = advice(analysis, (), Context("key", "run", look=look))
    assert line == "💡 To go on, resume from out/checkpoint-440." and asked == [analysis]
    later = replace(analysis, life=replace(analysis.life, line=9))
    advice(later, (), Context("key", "run", look=look))
    assert asked == [analysis, later]


def test_checkpoints_that_the_log_names_are_looked_for_by_name_alone(tmp_path):
    put_hf(tmp_path / "out", 440)
    analysis = trained(tmp_path / "console.log", first=1)
    analysis.run.append(Record("checkpoint", 440, facts={"path": "/elsewhere/checkpoint-440"}))
    assert checkpoint_folder(analysis) == NO_FOLDER


def test_a_directory_that_holds_too_much_is_no_folder_of_a_run(tmp_path):
    put_hf(tmp_path / "out", 440)
    analysis = trained(tmp_path / "console.log", first=1)
    for number in range(3_000):
        (tmp_path / f"{number}.png").touch()
    assert checkpoint_folder(analysis) == NO_FOLDER


def test_a_run_without_a_log_or_a_result_has_no_folder(tmp_path):
    put_hf(tmp_path / "out", 440)
    analysis = trained(tmp_path / "console.log", first=1)
    analysis.run.path = ""
    assert checkpoint_folder(analysis) == NO_FOLDER
    assert checkpoint_folder(trained(tmp_path / "console.log", done=0)) == NO_FOLDER


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        (range(1, 13), "net_epoch10.pt"),
        (range(12), "net_epoch9.pt"),  # counted from 0
        (range(8, 13), "net_epoch10.pt"),  # only the newest are kept
        (range(8, 12), None),  # of the epochs up to 11, or counted from 0
        (range(1, 31), None),  # of a longer run
    ],
)
def test_checkpoints_are_told_by_the_epoch_in_their_names(tmp_path, numbers, name):
    put(*(tmp_path / "ckpt" / f"net_epoch{number}.pt" for number in numbers))
    folder = checkpoint_folder(trained(tmp_path / "train.log"))
    assert folder.by_step.get(399) == (None if name is None else f"ckpt/{name}")
    assert bool(folder.newest) == (name is not None)


def test_a_crash_names_the_newest_checkpoint_by_its_epoch(tmp_path):
    put(*(tmp_path / f"epoch_{number}.pt" for number in range(1, 10)))
    made = trained(tmp_path / "train.log", done=9, status="crashed")
    assert newest(made, DISK) == "epoch_9.pt"


@pytest.mark.parametrize(
    ("files", "more", "name"),
    [
        (["out/best.pt"], [], "out/best.pt"),
        (["best_model.pth", "last.pth"], [], "best_model.pth"),
        (["out/best.pt", "best.ckpt"], [], None),  # which of them?
        (["out/best.pt"], ["other.log"], None),  # perhaps of another run
        (["out/bestiary.txt"], [], None),
    ],
)
def test_the_best_that_a_log_saved_without_a_name_is_named(tmp_path, files, more, name):
    put(*(tmp_path / file for file in (*files, *more)))
    log = tmp_path / "train.log"
    rows = [
        f"Epoch {epoch}/12 train_loss {1 / epoch:.4f} val_acc {value:.4f}\n"
        + (f"  -> saved best model (acc {value:.4f})\n" if value == max(VALUES[:epoch]) else "")
        for epoch, value in enumerate(VALUES, 1)
    ]
    log.write_text("".join(rows))
    best = checkpoint_folder(analyze(log, journals=False)).by_step
    assert list(best.values()) == ([] if name is None else [name])
