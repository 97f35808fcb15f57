"""The training log of LeRobot, which rounds its counts: ``step:33K smpl:1M``."""

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

_PAIRS = re.compile(
    rf"(?P<key>loss|grdn|lr|updt_s|data_s|success|\S?rwrd|\w{{1,30}}_loss):(?P<number>{NUMBER})(?=%?(?:\s|$))"
)
_COUNT = r"\d{1,12}(?:\.\d{1,3})?[KMBTQ]?"
_REST = rf" smpl:{_COUNT} ep:{_COUNT} epch:(?P<progress>{NUMBER}) (?P<rest>[^\n]{{1,600}})"


class LeRobotParser(StatementParser):
    """Counts on where a printed step is rounded to thousands, as long as the rounding agrees."""

    _last = 0
    _interval = 0

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn training lines into blocks, at the steps that their rounded ones mean."""
        if "thousands" in columns or "millions" in columns:
            unit = 1000 if "thousands" in columns else 1_000_000
            name = "thousands" if unit == 1000 else "millions"
            printed = columns[name] * unit
            step = np.array([self._unrounded(int(at), unit) for at in printed.tolist()], np.float64)
            columns = {key: column for key, column in columns.items() if key != name}
            columns["#step"] = step
        elif "#step" in columns:
            for at in columns["#step"].tolist():
                self._interval, self._last = max(int(at) - self._last, 0), int(at)
        return super().block(columns, lines)

    def _unrounded(self, printed: int, unit: int) -> int:
        step = self._last + self._interval
        if not self._interval or abs(step - printed) > unit // 2:
            step = printed
        self._last = step
        return step


class LeRobotText(StatementFormat):
    """``step:400 smpl:13K ep:40 epch:1.01 loss:2.215 grdn:49.8 lr:1.0e-05 updt_s:0.5 ...``."""

    name: ClassVar[str] = "lerobot_text"
    title: ClassVar[str] = "LeRobot training log"
    url: ClassVar[str] = "https://github.com/huggingface/lerobot"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "grdn": "grad_norm",
            "data_s": "data_time_s",
            "updt_s": None,
            "success": "success rate",
            "∑rwrd": "reward",
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("train", re.compile(rf"\bstep:(?P<step>\d{{1,12}}){_REST}"), _PAIRS),
        Pattern("train", re.compile(rf"\bstep:(?P<thousands>\d{{1,12}})K{_REST}"), _PAIRS),
        Pattern("train", re.compile(rf"\bstep:(?P<millions>\d{{1,12}})M{_REST}"), _PAIRS),
        Pattern("config", re.compile(r"\bcfg\.steps=(?P<planned_steps>\d{1,12})\b")),
        Pattern("checkpoint", re.compile(r"\bCheckpoint policy after step (?P<step>\d{1,12})\b")),
        Pattern(
            "end",
            re.compile(r"\bEnd of training\b"),
            facts={"reason": "the log says that training ended"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
INFO 2024-03-01 10:20:29 train.py:107 cfg.steps=5000 (5K)
INFO 2024-03-01 10:20:30 train.py:117 step:400 smpl:3K ep:40 epch:1.01 loss:2.215 grdn:49.836 \
lr:1.0e-05 updt_s:0.504 data_s:0.083
INFO 2024-03-01 10:20:31 train.py:117 step:800 smpl:6K ep:80 epch:2.02 loss:1.125 grdn:9.5 \
lr:1.0e-05 updt_s:0.504 data_s:0.083
INFO 2024-03-01 10:20:32 train.py:117 step:1K smpl:10K ep:120 epch:3.03 loss:1.115 grdn:9.25 \
lr:1.0e-05 updt_s:0.504 data_s:0.083
INFO 2024-03-01 10:20:33 train.py:117 step:9K smpl:72K ep:900 epch:9.03 loss:1.015 grdn:9.125 \
lr:1.0e-05 updt_s:0.504 data_s:0.083
INFO 2024-03-01 10:20:34 train.py:190 Checkpoint policy after step 9000
INFO 2024-03-01 10:20:35 train.py:203 End of training
""",
            (
                Record("config", facts={"planned_steps": 5000}, line=1),
                Record("train", 400, 1.01, metrics={"loss": 2.215, "grad_norm": 49.836}, line=2),
                Record("train", 800, 2.02, metrics={"loss": 1.125, "lr": 1e-5}, line=3),
                Record("train", 1200, 3.03, metrics={"loss": 1.115}, line=4),
                Record("train", 9000, 9.03, metrics={"loss": 1.015}, line=5),
                Record("checkpoint", 9000, facts={"step": 9000}, line=6),
                Record("end", line=7),
            ),
        ),
    )

    def parser(self, file: str) -> LeRobotParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return LeRobotParser(self.patterns, rows, self.naming)


FORMAT = LeRobotText()
