"""Text logs that people print by hand: the reader learns the lines of the log before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import LineParser, LogFormat, Sample
from copilot_analytics.formats._coco import coco_average
from copilot_analytics.formats._home_bars import FirstBars, Frame, read_frame
from copilot_analytics.formats._home_evaluations import Evaluations, Result
from copilot_analytics.formats._home_evidence import Evidence
from copilot_analytics.formats._home_line_kinds import (
    DECIMAL,
    FINAL,
    MEMBER,
    OF_FOLD,
    OF_SAMPLE,
    SECTION,
    may_measure,
    says_the_end,
)
from copilot_analytics.formats._home_plan import stated_plan
from copilot_analytics.formats._home_row_fields import (
    are_measures,
    columns_of,
    fields_of,
    has_bare_splits,
    is_of_training,
    is_row,
    is_terse,
    joined,
    number_of,
    numbers_of,
)
from copilot_analytics.formats._home_rows import HomeRows
from copilot_analytics.formats._home_vocabulary import (
    OF_THE_BEST,
    is_bookkeeping,
    is_decisive,
    is_quality,
    split_in,
)
from copilot_analytics.formats._home_words import LONGEST_LINE, read_line
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import Block, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._base import Field
    from copilot_analytics.formats._home_readings import Reading
    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Floats, Ints, Item

_LONGEST_HEADER = 160
_MOST_HEADER_WORDS = 8
_FEWEST_ROWS = 4
_FEWEST_UNKNOWN = 10  # rows that count epochs and iterations, of measures with unknown names


class HomeTextParser(LineParser):
    """Reads a log by what its lines look like."""

    def __init__(self, file: str) -> None:
        self._rows = HomeRows(file)
        self._evaluations = Evaluations(self._rows)
        self._section: Split | None = None
        self._repeats = False  # whether lines without an axis sum up what was said
        self._frame: Frame | None = None
        self._first_bars = FirstBars()
        self._held_out: set[Split] = set()  # the splits that results named so far

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a line stand that says what it measured, and when."""
        if len(line) > LONGEST_LINE or read_frame(line, 0) is not None:
            return None
        if not may_measure(line):
            return None
        reading = read_line(line)
        if not is_row(reading):
            return None
        return [*reading.stamp.fields, *fields_of(reading)]

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of such lines into blocks, and evaluations beside them."""
        items = [*self._before_row(), *self._rows.placed(joined(columns), lines)]
        self._evaluations.learn(items)
        return items

    def parse(self, line: str, number: int) -> Iterable[Item]:
        """Read any other line."""
        frame = read_frame(line, number)
        if frame is None:
            return list(self._line(line, number))
        return list(self._draw(frame))

    def close(self) -> Iterable[Item]:
        """Say what waited for the next line, and what the lines showed of the plan."""
        items = [*self._end_bar(), *self._rows.flush(), *self._evaluations.close()]
        return [*items, *self._rows.reader.learned()]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What rows stated of the plan."""
        return self._rows.axis.facts

    @property
    def counts_inner(self) -> bool:
        """Whether rows count iterations of their epoch."""
        return self._rows.counts_inner

    def _before_row(self) -> Iterator[Item]:
        yield from self._end_bar()
        yield from self._evaluations.release()
        yield from self._rows.flush()
        self._section, self._repeats = None, False

    def _line(self, line: str, number: int) -> Iterator[Item]:
        if len(line) > LONGEST_LINE:
            yield from self._plan(line, number)
            return
        average = coco_average(line)
        if average is not None:
            yield from self._coco(*average, number)
            return
        if not may_measure(line):
            yield from self._plan(line, number)
            yield from self._story(line, line[find_stamp(line).message :], number)
            return
        reading = read_line(line)
        message = line[reading.stamp.message :]
        if not reading.qualities:
            yield from self._plan(line, number)
        if self._rows.has_rows and says_the_end(message):
            yield from self._story(line, message, number)
        elif reading.is_remark or reading.is_other_rank:
            yield from self._choice(line, number)
        elif is_row(reading):
            columns = columns_of(line, reading)
            yield from self._before_row()
            yield from self._rows.placed(columns, np.array([number]))
        elif reading.qualities or has_bare_splits(reading):
            yield from self._measures(line, reading, number)
        elif "#epoch" in reading.places:
            yield from self._header(line, reading, number)
        else:
            yield from self._story(line, message, number)

    def _story(self, line: str, message: str, number: int) -> Iterator[Item]:
        """Take a line that measures nothing; it may say what the next ones are about."""
        if self._rows.has_rows and says_the_end(message):
            yield from self._before_row()
            yield self._rows.reader.record("end", number, facts={"reason": message.strip()})
        elif SECTION.match(message + " "):
            split = split_in(line)
            self._section = split if split in {"val", "test"} else None
            self._repeats = False
        elif self._rows.has_rows and FINAL.match(message):
            self._repeats = True

    def _coco(self, name: str, value: float, number: int) -> Iterator[Item]:
        """Take the one line of the table of pycocotools that counts: AP over all thresholds."""
        if name == "AP":
            yield from self._before_result()
            result = Result({}, {"val": {name: value}}, number)
            yield from self._evaluations.take(result)

    def _plan(self, line: str, number: int) -> Iterator[Item]:
        plan = stated_plan(line)
        if plan and (not self._rows.has_rows or "Namespace(" in line):
            yield from self._rows.reader.config(plan, number)

    def _choice(self, line: str, number: int) -> Iterator[Item]:
        """Learn from ``new best val loss 0.31`` by what checkpoints are chosen."""
        if OF_THE_BEST.search(line):
            printed = {float(text) for text in DECIMAL.findall(line)}
            chosen = self._evaluations.chosen_by(printed)
            if chosen is not None:
                yield from self._rows.reader.config({"save_best": chosen}, number)

    def _header(self, line: str, reading: Reading, number: int) -> Iterator[Item]:
        if len(line) > _LONGEST_HEADER or reading.words > _MOST_HEADER_WORDS:
            return
        places = numbers_of(line, reading.places)
        if "#run" in places:
            return
        self._repeats = False
        self._section = reading.split if reading.split in {"val", "test"} else None
        if places["#epoch"] != self._rows.header:
            yield from self._end_bar()
            yield from self._evaluations.release()
            yield from self._rows.enter(places["#epoch"], places.get("#epochs"), number)

    def _measures(self, line: str, reading: Reading, number: int) -> Iterator[Item]:
        """Read a line of results, or a training line that does not say where it is."""
        measured = [m for m in reading.metrics if not is_bookkeeping(m.name)]
        splits = {m.split for m in measured}
        if not reading.has_axis and (
            self._repeats
            or not is_terse(reading)
            or not are_measures(measured)
            or OF_FOLD.search(line)
        ):
            return
        if None not in splits and "train" not in splits:
            yield from self._result(line, reading, number, None)
            return
        if reading.has_axis or OF_SAMPLE.match(line):
            return
        yield from self._end_bar()  # it may tell the split
        split = self._section or self._evaluations.section
        if split is None and self._rows.has_rows and not is_of_training(measured):
            split = "test" if self._held_out == {"test"} else "val"
        if split is not None and "train" not in splits:
            yield from self._result(line, reading, number, split)
            return
        columns = columns_of(line, reading)
        yield from self._end_bar()
        yield from self._evaluations.release()
        sure = "train" in splits and bool(splits & {"val", "test"})
        yield from self._rows.unplaced(columns, np.array([number]), sure=sure)

    def _result(
        self, line: str, reading: Reading, number: int, split: Split | None
    ) -> Iterator[Item]:
        numbers = numbers_of(line, reading.places)
        numbers |= {f.name: float(line[f.start : f.end]) for f in reading.stamp.fields}
        by_split: dict[Split, dict[str, float]] = {}
        for metric in reading.metrics:
            if not is_bookkeeping(metric.name):
                of = metric.split or split or "val"
                self._held_out.add(of)
                by_split.setdefault(of, {})[metric.name] = number_of(line, metric.parts)
        yield from self._before_result()
        yield from self._evaluations.take(Result(numbers, by_split, number))

    def _before_result(self) -> Iterator[Item]:
        yield from self._end_bar()
        yield from self._rows.flush()

    def _draw(self, frame: Frame) -> Iterator[Item]:
        """Take a frame of a progress bar."""
        held = self._frame
        if held is not None and not held.goes_on(frame):
            yield from self._end_bar()
        elif held is not None and frame.done > held.done and self._is_axis(held):
            yield from self._point(held)
        if frame.total:
            self._frame = frame
            yield from self._bar_plan(frame)
        after = frame.after.strip()
        if after:
            yield from self._glued(frame, after)

    def _bar_plan(self, frame: Frame) -> Iterator[Item]:
        title = frame.title.lower()
        counts_epochs = "epoch" in title and not any(c.isdigit() for c in title)
        if counts_epochs and frame.total > 1:
            yield from self._rows.reader.config({"planned_epochs": frame.total}, frame.line)

    def _glued(self, frame: Frame, after: str) -> Iterator[Item]:
        """Read what was printed behind a bar that other lines follow: it counts epochs."""
        reading = read_line(after)
        is_outer = reading.qualities or "#epoch" in reading.places
        if is_outer and not reading.is_remark and not frame.which[1] and frame.total > 1:
            self._frame = None
            yield from self._rows.reader.config({"planned_epochs": frame.total}, frame.line)
            if self._rows.header is None and not reading.has_axis:
                yield from self._rows.enter(float(frame.done), None, frame.line)
        yield from self._line(after, frame.line)

    def _is_axis(self, frame: Frame) -> bool:
        """Tell whether each frame is a point, because nothing else says where training is."""
        if frame.done <= 0 or frame.which[1]:
            return False
        return self._rows.header is None or frame.counts_steps

    def _end_bar(self) -> Iterator[Item]:
        if self._frame is not None:
            frame, self._frame = self._frame, None
            if frame.is_whole or self._is_axis(frame):
                yield from self._point(frame)

    def _point(self, frame: Frame) -> Iterator[Item]:
        """Yield what a frame measured."""
        text = frame.text
        reading = read_line(text)
        if not reading.qualities or reading.is_remark:
            return
        self._frame = None
        measured = [m for m in reading.metrics if not is_bookkeeping(m.name)]
        if (
            reading.split in {"val", "test"}
            or all(m.split in {"val", "test"} for m in measured)
            or (
                "#epoch" not in reading.places
                and self._first_bars.precede(frame, reading.metrics, self._rows.header)
            )
        ):
            places = {k: v for k, v in reading.places.items() if k in {"#epoch", "#step"}}
            placed = replace(reading, places=places)
            yield from self._result(text, placed, frame.line, reading.split)
            return
        columns = columns_of(text, reading)
        if "#count" in columns and "#epoch" not in columns:
            columns["#epoch"] = columns.pop("#count")
            columns["#epochs"] = columns.pop("#count_of", columns["#epoch"] * 0)
        for name in ("#count", "#count_of", "#inner", "#inner_of"):
            columns.pop(name, None)
        yield from self._evaluations.release()
        if frame.counts_steps:
            columns = {name: column for name, column in columns.items() if name != "#epoch"}
            columns["#step"] = np.array([float(frame.done)])
            columns["#steps"] = np.array([float(frame.total)])
        elif "#epoch" not in columns:
            if self._rows.header is None:
                columns["#inner"] = np.array([float(frame.done)])
                columns["#inner_of"] = np.array([float(frame.total)])
            else:
                columns["#epoch"] = np.array([self._rows.header])
        yield from self._rows.placed(columns, np.array([frame.line]))


