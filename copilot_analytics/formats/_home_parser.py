"""Reads text logs that people print by hand (`home_text`), line by line.

Where a rule belongs:

====================================  ============================================================
a word of people                      `_home_vocabulary`
marks that make a token               `_home_tokens`
what a number is called               `_home_labels`
which place the words before it name  `_home_places`
a number that no word names           `_home_unnamed`
what only the whole line tells        `_home_whole_line`
the pass over a line                  `_home_words`, whose result is a `Reading`
lines told by a few words             `_home_line_kinds`, `_home_plan`, `_home_checkpoints`
drops of the learning rate            `_home_schedule`
how many steps other lines name       `_home_totals`
measures that no word calls results   `_home_judging`
what makes a line a row               `_home_row_fields`, `_home_plain` if it names no place
measures that only a split names      `_home_bare_splits`
measures printed twice, by a slash    `_home_pairs`
where rows stand                      `_home_rows`, `_home_repeats`, `_home_counter`
what headings say of lines below      `_home_section`
rounds that train for some epochs     `_home_passes`
many rows of an epoch without a count `_home_within`
results and running validations       `_home_evaluations`
frames of bars, and where they stand  `_home_bars`, `_home_bar_reader`
which frames of long bars are points  `_home_long_bars`
what is enough for a training         `_home_evidence`, `home_text`
====================================  ============================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics.formats._base import LineParser
from copilot_analytics.formats._coco import coco_average
from copilot_analytics.formats._eval_size import EvalSize
from copilot_analytics.formats._home_bar_reader import BarReader
from copilot_analytics.formats._home_bare_splits import tells_splits
from copilot_analytics.formats._home_bars import Frame, read_frame
from copilot_analytics.formats._home_checkpoints import (
    best_told,
    is_newest,
    resumed_from,
    saved_checkpoint,
)
from copilot_analytics.formats._home_choice import stated_choice
from copilot_analytics.formats._home_evaluations import Evaluations, Result, result_of
from copilot_analytics.formats._home_line_kinds import (
    FINAL,
    OF_SAMPLE,
    end_of,
    may_measure,
    said_in,
    says_the_end,
)
from copilot_analytics.formats._home_plain import Episodes, is_brief, is_plain, sums_up
from copilot_analytics.formats._home_plan import stated_plan, stated_rounds
from copilot_analytics.formats._home_row_fields import (
    AXIS,
    columns_of,
    fields_of,
    is_amount,
    is_of_training,
    is_place,
    is_played,
    is_row,
    joined,
    number_of,
    numbers_of,
)
from copilot_analytics.formats._home_rows import HomeRows
from copilot_analytics.formats._home_schedule import ScheduleSettings
from copilot_analytics.formats._home_section import Section
from copilot_analytics.formats._home_vocabulary import (
    OF_THE_BEST,
    is_bookkeeping,
    is_loss,
    split_in,
)
from copilot_analytics.formats._home_words import LONGEST_LINE, read_line
from copilot_analytics.formats._stamps import find_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._base import Field
    from copilot_analytics.formats._home_readings import Reading
    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Floats, Ints, Item

_LONGEST_HEADER, _MOST_HEADER_WORDS = 160, 8


class HomeTextParser(LineParser):
    """Reads a log by what its lines look like."""

    def __init__(self, file: str) -> None:
        self._rows = HomeRows(file)
        self._evaluations = Evaluations(self._rows)
        self._section = Section()
        self._repeats = False  # whether lines without an axis sum up what was said
        self._bars = BarReader(self._rows, self._evaluations)
        self._is_played = False  # whether the place that was named last is an episode
        self._schedule = ScheduleSettings()
        self._size = EvalSize()
        self._episodes = Episodes()

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a line stand that says what it measured, and when."""
        if len(line) > LONGEST_LINE or read_frame(line, 0) is not None:
            return None
        if not may_measure(line):
            return None
        reading = read_line(line)
        if not is_row(reading) and not self._is_plain(line, reading):
            return None
        return [*reading.stamp.fields, *fields_of(reading)]

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of such lines into blocks, and evaluations beside them."""
        row = joined(columns)
        if AXIS.isdisjoint(row):
            return list(self._plain_rows(row, lines))
        items: list[Item] = []
        split = self._section.held_out
        if split is not None and self._rows.repeats.is_again(row):
            items += self._results_of(split, row, lines[:1], has_axis=True)
            row, lines = {name: column[1:] for name, column in row.items()}, lines[1:]
            self._section.leave()
        if len(lines):
            items += [*self._before_row(row), *self._rows.placed(row, lines)]
        self._evaluations.learn(items)
        return items

    def parse(self, line: str, number: int) -> Iterable[Item]:
        """Read any other line."""
        if (frame := read_frame(line, number)) is None:
            return list(self._line(line, number))
        return list(self._draw(frame))

    def close(self) -> Iterable[Item]:
        """Say what waited for the next line, and what the lines showed of the plan."""
        items = [*self._bars.close(), *self._rows.flush(), *self._evaluations.close()]
        return [*items, *self._rows.learned()]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What rows stated of the plan."""
        return self._rows.axis.facts

    @property
    def says_where(self) -> bool:
        """Whether anything said where training stands; rows are counted otherwise."""
        return self._rows.says_where

    @property
    def counts_inner(self) -> bool:
        """Whether rows count iterations of their epoch."""
        return self._rows.counts_inner

    @property
    def _has_begun(self) -> bool:
        """Whether anything was measured; some logs tell evaluations alone."""
        return self._rows.has_rows or bool(self._evaluations.splits)

    def _is_plain(self, line: str, reading: Reading) -> bool:
        """Tell whether a line measures the training, and does not say where it is."""
        names = [m.name for m in reading.metrics if not is_bookkeeping(m.name)]
        plays = bool(self._episodes.done) or not self.says_where
        return is_plain(line, reading, plays=plays and self._episodes.are_told(names))

    def _plain_rows(self, row: dict[str, Floats], lines: Ints) -> Iterator[Item]:
        """Place what plain lines measured, as `_measures` does one by one."""
        if self._repeats:
            return
        if self._episodes.are_told(row):
            yield from self._rows.placed({**row, "#count": self._episodes.count(len(lines))}, lines)
            return
        yield from self._bars.end()  # it may tell the split
        split = self._split_below()
        if split is not None and not any(split_in(name) == "train" for name in row):
            yield from self._results_of(split, row, lines)
            return
        self._bars.are_summed_up()
        yield from self._evaluations.release()
        yield from self._rows.unplaced(self._section.named(row), lines)

    def _split_below(self) -> Split | None:
        """Return the split of results that name none."""
        return None if self._section.trains else self._section.held_out or self._evaluations.section

    def _results_of(
        self, split: Split, row: Mapping[str, Floats], lines: Ints, *, has_axis: bool = False
    ) -> Iterator[Item]:
        names = [name for name in row if name[0] != "#" and not is_bookkeeping(name)]
        for place, number in enumerate(lines.tolist()):
            told = {name: float(column[place]) for name, column in row.items()}
            metrics = {name: told.pop(name) for name in names}
            result = Result(told, {split: metrics}, number)
            yield from self._placed_result(result, has_axis=has_axis)

    def _before_row(self, row: Mapping[str, Floats]) -> Iterator[Item]:
        if "#epoch" in row and self._rows.header is None:
            planned = self._bars.beside(row["#epoch"])
            if planned is not None:
                yield from self._rows.reader.config({"planned_epochs": planned}, 0)
        yield from self._bars.end()
        if "#epoch" in row:
            sums_up = any(is_loss(name) for name in row)
            yield from self._bars.name_epoch(float(row["#epoch"][0]), sums_up=sums_up)
        yield from self._evaluations.release()
        yield from self._rows.flush()
        self._section.leave()
        self._repeats = False

    def _line(self, line: str, number: int) -> Iterator[Item]:
        if not self._rows.has_rows or "Namespace(" in line:
            yield from self._settings(line, number)
        if len(line) > LONGEST_LINE:
            yield from self._plan(line, number)
            return
        if (average := coco_average(line)) is not None:
            yield from self._coco(*average, number)
            return
        if "esum" in line and (resumed := resumed_from(line[find_stamp(line).message :])):
            yield from self._before_row({})
            yield self._rows.reader.record("resume", number, facts=resumed)
            return
        if not may_measure(line):
            yield from self._plan(line, number)
            yield from self._story(line, line[find_stamp(line).message :], number)
            return
        reading = read_line(line)
        message = line[reading.stamp.message :]
        if not reading.qualities:
            yield from self._plan(line, number)
        below = self._rows.header is not None
        if self._has_begun and says_the_end(message) and not (below and sums_up(line, reading)):
            yield from self._story(line, message, number)
        elif reading.is_remark or reading.is_other_rank:
            yield from self._choice(line, number)
            yield from self._saved(line, message, number)
        elif is_row(reading):
            columns = columns_of(line, reading)
            yield from self._before_row(columns)
            yield from self._rows.placed(columns, np.array([number]))
        elif reading.qualities or tells_splits(line, reading, below=below):
            yield from self._measures(line, reading, number)
        elif "#epoch" in reading.places:
            yield from self._header(line, reading, number)
        elif is_place(line, reading):
            if self._is_played and is_amount(line):
                return  # "Steps: 98" of the episode that stands above
            self._is_played = is_played(line)
            yield from self._before_row({})
            self._rows.stand(columns_of(line, reading), line)
        else:
            yield from self._story(line, message, number)

    def _story(self, line: str, message: str, number: int) -> Iterator[Item]:
        """Take a line that measures nothing; it may say what the next ones are about."""
        if self._has_begun and says_the_end(message):
            yield from self._before_row({})
            yield self._rows.reader.record("end", number, facts=end_of(message))
            self._evaluations.is_over = True
            self._rows.repeats.forget()
            return
        said = said_in(message)
        if self._section.opens(said):
            self._repeats = False
        elif self._has_begun and saved_checkpoint(message) is not None:
            yield from self._choice(line, number)
            yield from self._saved(line, message, number)
        elif self._has_begun and FINAL.match(said):
            self._repeats = True

    def _coco(self, name: str, value: float, number: int) -> Iterator[Item]:
        """Take the one line of the table of pycocotools that counts: AP over all thresholds."""
        if name == "AP":
            yield from self._before_result()
            yield from self._evaluations.take(Result({}, {"val": {name: value}}, number))

    def _plan(self, line: str, number: int) -> Iterator[Item]:
        plan: dict[str, Any] = dict(stated_plan(line))
        if (choice := stated_choice(line)) is not None:
            plan["save_best"] = choice
        if not self._rows.has_rows or "Namespace(" in line:
            self._rows.totals.plan(stated_rounds(line))
            yield from self._rows.reader.config(plan, number)

    def _settings(self, line: str, number: int) -> Iterator[Item]:
        """Learn what settings say of the learning rate; a namespace is of a launch of its own."""
        if self._rows.has_rows:
            self._schedule.begin()
        if (schedule := self._schedule.see(line)) is not None:
            yield from self._rows.reader.config({"schedule": schedule}, number)

    def _saved(self, line: str, message: str, number: int) -> Iterator[Item]:
        """Tell a checkpoint; where it was saved is not told of one for an unknown best result."""
        if not self._has_begun or (saved := saved_checkpoint(message)) is None:
            return
        yield from self._evaluations.release()
        step = self._rows.axis.last_step if is_newest(line, saved, self._rows.axis) else None
        saved.pop("epoch", None)
        yield self._rows.reader.record("checkpoint", number, step=step or None, facts=saved)

    def _choice(self, line: str, number: int) -> Iterator[Item]:
        """Learn from ``new best val loss 0.31`` by what checkpoints are chosen."""
        told = best_told(line)
        if told is not None:
            yield from self._rows.reader.config(self._evaluations.choice(*told), number)

    def _header(self, line: str, reading: Reading, number: int) -> Iterator[Item]:
        if len(line) > _LONGEST_HEADER or reading.words > _MOST_HEADER_WORDS:
            return
        places = numbers_of(line, reading.places)
        if "#run" in places:
            return
        self._repeats = False
        self._section.take(reading.split)
        if places["#epoch"] != self._rows.header:
            yield from self._bars.end()
            yield from self._bars.head(places["#epoch"])
            yield from self._evaluations.release()
            epochs = places.get("#epochs")
            if places.get("#inner", -1.0) - places["#epoch"] in {0.0, 1.0}:
                epochs = places.get("#inner_of")  # "Epoch 12 (13/200):" counts both ways
            yield from self._rows.enter(places["#epoch"], epochs, number)

    def _measures(self, line: str, reading: Reading, number: int) -> Iterator[Item]:
        """Read a line of results, or a training line that does not say where it is."""
        measured = [m for m in reading.metrics if not is_bookkeeping(m.name)]
        splits = {m.split for m in measured}
        if not reading.has_axis and (self._repeats or not is_brief(line, reading, measured)):
            return
        if None not in splits and "train" not in splits:
            yield from self._result(line, reading, number, None)
            return
        if reading.has_axis or OF_SAMPLE.match(line):
            return
        yield from self._bars.end()  # it may tell the split
        split = self._split_below()
        judges = not is_of_training(measured) or OF_THE_BEST.search(line) is not None
        if split is None and self._rows.knows_training and judges and not self._section.trains:
            split = "test" if self._evaluations.splits == {"test"} else "val"
        if split is not None and "train" not in splits:
            yield from self._result(line, reading, number, split)
            return
        columns = self._section.named(columns_of(line, reading))
        if is_of_training(measured):
            self._bars.are_summed_up()
        yield from self._evaluations.release()
        sure = "train" in splits and bool(splits & {"val", "test"})
        items = list(self._rows.unplaced(columns, np.array([number]), sure=sure))
        self._evaluations.learn(items)
        yield from items

    def _result(
        self, line: str, reading: Reading, number: int, split: Split | None
    ) -> Iterator[Item]:
        yield from self._rows.reader.config(self._size.said(line), number)
        told = result_of(line, reading, number, split)
        yield from self._placed_result(told, has_axis=reading.has_axis)

    def _placed_result(self, result: Result, *, has_axis: bool = False) -> Iterator[Item]:
        if not has_axis:
            result.numbers.update(self._rows.standing(result.shape))
        yield from self._before_result()
        epoch = result.numbers.get("#epoch")
        yield from self._bars.before_result(epoch)
        self._rows.tell_epoch(epoch)
        yield from self._evaluations.take(result)

    def _before_result(self) -> Iterator[Item]:
        yield from self._bars.end()
        yield from self._bars.late()
        yield from self._rows.flush()

    def _draw(self, frame: Frame) -> Iterator[Item]:
        """Take a frame of a progress bar, and what was printed behind it."""
        yield from self._bars.draw(frame)
        if after := frame.after.strip():
            yield from self._glued(frame, after)

    def _glued(self, frame: Frame, after: str) -> Iterator[Item]:
        """Read what was printed behind a bar that other lines follow: it counts epochs."""
        reading = read_line(after)
        is_outer = reading.qualities or "#epoch" in reading.places
        if "#epoch" in reading.places:
            named = number_of(after, reading.places["#epoch"])
            is_outer = frame.done - 1 <= named <= frame.done + 1  # it may be drawn before
        if is_outer and not reading.is_remark and not frame.which[1] and frame.total > 1:
            self._bars.drop()
            yield from self._rows.reader.config({"planned_epochs": frame.total}, frame.line)
            if self._rows.header is None and not reading.has_axis:
                yield from self._rows.enter(float(frame.done), None, frame.line)
        yield from self._line(after, frame.line)
