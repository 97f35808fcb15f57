"""The console and the metric log of torchtune."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.records import Floats, Ints, Item

_PAIRS = re.compile(rf"(?<![\w/])(?P<key>[A-Za-z][\w/]{{0,60}}):(?P<number>{NUMBER})(?=\s|$)")


class TorchtuneParser(StatementParser):
    """Takes the first of the frames that the bar draws at each step: the loss is in its title."""

    _step = -1.0

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn frames into blocks, one row a step."""
        before = np.concatenate(([self._step], columns["#step"][:-1]))
        is_new = columns["#step"] != before
        self._step = float(columns["#step"][-1])
        if not is_new.any():
            return ()
        return super().block({n: c[is_new] for n, c in columns.items()}, lines[is_new])


class TorchtuneText(StatementFormat):
    """``1|10|Loss: 2.1:   3%|#  | 10/300 [...]`` and ``Step 10 | loss:2.1 lr:2e-05``."""

    name: ClassVar[str] = "torchtune_text"
    title: ClassVar[str] = "torchtune log"
    url: ClassVar[str] = "https://github.com/pytorch/torchtune"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming()
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"^\s{{0,9}}(?P<epoch>\d{{1,9}})\|(?P<step>\d{{1,12}})\|Loss: (?P<loss>{NUMBER}):"
                r"\s{1,4}\d{1,3}%\|"
            ),
        ),
        Pattern(
            "train",
            re.compile(rf"^Step (?P<step>\d{{1,12}}) \| (?P<rest>loss:{NUMBER} [^\n]{{1,1000}})$"),
            _PAIRS,
        ),
        Pattern(
            "checkpoint",
            re.compile(
                r"\bModel checkpoint of size [\d.]{1,12} [GM]i?B saved to (?P<path>\S{1,400})"
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
1|10|Loss: 2.125:   3%|#   | 9/300 [00:09<03:37,  1.01s/it]
1|10|Loss: 2.125:   3%|#   | 10/300 [00:10<03:37,  1.01s/it]
1|11|Loss: 2.0:   3%|#   | 11/300 [00:11<03:36,  1.01s/it]
""",
            (
                Record("train", 10, metrics={"loss": 2.125}, line=1),
                Record("train", 11, metrics={"loss": 2.0}, line=3),
            ),
        ),
        Sample(
            "Step 1 | loss:2.5 lr:2e-05 tokens_per_second_per_gpu:900.5 \n",
            (Record("train", 1, metrics={"loss": 2.5, "lr": 2e-5}, line=1),),
        ),
    )

    def parser(self, file: str) -> TorchtuneParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return TorchtuneParser(self.patterns, rows, self.naming)


FORMAT = TorchtuneText()