class HomeText(LogFormat):
    """``Epoch 3/60 | train loss: 0.31 | val acc: 91.2%`` and whatever else people print."""

    name: ClassVar[str] = "home_text"
    title: ClassVar[str] = "log that a script prints by hand"
    url: ClassVar[str] = "https://docs.python.org/3/library/functions.html#print"
    smoothing: ClassVar[int | None] = None
    is_fallback: ClassVar[bool] = True
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Namespace(epochs=3, lr=0.01)
Epoch 1/3 | Train Loss: 1.50 | Val Loss: 1.40, Acc: 51.5% <- best
Epoch 2/3 | Train Loss: 1.25 | Val Loss: 1.30, Acc: 60.0% <- best
""",
            (
                Record("config", facts={"planned_epochs": 3}, line=1),
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"Train Loss": 1.5}, line=2),
                Record("eval", 1, 1.0, metrics={"Val Loss": 1.4, "val Acc": 51.5}, line=2),
                Record("train", 2, 2.0, metrics={"Train Loss": 1.25}, line=3),
                Record("eval", 2, 2.0, metrics={"Val Loss": 1.3, "val Acc": 60.0}, line=3),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: several training points of one kind, further and further on."""
        parser = HomeTextParser("")
        kinds: dict[tuple[str, ...], Evidence] = {}
        unknown = Evidence()
        plays = False  # whether episodes are counted, as only the training of agents does
        for number, line in enumerate(lines, 1):
            if line.lstrip()[:2] in {'{"', "[{"} or MEMBER.match(line):
                continue
            plays = plays or "episod" in line.lower()
            for item in _said(parser, line, number):
                if plays and isinstance(item, Record) and item.kind == "eval":
                    kinds.setdefault(("", *item.metrics), Evidence()).add_result(item)
                if not isinstance(item, Block):
                    continue
                names = tuple(
                    name
                    for name in item.metrics
                    if is_decisive(name) or (plays and is_quality(name))
                )
                if names:
                    kinds.setdefault(names, Evidence()).add(item)
                elif len(item.metrics) > 1 and parser.counts_inner:
                    unknown.add(item)
            told = any(kind.is_a_training(_FEWEST_ROWS) for kind in kinds.values())
            if told or unknown.is_a_training(_FEWEST_UNKNOWN):
                return 0.97
        if any(kind.is_a_training(2) for kind in kinds.values()):
            return 0.6
        is_planned = {"planned_epochs", "steps_per_epoch"} & parser.facts.keys()
        return 0.6 if kinds and is_planned else 0.0

    def parser(self, file: str) -> HomeTextParser:
        """Return a fresh parser for a log."""
        return HomeTextParser(file)


def _said(parser: HomeTextParser, line: str, number: int) -> Iterable[Item]:
    fields = parser.fields(line)
    if not fields:
        return parser.parse(line, number) if line and not line.isspace() else ()
    columns = {f.name: np.array([float(line[f.start : f.end])]) for f in fields}
    return parser.block(columns, np.array([number]))


FORMAT = HomeText()
