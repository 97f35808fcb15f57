"""Scripts that catch Ctrl-C and say so in words of their own, in logs of any format."""

from __future__ import annotations

import pytest

from copilot_analytics import analyze

HOME = "".join(f"Epoch {e}/50 | train loss 0.{90 - e} | val acc 0.{50 + e}\n" for e in range(1, 13))
MMCV = "".join(
    f"2031-05-01 10:{e:02d}:00,000 - mmdet - INFO - Epoch [{e}][50/50]\tlr: 1.000e-02, "
    f"eta: 1:00:00, time: 0.500, data_time: 0.010, memory: 100, loss: 0.{90 - e}00\n"
    for e in range(1, 13)
)


def read(tmp_path, text):
    (tmp_path / "train.log").write_text(text)
    return analyze(tmp_path / "train.log", now=9e9)


@pytest.mark.parametrize("log", [HOME, MMCV], ids=["home", "mmcv"])
@pytest.mark.parametrize(
    "said",
    [
        "Interrupted by user",
        "KeyboardInterrupt",
        "^CTraining interrupted, saving checkpoint",
        "2031-05-01 11:00:00,000 - trainer - WARNING - Training was interrupted by the user",
        "Keyboard interrupt received, stopping training",
        "Exiting from training early.",
        "Caught Ctrl-C, saving the model",
    ],
)
def test_a_run_that_says_that_it_was_interrupted_was(tmp_path, log, said):
    life = read(tmp_path, f"{log}{said}\n").life
    assert (life.status, life.reason) == ("interrupted", "it was stopped by hand (Ctrl-C)")
    assert life.line == 13


@pytest.mark.parametrize(
    "said",
    [
        "KeyboardInterrupt handler installed",
        "Training interrupted by an exception: the disk is full",
        "Press Ctrl-C to stop",
        "Uninterrupted by user",
    ],
)
def test_what_only_speaks_of_interruptions_is_none(tmp_path, said):
    assert read(tmp_path, f"{said}\n{HOME}{said}\n").life.line != 14


def test_training_that_goes_on_takes_the_interruption_back(tmp_path):
    more = HOME.replace("Epoch ", "Epoch 1")  # epochs 11 to 112
    text = f"{HOME}Training interrupted\n{more}Training finished\n"
    assert read(tmp_path, text).life.status == "finished"


def test_the_last_words_of_an_interrupted_script_do_not_finish_it(tmp_path):
    text = f"{HOME}Interrupted by user\nTest acc: 0.515\nTraining finished\n"
    assert read(tmp_path, text).life.status == "interrupted"


def test_the_checkpoint_of_an_interruption_is_no_list_of_all(tmp_path):
    best_early = HOME.replace("val acc 0.53", "val acc 0.93")
    once = read(tmp_path, f"{best_early}Interrupted by user, checkpoint saved\n")
    assert "best_not_saved" not in [finding.id for finding in once.findings]
    lines = best_early.splitlines()
    for after in (8, 10):
        lines[after] += f"\nSaved checkpoint epoch_{after}.pth"
    often = read(tmp_path, "\n".join(lines) + "\nInterrupted by user, checkpoint saved\n")
    assert "best_not_saved" in [finding.id for finding in often.findings]
