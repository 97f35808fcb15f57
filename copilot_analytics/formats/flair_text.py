"""The training log of Flair."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAIRS = re.compile(
    rf"(?:(?<= : )|- )(?P<key>[A-Za-z][\w .()/-]{{0,60}}?):?\s{{1,4}}(?P<number>{NUMBER})(?=\s|$)"
)


_SCORE = re.compile(r"(?:f-)?score|accuracy|(?:micro-|macro-)?f1|f1-score")
_PATTERNS = (
    Pattern(
        "train",
        re.compile(
            r"epoch (?P<epoch>\d{1,7}) - iter (?P<inner>\d{1,9})/(?P<inner_of>\d{1,9}) "
            r"(?P<rest>- loss .*)$"
        ),
        _PAIRS,
    ),
    Pattern("eval", re.compile(r"(?:^|\s)DEV\s{1,2}: (?P<rest>.*)$"), _PAIRS),
    Pattern("config", re.compile(r'- max_epochs: "(?P<planned_epochs>\d{1,7})"')),
    Pattern(
        "end",
        re.compile(r"\b(?P<reason>learning rate too small - quitting training|Testing using \w+ )"),
    ),
)
_TEST = Pattern("eval", re.compile(r"(?:^|\s)TEST : (?P<rest>.*)$"), _PAIRS, split="test")
_JUDGING_TEST = replace(_TEST, split="val")


class FlairParser(StatementParser):
    """Reads lines by patterns; the test set judges where no development set does."""

    def __init__(self, rows: RowReader, naming: Naming) -> None:
        super().__init__((*_PATTERNS, _JUDGING_TEST), rows, naming)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        if "DEV : " in line or "DEV  : " in line:
            self._patterns = (*_PATTERNS, _TEST)
        records = list(super().parse(line, number))
        scores = [
            name
            for record in records
            if record.kind == "eval" and record.facts["split"] == "val"
            for name in record.metrics
            if _SCORE.match(name)
        ]
        facts = {"save_best": scores[-1], "save_best_direction": "max"} if scores else {}
        return [*self._rows.config(facts, number), *records]


class FlairText(StatementFormat):
    """``epoch 1 - iter 10/100 - loss 0.5 - ...`` and ``DEV : loss 0.2 - f1-score 0.8``."""

    name: ClassVar[str] = "flair_text"
    title: ClassVar[str] = "Flair training log"
    url: ClassVar[str] = "https://github.com/flairNLP/flair"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {"samples/sec": None, "momentum": None, "time (sec)": None, "momentums": None}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (*_PATTERNS, _TEST)
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:00:00,500  - max_epochs: "3"
2024-03-01 10:00:01,500 epoch 1 - iter 2/4 - loss 0.75000000 - time (sec): 1.25 - \
samples/sec: 9.54 - lr: 0.000500 - momentum: 0.000000
2024-03-01 10:00:02,500 epoch 1 - iter 4/4 - loss 0.50000000 - time (sec): 2.50 - \
samples/sec: 9.54 - lr: 0.000250 - momentum: 0.000000
2024-03-01 10:00:02,500 EPOCH 1 done: loss 0.5000 - lr: 0.000250
2024-03-01 10:00:03,500 DEV : loss 0.25 - f1-score (micro avg)  0.875
2024-03-01 10:00:04,500 TEST : loss 0.375 - score 0.75
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=1),
                Record("config", facts={"steps_per_epoch": 4}, line=2),
                Record("train", 2, 0.5, metrics={"loss": 0.75, "lr": 0.0005}, line=2),
                Record("train", 4, 1.0, metrics={"loss": 0.5}, line=3),
                Record("config", facts={"save_best": "f1-score (micro avg)"}, line=5),
                Record("eval", None, 1.0, metrics={"f1-score (micro avg)": 0.875}, line=5),
                Record("eval", None, 1.0, metrics={"score": 0.75}, facts={"split": "test"}, line=6),
            ),
        ),
        Sample(
            """\
2019-03-01 10:00:01,500 epoch 1 - iter 4/5 - loss 0.50000000
2019-03-01 10:00:02,500 EPOCH 1 done: loss 0.5000 - lr 0.1000 - bad epochs 0
2019-03-01 10:00:03,500 DEV  : loss 0.25000000 - f-score 0.8750 - acc 0.7500
2019-03-01 10:00:04,500 TEST : loss 0.37500000 - f-score 0.7500 - acc 0.6250
""",
            (
                Record("config", facts={"steps_per_epoch": 5}, line=1),
                Record("train", 4, 0.8, metrics={"loss": 0.5}, line=1),
                Record("config", facts={"save_best": "f-score"}, line=3),
                Record("eval", None, None, None, {"f-score": 0.875}, {"split": "val"}, 3),
                Record("eval", None, None, None, {"f-score": 0.75}, {"split": "test"}, 4),
            ),
        ),
    )

    def parser(self, file: str) -> FlairParser:
        """Return a fresh parser for a log."""
        return FlairParser(RowReader(file, self.axis(), self.naming), self.naming)

    def axis(self) -> Axis:
        """Return the axis of a log: all counts from 1."""
        return Axis(epoch_base=1, inner_base=1)


FORMAT = FlairText()
