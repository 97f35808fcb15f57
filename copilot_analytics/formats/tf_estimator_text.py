"""The logs of TensorFlow's Estimator and of what trains with it (BERT, Tensor2Tensor, TPU)."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(rf"(?P<key>[A-Za-z_][\w/.@-]{{0,80}}) = (?P<number>{NUMBER})(?=[,\s(]|$)")
_LOGGER = (
    r"(?:INFO:tensorflow:|\b(?:basic_session_run_hooks|estimator|tpu_estimator)\.py:\d{1,5}\] )"
)


class TFEstimatorText(StatementFormat):
    """``INFO:tensorflow:loss = 0.5, step = 100 (16.5 sec)``; results are saved as a dict."""

    name: ClassVar[str] = "tf_estimator_text"
    title: ClassVar[str] = "TensorFlow Estimator log"
    url: ClassVar[str] = "https://www.tensorflow.org/guide/estimator"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"step": "#step", "global_step": "#step", "total_loss": "loss", "loss_1": "loss"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"{_LOGGER}(?P<rest>(?:[\w/.-]{{1,80}} = [^,\s]{{1,40}}, ){{0,20}}?"
                rf"(?:loss = {NUMBER}, (?:[\w/.-]{{1,80}} = [^,\s]{{1,40}}, ){{0,20}}?"
                r"(?:global_)?step = \d{1,12}"
                rf"|(?:global_)?step = \d{{1,12}}, (?:[\w/.-]{{1,80}} = [^,\s]{{1,40}}, ){{0,20}}?"
                rf"loss = {NUMBER})(?:, [^\n(]{{1,400}})?)(?:\s\([\d.]{{1,12}} sec\))?\s*$"
            ),
            _PAIRS,
        ),
        Pattern(
            "train",
            re.compile(
                rf"\bglobal step (?P<step>\d{{1,12}}): loss = (?P<loss>{NUMBER}) "
                rf"\((?P<iter_time_s>{NUMBER}) sec/step\)"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                rf"\bStep (?P<step>\d{{1,12}}) per-step time (?P<iter_time_s>{NUMBER})s "
                rf"loss=(?P<loss>{NUMBER})"
            ),
        ),
        Pattern(
            "eval",
            re.compile(
                r"\bSaving dict for global step (?P<step>\d{1,12}): (?P<rest>[^\n]{1,4000})"
            ),
            _PAIRS,
        ),
        Pattern(
            "config",
            re.compile(r"INFO:tensorflow:\s{1,4}Num steps = (?P<planned_steps>\d{1,12})\s*$"),
        ),
        Pattern(
            "checkpoint",
            re.compile(
                r"\bSaving checkpoints for (?P<step>\d{1,12}) into (?P<path>\S{1,400}?)\.?\s*$"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\bLoss for final step: "),
            facts={"reason": "the log names the loss of the final step"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
INFO:tensorflow:  Num steps = 200
INFO:tensorflow:loss = 0.75, step = 0
INFO:tensorflow:loss = 0.5, step = 100 (16.500 sec)
INFO:tensorflow:global_step = 150, learning_rate = 1e-05, loss = 0.25 (8.250 sec)
INFO:tensorflow:Saving checkpoints for 200 into toy/model.ckpt.
INFO:tensorflow:Loss for final step: 0.125.
INFO:tensorflow:Saving dict for global step 200: eval_accuracy = 0.75, global_step = 200, loss = 0.5
""",
            (
                Record("config", facts={"planned_steps": 200}, line=1),
                Record("train", 0, metrics={"loss": 0.75}, line=2),
                Record("train", 100, metrics={"loss": 0.5}, line=3),
                Record("train", 150, metrics={"loss": 0.25, "lr": 1e-5}, line=4),
                Record("checkpoint", 200, facts={"path": "toy/model.ckpt", "step": 200}, line=5),
                Record("end", line=6),
                Record("eval", 200, metrics={"eval_accuracy": 0.75, "loss": 0.5}, line=7),
            ),
        ),
        Sample(
            "INFO:tensorflow:global step 7: loss = 2.5000 (0.250 sec/step)\n"
            "INFO:tensorflow:Step 100 per-step time 0.500s loss=1.250\n",
            (
                Record("train", 7, metrics={"loss": 2.5, "iter_time_s": 0.25}, line=1),
                Record("train", 100, metrics={"loss": 1.25, "iter_time_s": 0.5}, line=2),
            ),
        ),
    )


FORMAT = TFEstimatorText()
