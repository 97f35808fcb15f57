"""The console logs of the scripts of GluonCV and GluonNLP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS
from copilot_analytics.formats._parts import Part, PartsFormat, PartsParser
from copilot_analytics.formats._rows import Name, Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record
from copilot_analytics.schedule import Schedule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.records import Floats, Ints, Item

_EPOCH = r"(?:^|[\s:])\[?Epoch ?\[?(?P<epoch>\d{1,7})\]?"
_NAMED = re.compile(
    rf"(?P<key>(?:valid|val|test|validation|training) [A-Za-z]\w{{0,30}}|[A-Za-z][\w@/-]{{0,30}})"
    rf"(?:[:=]\s{{0,3}}|\s)(?P<number>{NUMBER})(?=s?(?:[\s,;]|$))"
)
_NAMES: dict[str, Name] = {
    "Speed": None,
    "throughput": None,
    "time": None,
    "cost": None,
    "speed": None,
    "wc": None,
}


class GluonParser(PartsParser):
    """Reads lines by patterns, and knows what the scripts for classification call ``val``."""

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks."""
        judged = {"save_best": "val", "save_best_direction": "max"} if "val" in columns else {}
        return [*self._rows.config(judged, int(lines[0])), *super().block(columns, lines)]


class GluonText(PartsFormat):
    """``[Epoch 0 Batch 200/372] loss 7.73, ...``, ``Epoch[0] Batch [99]`` and more."""

    name: ClassVar[str] = "gluon_text"
    title: ClassVar[str] = "GluonCV, GluonNLP or MXNet console log"
    url: ClassVar[str] = "https://cv.gluon.ai"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                _EPOCH + r" (?:Batch|iteration) (?P<inner>\d{1,9})/(?P<inner_of>\d{1,9})[\]:]\s"
                r"(?P<rest>.*)$"
            ),
            _NAMED,
        ),
        Pattern(
            "train",
            re.compile(
                _EPOCH + r"\s?\[Batch (?P<inner>\d{1,9})\],?\s(?P<rest>.*=.*)$",
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "train",
            re.compile(
                r"(?<![a-z_]\])" + _EPOCH + r"\s?Batch ?\[(?:\d{1,9}-)?(?P<inner>\d{1,9})\]"
                r"\s(?P<rest>.*=.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern("train", re.compile(_EPOCH + r" (?P<rest>train=.*)$"), ANY_PAIRS),
        Pattern("train", re.compile(_EPOCH + r"\s(?P<rest>Train-[\w-]{1,40}=.*)$"), ANY_PAIRS),
        Pattern("eval", re.compile(_EPOCH + r"\s(?P<rest>Validation-[\w-]{1,40}=.*)$"), ANY_PAIRS),
        Pattern(
            "eval",
            re.compile(
                _EPOCH + r"\s(?:time cost [\d.]{1,20}s?, )?(?P<rest>(?:valid|val|test) .*)$"
            ),
            _NAMED,
        ),
        Pattern(
            "eval", re.compile(_EPOCH + r"\svalidation: (?P<rest>.*=.*)$", re.IGNORECASE), ANY_PAIRS
        ),
        Pattern(
            "end",  # the script for language models tests its best weights when it is done
            re.compile(r"^Best test loss \d{1,4}\.\d{1,4}, test ppl \d"),
            facts={"reason": "the best weights were tested"},
        ),
        Pattern(
            "config",
            re.compile(
                r"Namespace\(.{0,9000}?(?<![A-Za-z_])(?:num_)?epochs=(?P<planned_epochs>\d{1,7})[,)]"
            ),
        ),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "train",
                re.compile(
                    rf"^\s*Epoch (?P<epoch>\d{{1,7}}), (?P<rest>training loss {NUMBER}):\s{{1,3}}"
                    r"\d{1,3}%\|.{0,200}?\|\s{1,3}(?P<inner>\d{1,9})/(?P<inner_of>\d{1,9}) \["
                ),
                _NAMED,
            )
        ),
        Part(
            Pattern(
                "eval",
                re.compile(
                    r"^\s*Epoch \d{1,7},? validation (?P<rest>pixAcc: .{1,80}?)"
                    r"(?:: \s{0,3}\d{1,3}%\|.*)?$"
                ),
                ANY_PAIRS,
            )
        ),
        Part(
            # On COCO its name stands on the line before, ``~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~``.
            Pattern("eval", re.compile(rf"^\s*(?:mAP)?=(?P<mAP>{NUMBER})\s*$")),
            closes=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(r"^\s*validation (?P<rest>metrics:.*)$"),
                re.compile(rf"(?P<key>[A-Za-z]\w{{0,30}}):(?P<number>{NUMBER})"),
            ),
            closes=True,
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
INFO:root:Namespace(batch_size=128, lr_decay_epoch='1,2', num_epochs=3)
INFO:root:[Epoch 0] train=0.250000 val=0.500000 loss=2.500000 time: 34.250000
INFO:root:[Epoch 1] train=0.375000 val=0.625000 loss=2.250000 time: 34.250000
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=1),
                Record(
                    "config",
                    facts={"schedule": Schedule((Stage("multistep", milestones=(1.0, 2.0)),))},
                    line=1,
                ),
                Record("config", facts={"save_best": "val"}, line=2),
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"loss": 2.5, "train": 0.25}, line=2),
                Record("eval", 1, 1.0, metrics={"val": 0.5}, line=2),
                Record("train", 2, 2.0, metrics={"loss": 2.25}, line=3),
                Record("eval", 2, 2.0, metrics={"val": 0.625}, line=3),
            ),
        ),
        Sample(
            """\
[Epoch 0 Batch 2/4] loss 7.50, ppl 250.50, throughput 190.25 samples/s, lr 30.00
[Epoch 0] throughput 10495.00 samples/s
[Epoch 0] time cost 246.25s, valid loss 6.50, valid ppl 125.50
[Epoch 1 Batch 2/4] loss=6.50, ppl=125.5000, throughput=60.25K wps, wc=6500.25K
[Epoch 1] valid Loss=6.25, valid ppl=100.5, valid bleu=12.50
[Epoch 1] test Loss=6.50, test ppl=110.5, test bleu=12.25
Best validation loss 6.25, val ppl 100.50
Best test loss 6.50, test ppl 110.50
""",
            (
                Record("config", facts={"steps_per_epoch": 4}, line=1),
                Record("train", 2, 0.5, metrics={"loss": 7.5, "lr": 30.0}, line=1),
                Record("eval", 2, metrics={"valid loss": 6.5, "valid ppl": 125.5}, line=3),
                Record("train", 6, 1.5, metrics={"loss": 6.5, "ppl": 125.5}, line=4),
                Record("eval", 6, metrics={"valid bleu": 12.5}, line=5),
                Record("eval", 6, metrics={"test bleu": 12.25}, facts={"split": "test"}, line=6),
                Record("end", line=8),
            ),
        ),
        Sample(
            """\
[Epoch 0][Batch 99], LR: 1.25E-04, Speed: 108.25 samples/sec, ObjLoss=415.5, ClassLoss=30.5
[Epoch 0] Training cost: 602.5, ObjLoss=170.5, ClassLoss=18.5
[Epoch 0] Validation:
cat=0.25
mAP=0.375
[Epoch 1][Batch 99], LR: 1.25E-04, Speed: 108.25 samples/sec, ObjLoss=215.5, ClassLoss=20.5
[Epoch 1] Validation:
cat=25.5
~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~
=37.5
""",
            (
                Record("train", 99, metrics={"ObjLoss": 415.5, "lr": 1.25e-4}, line=1),
                Record("config", facts={"steps_per_epoch": 99}, line=5),
                Record("eval", None, 1.0, metrics={"mAP": 0.375}, line=5),
                Record("train", 198, metrics={"ClassLoss": 20.5}, line=6),
                Record("eval", None, 2.0, metrics={"mAP": 37.5}, line=10),
            ),
        ),
        Sample(
            """\
Epoch[0] Batch [1]\tSpeed: 569.25 samples/sec\tloss=0.125\tlr=0.001\theatmap_accuracy=0.5
Epoch 1, training loss 0.500:   0%|          | 0/4 [00:01<?, ?it/s]
Epoch 1, training loss 0.250: 100%|██████████| 4/4 [00:04<00:00,  1.0it/s]
Epoch 1, validation pixAcc: 0.750, mIoU: 0.250:   0%|          | 0/2 [00:01<?, ?it/s]
Epoch 1, validation pixAcc: 0.875, mIoU: 0.500: 100%|██████████| 2/2 [00:02<00:00,  1.0it/s]
""",
            (
                Record("train", 1, metrics={"loss": 0.125, "heatmap_accuracy": 0.5}, line=1),
                Record("config", facts={"steps_per_epoch": 4}, line=3),
                Record("train", 8, 2.0, metrics={"training loss": 0.25}, line=3),
                Record("eval", None, 2.0, metrics={"mIoU": 0.5}, line=5),
            ),
        ),
    )

    def parser(self, file: str) -> GluonParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return GluonParser(self.patterns, self.parts, rows, self.naming)

    def axis(self) -> Axis:
        """Return the axis of a log: epochs count from 0."""
        return Axis(epoch_base=0)


FORMAT = GluonText()
