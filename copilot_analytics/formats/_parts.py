"""Text logs that tell one result, or one point of the training, on several lines.

A validation may print its running mean batch by batch, and only the last line is the result;
another prints a line for every metric. Such lines are gathered, and said as one row as soon as a
line says that there is no more, or before the next statement of another kind.

Caffe, Deeplearning4j, Detectron2, DETR, Swin, timm, GluonCV, Paddle, BasicSR and YOLOX print so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import LONGEST_LINE, judges_each_line
from copilot_analytics.formats._coco import CocoSummary
from copilot_analytics.formats._line_by_line import one_row
from copilot_analytics.formats._rows import RowReader
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.formats._statements import (
    Pattern,
    StatementFormat,
    StatementKind,
    StatementParser,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._rows import Naming
    from copilot_analytics.records import Floats, Ints, Item, Record


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of line that tells a part of a row.

    Parameters
    ----------
    pattern
        Of kind ``train`` or ``eval``, for the whole row. Numbers that come again replace those
        before.
    opens, closes
        Whether such a line is the first or the last of its row; otherwise lines of other kinds
        bound it.
    """

    pattern: Pattern
    opens: bool = False
    closes: bool = False


_NOT_TRAINING: tuple[StatementKind, ...] = (
    "eval",
    "epoch",
    "config",
    "checkpoint",
    "resume",
    "end",
)
_COCO = Part(Pattern("eval", re.compile(r"^Average ")))


class PartsParser(StatementParser):
    """Reads a log by patterns, and gathers what stands on several lines."""

    def __init__(
        self,
        patterns: tuple[Pattern, ...],
        parts: tuple[Part, ...],
        rows: RowReader,
        naming: Naming,
        *,
        reads_coco: bool = False,
        reads_settings: bool = False,
    ) -> None:
        super().__init__(patterns, rows, naming, reads_settings=reads_settings)
        self._coco = CocoSummary() if reads_coco else None
        self._parts = parts
        self._row: dict[str, float] = {}
        self._of: Pattern | None = None
        self._line = 0

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of training lines into blocks, after what was gathered before them."""
        return [*self.flush(), *super().block(columns, lines)]

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        found = self._coco.see(line) if self._coco else None
        if found:
            if found.keys() & self._row.keys():
                return [*self.flush(), *self.gather(_COCO, found, number)]
            return list(self.gather(_COCO, found, number))
        part, numbers = self._part_of(line)
        if part is not None:
            return list(self.gather(part, numbers, number))
        if not self._row or self._match(line, _NOT_TRAINING)[0] is None:
            return super().parse(line, number)
        return [*self.flush(), *super().parse(line, number)]

    def close(self) -> Iterable[Record]:
        """Say what is still gathered, and what the lines showed of the length of an epoch."""
        return [*self.flush(), *super().close()]

    def gather(self, part: Part, numbers: Mapping[str, float], line: int) -> Iterator[Record]:
        """Take what a part of a row tells."""
        pattern = part.pattern
        of = self._of
        if part.opens or (of and (of.kind, of.split) != (pattern.kind, pattern.split)):
            yield from self.flush()
        self._row.update(numbers)
        self._of, self._line = pattern, line
        if part.closes:
            yield from self.flush()

    def flush(self) -> Iterator[Record]:
        """Say what was gathered."""
        row, of = self._row, self._of
        self._row, self._of = {}, None
        if of is None or all(name[0] == "#" for name in row):
            return
        if of.kind == "eval":
            yield from self._rows.evaluation(row, self._line, of.split)
        else:
            yield from one_row(self._rows, row, self._line)

    def _part_of(self, line: str) -> tuple[Part | None, dict[str, float]]:
        if len(line) > LONGEST_LINE:
            return None, {}
        stamp = None
        for part in self._parts:
            stamp = find_stamp(line) if stamp is None else stamp
            found = part.pattern.regex.search(line, stamp.message)
            if found is not None:
                fields = [*stamp.fields, *self._numbers(part.pattern, found, line)]
                return part, {f.name: float(line[f.start : f.end]) for f in fields}
        return None, {}


class PartsFormat(StatementFormat):
    """A text format that is declared by patterns, for whole lines and for parts of rows.

    Attributes
    ----------
    parts : tuple of Part
        In the order in which they are tried, before the patterns of whole statements.
    reads_coco : bool
        Whether the summary of pycocotools is a part too.
    """

    patterns: ClassVar[tuple[Pattern, ...]] = ()
    parts: ClassVar[tuple[Part, ...]] = ()
    reads_coco: ClassVar[bool] = False

    def parser(self, file: str) -> PartsParser:
        """Return a fresh parser for a log."""
        rows = RowReader(file, self.axis(), self.naming)
        return PartsParser(
            self.patterns,
            self.parts,
            rows,
            self.naming,
            reads_coco=self.reads_coco,
            reads_settings=self.reads_settings,
        )

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a training line settles it, or a part of one."""
        sure = super().confidence(lines)
        parts = [part.pattern.regex for part in self.parts if part.pattern.kind == "train"]
        found = sure or any(regex.search(line) for regex in parts for line in lines)
        return 1.0 if found else 0.0
