"""How the consoles of trainers say that they are done."""

from __future__ import annotations

import pytest
from log_texts import read_console

from copilot_analytics.reading.detect import known_formats


@pytest.mark.parametrize(
    ("name", "said", "reason"),
    [
        (
            "fairseq_text",
            "early stop since valid performance hasn't improved for last 5 runs",
            "ea",
        ),
        ("joeynmt_text", "Training ended since minimum lr 1.000000e-08 was reached.", "the log"),
        ("flair_text", "2024-03-01 10:20:33,100 learning rate too small - quitting training!", "l"),
        ("flair_text", "2024-03-01 10:20:33,100 Testing using best model ...", "Testing using"),
        (
            "espnet2_text",
            "[Early stopping] valid.acc has been not improved. The training was stopped at 9epoch",
            "early stopping",
        ),
        ("basicsr_text", "24-03-01 10:20:33.100 - INFO: End of training.", "completed"),
        (
            "sockeye_text",
            "[INFO:sockeye.training] Maximum number of not improved checkpoints (8) reached: 8",
            "early stopping",
        ),
        ("sockeye_text", "[INFO:sockeye.training] Training finished.", "the log says"),
        ("icefall_text", "2024-03-01 10:20:33,100 INFO [train.py:1000] (0/4) Done!", "the log"),
        ("stylegan_text", "Exiting...", "the training loop"),
        ("nemo_text", "`Trainer.fit` stopped: `max_steps=5` reached.", "the planned end"),
        ("nematus_text", "INFO: Early Stop!", "early stopping"),
        (
            "kaldi_text",
            "[steps/train.py:5 - train - INFO ] Doing final combination to produce final.mdl",
            "the models",
        ),
        ("gan_text", "End of epoch 3 / 3 \t Time Taken: 100 sec", "the last epoch"),
        ("megatron_text", "2024-03-01 10:20:33 Training completed successfully.", "Training comp"),
    ],
)
def test_trainers_say_that_they_are_done(name: str, said: str, reason: str) -> None:
    sample = known_formats()[name].samples[0]
    plain = [r for r in read_console(sample.text)[1] if r.kind == "end"]
    ends = [r for r in read_console(sample.text + said + "\n")[1] if r.kind == "end"]
    assert len(ends) == len(plain) + 1
    assert ends[-1].facts["reason"].startswith(reason)


def test_yolox_says_that_training_is_done_when_it_failed_as_well() -> None:
    sample = known_formats()["yolox_text"].samples[0].text
    said = "Training of experiment is done and the best AP is 0.00\n"
    assert [r.kind for r in read_console(sample + said)[1]] == [
        r.kind for r in read_console(sample)[1]
    ]


def test_how_long_training_took_does_not_say_that_it_succeeded() -> None:
    line = "2024-03-01 10:00:09 INFO: epoch: [1/2], iter: 10, lr: 0.001000, loss: 4.5, acc: 0.25\n"
    _, records = read_console(line + "Total training time: 0:00:35 (0:00:02 on hooks)\n")
    assert [r.kind for r in records if r.kind in {"train", "end"}] == ["train"]
