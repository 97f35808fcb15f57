"""The ImageNet example of PyTorch and its many relatives: MoCo, HRNet, ResNets for CIFAR."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS
from copilot_analytics.formats._parts import Part, PartsFormat
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record
from copilot_analytics.schedule import Schedule, Stage

_ARCH = r"(?:^|\s)\| [A-Za-z][\w.-]{1,60} \|"
_CELL = rf" (?:{NUMBER}) \|"
_HELD_OUT = re.compile(
    rf"(?<![\w.])(?P<key>(?:val|valid|test)_\w{{1,30}})\s?[:=]?\s{{0,4}}(?P<number>{NUMBER})(?![\w.])"
)


class ImagenetText(PartsFormat):
    r"""``Epoch: [0][10/5005]\tTime 0.5 (1.0)\tLoss 6.9 (7.0)``: the value now, then the mean."""

    name: ClassVar[str] = "imagenet_text"
    title: ClassVar[str] = "PyTorch ImageNet example console log"
    url: ClassVar[str] = "https://github.com/pytorch/examples"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "Loss": "loss",
            "Time": "iter_time_s",
            "time": "iter_time_s",
            "batch_time": "iter_time_s",
            "Data": "data_time_s",
            "data": "data_time_s",
            "data_time": "data_time_s",
            "Speed": None,
            "eta": None,
            "mean_pckh": "Mean PCK",
            "mean_pckh_01": "Mean PCK@0.1",
        },
        test_is_val=True,
    )
    reads_settings: ClassVar[bool] = True
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?:^|[\s|>-])Epoch:? ?\[(?P<epoch>\d{1,7})(?:/(?P<epochs>\d{1,7}))?\]"
                r"\s?\[\s{0,9}(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})\]:?,?\s{1,9}"
                r"(?P<rest>(?:[Bb]atch[_ ]?)?(?:[Tt]ime|[Dd]ata|[Ll]oss|[Ll][Rr])\b.*\(.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "resume",
            re.compile(
                r"=> loaded checkpoint '(?P<checkpoint>.{1,400}?)' \(epoch (?P<epoch>\d{1,7})\)"
            ),
        ),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "eval",
                re.compile(
                    r"(?:^|\s)\*\s{1,4}"
                    r"(?P<rest>(?:Acc|Prec|Err|acc|prec|m?AP|mIo[uU]|F1|AUC|R?M[AS]E|PSNR|Dice"
                    r"|Recall)\w{0,8}@?1?[: ].*)$"
                ),
                ANY_PAIRS,
            ),
            closes=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(r"\*\*(?:Test|Val)\*\*\s{1,4}(?P<rest>(?:Acc|Prec|acc|prec).*)$"),
                ANY_PAIRS,
            ),
            closes=True,
        ),
        # What its relatives print in words of their own.
        Part(
            Pattern(
                "eval",
                re.compile(
                    r"(?<!\w)(?:[Tt]est(?:ing)?|[Vv]al(?:idation)?|[Ee]val(?:uation)?)"
                    r"(?:\s(?:[Rr]esults?|[Ss]et|[Ss]ummary))?:\s{1,4}"
                    rf"(?P<rest>[A-Za-z][\w@]{{1,20}}[:=]?\s{{1,3}}{NUMBER}[\s,;%].*)$"
                ),
                ANY_PAIRS,
            ),
            closes=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(
                    # at the beginning, or behind a time stamp and what stands for the logger
                    r"(?:^|(?<=:\d\d )|(?<=[,.]\d\d\d )|(?<=\d\] )|(?<=INFO[: ] )|(?<=INFO ))"
                    r"(?:(?![Bb]est).){0,200}?(?<![\w.])(?P<rest>(?:val|valid|test)_"
                    rf"(?:acc|loss|top1|prec)\w{{0,12}}\s?[:=]?\s{{0,4}}{NUMBER}(?![\w.])"
                    r"(?:(?![Bb]est).){0,400})"
                ),
                _HELD_OUT,
            ),
            closes=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(
                    # HRNet's table of a pose on COCO: AP, at .5 and .75, medium, large, then AR
                    rf"{_ARCH} (?P<AP>{NUMBER}) \| (?P<AP50>{NUMBER}) \| (?P<AP75>{NUMBER}) \|"
                    rf"(?:{_CELL}){{2}} (?P<AR>{NUMBER}) \|(?:{_CELL}){{4}}\s*$"
                ),
            ),
            closes=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(
                    # and on MPII: seven joints, their mean, and the mean at a tenth of the head
                    rf"{_ARCH}(?:{_CELL}){{7}} (?P<mean_pckh>{NUMBER}) \|"
                    rf" (?P<mean_pckh_01>{NUMBER}) \|\s*$"
                ),
            ),
            closes=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(
                    rf"\bVal result: mIoU/mAcc/allAcc (?P<mIoU>{NUMBER})/(?P<mAcc>{NUMBER})/"
                    rf"(?P<allAcc>{NUMBER})\b"
                ),
            ),
            closes=True,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30 Epoch [1][2/4]  lr: 0.001  loss: 1.50 (1.75)
2024-03-01 10:20:40 Epoch [1][4/4]  lr: 0.001  loss: 1.25 (1.50)
2024-03-01 10:20:50 Epoch [1] val_loss: 1.375 val_acc: 50.5 best: 60.5
""",
            (
                Record("config", facts={"steps_per_epoch": 4}, line=1),
                Record("train", 2, metrics={"loss": 1.5}, line=1),
                Record("train", 4, metrics={"loss": 1.25}, line=2),
                Record("eval", None, 1.0, metrics={"val_loss": 1.375, "val_acc": 50.5}, line=3),
            ),
        ),
        Sample(
            """\
Epoch: [0][ 0/4]\tTime  2.500 ( 2.500)\tData  1.250 ( 1.250)\tLoss 4.5000e+00 (4.5000e+00)
Epoch: [0][ 2/4]\tTime  0.500 ( 1.250)\tData  0.125 ( 0.500)\tLoss 4.2500e+00 (4.3750e+00)
Test: [0/1]\tTime  0.500 ( 0.500)\tLoss 4.0000e+00 (4.0000e+00)\tAcc@1  25.00 ( 25.00)
 *   Acc@1 25.125 Acc@5 50.250
Epoch: [1][ 0/4]\tTime  2.500 ( 2.500)\tData  1.250 ( 1.250)\tLoss 3.5000e+00 (3.5000e+00)
""",
            (
                Record("config", facts={"steps_per_epoch": 4}, line=1),
                Record("train", 1, 0.25, metrics={"loss": 4.5, "data_time_s": 1.25}, line=1),
                Record("train", 3, 0.75, metrics={"loss": 4.25, "iter_time_s": 0.5}, line=2),
                Record("eval", None, 1.0, metrics={"Acc@1": 25.125, "Acc@5": 50.25}, line=4),
                Record("train", 5, 1.25, metrics={"loss": 3.5}, line=5),
            ),
        ),
        Sample(
            """\
2024-03-01 10:20:30,500 Epoch: [0][0/1]\tTime 2.5s (2.5s)\tLoss 0.00250 (0.00250)\tAccuracy 1 (1)
| Arch | Head | Shoulder | Elbow | Wrist | Hip | Knee | Ankle | Mean | Mean@0.1 |
|---|---|---|---|---|---|---|---|---|---|
| toy_net | 9.5 | 8.5 | 7.5 | 6.5 | 5.5 | 4.5 | 3.5 | 6.5 | 1.25 |
2024-03-01 10:20:32,500 | toy_net | 0.5 | 0.75 | 0.625 | 0.2 | 0.5 | 0.625 | 0.7 | 0.5 | 0.5 | 0.5 |
""",
            (
                Record("config", facts={"steps_per_epoch": 1}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 0.0025}, line=1),
                Record("eval", None, 1.0, metrics={"Mean PCK": 6.5, "Mean PCK@0.1": 1.25}, line=4),
                Record("eval", None, 1.0, metrics={"AP": 0.5, "AP50": 0.75, "AR": 0.625}, line=5),
            ),
        ),
        Sample(
            """\
Namespace(arch='toy', epochs=9, start_epoch=0, lr=0.5, schedule=[3, 6], gamma=0.5)
Epoch: [0][0/2]\tTime 0.5 (0.5)\tLoss 1.5 (1.5)
epochs: 99
""",
            (
                Record(
                    "config",
                    facts={
                        "planned_epochs": 9,
                        "schedule": Schedule(
                            (Stage("multistep", "epoch", milestones=(3.0, 6.0), gamma=0.5),)
                        ),
                    },
                    line=1,
                ),
                Record("config", facts={"steps_per_epoch": 2}, line=2),
                Record("train", 1, 0.5, metrics={"loss": 1.5, "iter_time_s": 0.5}, line=2),
            ),
        ),
        Sample(
            """\
[2024-03-01 10:20:30,500 INFO train.py line 300 9] Epoch: [1/9][2/2] Data 0.125 (0.125) Loss 1.5 .
[2024-03-01 10:20:31,500 INFO train.py line 400 9] Val result: mIoU/mAcc/allAcc 0.25/0.5/0.75.
""",
            (
                Record("config", facts={"planned_epochs": 9, "steps_per_epoch": 2}, line=1),
                Record("train", 2, 1.0, metrics={"loss": 1.5}, line=1),
                Record("eval", None, 1.0, metrics={"mIoU": 0.25, "allAcc": 0.75}, line=2),
            ),
        ),
        Sample(
            """\
Epoch: [0][0/1], lr: 0.00125\tTime 0.125 (0.250)\tLoss 1.25 (1.25)\tPrec@1 25.0 (25.0)
Testing Results: Prec@1 37.500 Prec@5 75.000 Loss 1.50000
""",
            (
                Record("config", facts={"steps_per_epoch": 1}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 1.25}, line=1),
                Record("eval", None, 1.0, metrics={"Prec@1": 37.5, "loss": 1.5}, line=2),
            ),
        ),
        Sample(
            """\
  Epoch: [000][0/1]   Time 0.125 (0.250)   Loss 1.25 (1.25)   Prec@1 25.0 (25.0)
  **Test** Prec@1 37.500 Prec@5 75.000 Error@1 62.500
iter 1 | LR [0.0001]| val_acc 40.5 | layer_token 9
""",
            (
                Record("config", facts={"steps_per_epoch": 1}, line=1),
                Record("train", 1, 1.0, metrics={"loss": 1.25}, line=1),
                Record("eval", None, 1.0, metrics={"Prec@1": 37.5, "Error@1": 62.5}, line=2),
                Record("eval", None, 1.0, metrics={"val_acc": 40.5}, line=3),
            ),
        ),
    )


FORMAT = ImagenetText()
