"""The console of CatBoost: ``10:	learn: 0.5	test: 0.6	best: 0.6 (10)	total: 1s``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._boosting import BoostingFormat, BoostingParser
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.records import Floats, Ints, Item

_TOTAL = {"total_h": 3600.0, "total_m": 60.0, "total_s": 1.0, "total_ms": 1e-3}


class CatBoostParser(BoostingParser):
    """Learns from the best value whether the metric, which has no name, is better when lower."""

    def __init__(self, patterns: tuple[Pattern, ...], rows: RowReader, naming: Naming) -> None:
        super().__init__(patterns, rows, naming)
        self._direction = ""
        self._best = math.nan

    def row(self, columns: dict[str, Floats], line: int, lines: Ints) -> Iterator[Item]:
        """Turn the numbers of one line into records."""
        parts = [columns.pop(name) * factor for name, factor in _TOTAL.items() if name in columns]
        if parts:
            columns["#time_s"] = np.sum(parts, axis=0)
        best = columns.pop("best", None)
        test = "test" if "test" in columns else "test1"
        if columns["#step"][0] == 0:
            self._best = math.nan
        if best is not None and test in columns:
            worse = columns[test][0] if best[0] != columns[test][0] else self._best
            if best[0] != worse and not math.isnan(worse):
                self._direction = "min" if best[0] < worse else "max"
            self._best = best[0]
        yield from super().row(columns, line, lines)
        if self._direction:
            facts = {"save_best": test, "save_best_direction": self._direction}
            yield from self._rows.config(facts, line)


class CatBoostText(BoostingFormat):
    """A line every few trees."""

    name: ClassVar[str] = "catboost_text"
    title: ClassVar[str] = "CatBoost console log"
    url: ClassVar[str] = "https://catboost.ai/docs/"
    smoothing: ClassVar[int | None] = 1
    parser_class: ClassVar[type[BoostingParser]] = CatBoostParser
    naming: ClassVar[Naming] = Naming(test_is_val=True, evaluations=re.compile(r"^test\d{0,2}$"))
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"(?:^|\s)(?P<step>\d{{1,9}}):(?:\s{{1,12}}learn: (?P<learn>{NUMBER}))?"
                rf"(?:\s{{1,12}}test: (?P<test>{NUMBER}))?"
                rf"(?:\s{{1,12}}test1: (?P<test1>{NUMBER}))?"
                rf"(?:\s{{1,12}}best: (?P<best>{NUMBER}) \(\d{{1,9}}\))?"
                r"\s{1,12}total: (?:(?P<total_h>\d{1,6})h ?)?(?:(?P<total_m>\d{1,2})m ?)?"
                r"(?:(?P<total_s>\d{1,6}(?:\.\d{1,6})?)s|(?P<total_ms>\d{1,6}(?:\.\d{1,6})?)ms|\d{1,6}(?:\.\d{1,6})?us)?"
                r"\s{1,12}remaining: (?:(?P<eta_h>\d{1,6})h ?)?(?:(?P<eta_m>\d{1,2})m ?)?"
                r"(?:(?P<eta_s>\d{1,6}(?:\.\d{1,6})?)s|\d{1,6}(?:\.\d{1,6})?[mu]s)?\s*$"
            ),
        ),
        Pattern("end", re.compile(r"^Stopped by overfitting detector\s+(?P<reason>\(.{1,60}\))")),
        Pattern("end", re.compile(r"^best(?P<reason>Test = .{1,60})$")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "0:\tlearn: 0.75\ttest: 0.875\tbest: 0.875 (0)\ttotal: 50ms\tremaining: 1m 5s\n"
            "10:\tlearn: 0.5\ttest: 1.0\tbest: 0.875 (0)\ttotal: 1m 2s\tremaining: 30s\n"
            "bestTest = 0.875\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 0, time=0.05, metrics={"learn": 0.75, "eta_s": 65.0}, line=1),
                Record("eval", 0, metrics={"test": 0.875}, facts={"split": "val"}, line=1),
                Record("train", 10, time=62.0, metrics={"learn": 0.5}, line=2),
                Record("eval", 10, metrics={"test": 1.0}, line=2),
                Record("config", facts={"save_best": "test", "save_best_direction": "min"}, line=2),
                Record("end", line=3),
            ),
        ),
        Sample(
            "0:\tlearn: 0.5\ttest: 0.25\tbest: 0.25 (0)\ttotal: 50ms\tremaining: 5s\n"
            "10:\tlearn: 0.75\ttest: 0.5\tbest: 0.5 (10)\ttotal: 1s\tremaining: 3s\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 0, metrics={"learn": 0.5}, line=1),
                Record("eval", 0, metrics={"test": 0.25}, line=1),
                Record("train", 10, metrics={"learn": 0.75}, line=2),
                Record("eval", 10, metrics={"test": 0.5}, line=2),
                Record("config", facts={"save_best": "test", "save_best_direction": "max"}, line=2),
            ),
        ),
        Sample(  # copied from a terminal, where blanks stand for tabs
            "7:      learn: 0.5      test: 0.25 best: 0.375 (3)      total: 50ms   remaining: 5s\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=1),
                Record("train", 7, metrics={"learn": 0.5}, line=1),
                Record("eval", 7, metrics={"test": 0.25}, line=1),
                Record("config", facts={"save_best": "test", "save_best_direction": "max"}, line=1),
            ),
        ),
    )


FORMAT = CatBoostText()
