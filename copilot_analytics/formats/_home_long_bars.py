"""Thins the frames of bars of long epochs to points within the epoch (`home_text`).

The bar of an epoch of thousands of batches may be all that is told for hours. Of a short epoch the
end of its bar is enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_vocabulary import is_bookkeeping, is_loss

if TYPE_CHECKING:
    from copilot_analytics.formats._home_bars import Frame
    from copilot_analytics.formats._home_readings import Reading

_LONG_STEPS = 1000  # batches, as in an epoch of ImageNet
_LONG_S = 60.0  # a minute: a person looks at a bar by then
_POINTS = 100  # of an epoch; as many as a bar has percents
_MOST_KINDS = 64
_FIRST_POINTS = 8  # that follow each other as closely as frames do, before the distances grow
_DOES = re.compile(r"(?i)^\W*([a-z]{2,20}ing)\b")
_TRAINS = frozenset(
    "training pretraining finetuning tuning fitting learning optimizing optimising running".split()
)


class LongBars:
    """Tells which frames of long bars are points: about a hundred of each bar.

    The first long bar of a log tells more at its beginning: its points are an eighth of what is
    done apart until that is a hundredth of the bar.
    """

    def __init__(self) -> None:
        self._kinds: set[tuple[str, int]] = set()
        self._bar: tuple[str, str, int] | None = None
        self._at = 0  # done at the last point
        self._is_first = True

    def is_long(self, frame: Frame) -> bool:
        """Tell whether a frame is of a long epoch, or of a bar like one that was."""
        words, _, total = frame.which
        if (words, total) in self._kinds:
            return True
        is_long = total >= _LONG_STEPS or (frame.elapsed_s or 0.0) >= _LONG_S
        if is_long and len(self._kinds) < _MOST_KINDS:
            self._kinds.add((words, total))
        return is_long

    def reaches(self, frame: Frame, *, ends: bool = False) -> bool:
        """Tell whether a frame is far enough behind the last point, or `ends` its bar."""
        at = self._at if self._goes_on(frame) else 0
        far = frame.total / _POINTS
        if self._is_first and self._bar in {None, frame.which}:
            far = min(far, max(1.0, at / _FIRST_POINTS))
        return frame.done - at >= far or (ends and frame.is_whole and frame.done > at)

    def take(self, frame: Frame) -> None:
        """Take a frame for a point."""
        self._is_first = self._is_first and (self._bar is None or self._goes_on(frame))
        self._bar, self._at = frame.which, frame.done

    def _goes_on(self, frame: Frame) -> bool:
        return frame.which == self._bar and frame.done >= self._at


def tells_a_training(frame: Frame, reading: Reading) -> bool:
    """Tell whether a bar in the middle of an epoch is that of a training: it has a loss.

    ``Extracting: 45%|...| 9/20 [..., loss=0.5]`` does something else.
    """
    does = _DOES.match(frame.title)
    if does is not None and does[1].lower() not in _TRAINS:
        return False
    return any(is_loss(m.name) and not is_bookkeeping(m.name) for m in reading.metrics)
