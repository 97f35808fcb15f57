"""What Kaldi's nnet3 and chain trainers write to ``train.N.1.log``: one iteration of training."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


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
                r"\[[^\]]{1,60}\]:PrintStatsForThisMinibatch\(\):[^ ]{1,60} "
                r"Average objective function for 'output' for minibatches "
                r"\d{1,9}-(?P<step>\d{1,9}) is "
                rf"(?P<objective>{NUMBER})(?: \+ {NUMBER}(?: = {NUMBER})?)? over "
            ),
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
    )


FORMAT = KaldiText()
