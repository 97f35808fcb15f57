"""What Kaldi's nnet3 and chain trainers write, and those of its authors in PyTorch (snowfall).

A file ``train.N.1.log`` holds the objective within one iteration, the log of the script says how
many iterations are done.
"""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_OBJECTIVES = (
    rf"global average objf: (?P<average_objective>{NUMBER}) over [^,]{{1,60}}, "
    rf"current batch average objf: (?P<objective>{NUMBER})(?![\d.])"
)


class KaldiText(StatementFormat):
    """``Average objective function for 'output' for minibatches 0-9 is -1.5 over 1280 frames``."""

    name: ClassVar[str] = "kaldi_text"
    title: ClassVar[str] = "Kaldi nnet3 training log"
    url: ClassVar[str] = "https://kaldi-asr.org/doc/dnn3_scripts_context.html"
    smoothing: ClassVar[int | None] = 10
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?:\[[^\]]{1,60}\]|\bnnet3-[\w-]{1,40})"
                r":PrintStatsForThis(?:Minibatch|Phase)\(\):[^ ]{1,60} "
                r"Average objective function for 'output' for minibatches "
                r"\d{1,9}-(?P<step>\d{1,9}) is "
                rf"(?P<objective>{NUMBER})(?: \+ {NUMBER}(?: = {NUMBER})?)? over "
            ),
        ),
        Pattern(
            "train",
            re.compile(
                r"\bbatch (?P<inner>\d{1,9}), epoch (?P<epoch>\d{1,7})/\d{1,7} " + _OBJECTIVES
            ),
        ),
        Pattern(
            "train",
            re.compile(
                r"\bProcess (?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\([\d.]{1,12}%\) "
                + _OBJECTIVES
                + r" over [\d.]{1,20} frames, epoch (?P<epoch>\d{1,7})"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                r"\[steps/[^\]]{1,80} INFO \] Iter: (?P<step>\d{1,9})/(?P<steps>\d{1,9})\s{1,9}"
                r"(?:Jobs: \d{1,5}\s{1,9})?Epoch: (?P<progress>\d{1,6}\.\d{1,4})/"
                r"(?P<epochs>\d{1,6}\.\d{1,4}) \([\d.]{1,8}% complete\)\s{1,9}"
                rf"lr: (?P<lr>{NUMBER})"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\bINFO \] Doing final combination to produce final\.mdl"),
            facts={"reason": "the models are combined"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "LOG (nnet3-train[5.5]:PrintStatsForThisMinibatch():nnet-training.cc:256) Average"
            " objective function for 'output' for minibatches 0-9 is -1.5 over 1280 frames.\n"
            "LOG (nnet3-train[5.5]:PrintStatsForThisMinibatch():nnet-training.cc:256) Average"
            " objective function for 'output' for minibatches 10-19 is -1.25 over 1280 frames.\n",
            (
                Record("train", 9, metrics={"objective": -1.5}, line=1),
                Record("train", 19, metrics={"objective": -1.25}, line=2),
            ),
        ),
        Sample(
            "LOG (nnet3-chain-train[5.5]:PrintStatsForThisMinibatch():nnet-training.cc:305) Average"
            " objective function for 'output' for minibatches 0-9 is -0.25 + -0.05 over 6400"
            " frames.\n",
            (Record("train", 9, metrics={"objective": -0.25}, line=1),),
        ),
        Sample(
            """\
2021-01-01 10:00:00,500 INFO [train.py:211] batch 0, epoch 0/4 global average objf: 2.5 over \
900.0 frames (100.0% kept), current batch average objf: 2.5 over 900 frames (100.0% kept)
2021-01-01 10:00:09,500 INFO [train.py:211] batch 10, epoch 0/4 global average objf: 2.25 over \
9900.0 frames (100.0% kept), current batch average objf: 2.0 over 900 frames (100.0% kept)
""",
            (
                Record("train", 1, metrics={"objective": 2.5}, line=1),
                Record("train", 11, metrics={"objective": 2.0}, line=2),
                Record("config", facts={"steps_per_epoch": 11}),
            ),
        ),
        Sample(
            """\
2020-01-31 10:00:00,500 INFO [train.py:102] Process 0/100(0.000000%) global average objf: -1.5 \
over 640.0 frames, current batch average objf: -1.5 over 640 frames, epoch 0
""",
            (
                Record("config", facts={"steps_per_epoch": 100}, line=1),
                Record("train", 1, 0.01, metrics={"objective": -1.5}, line=1),
            ),
        ),
        Sample(  # before version 5, which is told in brackets
            "LOG (nnet3-train:PrintStatsForThisPhase():nnet-training.cc:121) Average objective"
            " function for 'output' for minibatches 0-9 is -3.5 over 1280 frames.\n",
            (Record("train", 9, metrics={"objective": -3.5}, line=1),),
        ),
        Sample(
            """\
2019-05-01 10:00:00,250 [steps/nnet3/train_dnn.py:343 - train - INFO ] Iter: 0/39   Jobs: 2   \
Epoch: 0.00/4.0 (0.0% complete)   lr: 0.003000
2019-05-01 10:05:00,500 [steps/nnet3/train_dnn.py:343 - train - INFO ] Iter: 10/39   Jobs: 2   \
Epoch: 1.00/4.0 (25.0% complete)   lr: 0.002500
""",
            (
                Record("config", facts={"planned_steps": 39, "planned_epochs": 4}, line=1),
                Record("train", 0, 0.0, 1556704800.25, {"lr": 0.003}, line=1),
                Record("train", 10, 1.0, 1556705100.5, {"lr": 0.0025}, line=2),
            ),
        ),
    )


FORMAT = KaldiText()
