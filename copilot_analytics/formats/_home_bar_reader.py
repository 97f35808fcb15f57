"""Places what progress bars of a home-made log measured (`home_text`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.formats._home_bars import FirstBars, Frame, UnnamedBars
from copilot_analytics.formats._home_evaluations import result_of
from copilot_analytics.formats._home_long_bars import LongBars, tells_a_training
from copilot_analytics.formats._home_row_fields import columns_of, number_of
from copilot_analytics.formats._home_vocabulary import is_bookkeeping
from copilot_analytics.formats._home_words import read_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from copilot_analytics.formats._home_evaluations import Evaluations
    from copilot_analytics.formats._home_readings import Reading
    from copilot_analytics.formats._home_rows import HomeRows
    from copilot_analytics.records import Floats, Item


_FEWEST_EPOCHS = 2


class BarReader:
    """Turns the frames of bars into items.

    A bar is known to be at its end by what comes next, so the last frame waits for that.
    """

    def __init__(self, rows: HomeRows, evaluations: Evaluations) -> None:
        self._rows = rows
        self._evaluations = evaluations
        self._frame: Frame | None = None
        self._is_full = False  # from the first of its frames on
        self._first_bars = FirstBars()
        self._unnamed = UnnamedBars()
        self._long = LongBars()
        self._outer: tuple[float, Frame] | None = None

    def draw(self, frame: Frame) -> Iterator[Item]:
        """Take a frame."""
        held = self._frame
        if held is not None and (not held.goes_on(frame) or self._is_another(held, frame)):
            yield from self.end()
        elif held is not None and frame.done > held.done:
            if self._is_long(held):
                yield from self._within(held)
            elif self._is_axis(held) and not self._runs_a_validation(held):
                yield from self._on_the_axis(held)
        if frame.total:
            if self._is_unnamed(frame):
                if self._frame is None:
                    yield from self._points(self._unnamed.begin(frame))
                self._unnamed.see(frame)
            is_first = self._frame is None or self._is_full
            self._is_full = is_first and frame.done == frame.total
            self._frame = frame
            yield from self._plan(frame)

    def _is_another(self, held: Frame, frame: Frame) -> bool:
        """Tell whether bars are drawn at their ends alone, each in a line of its own."""
        at_end = self._is_full and frame.done == frame.total == held.total
        return at_end and frame.line != held.line and frame.text != held.text

    def beside(self, epochs: Floats) -> int | None:
        """Return the total of a bar without a title that goes on by one with each epoch; or None.

        A loop over epochs draws it, and prints a line for each epoch below the bar.

        Parameters
        ----------
        epochs
            Of rows that come one after the other, shape ``(n,)``.
        """
        frame, epoch = self._frame, float(epochs[0])
        before, self._outer = self._outer, None
        if frame is None or frame.text or frame.total < _FEWEST_EPOCHS:
            return None
        if len(epochs) == 1:
            self._outer = epoch, frame
        if before is None or before[1].total != frame.total:
            return None
        moved = epoch - before[0], float(frame.done - before[1].done)
        is_here = frame.done - 1 <= epoch <= frame.done + 1
        return frame.total if moved == (1.0, 1.0) and is_here else None

    def drop(self) -> None:
        """Forget the last frame: what it measured is said by a line."""
        self._frame = None

    def end(self) -> Iterator[Item]:
        """Take the last frame for the end of its bar."""
        frame, self._frame = self._frame, None
        if frame is None:
            return
        if self._is_long(frame):
            yield from self._within(frame, ends=True)
        elif self._is_axis(frame):
            yield from self._on_the_axis(frame)
        elif frame.is_whole:
            yield from self._point(frame)

    def close(self) -> Iterator[Item]:
        """Yield what waited for other lines."""
        yield from self.end()
        yield from self._points(self._unnamed.release())
        yield from self.late()

    def name_epoch(self, epoch: float, *, sums_up: bool) -> Iterator[Item]:
        """Yield the end of the bar of an epoch that a line names, unless the line sums it up."""
        self._unnamed.name(epoch)
        if self._rows.header is None:
            frame = self._unnamed.settle()
            if frame is not None and not sums_up:
                yield from self._point(frame, epoch=epoch)

    def before_result(self, epoch: float | None) -> Iterator[Item]:
        """Yield what was drawn before a result, which may name its epoch."""
        if epoch is None:
            yield from self._points(self._unnamed.decide())
        else:
            yield from self.name_epoch(epoch, sums_up=False)

    def head(self, epoch: float) -> Iterator[Item]:
        """Take a header, which may name the epoch of the bar above; keep the end of that."""
        yield from self.late()
        frame = self._unnamed.settle()
        if frame is not None:
            self._unnamed.keep(frame, epoch)
            self._rows.headers_end = True

    def are_summed_up(self) -> None:
        """Leave out the end of a bar that was kept: a line below its header sums the epoch up."""
        self._unnamed.late()

    def late(self) -> Iterator[Item]:
        """Yield the end of a bar that no line below its header summed up."""
        late = self._unnamed.late()
        if late is not None:
            yield from self._point(late[0], epoch=late[1])

    def _plan(self, frame: Frame) -> Iterator[Item]:
        planned = frame.planned_epochs
        if frame.counts_epochs and frame.total > 1:
            planned = frame.total
        if planned:
            yield from self._rows.reader.config({"planned_epochs": planned}, frame.line)

    @property
    def _names_epochs(self) -> bool:
        """Whether headers name the epoch of what comes below them."""
        return self._rows.header is not None and not self._rows.headers_end

    def _is_axis(self, frame: Frame) -> bool:
        """Tell whether each frame is a point, because nothing else says where training is."""
        if frame.done <= 0 or (frame.which[1] and not frame.is_of_the_only_epoch):
            return False
        return not self._names_epochs or frame.counts_steps

    def _is_long(self, frame: Frame) -> bool:
        """Tell whether a frame is of the bar of a long epoch."""
        if frame.counts_steps or frame.counts_epochs or frame.is_of_the_only_epoch:
            return False
        return self._long.is_long(frame)

    def _within(self, frame: Frame, *, ends: bool = False) -> Iterator[Item]:
        """Yield what a frame of a long epoch measured, if it is far enough behind the last one."""
        if not self._long.reaches(frame, ends=ends):
            return
        reading = read_line(frame.text)
        if not reading.qualities or reading.is_remark:
            return
        self._unnamed.release()  # from before the bar was known to be long
        epoch = self._epoch_of(frame)
        if self._is_of_held_out(frame, reading, 1.0 if epoch is None else epoch):
            if ends and frame.is_whole:
                yield from self._result(frame, reading, epoch)
            return
        if tells_a_training(frame, reading) or (ends and frame.is_whole):
            self._long.take(frame)
            yield from self._trained(frame, reading, epoch, within=True)

    def _epoch_of(self, frame: Frame) -> float | None:
        """Return the epoch of a bar that does not name it itself."""
        if self._names_epochs and self._rows.header is not None:
            return self._rows.header
        return self._unnamed.epoch if self._is_unnamed(frame) else self._rows.header

    def _is_unnamed(self, frame: Frame) -> bool:
        """Tell whether neither a bar nor what came before the first such bar says where it is."""
        told = self._names_epochs or (self._rows.says_where and not self._unnamed.are_drawn)
        return not (told or frame.which[1] or frame.counts_steps or frame.counts_epochs)

    def _on_the_axis(self, frame: Frame) -> Iterator[Item]:
        if self._is_unnamed(frame):
            yield from self._points(self._unnamed.take(frame))
        else:
            yield from self._point(frame)

    def _points(self, frames: Iterable[tuple[Frame, int]]) -> Iterator[Item]:
        """Yield frames that are points, each with the number of its bar."""
        for frame, bar in frames:
            yield from self._point(frame, bar=bar)

    def _point(self, frame: Frame, *, bar: int = 1, epoch: float | None = None) -> Iterator[Item]:
        """Yield what a frame measured.

        Parameters
        ----------
        frame
            The frame.
        bar
            How many bars of its kind there were, if nothing else tells the epoch.
        epoch
            The epoch that a line named, if one did.
        """
        reading = read_line(frame.text)
        if not reading.qualities or reading.is_remark:
            return
        if epoch is None:
            epoch = self._rows.header
        number = float(bar) if epoch is None and bar > 1 else epoch
        here = float(bar) if epoch is None and self._is_unnamed(frame) else number
        if self._is_of_held_out(frame, reading, here):
            yield from self._result(frame, reading, epoch)
        else:
            yield from self._trained(frame, reading, number, within=epoch is None)

    def _result(self, frame: Frame, reading: Reading, epoch: float | None) -> Iterator[Item]:
        """Yield what a bar over held-out data measured."""
        places = {k: v for k, v in reading.places.items() if k in {"#epoch", "#step"}}
        placed = replace(reading, places=places)
        result = result_of(frame.text, placed, frame.line, reading.split)
        if epoch is not None:
            result.numbers.setdefault("#epoch", epoch)
        yield from self._rows.flush()
        yield from self._evaluations.take(result)

    def _trained(
        self, frame: Frame, reading: Reading, epoch: float | None, *, within: bool
    ) -> Iterator[Item]:
        """Yield what a bar over training data measured, `within` its epoch or at its end."""
        columns = columns_of(frame.text, reading)
        columns.pop("#played", None)
        if "#count" in columns and "#epoch" not in columns:
            columns["#epoch"] = columns.pop("#count")
            columns["#epochs"] = columns.pop("#count_of", columns["#epoch"] * 0)
        for name in ("#count", "#count_of", "#inner", "#inner_of"):
            columns.pop(name, None)
        yield from self._evaluations.release()
        if frame.is_of_the_only_epoch or (self._is_long(frame) and "#step" not in columns):
            columns["#inner"] = np.array([float(frame.done)])
            columns["#inner_of"] = np.array([float(frame.total)])
        if frame.counts_steps:
            columns = {name: column for name, column in columns.items() if name != "#epoch"}
            columns["#step"] = np.array([float(frame.done)])
            columns["#steps"] = np.array([float(frame.total)])
        elif "#epoch" not in columns:
            if frame.counts_epochs:
                epoch = float(frame.done)
            elif within:
                columns["#inner"] = np.array([float(frame.done)])
                columns["#inner_of"] = np.array([float(frame.total)])
            if epoch is not None:
                columns["#epoch"] = np.array([epoch])
        if self._is_long(frame) and frame.iter_time_s is not None:
            columns.setdefault("iter_time_s", np.array([frame.iter_time_s]))
        yield from self._rows.placed(columns, np.array([frame.line]))

    def _runs_a_validation(self, frame: Frame) -> bool:
        """Tell whether a frame in the middle of a bar is of one over held-out data."""
        if frame.counts_epochs or frame.counts_steps:
            return False
        reading = read_line(frame.text)
        epoch = self._epoch_of(frame)
        return self._is_of_held_out(frame, reading, 1.0 if epoch is None else epoch)

    def _is_of_held_out(self, frame: Frame, reading: Reading, epoch: float | None) -> bool:
        """Tell whether a bar goes over what is held out."""
        measured = [m for m in reading.metrics if not is_bookkeeping(m.name)]
        if not measured:
            return False
        if reading.split in {"val", "test"} or all(m.split in {"val", "test"} for m in measured):
            return True
        if frame.evaluates:
            return True
        if "#epoch" in reading.places:
            epoch = number_of(frame.text, reading.places["#epoch"])
        return self._first_bars.precede(frame, reading.metrics, epoch)
