"""The console of the Hugging Face Trainer, and of what is built on it (TRL, Unsloth, Axolotl)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LONGEST_LINE, Field, LineParser, LogFormat, Sample
from copilot_analytics.formats._eval_size import EvalSize
from copilot_analytics.formats._hf_counted import CountedLines
from copilot_analytics.formats._hf_header import Header
from copilot_analytics.formats._hf_lines import (
    WrappedDict,
    count_of,
    dict_fields,
    kind_of,
    speed_of,
)
from copilot_analytics.formats._hf_rows import ON_BOARD, Board, Row, is_bar_of, is_training
from copilot_analytics.formats._hf_samples import SAMPLES
from copilot_analytics.formats._hf_steps import Pace, ToldSteps, steps_up_to
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.formats._tqdm import Frame, find_frame
from copilot_analytics.records import records_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item, Record

_LONGEST_STATEMENT = 2000
_HEADER = re.compile(r"\[INFO\|trainer\.py:\d{1,5}\].{0,60}>> \*{5} Running training \*{5}")
_UNSLOTH = re.compile(
    r"Num examples = (?P<examples>[\d,]{1,15}) \| Num Epochs = (?P<epochs>[\d,]{1,15}) \| "
    r"Total steps = (?P<steps>[\d,]{1,15})"
)
_PLAN = re.compile(
    r"(?:^|>>|\s)\s{0,8}(?P<what>Num examples|Total train batch size[^=]{0,80}"
    r"|Total optimization steps) = (?P<count>[\d,]{1,19})\s*$"
)
_EPOCHS = re.compile(r"(?:^|>>|\s)\s{0,8}Num Epochs = (?P<count>[\d,]{1,25})\s*$")
_SECTION = re.compile(r"\*{5} Running (?P<what>\w{1,20})(?: \w{1,20})? \*{5}")
_RESUMED = re.compile(r"Continuing training from (?P<what>global step|epoch) (?P<count>\d{1,12})")
_SAVED = re.compile(
    r"Saving model checkpoint to (?P<path>.{1,400}?checkpoint-(?P<step>\d{1,12}))\b"
)
_DONE = re.compile(r"\*{5} train metrics \*{5}|^\s*Training completed\. Do not forget")


class HFConsoleParser(LineParser):
    """Reads the dicts of the Trainer and places them by its bar."""

    def __init__(self, file: str) -> None:
        self._rows = RowReader(file, Axis(), Naming({"epoch": "#progress"}))
        self._header = Header()
        self._counted = CountedLines()
        self._counts_lines = False
        self._section = "training"  # an evaluation has a header too, with its own examples
        self._size = EvalSize()
        self._total: int | None = None  # of the bar of the training
        self._frame: Frame | None = None  # its last one
        self._last_of_the_other: Frame | None = None  # of the training before this one
        self._held: list[Row] = []
        self._pace = Pace()
        self._ended = False
        self._over: float | None = None  # the epoch of a summary that no header followed
        self._epoch = 0.0  # of the last line that nothing but its number places
        self._wrapped = WrappedDict()
        self._board = Board()
        self._numbered = 0  # the last line that says its step
        self._told = ToldSteps()

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a training line stand."""
        fields = None if ON_BOARD.search(line) else dict_fields(line)
        return None if fields is None or kind_of(fields) != "train" else fields

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Hold training lines until the bar tells their step; place them otherwise."""
        self._wrapped.forget()
        self._board.trains()
        if "#step" in columns:
            self._numbered = int(lines[-1])
            yield from self._rows.rows(columns, lines)
            return
        for row, line in enumerate(lines.tolist()):
            numbers = {name: float(column[row]) for name, column in columns.items()}
            yield from self._take(Row("train", numbers, line))

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        if len(line) > LONGEST_LINE:
            return ()
        text = self._wrapped.see(line) or line
        frame, fields = find_frame(line), dict_fields(text)
        seen = [] if frame is None else list(records_of(self._see(frame)))
        if fields is not None:  # behind the frame, where a heap of output was written out
            numbers = {field.name: float(text[field.start : field.end]) for field in fields}
            row = Row(kind_of(fields), numbers, number)
            board = self._board
            rows = board.from_board(row) if ON_BOARD.search(text) else board.from_trainer(row)
            if row.kind == "eval" and (speed := speed_of(text)) is not None:
                seen += self._rows.config(self._size.timed(*speed), number)
            return [*seen, *records_of(item for told in rows for item in self._take(told))]
        if frame is not None:
            return seen
        self._counted.see(line)
        return list(self._statement(line, number)) if len(line) < _LONGEST_STATEMENT else ()

    def close(self) -> Iterable[Record]:
        """Place what is still held back."""
        if self._total is None and self._frame is not None:
            self._total = self._frame.total
        held = records_of(item for row in self._board.rest() for item in self._take(row))
        return [*held, *records_of(self._release(self._last_known()))]

    def _take(self, row: Row) -> Iterator[Item]:
        at = row.numbers.get("epoch")
        if self._over is not None and at is not None and at < self._over:
            yield from self._again(at, row.line)
        if row.kind == "end":
            self._over = at
        if "#step" in row.numbers:
            self._numbered = row.line
        if self._frame is not None and "#step" not in row.numbers:
            self._held.append(row)
            return
        epoch = row.numbers.get("epoch")
        last = self._rows.axis.last_step
        step = self._header.step_at(epoch, last)
        if step is None and row.kind != "train":
            step = self._counted.step_at(epoch, last)
        elif step is None:
            step = yield from self._count(row)
        yield from self._say(row, step)

    def _count(self, row: Row) -> Generator[Item, None, int]:
        """Return the step of a line of the training that nothing but its number places."""
        epoch = row.numbers["epoch"]
        if epoch < self._epoch:
            self._rows.axis.last_step = 0  # another training was appended
            self._counted.begin()
            self._told.forget()
        self._epoch = epoch
        told = self._told.step_of(epoch, self._rows.axis.last_step)
        if told is not None:
            yield from self._count_steps(row.line)
            return told
        step = self._counted.step_after(self._rows.axis.last_step, epoch)
        if self._total is None or self._counted.counts_steps:
            self._counts_lines = not self._counted.counts_steps
            yield from self._rows.config(self._counted.facts, row.line)
        return step

    def _count_steps(self, line: int) -> Iterator[Item]:
        """Take that steps are known from here on, if lines were counted until now."""
        if self._counts_lines:
            self._counts_lines = False
            yield from self._rows.config({"step_unit": "iteration"}, line)

    def _again(self, epoch: float, line: int) -> Iterator[Item]:
        """Tell that a script trains another model."""
        yield from self._release(self._last_known())
        reason = f"the epochs fall from {self._over:g} back to {epoch:g} after a summary"
        yield self._rows.record("launch", line, facts={"reason": reason})
        self._rows.forget()
        self._told.forget()
        self._rows.axis.last_step = 0
        self._over = self._total = None
        self._last_of_the_other = self._frame
        self._pace, self._epoch, self._ended, self._size = Pace(), 0.0, False, EvalSize()
        self._counted.begin()

    def _see(self, frame: Frame) -> Iterator[Item]:
        """Take a frame of a bar without a title, which may be that of the training."""
        if frame.title == "Train" and frame.is_exact and self._numbered:  # in the first ms-swift
            yield from self._rows.config({"planned_steps": frame.total}, self._numbered)
        if frame.title or not frame.is_exact:
            return
        if self._total is None and self._held:
            self._total = frame.total
            before = self._frame
            if before and before.total != frame.total and self._is_before(before, frame):
                self._total = before.total
                yield from self._release(self._last_known())
        if frame.total != self._total:
            if self._total is not None and frame.done == 0 and is_training(self._held):
                yield from self._release(self._last_known())
            # Until a line tells which bar it is, the longest will be that of the training.
            if self._total is None and (not self._frame or frame.total >= self._frame.total):
                self._frame = frame
            return
        self._frame = frame
        yield from self._release(frame.done, frame.elapsed_s)

    def _is_before(self, before: Frame, frame: Frame) -> bool:
        """Tell whether held lines belong to the bar before them, not to the one that follows.

        One that only begins is of an evaluation: it is too early for a line of the training.
        """
        begins = frame.done == 0 < before.done and before is not self._last_of_the_other
        return (begins and is_training(self._held)) or is_bar_of(before, self._held)

    def _last_known(self) -> int:
        """Return the step of the last held line when no frame follows it."""
        last = self._rows.axis.last_step
        at = self._frame.done if self._frame is not None else last
        return max(at, last)

    def _release(self, step: int, elapsed_s: float | None = None) -> Iterator[Item]:
        held, self._held = self._held, []
        if not held:
            return
        yield from self._count_steps(held[0].line)
        last = self._rows.axis.last_step
        step = self._pace.step_at(held[-1].numbers.get("epoch"), step)
        last = 0 if last > step else last
        epochs = [row.numbers.get("epoch") for row in held]
        steps = steps_up_to(step, epochs, last, [row.kind == "train" for row in held])
        for row, at in zip(held, steps, strict=True):
            if elapsed_s is not None and row is held[-1]:
                row.numbers["#time_s"] = elapsed_s
            yield from self._say(row, at)

    def _say(self, row: Row, step: int | None) -> Iterator[Item]:
        """Yield a row at its step, None where there was none before a result."""
        numbers = dict(row.numbers)
        if step is not None:
            numbers["#step"] = float(step)
            if self._total is not None:
                numbers["#steps"] = float(self._total)
        if row.kind == "end":
            yield from self._end(row.line, step, row.numbers.get("epoch"))
        elif row.kind == "eval":
            yield from self._rows.evaluation(numbers, row.line)
        else:
            columns = {name: np.array([number]) for name, number in numbers.items()}
            yield from self._rows.rows(columns, np.array([row.line]))

    def _end(self, line: int, step: int | None, epoch: float | None = None) -> Iterator[Record]:
        if self._ended:
            return
        self._ended = True
        reason = "the Trainer printed its summary"
        yield self._rows.record("end", line, None, step, epoch, facts={"reason": reason})

    def _statement(self, line: str, number: int) -> Iterator[Record]:
        header = _UNSLOTH.search(line)
        if header is not None:
            yield from self._begin(
                {k: count_of(text) for k, text in header.groupdict().items()}, number
            )
            return
        section = _SECTION.search(line)
        if section is not None:
            self._section = section["what"].lower()
            return
        self._told.see(line)
        part = _PLAN.search(line) or _EPOCHS.search(line)
        if part is not None and self._section == "evaluation":
            if part.groupdict().get("what") == "Num examples":
                yield from self._rows.config(self._size.counted(count_of(part["count"])), number)
            return
        if part is not None and self._section == "training":
            what = part.groupdict().get("what") or "epochs"
            key = {"Num examples": "examples", "epochs": "epochs"}.get(what)
            key = key or ("steps" if what.startswith("Total opt") else "batch")
            yield from self._begin({key: count_of(part["count"])}, number)
            return
        stamp = find_stamp(line)
        time = self._rows.time_of(
            {field.name: float(line[field.start : field.end]) for field in stamp.fields}
        )
        saved = _SAVED.search(line)
        if saved is not None:
            facts: dict[str, Any] = {"path": saved["path"], "step": int(saved["step"])}
            yield self._rows.record("checkpoint", number, time, int(saved["step"]), facts=facts)
        resumed = _RESUMED.search(line)
        if resumed is not None and resumed["what"] == "global step":
            step = int(resumed["count"])
            self._rows.axis.last_step = step
            yield self._rows.record("resume", number, time, step, facts={"step": step})
        if _DONE.search(line) and self._total is not None:
            yield from self._end(number, self._last_known())

    def _begin(self, plan: dict[str, int], line: int) -> Iterator[Record]:
        """Take what the header says; it is printed once per process."""
        self._header.counts.update(plan)
        if "steps" in plan and plan["steps"] > 0:
            if self._total != plan["steps"]:
                self._pace = Pace()
            self._total = plan["steps"]
            self._ended, self._over = False, None
            yield from self._rows.config({"planned_steps": self._total}, line)


class HFConsole(LogFormat):
    """``{'loss': 0.5, 'learning_rate': 1e-05, 'epoch': 0.1}`` between the frames of a bar."""

    name: ClassVar[str] = "hf_console"
    title: ClassVar[str] = "Hugging Face Trainer console"
    url: ClassVar[str] = "https://huggingface.co/docs/transformers/main_classes/trainer"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a dict of the Trainer settles it, and so does its own header."""
        wrapped = WrappedDict()
        for line in lines:
            if _HEADER.search(line[:400]) or dict_fields(wrapped.see(line) or line):
                return 1.0
        return 0.0

    def parser(self, file: str) -> HFConsoleParser:
        """Return a fresh parser for a log."""
        return HFConsoleParser(file)


FORMAT = HFConsole()
