"""What the consoles of gradient boosting have in common (XGBoost, LightGBM, CatBoost).

A line tells the metrics of every data set after so many trees. The trees are counted anew when a
training begins; when it ends, the line of the best one is printed again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import OUT_OF_PATIENCE
from copilot_analytics.formats._rows import RowReader
from copilot_analytics.formats._statements import StatementFormat, StatementParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from copilot_analytics.records import Floats, Ints, Item, Record

NOT_TRAINING = re.compile(r"^(?!d?train|learn|fit)", re.IGNORECASE)
"""Finds metrics of data sets that the trees are not fitted to."""

_ROUNDS = re.compile(
    r"(?<!\w)(?:num_iterations?|num_boost_rounds?|n_estimators|num_rounds?|num_trees?|n_?rounds)"
    r"['\"]?\s{0,9}[:=]\s{0,9}['\"]?(?P<count>\d{1,7})(?:\.0{1,9})?(?![\w.])"
)
_LONGEST = 20_000
_BEST = re.compile(r"best (?:iteration|round)(?: is)?:\s*$", re.IGNORECASE)
_NO_BETTER = re.compile(r"(?:^|\s)(?:early )?stopping[.,] best", re.IGNORECASE)
_TO_THE_END = re.compile(r"did not meet early", re.IGNORECASE)


class BoostingParser(StatementParser):
    """Tells trainings apart, and the best line that is printed again."""

    _last = -1.0
    _repeats = False  # whether the next line is the best one
    _ended = False
    _rounds: int | None = None  # that settings plan, until others do

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterator[Item]:
        """Turn the numbers of lines into records."""
        for row, (step, line) in enumerate(
            zip(columns["#step"].tolist(), lines.tolist(), strict=True)
        ):
            if self._repeats:
                self._repeats = False
                self._ended = True
                continue
            if step < self._last or (self._ended and step == self._last):
                yield self._rows.record(
                    "launch", line, facts={"reason": f"the trees are counted from {step:g} again"}
                )
                self._rows.forget()
                self._last = -1.0
            if self._rounds is not None and self._last < 0:
                last = self._rounds if step else self._rounds - 1  # XGBoost counts trees from 0
                yield from self._rows.config({"planned_steps": last}, line)
            self._last, self._ended = step, False
            one = {name: column[row : row + 1] for name, column in columns.items()}
            yield from self.row(one, line, lines[row : row + 1])

    def row(self, columns: dict[str, Floats], line: int, lines: Ints) -> Iterator[Item]:
        """Turn the numbers of one line into records."""
        yield from self._rows.rows(columns, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Take the announcement of the best line, which ends a training."""
        if _BEST.search(line[-60:]):
            self._repeats = True
            facts: Mapping[str, Any] = {"reason": "it printed its best tree"}
            if _NO_BETTER.search(line) and not _TO_THE_END.search(line):
                facts = OUT_OF_PATIENCE
            return [self._rows.record("end", number, facts=facts)]
        rounds = _ROUNDS.search(line, 0, _LONGEST)
        if rounds is not None and int(rounds["count"]) > 0:
            self._rounds = int(rounds["count"])
        return super().parse(line, number)


class BoostingFormat(StatementFormat):
    """A console that counts trees."""

    parser_class: ClassVar[type[BoostingParser]] = BoostingParser

    def axis(self) -> Axis:
        """Return an axis of trees."""
        return Axis("tree")

    def parser(self, file: str) -> BoostingParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return self.parser_class(self.patterns, rows, self.naming)
