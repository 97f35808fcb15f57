"""What ``fit`` of Keras prints: progress bars of Keras 1 to 3, and its lines without bars.

Every frame of a bar shows the means of the epoch so far, so the last frame of an epoch is its
point, and it alone carries the validation. ``evaluate`` and ``predict`` print bars as well, but no
epoch before them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import OUT_OF_PATIENCE, LogFormat, Sample
from copilot_analytics.formats._eval_size import EvalSize
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_EPOCH = re.compile(r"^\s*Epoch (?P<epoch>\d{1,9})/(?P<epochs>\d{1,9})\s*$")
_FRAME = re.compile(
    r"(?:^|\s)(?P<at>\d{1,12})/(?P<of>\d{1,12}|Unknown)(?: \[[=>.]{1,80}\]| [^\s\w\-=>.]{2,300})?"
    r"(?: -)? (?P<clock>ETA: (?:\d{1,3} days?, )?[\d:]{1,9}(?:s)?|\d{1,9}s(?![\w.]))(?P<rest>.*)$"
)
_BEGIN = re.compile(r"(?:^|\s)\d{1,12}/(?:\d{1,12}|Unknown) ")
_LINE = re.compile(
    r"^\s{0,4}- (?P<clock>\d{1,9}s)(?P<rest>(?: \d{1,9}\w{1,2}/\w{4,6})?(?: - .*)?)$"
)
_PAIRS = re.compile(rf" - (?P<key>[^:]{{1,80}}?): (?P<number>{NUMBER})(?=\s|$)")
_OWN = re.compile(
    r"^\s*\d{1,12}/(?:\d{1,12}|Unknown) (?:\[[=>.]{5,80}\] -|[━─]{5,80}|-) (?:ETA: |\d{1,9}s)"
    r".{0,40}? - "
)
# Windows notebooks keep all redrawn frames of a bar behind each other.
_GLUED = re.compile(
    r" - ETA: .{1,2000} - (?P<clock>\d{1,9}s)(?P<rest>(?: \d{1,9}\w{1,2}/\w{4,6})? - .*)$"
)
_BEST = re.compile(
    r"^\s*Epoch (?P<epoch>\d{1,9}): (?P<metric>\S{1,80}) (?:improved from (?P<old>\S{1,30}) to "
    r"(?P<new>[^\s,]{1,30}), saving model to (?P<path>.{1,400}?)"
    r"|did not improve(?: from \S{1,30})?)\s*$"
)
_SAVED = re.compile(r"^\s*Epoch (?P<epoch>\d{1,9}): saving model to (?P<path>.{1,400}?)\s*$")
_STOPPED = re.compile(r"^\s*Epoch (?P<epoch>\d{1,9}): early stopping\s*$")
_VALIDATES = re.compile(
    r"^(?:Train on \d{1,12} samples, validate on (?P<samples>\d{1,9}) samples"
    r"|Using (?P<files>\d{1,9}) files for validation\.)\s*$"
)
_END = 2_000  # characters of a line in which all frames of an epoch are glued together


class KerasConsoleParser(LineByLine):
    """Reads what ``fit`` prints."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis("epoch", epoch_base=1), _NAMING)
        self._epoch: tuple[float, float] | None = None  # that waits for its last frame
        self._batches: str | None = None  # of that epoch, as its frames print them
        self._held: tuple[dict[str, float], int] | None = None
        self._trained = False
        self._size = EvalSize()

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a line; of one with many frames only the end matters."""
        return super().parse(line[-_END:], number)

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if "Epoch" in line[:40]:
            yield from self._see_epoch(line, number)
        elif "validat" in line and (found := _VALIDATES.search(line)):
            examples = int(found["samples"] or found["files"])
            yield from self.rows.config(self._size.counted(examples), number)
        if " - " not in line and "s " not in line:
            return
        line = line.rstrip()
        glued = _GLUED.search(line)
        found = _FRAME.search(_last_frame(line))
        if glued is not None and self._epoch is not None:
            yield from self._said(_numbers(glued["rest"]), number)
        elif found is not None:
            yield from self._see_frame(found, number)
        elif (found := _LINE.search(line)) is not None and self._epoch is not None:
            yield from self._said(_numbers(found["rest"]), number)

    def close(self) -> Iterable[Record]:
        """Say what a frame told that may have been the last of its epoch."""
        return list(self._release())

    def _see_epoch(self, line: str, number: int) -> Iterator[Record]:
        if found := _EPOCH.search(line):
            yield from self._release()
            self._epoch = float(found["epoch"]), float(found["epochs"])
            self._batches = None
            self.rows.axis.enter(*self._epoch)
            yield from self.rows.plan(number)
        elif found := _BEST.search(line):
            yield from self._see_best(found, number)
        elif found := _SAVED.search(line):
            path, epoch = found["path"], int(found["epoch"])
            yield self.rows.record("checkpoint", number, facts={"path": path, "epoch": epoch})
        elif _STOPPED.search(line):
            yield from self._release()
            yield self.rows.record("end", number, facts=OUT_OF_PATIENCE)

    def _see_best(self, found: re.Match[str], number: int) -> Iterator[Record]:
        facts: dict[str, str] = {"save_best": found["metric"]}
        numbers = [_number(found[name]) for name in ("old", "new")]
        old, new = numbers
        if old is not None and new is not None:
            facts["save_best_direction"] = "min" if new < old else "max"
        yield from self.rows.config(facts, number)
        if found["path"] is not None and new is not None:
            best = {"best_metric": new, "best_metric_name": found["metric"]}
            about = {"path": found["path"], "epoch": int(found["epoch"]), **best}
            yield self.rows.record("checkpoint", number, facts=about)

    def _see_frame(self, found: re.Match[str], number: int) -> Iterator[Record]:
        at, of = found["at"], found["of"]
        if at != of:
            if self._epoch is not None and self._batches is None and self._held is None:
                self._batches = of
            return
        if found["clock"].startswith("ETA"):
            return
        numbers = _numbers(found["rest"])
        if self._epoch is not None and self._batches in {None, "Unknown", of}:
            is_last = found["clock"] != "0s" or any(key.startswith("val_") for key in numbers)
            if is_last:
                yield from self._said(numbers, number)
            elif numbers:
                # Keras 3 draws the last batch twice, first as the frame with no time left.
                self._held = numbers, number
        elif numbers and self._trained:
            yield from self.rows.evaluation(numbers, number, "test")

    def _said(self, numbers: dict[str, float], number: int) -> Iterator[Record]:
        """Take the last frame of the epoch."""
        if not numbers or self._epoch is None:
            return
        epoch, epochs = self._epoch
        self._epoch = self._held = None
        self._trained = True
        yield from one_row(self.rows, {"#epoch": epoch, "#epochs": epochs, **numbers}, number)

    def _release(self) -> Iterator[Record]:
        if self._held is not None:
            yield from self._said(*self._held)


class KerasConsole(LogFormat):
    """Bars, lines and the messages of the callbacks."""

    name: ClassVar[str] = "keras_console"
    title: ClassVar[str] = "Keras console log"
    url: ClassVar[str] = "https://keras.io"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Train on 640 samples, validate on 64 samples
Epoch 1/3
 32/640 [>.............................] - ETA: 5s - loss: 2.5000 - acc: 0.1250
640/640 [==============================] - ETA: 0s - loss: 2.2500 - acc: 0.2500
640/640 [==============================] - 4s 7ms/step - loss: 2.2500 - val_loss: 2.1250
Epoch 00001: val_loss improved from inf to 2.12500, saving model to toy.h5
Epoch 2/3
640/640 [==============================] - 4s 7ms/step - loss: 2.1250 - val_loss: 2.2500
Epoch 00002: val_loss did not improve from 2.12500
Epoch 00002: early stopping
64/64 [==============================] - 0s 2ms/step - loss: 2.5000 - acc: 0.1250
""",
            (
                Record("config", facts={"eval_samples": 64}, line=1),
                Record("config", facts={"planned_epochs": 3, "step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"loss": 2.25}, line=5),
                Record("eval", 1, 1.0, metrics={"val_loss": 2.125}, line=5),
                Record("config", facts={"save_best": "val_loss"}, line=6),
                Record("checkpoint", facts={"path": "toy.h5", "epoch": 1}, line=6),
                Record("train", 2, 2.0, metrics={"loss": 2.125}, line=8),
                Record("eval", 2, 2.0, metrics={"val_loss": 2.25}, line=8),
                Record("end", facts=OUT_OF_PATIENCE, line=10),
                Record("eval", 2, 2.0, metrics={"loss": 2.5}, facts={"split": "test"}, line=11),
            ),
        ),
        Sample(
            """\
Epoch 1/2
 5/20 ━━━━━━━━━━━━━━━━━━━━ 1s 9ms/step - accuracy: 0.1000 - loss: 2.0000
20/20 ━━━━━━━━━━━━━━━━━━━━ 0s 9ms/step - accuracy: 0.2500 - loss: 1.7500
20/20 ━━━━━━━━━━━━━━━━━━━━ 1s 9ms/step - accuracy: 0.2500 - loss: 1.7500 - val_loss: 1.5000
Epoch 2/2
20/20 ━━━━━━━━━━━━━━━━━━━━ 0s 9ms/step - accuracy: 0.5000 - loss: 1.2500
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record("train", 1, metrics={"accuracy": 0.25, "loss": 1.75}, line=4),
                Record("eval", 1, metrics={"val_loss": 1.5}, line=4),
                Record("train", 2, metrics={"accuracy": 0.5, "loss": 1.25}, line=6),
            ),
        ),
        Sample(
            """\
Epoch 1/2
20/20 - 4s - 200ms/step - loss: 0.7500 - val_loss: 0.5000
Epoch 2/2
 - 3s - loss: 0.5000 - val_loss: 0.2500
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record("train", 1, metrics={"loss": 0.75}, line=2),
                Record("eval", 1, metrics={"val_loss": 0.5}, line=2),
                Record("train", 2, metrics={"loss": 0.5}, line=4),
                Record("eval", 2, metrics={"val_loss": 0.25}, line=4),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: an epoch and a bar with metrics settle it, or its line."""
        header = begun = False
        for line in lines:
            begun = begun or _EPOCH.search(line) is not None
            ends = (line[:_END], line[-_END:])
            if begun and _PAIRS.search(line) and any(map(_OWN.search, ends)):
                return 1.0
            if header and (found := _LINE.search(line)) and _PAIRS.search(found["rest"]):
                return 1.0
            header = bool(_EPOCH.search(line)) or (header and not line.strip())
        return 0.0

    def parser(self, file: str) -> KerasConsoleParser:
        """Return a fresh parser for a log."""
        return KerasConsoleParser(file)


_NAMING = Naming()


def _last_frame(line: str) -> str:
    """Return the last frame of a line in which backspaces had separated many."""
    start = 0
    for found in _BEGIN.finditer(line):
        start = found.start()
    return line[start:]


def _numbers(rest: str) -> dict[str, float]:
    pairs = _PAIRS.finditer(rest)
    return {found["key"].rpartition(" - ")[2].strip(): float(found["number"]) for found in pairs}


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


FORMAT = KerasConsole()
