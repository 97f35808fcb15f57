"""What the headings of a home-made log say about the lines below them: training or validation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.formats._home_judging import JUDGING
from copilot_analytics.formats._home_line_kinds import SECTION
from copilot_analytics.formats._home_vocabulary import split_in

if TYPE_CHECKING:
    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Floats

_DOING = re.compile(r"(?i)\b(?:validating|evaluating)\b")
_MARKS = re.compile(r"[^\w\s]+")


class Section:
    """The part of the data that the last heading speaks of, and nothing else since.

    Attributes
    ----------
    split : Split or None
        None if no heading told.

    Examples
    --------
    >>> section = Section()
    >>> section.opens("[Validation]"), section.held_out, section.trains
    (True, 'val', False)
    >>> section.opens("Training..."), section.held_out, section.trains
    (True, None, True)
    >>> section.opens("loss: 0.5"), section.split
    (False, 'train')
    """

    def __init__(self) -> None:
        self.split: Split | None = None
        self._parts = False  # whether headings name what is held out too

    def leave(self) -> None:
        """Take a line that says by itself what it is about."""
        self.split = None

    def opens(self, said: str) -> bool:
        """Tell whether a line is a heading and nothing else, and take it."""
        if not SECTION.match(said + " "):
            return False
        self.split = split_in(_MARKS.sub(" ", said)) or ("val" if _DOING.search(said) else None)
        self._parts = self._parts or self.held_out is not None
        return True

    def take(self, split: Split | None) -> None:
        """Take what a line that names the epoch says: `Training epoch 3` may head a result, too."""
        self.split = split
        self._parts = self._parts or self.held_out is not None
        if not self._parts and self.trains:
            self.split = None

    @property
    def held_out(self) -> Split | None:
        """The split of a heading above results."""
        return None if self.split == "train" else self.split

    @property
    def trains(self) -> bool:
        """Whether a heading says that the training was measured."""
        return self.split == "train"

    def named(self, columns: dict[str, Floats]) -> dict[str, Floats]:
        """Return rows with names that tell the training, where they would tell a validation."""
        if not self.trains:
            return columns
        return {f"train {n}" if JUDGING.search(n) else n: column for n, column in columns.items()}
