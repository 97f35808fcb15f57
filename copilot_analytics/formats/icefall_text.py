"""The training logs of icefall and WeNet."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import BLANK_PAIRS
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(rf"(?P<key>\b[a-z]\w{{0,40}})=(?P<number>{NUMBER})(?=,)")
_TOTAL = rf"(?:[^\n]{{0,600}}?tot_loss\[loss=(?P<tot_loss>{NUMBER}),)?"


class IcefallText(StatementFormat):
    """``Epoch 1, batch 50, loss[loss=0.5, ...], tot_loss[loss=0.6, ...], ..., lr: 1.0e-03``."""

    name: ClassVar[str] = "icefall_text"
    title: ClassVar[str] = "icefall or WeNet training log"
    url: ClassVar[str] = "https://github.com/k2-fsa/icefall"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"rank": None, "cv_loss": "loss"})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bEpoch (?P<epoch>\d{1,9}), (?:global )?batch (?:idx )?(?P<inner>\d{1,12}), "
                rf"(?:global_batch_idx: \d{{1,12}}, )?(?:batch size: \d{{1,9}}, )?"
                rf"loss\[loss=(?P<loss>{NUMBER}),{_TOTAL}"
                rf"(?:[^\n]{{0,400}}?\blr: (?P<lr>{NUMBER}))?"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                r"\bTRAIN Batch (?P<epoch>\d{1,9})/(?P<inner>\d{1,12}) (?P<rest>loss [^\n]{1,400})"
            ),
            BLANK_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(r"\bEpoch \d{1,9}, validation: (?P<rest>loss=[^\n]{1,600})"),
            _PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(
                rf"\bEpoch (?P<epoch>\d{{1,9}}) CV info (?:cv_loss |\{{'loss': )"
                rf"(?P<cv_loss>{NUMBER})"
            ),
        ),
        Pattern("checkpoint", re.compile(r"\bSaving checkpoint to (?P<path>\S{1,400})")),
        Pattern(
            "checkpoint",
            re.compile(r"\[Rank 0\] Checkpoint: save to checkpoint (?P<path>\S{1,400})"),
        ),
        Pattern(
            "end",
            re.compile(r"INFO \[\w{1,40}\.py:\d{1,6}\] (?:\(\d{1,6}/\d{1,6}\) )?Done!\s*$"),
            facts={"reason": "the log says that it is done"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30,500 INFO [train.py:901] (0/4) Epoch 1, batch 0, loss[loss=7.5, \
simple_loss=6.5, pruned_loss=7.25, over 9000.00 frames. ], tot_loss[loss=7.25, simple_loss=6.25, \
over 9000.00 frames. ], batch size: 70, lr: 2.25e-02, grad_scale: 2.0
2024-03-01 10:20:31,500 INFO [train.py:901] (0/4) Epoch 1, batch 50, loss[loss=1.5, \
simple_loss=1.25, over 9000.00 frames. ], tot_loss[loss=1.75, simple_loss=1.25, over 400000.00 \
frames. ], batch size: 70, lr: 2.50e-02
2024-03-01 10:20:32,500 INFO [train.py:935] (0/4) Epoch 1, validation: loss=1.125, \
simple_loss=1.25, over 900000.00 frames.
2024-03-01 10:20:33,500 INFO [checkpoint.py:75] (0/4) Saving checkpoint to toy/epoch-1.pt
""",
            (
                Record("train", 1, metrics={"loss": 7.5, "tot_loss": 7.25, "lr": 2.25e-2}, line=1),
                Record("train", 51, metrics={"loss": 1.5, "tot_loss": 1.75, "lr": 2.5e-2}, line=2),
                Record("config", facts={"steps_per_epoch_exact": False}, line=3),
                Record("eval", 51, metrics={"loss": 1.125}, line=3),
                Record("checkpoint", facts={"path": "toy/epoch-1.pt"}, line=4),
            ),
        ),
        Sample(
            """\
2024-03-01 10:20:30,500 DEBUG TRAIN Batch 0/100 loss 9.250000 loss_att 8.500000 loss_ctc \
10.500000 lr 0.00001000 rank 0
2024-03-01 10:20:31,500 INFO Epoch 0 CV info cv_loss 8.125
""",
            (
                Record(
                    "train", metrics={"loss": 9.25, "loss_att": 8.5, "lr": 1e-5}, step=100, line=1
                ),
                Record("config", facts={"steps_per_epoch_exact": False}, line=2),
                Record("eval", None, 1.0, metrics={"loss": 8.125}, line=2),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis on which results belong to the batch before them."""
        return Axis(evaluates_within=True)


FORMAT = IcefallText()
